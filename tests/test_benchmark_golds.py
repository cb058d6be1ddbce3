"""Every gold of the four evaluation sets equals itself in a box; the training golds are counted.

Promises: an evaluation set holds no gold that the verifier cannot read. Of the training golds (39,808, some of
them cut off or garbled where they were collected) exactly the number in ``cases/gold_counts.json`` is
unreadable; every other one equals itself.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from verifier import Reason, Rung, Status, Verdict, VerifierConfig, verify

COUNTS: dict[str, dict[str, int]] = json.loads((Path(__file__).parent / "cases" / "gold_counts.json").read_text())
EVALUATION_SETS = ("MATH-500", "AMC", "AIME-2024", "AIME-2025")
CONFIG = VerifierConfig(timeout_s=30.0)  # time limits only kill; the counts must not depend on the load


def _golds(path: Path) -> list[str]:
    return [row["answer"] for row in json.loads(path.read_text(encoding="utf-8"))]


def _boxed(text: str) -> str:
    return "Therefore the answer is \\boxed{" + text + "}."


def _against_itself(gold: str) -> Verdict:
    return verify(response=_boxed(gold), gold=gold, config=CONFIG)


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_every_gold_equals_itself_in_a_box(shared_dir: Path, name: str) -> None:
    golds = _golds(shared_dir / "data" / f"{name}.json")
    assert len(golds) == COUNTS[name]["rows"]
    refused = [(index, v.reason) for index, v in enumerate(map(_against_itself, golds)) if not v.correct]
    assert len(refused) == COUNTS[name]["unreadable"], refused


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_every_gold_equals_itself_written_otherwise(shared_dir: Path, name: str) -> None:
    """Not the same text: the gold inside a group and dollars is read, not matched as a string."""
    golds = _golds(shared_dir / "data" / f"{name}.json")
    verdicts = [verify(response=_boxed("$ {" + gold + "} $"), gold=gold, config=CONFIG) for gold in golds]
    assert not [(index, v.reason) for index, v in enumerate(verdicts) if not v.correct]
    assert all(v.rung is not Rung.IDENTICAL for v in verdicts)


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_no_gold_equals_its_neighbour_unless_they_are_the_same(shared_dir: Path, name: str) -> None:
    """Self-equality would also hold for a grader that accepts everything."""
    golds = _golds(shared_dir / "data" / f"{name}.json")
    pairs = [(a, b) for a, b in pairwise(golds) if a.strip() != b.strip()]
    accepted = [
        index for index, (a, b) in enumerate(pairs) if verify(response=_boxed(a), gold=b, config=CONFIG).correct
    ]
    assert len(accepted) <= 0.01 * len(pairs)


@pytest.mark.parametrize(
    ("name", "gold", "answer"), [("AMC", "142.0", "142"), ("AIME-2024", "025", "25"), ("AIME-2024", "033", "33")]
)
def test_noise_in_a_set_s_numbers_is_no_part_of_their_value(
    shared_dir: Path, name: str, gold: str, answer: str
) -> None:
    assert gold in _golds(shared_dir / "data" / f"{name}.json")
    assert verify(response=_boxed(answer), gold=gold, config=CONFIG).status is Status.CORRECT
    assert verify(response=_boxed(answer + "0"), gold=gold, config=CONFIG).status is Status.INCORRECT


def test_training_golds_are_read_but_for_a_known_number(shared_dir: Path) -> None:
    files = sorted((shared_dir / "data" / "deepscaler").glob("level_*.json"))
    golds = Counter(gold for file in files for gold in _golds(file))
    held = COUNTS["deepscaler"]
    assert golds.total() == held["rows"]
    unreadable: Counter[Reason] = Counter()
    for gold, times in golds.items():
        verdict = _against_itself(gold)
        if not verdict.correct:
            assert verdict.status is Status.UNSCORED, f"a readable gold is not equal to itself: {verdict}"
            assert verdict.reason.fault == "gold", verdict.reason
            unreadable[verdict.reason] += times
    assert unreadable.total() <= held["unreadable"], f"worse: {unreadable}"
    assert unreadable.total() == held["unreadable"], f"improved: update cases/gold_counts.json: {unreadable}"
