"""How fast the reward server is: ``python -m benchmarks.server``.

Promises: a real ``verifier serve`` process and real HTTP over loopback, the client on the same cores; MATH-500
golds in other spellings inside responses of 1,100 characters, every reward compared with what the spelling's making
says; whatever is no HTTP 200, or holds a wrong number of floats, is an error and is counted. Three states of the
server are told apart: the first pass, in which it starts its workers and meets each pair for the first time; the
best of later rounds, in which it remembers readings and decisions; and training, 16 new responses to each of many
unseen problems. Needs ``../shared/data``; OpenRLHF's own client is reported where openrlhf and aiohttp are
installed. Wall-clock figures of a busy machine mean little, and such a run is marked: beside them stands the
server's CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import workload
from benchmarks.clock import _cpu_s, descendants
from benchmarks.speed import Figure, _progress, _quantile, heading, kind_of

PROMPT = "<|im_start|>user\n{n}. A problem of about two hundred characters stands here. " + "It says things. " * 9
HANG = r"\int_0^1 \frac{\sin(x)}{x} e^{x^3+%d x} dx"  # no rung decides it; its worker is killed


@dataclass(slots=True)
class Tally:
    """What a client saw. seconds: of each request."""

    pairs: int = 0
    errors: int = 0
    wrong: int = 0
    unscored: int = 0
    seconds: list[float] = field(default_factory=list)

    def take(self, answer: dict[str, Any] | None, expected: Sequence[float], seconds: float) -> None:
        self.seconds.append(seconds)
        self.pairs += len(expected)
        rewards = (answer or {}).get("rewards", [])
        if len(rewards) != len(expected) or not all(type(value) is float for value in rewards):
            self.errors += 1
            return
        unscored = answer["extra_logs"]["unscored"] if answer else []
        self.unscored += sum(map(int, unscored))
        self.wrong += sum(r != e and not u for r, e, u in zip(rewards, expected, unscored, strict=True))


@dataclass(frozen=True, slots=True)
class Request:
    """A request's body, and the reward of each of its pairs."""

    payload: dict[str, Any]
    body: bytes
    expected: tuple[float, ...]


def requests(pairs: Sequence[workload.Pair], size: int) -> list[Request]:
    """The pairs as OpenRLHF sends them, ``size`` to a request."""
    made = []
    for start in range(0, len(pairs) - size + 1, size):
        chunk = pairs[start : start + size]
        prompts = [PROMPT.format(n=start + i) + "<|im_end|>\n<|im_start|>assistant\n" for i in range(size)]
        payload = {
            "query": [f"{prompt}{pair.response}<|im_end|>" for prompt, pair in zip(prompts, chunk, strict=True)],
            "prompts": prompts,
            "labels": [json.dumps({"id": f"b/{start + i}", "gold": pair.gold}) for i, pair in enumerate(chunk)],
        }
        expected = tuple(float(pair.equal) for pair in chunk)
        made.append(Request(payload, json.dumps(payload).encode(), expected))
    return made


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int, int]]:
    """A server process: (host, port, pid)."""
    command = [sys.executable, "-m", "verifier", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=workload.ROOT)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        host, port = line.split("http://")[1].split(" ")[0].split(":")
        yield host, int(port), process.pid
    finally:
        process.terminate()
        process.wait(60)


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and all below it."""
    return sum(map(_cpu_s, [pid, *descendants(pid)]))


async def keep_alive(host: str, port: int, work: Iterator[Request], tally: Tally) -> None:
    """One connection that takes requests from ``work`` until there are none."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for request in work:
            began = time.perf_counter()
            head = f"POST /openrlhf HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(request.body)}\r\n\r\n"
            writer.write(head.encode() + request.body)
            answer = await _answer(reader)
            tally.take(answer, request.expected, time.perf_counter() - began)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The JSON of a 200, None of anything else."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(size)
    return dict(json.loads(body)) if head.split(b" ", 2)[1] == b"200" else None


async def _run(host: str, port: int, made: Sequence[Request], connections: int, tally: Tally) -> None:
    work = iter(made)  # shared: each request is sent once
    await asyncio.gather(*(keep_alive(host, port, work, tally) for _ in range(connections)))


def rate(name: str, made: Sequence[Request], connections: int, rounds: int, aim: int) -> Iterator[Figure]:
    """Pairs per second over keep-alive connections, the best of the rounds."""
    _progress(name)
    best, cpu, tally = 0.0, 0.0, Tally()
    with server() as (host, port, pid):
        first = Tally()
        began, cpu_began = time.perf_counter(), tree_cpu_s(pid)
        asyncio.run(_run(host, port, made, connections, first))
        first_s, first_cpu_s = time.perf_counter() - began, tree_cpu_s(pid) - cpu_began
        for _ in range(rounds):
            tally = Tally()
            began, cpu_began = time.perf_counter(), tree_cpu_s(pid)
            asyncio.run(_run(host, port, made, connections, tally))
            if (found := tally.pairs / (time.perf_counter() - began)) > best:
                best, cpu = found, (tree_cpu_s(pid) - cpu_began) / tally.pairs
    yield Figure(name, f"{best:,.0f} pairs/s", f">= {aim:,}/s", best >= aim)
    yield Figure(f"{name}: the server's CPU", f"{cpu * 1e6:,.0f} us a pair")
    text = f"{first.pairs / first_s:,.0f} pairs/s, {first_cpu_s / first.pairs * 1e6:,.0f} us a pair, workers included"
    yield Figure(f"{name}: first pass", text)
    yield from _soundness(name, tally)


