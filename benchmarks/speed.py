"""How fast the verifier is, beside math-verify in the same run: ``make bench``, or ``python -m benchmarks.speed``.

Promises: every figure stands beside its aim, met or missed; the two graders run in turn, in processes below this
one, on the same texts; CPU time is that of a grader's whole process tree, the minimum of the rounds. Needs
``../shared/data`` (MATH-500) and math-verify (extra ``crosscheck``); says what it skips without them. Does not promise
stable wall-clock figures on a busy machine: it marks a run that began under load.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from benchmarks import stages, workload
from benchmarks.clock import TreeClock, rss
from benchmarks.subjects import Process, Task

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. met: None where there is no aim."""

    name: str
    value: str
    aim: str = ""
    met: bool | None = None


def kind_of(gold: str) -> str:
    """Our own recogniser's type of a gold, `unreadable` where it has none."""
    from verifier.compare import reader
    from verifier.config import DEFAULT_CONFIG

    answer = reader(DEFAULT_CONFIG).read(gold).answer
    return "unreadable" if answer is None else answer.kind


# -- (a) beside math-verify --------------------------------------------------------------------------


def math500_tasks(golds: int | None) -> tuple[list[Task], list[list[workload.Pair]]]:
    """Golds in other spellings, equal and unequal, with the pairs that they were made from."""
    groups = workload.pairs(workload.read_golds()[:golds], kind_of)
    return [Task(group[0].gold, tuple(pair.response for pair in group)) for group in groups], groups


def dev_tasks(rows: int | None) -> list[Task]:
    """The labelled cases: bare answers boxed, full responses as they are, prose in mode `any`."""
    from verifier import extract

    tasks = []
    for row in workload.read_dev()[:rows]:
        gold, prediction = row["gold"], row["prediction"]
        if row["kind"] == "text":
            found = extract(gold, "any")
            candidate = found.joined or found.answer
            tasks.append(Task(candidate.text if candidate else gold, (prediction,), "any", gold))
        else:
            tasks.append(Task(gold, (f"\\boxed{{{prediction}}}" if row["kind"] == "answer" else prediction,)))
    return tasks


def beside_math_verify(rounds: int, peer_rounds: int, golds: int | None) -> Iterator[Figure]:
    tasks, groups = math500_tasks(golds)
    dev = dev_tasks(None if golds is None else golds * 4)
    pairs = [pair for group in groups for pair in group]
    names = ["ours"] + ["math-verify"] * (importlib.util.find_spec("math_verify") is not None)
    if len(names) == 1:
        yield Figure("beside math-verify", "skipped: math-verify is not installed (extra `crosscheck`)")
    processes = {name: Process(name) for name in names}
    cpu: dict[tuple[str, str], float] = {}
    try:
        for title, work in (("MATH-500", tasks), ("dev.jsonl", dev)):
            credited = _interleaved(processes, title, work, {"ours": rounds, "math-verify": peer_rounds}, cpu)
            yield from _ratio(title, names, cpu, sum(len(task.responses) for task in work))
            if title == "MATH-500":
                yield from _verdicts(credited, pairs)
        latencies = processes["ours"].latencies(tasks, max(rounds, 3))
        yield from _latency(latencies, pairs)
        yield Figure("p99, dev.jsonl", *_under(_quantile(processes["ours"].latencies(dev, 3), 0.99), 5_000, "us"))
    finally:
        for process in processes.values():
            process.close()


def _interleaved(
    processes: dict[str, Process],
    title: str,
    work: list[Task],
    rounds: dict[str, int],
    cpu: dict[tuple[str, str], float],
) -> dict[str, list[list[bool]]]:
    """One warm-up pass each, then the rounds in turn; `cpu` gets the least of the rounds."""
    credited = {}
    for number in range(1 + max(rounds[name] for name in processes)):
        for name, process in processes.items():
            if number > rounds[name]:
                continue
            _progress(f"{title}: {name}, {'warm-up' if not number else f'round {number} of {rounds[name]}'}")
            seconds, credited[name] = process.throughput(work)
            if number:
                cpu[title, name] = min(seconds, cpu.get((title, name), seconds))
    return credited


