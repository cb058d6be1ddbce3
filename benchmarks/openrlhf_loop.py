"""How long our executor holds up OpenRLHF's event loop: ``python -m benchmarks.openrlhf_loop``.

Promises: the real GroupExecutor inside OpenRLHF's rollout actor; 16 requests are always in flight, their responses
(1,100 characters, MATH-500 golds in other spellings) come at once, the worst case; beside them two groups hang, whose
answers only a kill ends, and are replaced when they end. A stall is how much later than asked a coroutine wakes that
sleeps for a millisecond, as vLLM's output loop would. Beside it stands the CPU time of the loop's thread between two
wakings, which a busy machine changes less. Needs openrlhf and ``../shared/data``; generation is stood in for.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks import workload
from benchmarks.speed import Figure, _quantile, heading, kind_of

HANG = r"\boxed{\int_0^1 \frac{\sin(x)}{x} e^{x^3+%d x} dx}"  # no rung decides it; its worker is killed
LIMIT_MS = 10.0
TICK_S = 0.001
IN_FLIGHT = 16


class Characters:
    """A tokenizer of one token a character, so that the figures are the executor's and not a tokenizer's."""

    eos_token_id = 0

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([[ord(char) for char in text]])}

    def decode(self, tokens: Sequence[int], **_: Any) -> str:
        return "".join(map(chr, tokens))


class Engine:
    """In place of vLLM: responses that are there at once."""

    def __init__(self, say: Any) -> None:
        self.say = say

    async def generate(self, prompt_token_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        await asyncio.sleep(0)
        tokens = [ord(char) for char in self.say(prompt_token_ids)]
        output = SimpleNamespace(token_ids=tokens, text="", finish_reason="stop", logprobs=None)
        return SimpleNamespace(outputs=[output])


def run(reward: Any, pairs: Sequence[workload.Pair], samples: int, seconds: float) -> Iterator[Figure]:
    """The stalls under one reward, in groups of ``samples``."""
    late: list[float] = []
    busy: list[float] = []
    asyncio.run(_measure(reward, pairs, samples, seconds, late, busy))
    name = f"{reward if isinstance(reward, str) else reward['kind']}, groups of {samples}"
    p99 = _quantile(late, 0.99) * 1e3
    yield Figure(
        f"stall, {name}",
        f"p50 {_quantile(late, 0.5) * 1e3:.2f}, p99 {p99:.2f}, most {max(late) * 1e3:.1f} ms, {len(late):,} wakings",
        f"p99 <= {LIMIT_MS:g} ms",
        p99 <= LIMIT_MS,
    )
    cpu = f"p99 {_quantile(busy, 0.99) * 1e3:.2f}, most {max(busy) * 1e3:.1f} ms"
    yield Figure(f"CPU time of the loop between wakings, {name}", cpu)


async def _measure(
    reward: Any, pairs: Sequence[workload.Pair], samples: int, seconds: float, late: list[float], busy: list[float]
) -> None:
    executor = _executor(reward)
    tokenizer, numbers = Characters(), itertools.count()
    end = time.perf_counter() + seconds

    async def ask(prompt: str, responses: list[str], gold: str) -> None:
        params = SimpleNamespace(max_tokens=4000, logprobs=None)
        left = iter(responses)
        engine = Engine(lambda _: next(left))
        label = json.dumps({"id": prompt, "gold": gold, "visit": 0})
        tasks = [executor.execute(prompt, label, params, 8000, tokenizer, engine) for _ in responses]
        await asyncio.gather(*tasks)

    async def stream(start: int) -> None:
        for at in itertools.count(start, IN_FLIGHT):
            group = [pairs[(at + i) % len(pairs)] for i in range(samples)]
            await ask(f"problem {next(numbers)}", [pair.response for pair in group], group[0].gold)
            if time.perf_counter() > end:
                return

    async def hang() -> None:
        while time.perf_counter() < end:
            number = next(numbers)
            await ask(f"hang {number}", [HANG % number], "1.25")

    work = [asyncio.create_task(stream(at)) for at in range(0, IN_FLIGHT, samples)]
    work += [asyncio.create_task(hang()) for _ in range(2)]
    await asyncio.sleep(0.5)  # the first workers start
    while time.perf_counter() < end:
        asked, spent = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK_S)
        late.append(time.perf_counter() - asked - TICK_S)
        busy.append(time.thread_time() - spent)
    await asyncio.gather(*work)


def _executor(reward: Any) -> Any:
    from verifier.adapters.openrlhf import GroupExecutor

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reward.json"
        path.write_text(json.dumps({"reward": reward}))
        return type("AgentExecutor", (GroupExecutor,), {"reward_file": path})()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where the aim is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks.openrlhf_loop", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each reward")
    args = parser.parse_args(argv)
    if importlib.util.find_spec("openrlhf") is None:
        print("error: openrlhf is not installed: docs/environments.md", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    pairs = [pair for group in workload.pairs(workload.read_golds(), kind_of) for pair in group]
    figures: list[Figure] = []
    for reward in ("ground_truth", "majority_online", "no_repetition"):
        for samples in (1, 16) if reward == "ground_truth" else (16,):
            print(f"... {reward}, groups of {samples}", file=sys.stderr, flush=True)
            figures += run(reward, pairs, samples, args.seconds)
    print("\n".join(heading(load)))
    for figure in figures:
        mark = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:66} {figure.value:66} {figure.aim:16} {mark}".rstrip())
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
