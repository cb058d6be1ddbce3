"""Other people's graders, each behind a process that can be killed.

Promises: a call that runs past HARD_LIMIT_S is killed and counts as undecided; so does one that raises or takes
its process down. A verdict is remembered under the grader's and SymPy's versions, so that a second run asks nobody.
Only digests of the texts are written. Does not promise that a grader's own wall-clock timeouts are the same on a busy
machine: calls longer than SLOW_S are counted, so that one can see how many may depend on it.

As a program (``python benchmarks/peers.py NAME FOLDER``) it is the killable end: JSON lines in, JSON lines out.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
HARD_LIMIT_S = 60.0  # wall clock; more than any of the graders' own limits but one
SLOW_S = 4.0
START_LIMIT_S = 120.0
MEMORY = 8 * 2**30  # address space of a grader's process
PROTOCOL = 1  # raise it when a change below may move a verdict


@dataclass(frozen=True, slots=True)
class Question:
    """One labelled row as a peer sees it.

    kind: `answer` (bare texts), `response` (gold bare), `text` (prose on both sides).
    answer, gold_answer: what our extraction finds in a `text` row's sides, for the graders that read no prose.
    """

    kind: str
    gold: str
    prediction: str
    answer: str | None = None
    gold_answer: str | None = None

    def key(self) -> str:
        fields = [self.kind, self.gold, self.prediction, self.answer, self.gold_answer]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opinion:
    """credited: None where the grader raised, died or was killed (`fault` says which)."""

    credited: bool | None
    seconds: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """A grader. packages: what pip puts into a folder of its own, without dependencies.

    how: what it is given, in words for the report.
    """

    name: str
    title: str
    distribution: str
    how: str
    packages: tuple[str, ...] = ()


PEERS = (
    Peer(
        "math_verify",
        "math-verify",
        "math-verify",
        "`verify(parse(gold), parse(response))` with its defaults; bare answers and golds in a box (of nine ways to"
        " hand them over - boxed, in dollars, raw - the one with the fewest errors), prose as it is",
    ),
    Peer(
        "minerva",
        "minerva (lm-eval)",
        "lm-eval",
        "`is_equiv` on `normalize_final_answer` of both sides, after its own `last_boxed_only_string` and"
        ' `remove_boxed` (hardly any response has its phrase "Final Answer: ..."); of prose, what our extraction'
        " finds",
        ("antlr4-python3-runtime==4.11.1",),
    ),
    Peer(
        "openrlhf",
        "OpenRLHF `grade_answer`",
        "openrlhf",
        "`grade_answer(extract_boxed_answer(response), gold)`; of prose, what our extraction finds",
        ("openrlhf==0.11.2", "pylatexenc==2.10"),
    ),
)


# -- this end ----------------------------------------------------------------------------------------


class PeerError(Exception):
    """One line that says why a grader could not be asked."""


@dataclass
class Panel:
    """One peer with its cache and, once it is needed, its process."""

    peer: Peer
    again: bool = False
    version: str = ""
    asked: int = 0
    _known: dict[str, Opinion] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self._folder = self._install()
        self.version = self._run("version")
        name = f"{self.peer.name}-{self.version}-sympy-{version('sympy')}-{PROTOCOL}.jsonl"
        self._path = CACHE / "accuracy" / name.replace(" ", "_")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self.again:
            self._path.unlink(missing_ok=True)
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._known[entry["key"]] = Opinion(entry["credited"], entry["seconds"], entry["fault"])

    def ask(self, questions: Iterable[Question], progress: Callable[[int], None]) -> list[Opinion]:
        """The opinions in order; raises PeerError where the grader does not start."""
        found = []
        with self._path.open("a", encoding="utf-8") as file:
            for number, question in enumerate(questions):
                key = question.key()
                if key not in self._known:
                    opinion = self._known[key] = self._fresh(question)
                    entry = {"key": key, "credited": opinion.credited, "seconds": round(opinion.seconds, 4)}
                    file.write(json.dumps({**entry, "fault": opinion.fault}) + "\n")
                    file.flush()
                    self.asked += 1
                    if self.asked % 100 == 0:
                        progress(number)
                found.append(self._known[key])
        self.close()
        return found

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _fresh(self, question: Question) -> Opinion:
        process = self._process or self._start()
        assert process.stdin is not None
        began = time.monotonic()
        process.stdin.write(json.dumps([question.kind, question.gold, question.prediction,
                                        question.answer, question.gold_answer]) + "\n")  # fmt: skip
        process.stdin.flush()
        reply = self._line(HARD_LIMIT_S)
        seconds = time.monotonic() - began
        if reply:
            message = json.loads(reply)
            return Opinion(message["credited"], seconds, message["fault"])
        self.close()
        return Opinion(None, seconds, "killed" if reply is None else "died")

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.peer.name, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        if self._line(START_LIMIT_S) != "ready\n":
            self.close()
            raise PeerError(f"{self.peer.title} does not start: run `{sys.executable} {__file__} {self.peer.name}`")
        return self._process

    def _line(self, seconds: float) -> str | None:
        """The next line, "" at the end of the process, None after `seconds`."""
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return None
        return self._process.stdout.readline()

    def _install(self) -> Path:
        """The folder with the peer's own packages, filled with pip at the first need."""
        folder = CACHE / "peers" / "-".join([self.peer.name, *self.peer.packages]).replace("==", "-")
        if self.peer.packages and not (folder / "complete").exists():
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade",
                 "--no-deps", "--target", str(folder), *self.peer.packages],
                capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode:
                raise PeerError(f"pip cannot install {', '.join(self.peer.packages)}: check the network")
            (folder / "complete").touch()
        return folder

    def _run(self, command: str) -> str:
        done = subprocess.run(
            [sys.executable, __file__, self.peer.name, str(self._folder), command], capture_output=True, text=True
        )
        if done.returncode:
            complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise PeerError(f"{self.peer.title} cannot be asked: {complaint}")
        return done.stdout.strip()


