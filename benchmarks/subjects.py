"""The two graders that the speed benchmark compares, each in a process of its own below the benchmark's.

Promises: both do the same work in the same order: per gold, forget everything remembered, read the gold once,
then verify that gold's responses, whose texts all differ. `throughput` returns the CPU seconds of the grader's
whole process tree for one such pass, `latencies` the CPU time of each verification alone.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from benchmarks.clock import TreeClock


@dataclass(frozen=True, slots=True)
class Task:
    """A gold and its responses. mode: the extraction mode that ours runs in; `any` means prose on both sides.

    source: the gold as published, which math-verify reads where both sides are prose.
    """

    gold: str
    responses: tuple[str, ...]
    mode: str = "boxed"
    source: str = ""


class Subject(Protocol):
    def gold(self, task: Task) -> Any:
        """Read a gold, after forgetting all that is remembered of other texts."""

    def check(self, gold: Any, response: str) -> tuple[bool, float]:
        """(credited, CPU seconds spent outside this process)"""


class Ours:
    """This package with its verdict cache off: whatever it remembers is dropped before each gold."""

    def __init__(self) -> None:
        from verifier.api import verify
        from verifier.compare import reader
        from verifier.config import DEFAULT_CONFIG, VerifierConfig
        from verifier.verdict import Rung

        self._verify, self._symbolic = verify, Rung.SYMBOLIC
        self._configs = {"boxed": DEFAULT_CONFIG, "any": VerifierConfig(extraction="any")}
        self._readers = {mode: reader(config) for mode, config in self._configs.items()}

    def gold(self, task: Task) -> tuple[str, Any]:
        reader = self._readers[task.mode]
        reader.forget()
        reader.read(task.gold)
        return task.gold, self._configs[task.mode]

    def check(self, gold: tuple[str, Any], response: str) -> tuple[bool, float]:
        verdict = self._verify(response=response, gold=gold[0], config=gold[1])
        waited = verdict.rung is self._symbolic or verdict.reason.fault == "instrument"
        return verdict.correct, verdict.elapsed_s if waited else 0.0


class MathVerify:
    """math-verify as its README has it, with its defaults: parse the gold, parse the response, verify."""

    def __init__(self) -> None:
        from math_verify import parse, verify

        self._parse, self._verify = parse, verify

    def gold(self, task: Task) -> Any:
        return self._parse(task.source if task.mode == "any" else f"\\boxed{{{task.gold}}}")

    def check(self, gold: Any, response: str) -> tuple[bool, float]:
        return bool(self._verify(gold, self._parse(response))), 0.0


SUBJECTS: dict[str, Callable[[], Subject]] = {"ours": Ours, "math-verify": MathVerify}


class Process:
    """A subject in a process of its own, driven over a pipe."""

    def __init__(self, name: str) -> None:
        context = multiprocessing.get_context("spawn")  # nothing of the benchmark's own heap is inherited
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, theirs))
        self._process.start()

    def throughput(self, tasks: Sequence[Task]) -> tuple[float, list[list[bool]]]:
        """(CPU seconds of the tree for one pass, which responses were credited)"""
        return self._ask("throughput", tasks)  # type: ignore[no-any-return]

    def latencies(self, tasks: Sequence[Task], rounds: int) -> list[float]:
        """CPU microseconds of each verification in the tasks' order: the median of the rounds.

        A pair that went to a worker process counts with its wall-clock time.
        """
        return self._ask("latencies", tasks, rounds)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()

    def _ask(self, *message: Any) -> Any:
        self._pipe.send(message)
        return self._pipe.recv()


def _serve(name: str, pipe: Connection) -> None:
    import logging

    logging.disable(logging.CRITICAL)  # math-verify logs every text that it cannot read
    subject: Subject = SUBJECTS[name]()
    while (message := pipe.recv()) is not None:
        pipe.send(_COMMANDS[message[0]](subject, *message[1:]))


def _throughput(subject: Subject, tasks: Sequence[Task]) -> tuple[float, list[list[bool]]]:
    credited = []
    clock = TreeClock()
    for task in tasks:
        gold = subject.gold(task)
        credited.append([subject.check(gold, response)[0] for response in task.responses])
    return clock.read(), credited


def _latencies(subject: Subject, tasks: Sequence[Task], rounds: int) -> list[float]:
    passes = []
    for _ in range(rounds):
        taken = []
        for task in tasks:
            gold = subject.gold(task)
            for response in task.responses:
                began = time.thread_time_ns()
                elsewhere = subject.check(gold, response)[1]
                taken.append(max((time.thread_time_ns() - began) / 1e3, elsewhere * 1e6))
        passes.append(taken)
    return [sorted(times)[len(times) // 2] for times in zip(*passes, strict=True)]


_COMMANDS: dict[str, Callable[..., Any]] = {"throughput": _throughput, "latencies": _latencies}
