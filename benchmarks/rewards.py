"""How long rewards take: repetition beside a backtracking expression, and every kind per response and per group.

    python -m benchmarks.rewards

Promises: CPU time of this process, the least of some rounds; the two ways of finding repetition must agree on every
text that both can finish; exit 1 where ours takes longer than the aim. Ratios can be compared between machines,
milliseconds cannot.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable

from verifier.behaviour import repeats
from verifier.rewards import Context, reward_from
from verifier.rows import Row

AIM_MS = 2.0  # for one response
SIZE = 9_000  # characters: a response of about 3,000 tokens
_BACKTRACKING = re.compile(r"(.{10,256}?)\1{9}", re.DOTALL)
_WORDS = r"the sum of x^2 and \frac{1}{2} is then equal to so we get print python 12 345 by adding both sides =".split()

KINDS = (
    "ground_truth",
    {"kind": "ground_truth", "extraction": "paper"},
    "format",
    {"kind": "random", "gamma": 0.5},
    "contains",
    "no_repetition",
    {"kind": "length_penalty", "limit": 9000, "shape": "cosine"},
    {"kind": "noise", "of": "ground_truth", "false_negative": 0.1},
    {"kind": "noise", "of": "ground_truth", "false_negative": 0.1, "by": "surface"},
    {"kind": "all", "of": ["ground_truth", {"kind": "not", "of": "contains"}]},
    "majority_online",
)


def texts() -> dict[str, str]:
    """Responses of SIZE characters: usual ones, and the worst that the search can be given."""
    rng = random.Random(0)
    prose = ""
    while len(prose) < SIZE:
        prose += rng.choice(_WORDS) + rng.choice("    \n")
    nine = ("a" * 80 + "b") * 9 + "c"
    falling = "".join("a" * (99 - n % 80) + "b" for n in range(200))
    return {
        "prose": prose[:SIZE],
        "ends in a loop": prose[: SIZE - 600] + "so we get the same. " * 30,
        "nine copies, again and again": (nine * 20)[:SIZE],
        "runs of one letter, just too short": falling[:SIZE],
        "one letter": "a" * SIZE,
    }


def least_ms(call: Callable[[], object], rounds: int, times: int = 1) -> float:
    """CPU milliseconds of one call."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            call()
        best = min(best, time.process_time() - started)
    return 1000 * best / times


def repetition() -> bool:
    """The table of both searches; whether ours keeps the aim on every text."""
    slowest = 0.0
    print(f"repetition in {SIZE:,} characters, ms     ours  backtracking   ratio")
    for name, text in texts().items():
        ours = least_ms(lambda text=text: repeats(text), 5, 20)  # type: ignore[misc]
        theirs = least_ms(lambda text=text: _BACKTRACKING.search(text), 1)  # type: ignore[misc]
        assert repeats(text) is (_BACKTRACKING.search(text) is not None), name
        print(f"  {name:36}{ours:9.3f}{theirs:14.1f}{theirs / ours:8.0f}")
        slowest = max(slowest, ours)
    print(f"slowest {slowest:.3f} ms (aim {AIM_MS:g} ms): {'met' if slowest <= AIM_MS else 'MISSED'}")
    return slowest <= AIM_MS


def rewards() -> None:
    """Microseconds a response, in groups of 16 whose answers differ from group to group."""
    print("\nrewards over groups of 16 responses of 1,100 characters, microseconds a response")
    prose = texts()["prose"][:1080]
    groups = [[f"{prose} \\boxed{{{n + (i % 5)}/7}}" for i in range(16)] for n in range(60)]
    rows = [Row(f"p{n}", "", f"{n + 1}/7", visit=0) for n in range(60)]
    for number, spec in enumerate(KINDS):
        reward = reward_from(spec)
        fresh = [[text.replace("/7", f"/{11 + number}") for text in group] for group in groups]  # no cached answers

        def over(reward=reward, fresh=fresh) -> None:  # type: ignore[no-untyped-def]
            for group, row in zip(fresh, rows, strict=True):
                reward.over_group(group, row)

        def single(reward=reward, fresh=fresh) -> None:  # type: ignore[no-untyped-def]
            for group, row in zip(fresh, rows, strict=True):
                for index, text in enumerate(group):
                    reward(text, row, Context(index))

        first = least_ms(over, 1)
        warm = least_ms(over, 5)
        alone = "" if "group" in reward.needs else f"{1000 * least_ms(single, 3) / 960:12.1f}"
        name = spec if isinstance(spec, str) else " ".join(str(v) for v in spec.values() if isinstance(v, str))
        print(f"  {name:36}{1000 * first / 960:9.1f} first{1000 * warm / 960:9.1f} again{alone} alone")


if __name__ == "__main__":
    kept = repetition()
    rewards()
    sys.exit(not kept)