# -- the killable end --------------------------------------------------------------------------------


class Grader(Protocol):
    def __call__(self, kind: str, gold: str, prediction: str, answer: str | None, gold_answer: str | None) -> bool: ...


def _math_verify(folder: Path) -> Grader:
    from math_verify import parse, verify

    def grade(kind: str, gold: str, prediction: str, answer: str | None, gold_answer: str | None) -> bool:
        response = f"\\boxed{{{prediction}}}" if kind == "answer" else prediction
        return bool(verify(parse(gold if kind == "text" else f"\\boxed{{{gold}}}"), parse(response)))

    return grade


def _minerva(folder: Path) -> Grader:
    module = _from_file("lm_eval", "tasks/minerva_math/utils.py")

    def grade(kind: str, gold: str, prediction: str, answer: str | None, gold_answer: str | None) -> bool:
        if kind == "answer":
            answer = prediction
        elif kind == "response":
            box = module.last_boxed_only_string(prediction)
            answer = None if box is None else module.remove_boxed(box)
        if answer is None:
            return False
        reference = gold if gold_answer is None else gold_answer
        return bool(module.is_equiv(module.normalize_final_answer(answer), module.normalize_final_answer(reference)))

    return grade


def _openrlhf(folder: Path) -> Grader:
    module = _from_file("openrlhf", "utils/math_utils.py")

    def grade(kind: str, gold: str, prediction: str, answer: str | None, gold_answer: str | None) -> bool:
        if kind == "answer":
            answer = prediction
        elif kind == "response":
            answer = module.extract_boxed_answer(prediction)
        return bool(module.grade_answer(answer, gold if gold_answer is None else gold_answer))

    return grade


def _from_file(package: str, path: str) -> ModuleType:
    """One module of a package without the package's own imports, which would want torch, ray and the like."""
    home = importlib.util.find_spec(package)
    if home is None or not home.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}")
    spec = importlib.util.spec_from_file_location("grader", Path(home.submodule_search_locations[0]) / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GRADERS: dict[str, Callable[[Path], Grader]] = {
    "math_verify": _math_verify,
    "minerva": _minerva,
    "openrlhf": _openrlhf,
}


def main(argv: list[str]) -> int:
    import logging
    import warnings

    name, folder = argv[0], Path(argv[1] if len(argv) > 1 else CACHE)
    sys.path[0] = str(folder)  # the peer's own packages first, and nothing of ours
    if argv[2:] == ["version"]:
        print(version(next(peer.distribution for peer in PEERS if peer.name == name)))
        return 0
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    channel, sys.stdout = sys.stdout, sys.stderr  # what a grader prints is not a reply
    grade = GRADERS[name](folder)
    print("ready", file=channel, flush=True)
    for line in sys.stdin:
        print(json.dumps(_judged(grade, json.loads(line))), file=channel, flush=True)
    return 0


def _judged(grade: Grader, row: list[Any]) -> dict[str, Any]:
    try:
        return {"credited": grade(*row), "fault": ""}
    except BaseException as error:
        return {"credited": None, "fault": f"raised {type(error).__name__}"}


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