def _ratio(title: str, names: list[str], cpu: dict[tuple[str, str], float], count: int) -> Iterator[Figure]:
    for name in names:
        mean = cpu[title, name] / count
        yield Figure(
            f"{title}, {name}", f"{mean * 1e6:,.0f} us of CPU a pair, {1 / mean:,.0f} pairs/s ({count:,} pairs)"
        )
    if len(names) > 1:
        ratio = cpu[title, "math-verify"] / cpu[title, "ours"]
        aim = 100 if title == "MATH-500" else 50
        yield Figure(f"{title}, throughput beside math-verify", f"{ratio:,.0f} x", f">= {aim} x", ratio >= aim)


def _verdicts(credited: dict[str, list[list[bool]]], pairs: list[workload.Pair]) -> Iterator[Figure]:
    """Speed at wrong verdicts would be worth nothing: how many forms each grader judged rightly."""
    for name, groups in credited.items():
        flat = [one for group in groups for one in group]
        equal = [one for one, pair in zip(flat, pairs, strict=True) if pair.equal]
        unequal = [one for one, pair in zip(flat, pairs, strict=True) if not pair.equal]
        value = f"{sum(equal):,} of {len(equal):,} equal forms, {sum(unequal):,} of {len(unequal):,} unequal"
        perfect = all(equal) and not any(unequal)
        yield Figure(f"MATH-500, credited by {name}", value, *(("all, none", perfect) if name == "ours" else ()))


def _latency(latencies: list[float], pairs: list[workload.Pair]) -> Iterator[Figure]:
    whole = [us for us, pair in zip(latencies, pairs, strict=True) if pair.gold.lstrip("-").isdecimal()]
    rest = [us for us, pair in zip(latencies, pairs, strict=True) if not pair.gold.lstrip("-").isdecimal()]
    yield Figure("median, gold an integer", *_under(statistics.median(whole), 60, "us"))
    yield Figure("median, every other gold", *_under(statistics.median(rest), 250, "us"))
    yield Figure("p99, MATH-500", *_under(_quantile(latencies, 0.99), 5_000, "us"))
    yield Figure("slowest pair, MATH-500", f"{max(latencies):,.0f} us")


# -- (b) to (e): ours alone --------------------------------------------------------------------------


def batch(rounds: int) -> Iterator[Figure]:
    """500 problems x 64 responses, and the same with a half and a quarter as many problems."""
    _, groups = math500_tasks(None)
    spread = [group for start in range(4) for group in groups[start::4]]  # every part has the same mixture
    rows = list(workload.training_batch(spread, 64, 64 * len(spread)))
    costs: dict[int, tuple[float, float]] = {}
    for part in (4, 2, 1):
        size = len(rows) // part
        _progress(f"verify_batch: {size:,} responses")
        runs = [_batch_run(rows[:size]) for _ in range(rounds)]
        costs[size] = (min(wall for wall, _ in runs), min(cpu for _, cpu in runs))
    for size, (wall, cpu) in costs.items():
        aim = (f"< 4 s on {os.cpu_count()} cores", wall < 4.0) if size == len(rows) else ()
        yield Figure(f"verify_batch, {size:,} responses", f"{wall:.2f} s of wall clock, {cpu:.2f} s of CPU", *aim)
    sizes = sorted(costs)
    growth = (costs[sizes[-1]][1] / sizes[-1]) / (costs[sizes[0]][1] / sizes[0])
    yield Figure("verify_batch, CPU a response at 4 x the size", f"{growth:.2f} x", "<= 1.2 x", growth <= 1.2)


def _batch_run(rows: list[tuple[str, str]]) -> tuple[float, float]:
    from verifier.api import verify_batch
    from verifier.compare import reader
    from verifier.config import DEFAULT_CONFIG

    reader(DEFAULT_CONFIG).forget()
    responses, golds = [row[0] for row in rows], [row[1] for row in rows]
    clock, wall = TreeClock(), time.perf_counter()
    verify_batch(responses=responses, golds=golds)
    return time.perf_counter() - wall, clock.read()


