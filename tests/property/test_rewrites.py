"""Every gold of the shared data, rewritten: what keeps the meaning is accepted, what changes it is rejected.

Promises: of all pairs (rewrite that keeps the meaning, gold it applies to) 99.9 % are `correct`; of all pairs
(rewrite that provably changes it, gold) 100 % are `incorrect`, and none is `unscored`. The ordinary run takes every
40th distinct gold; ``RLVR_FULL=1`` takes all of them (minutes).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from verifier import Status, Verdict, VerifierConfig, equivalent, verify

HERE = Path(__file__).parent
STEP = 1 if os.environ.get("RLVR_FULL") == "1" else 40
CONFIG = VerifierConfig(timeout_s=30.0)  # time limits only kill; a busy machine must not change the outcome
SHOWN = 40


def _golds() -> ModuleType:
    known = sys.modules.get("rewrites_golds")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location("rewrites_golds", HERE / "golds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rewrites_golds"] = module
    spec.loader.exec_module(module)
    return module


golds_module = _golds()
oracle = golds_module.load("oracle")
KEEP_VALUE = [row for name in ("keep_number", "keep_value", "keep_shape") for row in golds_module.load(name).TABLE]
KEEP = [*golds_module.load("keep_layout").TABLE, *KEEP_VALUE]
CHANGE = [*golds_module.load("change_value").TABLE, *golds_module.load("change_shape").TABLE]


def check(answer: str, gold: str) -> Verdict:
    return verify(response="\\boxed{" + answer + "}", gold=gold, config=CONFIG)


@pytest.fixture(scope="module")
def texts(shared_dir: Path) -> list[str]:
    """The distinct golds of the shared data, sorted."""
    files = [*sorted((shared_dir / "data").glob("A*.json")), shared_dir / "data" / "MATH-500.json"]
    files += sorted((shared_dir / "data" / "deepscaler").glob("level_*.json"))
    return sorted({row["answer"] for file in files for row in json.loads(file.read_text(encoding="utf-8"))})


@pytest.fixture(scope="module")
def golds(texts: list[str]) -> list[Any]:
    """Golds that the verifier reads (the others are counted in test_benchmark_golds), taken apart."""
    return [golds_module.Gold(text) for text in texts[::STEP] if check(text, text).correct]


def test_the_tables_are_wide_enough_and_name_each_row_once() -> None:
    for table, least in ((KEEP, 40), (CHANGE, 25)):
        names = [name for name, _ in table]
        assert len(names) >= least
        assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def kept(golds: list[Any]) -> list[tuple[str, Any, str]]:
    rows = [(name, gold, rewrite(gold)) for name, rewrite in KEEP for gold in golds]
    return [(name, gold, text) for name, gold, text in rows if text is not None]


def test_rewrites_that_keep_the_meaning_are_accepted(kept: list[tuple[str, Any, str]]) -> None:
    used = Counter(name for name, _, _ in kept)
    assert len(used) >= 40
    refused = [(name, gold.raw, text) for name, gold, text in kept if not check(text, gold.raw).correct]
    print(f"{len(used)} rewrites that keep the meaning: {len(refused)} of {len(kept):,} texts refused")
    listing = "\n".join(f"{name}: {text!r} for {gold!r}" for name, gold, text in refused[:SHOWN])
    assert len(refused) <= 0.001 * len(kept), f"{len(refused)} of {len(kept)} refused\n{listing}"


def test_the_rewrites_keep_the_value_by_the_second_reader(kept: list[tuple[str, Any, str]]) -> None:
    """Where the second reader can read both sides of a rewrite of a number, they agree: a check of the table."""
    compared = 0
    for name, gold, text in kept:
        before = gold.value
        after = None if before is None else oracle.value(text)
        if after is not None:
            assert oracle.same(before, after), f"{name} changes {gold.raw!r} into {text!r}"
            compared += 1
    assert compared > len(kept) / 10


def test_golds_of_neighbouring_values_are_told_apart(texts: list[str]) -> None:
    """All golds that the second reader can read, by value: each against the next one, both relations as it says."""
    known = [gold for gold in map(golds_module.Gold, texts) if gold.value is not None]
    known.sort(key=lambda gold: (gold.value.real, gold.value.imag))
    pairs = list(pairwise(known))[:: max(1, STEP // 4)]
    equal = 0
    for a, b in pairs:
        expected = oracle.same(a.value, b.value)
        assert expected or oracle.different(a.value, b.value)
        assert equivalent(a.raw, b.raw, config=CONFIG) is expected, (a.raw, b.raw)
        assert check(a.raw, b.raw).status is (Status.CORRECT if expected else Status.INCORRECT), (a.raw, b.raw)
        equal += expected
    assert 0.05 * len(pairs) < equal < 0.5 * len(pairs)


def test_rewrites_that_change_the_meaning_are_rejected(golds: list[Any]) -> None:
    rows = [(name, change(gold)) for name, change in CHANGE for gold in golds]
    pairs = [(name, pair) for name, pair in rows if pair is not None]
    assert len({name for name, _ in pairs}) >= 25
    verdicts = [(name, pair, check(*pair)) for name, pair in pairs]
    wrong = [(name, pair, v) for name, pair, v in verdicts if v.status is not Status.INCORRECT]
    print(f"{len(CHANGE)} rewrites that change it: {len(wrong)} of {len(pairs):,} texts not rejected")
    listing = "\n".join(f"{name}: {p[0]!r} for {p[1]!r}: {v.status}, {v.reason}" for name, p, v in wrong[:SHOWN])
    assert not wrong, f"{len(wrong)} of {len(pairs)} not rejected\n{listing}"
