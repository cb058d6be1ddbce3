"""The same verdict wherever and whenever it is asked for: busy or idle, from any thread, process or loop.

One list of pairs is verified once in this process; every other setting must give equal verdicts in every field
but the time. A verdict that rests on a kill is among them: the worker's limit is on its own CPU time.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from verifier import averify, equivalent, verify, verify_batch
from verifier.compare import reader
from verifier.config import DEFAULT_CONFIG

ROOT = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
Pair = tuple[str, str]


def _easy() -> Iterator[Pair]:
    """About 250 pairs of all answer types that the cheap rungs decide, a half of them equal."""
    for k in range(2, 14):
        yield f"{k * k}", f"{k}^{{2}}"
        yield f"{k * k + 1}", f"{k}^2"
        yield rf"\frac{{{2 * k}}}{{{6 * k}}}", "1/3"
        yield rf"\frac{{1}}{{{k}}}", f"0.{k}"
        yield rf"\sqrt{{{k * k * 3}}}", rf"{k}\sqrt{{3}}"
        yield rf"\sqrt{{{k}}}+\sqrt{{{k + 1}}}", rf"\sqrt{{{2 * k + 1}+2\sqrt{{{k * (k + 1)}}}}}"
        yield f"(x+{k})^{{3}}", f"x^3+{3 * k}x^2+{3 * k * k}x+{k**3}"
        yield f"(x+{k})^{{3}}", f"x^3+{3 * k}x^2+{3 * k * k}x+{k**3 + 1}"
        yield rf"\sin({2 * k}x)", rf"2\sin({k}x)\cos({k}x)"
        yield rf"\sin({2 * k}x)", rf"2\sin({k}x)\cos({k + 1}x)"
        yield rf"\{{{k},{k + 1}\}}", rf"\{{{k + 1},{k}\}}"
        yield f"{k},{k},1", f"{k},1,1"
        yield f"({k},{k + 1})", f"({k + 1},{k})"
        yield rf"(-\infty,{k})\cup[{k + 1},\infty)", rf"[{k + 1},\infty)\cup(-\infty,{k})"
        yield f"x<{k}", rf"(-\infty,{k})"
        yield f"{k}x+y={k}", f"x+y/{k}=1"
        yield rf"\begin{{pmatrix}}1&{k}\\0&1\end{{pmatrix}}", rf"\begin{{bmatrix}}1&{k}\\0&1\end{{bmatrix}}"
        yield rf"{k}\text{{ cm}}", f"{k}"
        yield rf"{k}\%", f"{k / 100}"
        yield f"{k}/0", f"{k}"
        yield f"{k}(", f"{k}"
    yield from (("Monday", "monday"), ("yes", "no"), ("(A)", "A"), ("52_8", "52"), ("i^2", "-1"), ("e^{i\\pi}", "-1"))


def _edges() -> Iterator[Pair]:
    """Pairs near or beyond a work limit, where a budget decides."""
    for depth in (20, 40, 50, 55, 58, 59, 60, 61, 62, 80, 200):
        yield "(" * depth + "7" + ")" * depth, "7"
        yield r"\sqrt{1+" * depth + "x" + "}" * depth, "7"
        yield r"\frac{1}{1+" * depth + "1" + "}" * depth, "7"
    for length in (100, 200, 300, 400, 700, 1500):
        yield "1" + "/2" * length, "7"
        yield "x" + "^2" * length, "7"
        yield "7" + "! " * length, "7"
        yield "+".join(rf"\sqrt{{{k}}}" for k in range(2, length)), "7"
    yield r"\sum_{k=1}^{140}\sum_{j=1}^{140}\frac{1}{k+10^{100}j}", "7"
    yield "9^{9^{9}}", "9^{9^{8}}"
    yield "(x+y+z+w)^{500}", "1"


def _workers() -> Iterator[Pair]:
    """Pairs that a worker process decides."""
    yield r"\int_0^1x^2dx", r"\frac{1}{3}"
    yield r"\int_0^{\pi}\sin(x)dx", "3"
    yield r"\int_0^1\frac{1}{1+x^2}dx", r"\frac{\pi}{4}"
    yield r"\lim_{x\to 0}\frac{\sin x}{x}", "1"
    yield r"\lim_{n\to\infty}(1+\frac{1}{n})^{n}", "e"
    yield r"\sum_{k=1}^{\infty}\frac{1}{k^{2}}", r"\frac{\pi^{2}}{6}"
    yield r"\sum_{k=0}^{\infty}\frac{1}{2^{k}}", "2"
    yield r"\sum_{k=1}^{n}k", r"\frac{n(n+1)}{2}"


PAIRS = [*_easy(), *_edges(), *_workers()]
# A worker is killed over it; costs its whole limit, so it is asked where load could matter.
HANGING = (r"\lfloor\pi^{\pi^{\pi^{\pi}}}\rfloor", "7")


def _responses(pairs: list[Pair]) -> list[str]:
    return [rf"Hence \boxed{{{answer}}}." for answer, _ in pairs]


def _row(verdict: Any) -> Row:
    row: Row = verdict.to_dict()
    del row["elapsed_s"]
    return row


def _one(pair: Pair) -> Row:
    return _row(verify(response=_responses([pair])[0], gold=pair[1]))


def _forget() -> None:
    reader(DEFAULT_CONFIG).forget()


@pytest.fixture(scope="module")
def expected() -> list[Row]:
    """The verdicts of this process, idle, one after the other."""
    _forget()
    return [_one(pair) for pair in PAIRS]


def _differing(found: list[Row], expected: list[Row]) -> list[tuple[Pair, Row, Row]]:
    assert len(found) == len(expected) == len(PAIRS)
    return [(pair, a, b) for pair, a, b in zip(PAIRS, found, expected, strict=True) if a != b][:3]


def test_the_pairs_are_of_every_kind(expected: list[Row]) -> None:
    assert len(PAIRS) > 300
    reasons = {row["reason"] for row in expected}
    assert reasons >= {"equal", "not_equal", "type_mismatch", "unparseable", "undefined", "over_limit"}
    assert {row["rung"] for row in expected} >= {"canonical", "exact", "numeric", "symbolic"}


def test_again_in_reverse_and_from_memory(expected: list[Row]) -> None:
    assert not _differing([_one(pair) for pair in reversed(PAIRS)][::-1], expected)


def test_in_a_batch_with_hanging_pairs(expected: list[Row]) -> None:
    _forget()
    pairs = [HANGING, *PAIRS, HANGING]
    first, *found, last = verify_batch(responses=_responses(pairs), golds=[gold for _, gold in pairs])
    assert (first.reason.value, last.reason.value) == ("timeout", "timeout")
    assert not _differing([_row(verdict) for verdict in found], expected)


def test_on_a_busy_machine(expected: list[Row]) -> None:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        _forget()
        found = [_one(pair) for pair in PAIRS]
        assert (_one(HANGING)["reason"], _one(PAIRS[-1])) == ("timeout", expected[-1])
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert not _differing(found, expected)


def test_from_eight_threads_at_once(expected: list[Row]) -> None:
    _forget()
    together = threading.Barrier(8)

    def run(number: int) -> list[Row]:
        together.wait()
        # every thread begins elsewhere, so that they meet in different places
        start = number * len(PAIRS) // 8
        found = [_one(pair) for pair in PAIRS[start:] + PAIRS[:start]]
        return found[len(PAIRS) - start :] + found[: len(PAIRS) - start]

    with ThreadPoolExecutor(8) as executor:
        for found in executor.map(run, range(8)):
            assert not _differing(found, expected)


def test_in_an_event_loop(expected: list[Row]) -> None:
    async def run() -> list[Row]:
        calls = (averify(response=r, gold=p[1]) for r, p in zip(_responses(PAIRS), PAIRS, strict=True))
        return [_row(verdict) for verdict in await asyncio.gather(*calls)]

    _forget()
    assert not _differing(asyncio.run(run()), expected)


def _deep(frames: int, call: Callable[[], Any]) -> Any:
    return call() if not frames else _deep(frames - 1, call)


@pytest.mark.parametrize("frames", [300, 700])
def test_however_deep_the_caller_stands(expected: list[Row], frames: int) -> None:
    _forget()
    found = [_deep(frames, partial(_one, pair)) for pair in PAIRS]
    assert not _differing(found, expected)


# -- in other processes ---------------------------------------------------------------------------

_SCRIPT = """
import json, os, sys
from verifier import verify
rows = []
for response, gold in json.load(sys.stdin):
    row = verify(response=response, gold=gold).to_dict()
    del row["elapsed_s"]
    rows.append(row)