def training_step(groups: Sequence[Sequence[workload.Pair]], samples: int = 16) -> list[workload.Pair]:
    """What a server sees in training: ``samples`` responses to each problem, no text twice, answers often."""
    pairs = [group[index % len(group)] for group in groups for index in range(samples)]
    return [replace(pair, response=workload.response(pair.answer, at)) for at, pair in enumerate(pairs)]


def unseen(name: str, made: Sequence[Request], warm: Sequence[Request], connections: int, aim: int) -> Iterator[Figure]:
    """Pairs per second of problems that the server has never met, once; its workers are warm from other ones."""
    _progress(name)
    tally = Tally()
    with server() as (host, port, pid):
        asyncio.run(_run(host, port, warm, connections, Tally()))
        began, cpu_began = time.perf_counter(), tree_cpu_s(pid)
        asyncio.run(_run(host, port, made, connections, tally))
        seconds, cpu = time.perf_counter() - began, tree_cpu_s(pid) - cpu_began
    found = tally.pairs / seconds
    yield Figure(name, f"{found:,.0f} pairs/s", f">= {aim:,}/s", found >= aim)
    yield Figure(f"{name}: the server's CPU", f"{cpu / tally.pairs * 1e6:,.0f} us a pair, workers included")
    yield from _soundness(name, tally)


def _soundness(name: str, tally: Tally) -> Iterator[Figure]:
    p50, p99 = (_quantile(tally.seconds, part) * 1e3 for part in (0.5, 0.99))
    yield Figure(f"{name}: latency", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    text = f"{tally.errors} errors, {tally.wrong} wrong, {tally.unscored} unscored of {tally.pairs:,}"
    yield Figure(f"{name}: answers", text, "0 errors, 0 wrong", not tally.errors and not tally.wrong)


def own_client(made: Sequence[Request], connections: int) -> Iterator[Figure]:
    """The client inside OpenRLHF: a new session and connection for each response."""
    name = f"OpenRLHF's own client, {connections} at once"
    if any(importlib.util.find_spec(module) is None for module in ("openrlhf", "aiohttp")):
        yield Figure(name, "skipped: openrlhf is not installed")
        return
    import logging

    logging.disable(logging.INFO)
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    _progress(name)
    tally = Tally()
    with server() as (host, port, pid):
        executor = SingleTurnAgentExecutor(f"http://{host}:{port}/openrlhf")
        asyncio.run(_own(executor, made[:200], connections, Tally()))
        began, cpu_began = time.perf_counter(), tree_cpu_s(pid)
        asyncio.run(_own(executor, made, connections, tally))
        seconds, cpu = time.perf_counter() - began, tree_cpu_s(pid) - cpu_began
    yield Figure(name, f"{tally.pairs / seconds:,.0f} pairs/s")
    yield Figure(f"{name}: the server's CPU", f"{cpu / tally.pairs * 1e6:,.0f} us a pair")
    yield from _soundness(name, tally)


async def _own(executor: Any, made: Sequence[Request], connections: int, tally: Tally) -> None:
    work = iter(made)

    async def one() -> None:
        for request in work:
            began = time.perf_counter()
            sent = request.payload
            answers = await executor._fetch_rewards_via_http(sent["query"], sent["prompts"], sent["labels"])
            tally.take(answers[0], request.expected, time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(connections)))


def beside_hangs(made: Sequence[Request]) -> Iterator[Figure]:
    """Latency of 16 connections while answers hang that only a kill ends."""
    name = "16 connections beside 8 hanging answers"
    _progress(name)
    tally, hung = Tally(), Tally()
    hangs = [workload.Pair("1.25", f"\\boxed{{{HANG % n}}}", "", False, "") for n in range(8)]
    with server() as (host, port, _):
        asyncio.run(_run(host, port, made, 16, Tally()))

        async def both() -> None:
            sent = [asyncio.create_task(_run(host, port, [one], 1, hung)) for one in requests(hangs, 1)]
            await asyncio.sleep(0.05)
            await _run(host, port, made, 16, tally)
            await asyncio.gather(*sent)

        asyncio.run(both())
    yield from _soundness(name, tally)
    yield Figure("the hanging answers", f"{hung.unscored} of 8 unscored after {max(hung.seconds):.1f} s at most")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where an aim is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks.server", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--golds", type=int, default=500, help="of MATH-500; fewer for a quick look")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    groups = workload.pairs(workload.read_golds()[: args.golds], kind_of)
    pairs = [pair for group in groups for pair in group]
    single, many = requests(pairs, 1), requests(pairs, 32)
    known, new = groups[: len(groups) // 10], training_step(groups[len(groups) // 10 :])
    warm = requests([pair for group in known for pair in group], 1)
    figures: list[Figure] = []
    runs: list[Callable[[], Iterator[Figure]]] = [
        lambda: rate("one pair a request, 16 connections", single, 16, args.rounds, 1_500),
        lambda: rate("32 pairs a request, 4 connections", many, 4, args.rounds, 5_000),
        lambda: unseen("unseen problems, one pair a request", requests(new, 1), warm, 16, 1_500),
        lambda: unseen("unseen problems, 32 pairs a request", requests(new, 32), warm, 4, 5_000),
        lambda: own_client(single, 16),
        lambda: beside_hangs(single),
    ]
    for run in runs:
        figures += run()
    print("\n".join(heading(load)))
    for figure in figures:
        mark = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:52} {figure.value:60} {figure.aim:20} {mark}".rstrip())
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