_SHAPES = (
    "{n}", r"\frac{{{n}}}{{7}}", r"{n} + \sqrt{{2}}", "({n}, 3)", "x^2 + {n}x", r"{n}\text{{ cm}}", "{n}, 5, 6",
    "[{n}, oo)", r"\text{{word {n}}}", "{n}.5", r"\begin{{pmatrix}} {n} \\ 2 \end{{pmatrix}}", "y = {n}x",
)  # fmt: skip


def memory(count: int) -> Iterator[Figure]:
    """Growth over `count` verifications in which every response and every answer is new."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_memory_run, args=(count, theirs))
    process.start()
    first, last, cpu_s = ours.recv()
    process.join()
    grown = (last - first) / MIB
    yield Figure(
        f"memory, growth over {count:,} verifications", f"{grown:.1f} MiB, from {first / MIB:.0f}", "< 50", grown < 50
    )
    yield Figure("memory run, CPU a verification", f"{cpu_s / count * 1e6:.0f} us, response and gold new each time")


def _memory_run(count: int, pipe: Any) -> None:
    from verifier import verify

    def one(number: int) -> None:
        answer = _SHAPES[number % len(_SHAPES)].format(n=number)
        gold = _SHAPES[number % len(_SHAPES)].format(n=number + number % 2)
        verify(response=workload.response(answer, number, 300), gold=gold)

    for number in range(2_000):
        one(number)
    first, cpu = rss(), time.process_time()
    for number in range(2_000, 2_000 + count):
        one(number)
        if number % 50_000 == 0:
            _progress(f"memory: {number:,} verifications, {rss() / MIB:.0f} MiB")
    pipe.send((first, rss(), time.process_time() - cpu))


def imports(rounds: int) -> Iterator[Figure]:
    """CPU time of a Python that imports, less that of one that does not."""
    _progress("imports")
    programs = {
        "import verifier": ("import verifier", "<= 40 ms", 40.0),
        "from verifier import verify": ("from verifier import verify", "", None),
        "import math_verify": ("import math_verify", "", None),
    }
    for program, _, _ in programs.values():
        _python(program)  # warm: bytecode and page cache
    bare = [_python("pass") for _ in range(rounds)]
    for name, (program, aim, limit) in programs.items():
        times = [_python(program) for _ in range(rounds if limit or "math" not in name else 3)]
        if None in times:
            continue  # math-verify is not installed
        extra = (_median(times) - _median(bare)) * 1e3
        yield Figure(f"{name}, beyond bare Python", f"{extra:.1f} ms", aim, None if limit is None else extra <= limit)


def _median(times: Sequence[float | None]) -> float:
    return statistics.median(seconds for seconds in times if seconds is not None)


def _python(program: str) -> float | None:
    """CPU seconds of `python -c program`, None where it fails."""
    started = subprocess.Popen([sys.executable, "-c", program], cwd=workload.ROOT, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime if started.returncode == 0 else None


def worker(rounds: int) -> Iterator[Figure]:
    """A warm worker process: a task that does nothing, and the symbolic rung on the smallest pair."""
    from dataclasses import asdict

    from verifier.config import Limits, Policy
    from verifier.pool import WorkerPool

    _progress("worker round trips")
    trivial = {"answer": "1", "gold": "1", "limits": asdict(Limits()), "policy": asdict(Policy())}
    for task, name in (("echo", "does nothing"), ("symbolic", "symbolic rung, 1 against 1")):
        pool = WorkerPool(size=1, recycle_after=10**9, _tasks={"echo": "builtins:dict", **_tasks()})
        for _ in range(20):
            outcome = pool.call(task, trivial, timeout_s=5.0)
            assert outcome.status == "ok", outcome
        times = [_timed(lambda: pool.call(task, trivial, timeout_s=5.0)) for _ in range(rounds)]  # noqa: B023
        pool.close()
        median = statistics.median(times) * 1e3
        aim = ("< 0.5 ms", median < 0.5) if task == "echo" else ()
        yield Figure(f"warm worker, {name}", f"median {median:.3f} ms, least {min(times) * 1e3:.3f} ms", *aim)


def _tasks() -> dict[str, str]:
    from verifier._worker import TASKS

    return dict(TASKS)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# -- the report --------------------------------------------------------------------------------------


def _under(value: float, limit: float, unit: str) -> tuple[str, str, bool]:
    return f"{value:,.0f} {unit}", f"<= {limit:,.0f} {unit}", value <= limit


def _quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _progress(message: str) -> None:
    print(f"... {message}", file=sys.stderr, flush=True)


def heading(load: float) -> list[str]:
    """Where and when, and whether the machine was busy."""
    cores = os.cpu_count() or 1
    lines = [
        f"{date.today().isoformat()}, {cores} cores, {_cpu_model()}, {platform.system()},"
        f" Python {platform.python_version()}",
        f"math-verify {_version('math-verify')}, sympy {_version('sympy')}",
    ]
    if load > 0.5:
        lines.append(
            f"TAKEN UNDER LOAD: {load:.1f} processes wanted the {cores} cores at the start. Wall-clock figures are too"
            " high; CPU times too, by up to about a half, as cores and caches were shared; ratios hardly."
        )
    return lines


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:
        return "not installed"


def render(lines: list[str], figures: list[Figure]) -> str:
    """A Markdown page."""
    rows = ["| figure | measured | aim | |", "|---|---|---|---|"]
    for figure in figures:
        met = "" if figure.met is None else "met" if figure.met else "**missed**"
        rows.append(f"| {figure.name} | {figure.value} | {figure.aim} | {met} |")
    return "\n".join(["# Speed", "", *(f"{line}  " for line in lines), "", *rows, ""])


SECTIONS = ("peers", "batch", "memory", "import", "worker", "stages")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one section (may be repeated)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ours; the least CPU time counts (default 5)")
    parser.add_argument("--peer-rounds", type=int, default=2, help="rounds of math-verify (default 2)")
    parser.add_argument("--golds", type=int, help="only the first so many golds, for a quick look")
    parser.add_argument("--full", action="store_true", help="memory over 1,000,000 verifications instead of 200,000")
    parser.add_argument("--write", metavar="PATH", help="also write the table as Markdown")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where an aim is missed")
    args = parser.parse_args(argv)
    chosen = args.only or list(SECTIONS)
    figures: list[Figure] = []
    lines = heading(os.getloadavg()[0])
    if not workload.MATH_500.is_file() or not workload.DEV_CASES.is_file():
        missing = workload.DEV_CASES if workload.MATH_500.is_file() else workload.MATH_500
        print(f"skipped: {missing} is absent, so nothing is measured on its problems", file=sys.stderr)
        chosen = [section for section in chosen if section not in ("peers", "batch", "stages")]
    sections: dict[str, Callable[[], Iterator[Figure]]] = {
        "peers": lambda: beside_math_verify(args.rounds, args.peer_rounds, args.golds),
        "batch": lambda: batch(args.rounds),
        "memory": lambda: memory(1_000_000 if args.full else 200_000),
        "import": lambda: imports(20),
        "worker": lambda: worker(300),
        "stages": lambda: (Figure(*row) for row in stages.measure(args.rounds)),
    }
    for section in SECTIONS:
        if section in chosen:
            for figure in sections[section]():
                figures.append(figure)
                met = "" if figure.met is None else "   met" if figure.met else "   MISSED"
                aim = f"   (aim {figure.aim})" if figure.aim else ""
                print(f"{figure.name:48} {figure.value}{aim}{met}", flush=True)
    if args.write:
        with open(args.write, "w", encoding="utf-8") as file:
            file.write(render(lines, figures))
    print("\n".join(lines))
    return 1 if args.strict and any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