print(json.dumps(rows))
"""
_FORKED = r"""
verify(response=r"\boxed{\int_0^1xdx}", gold="1/2")  # the parent has a pool with a worker in it
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _elsewhere(arguments: list[str], **environment: str) -> list[Row]:
    rows = [[response, gold] for response, (_, gold) in zip(_responses(PAIRS), PAIRS, strict=True)]
    done = subprocess.run(
        [sys.executable, *arguments], input=json.dumps(rows), capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Row] = json.loads(done.stdout)
    return found


def test_under_python_c(expected: list[Row]) -> None:
    assert not _differing(_elsewhere(["-c", _SCRIPT]), expected)


def test_in_a_script_without_a_main_guard(expected: list[Row], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    assert not _differing(_elsewhere([str(script)]), expected)


def test_in_a_forked_child(expected: list[Row]) -> None:
    head, tail = _SCRIPT.split("rows = []")
    assert not _differing(_elsewhere(["-c", f"{head}{_FORKED}rows = []{tail}"]), expected)


def test_with_another_hash_seed_and_without_asserts(expected: list[Row]) -> None:
    assert not _differing(_elsewhere(["-O", "-c", _SCRIPT], PYTHONHASHSEED="4711"), expected)


def test_with_other_global_settings(expected: list[Row]) -> None:
    meddle = (
        "import decimal, locale, random, sys, mpmath\n"
        "decimal.getcontext().prec = 3; random.seed(1); mpmath.mp.dps = 3; sys.set_int_max_str_digits(640)\n"
    )
    assert not _differing(_elsewhere(["-c", meddle + _SCRIPT]), expected)


def test_equivalence_does_not_depend_on_the_thread_either() -> None:
    pairs = [pair for pair in PAIRS if len(pair[0]) < 60][:150]
    expected = [equivalent(*pair) for pair in pairs]
    assert {True, False} == set(expected)
    assert [equivalent(b, a) for a, b in pairs] == expected
    _forget()
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(lambda pair: equivalent(*pair), pairs)) == expected


_CONSTANTS_ARE_KEPT = r"""
from mpmath import libmp
from verifier import verify

def precisions():
    constants = (libmp.pi_fixed, libmp.e_fixed, libmp.ln2_fixed)
    return [constant.__closure__[0].cell_contents.memo_prec for constant in constants]

verify(response=r"\boxed{\sin(2x)}", gold=r"2\sin x\cos x")
before = precisions()
verify(response=r"\boxed{1+e^{-900}}", gold="1")
verify(response=r"\boxed{\ln(3^{x})}", gold=r"x\ln(3)")
assert precisions() == before, (before, precisions())
"""


def test_constants_are_at_hand_before_anything_is_evaluated() -> None:
    """mpmath replaces a remembered constant in two steps, and a thread between them would read a wrong one."""
    subprocess.run([sys.executable, "-c", _CONSTANTS_ARE_KEPT], check=True, timeout=120)
