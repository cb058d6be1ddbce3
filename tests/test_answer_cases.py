"""Cases by answer type, one file each: every ruling in both directions.

Promises: each row's answer, put in a box, gets the expected status against its gold. Over all texts of a file the
strict relation ``equivalent`` is symmetric and transitive, and reflexive on what reads as a defined value; where
it holds, ``verify`` accepts. Each row says where its expectation comes from: a ruling, or our own judgement.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from verifier import Reason, Status, VerifierConfig, equivalent, verify

FOLDER = Path(__file__).parent / "cases" / "answers"
FILES = sorted(path.name for path in FOLDER.glob("*.jsonl"))
CONFIG = VerifierConfig(timeout_s=30.0)  # time limits only kill; a busy machine must not change the outcome


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _parameters() -> list[Any]:
    parameters = []
    for name in FILES:
        for number, row in enumerate(_rows(name), 1):
            parameters.append(pytest.param(row, id=f"{name.removesuffix('.jsonl')}-{number}"))
    return parameters


def _boxed(text: str) -> str:
    return "\\boxed{" + text + "}"


@pytest.mark.parametrize("row", _parameters())
def test_the_status_is_the_expected_one(row: dict[str, Any]) -> None:
    verdict = verify(response=_boxed(row["answer"]), gold=row["gold"], config=CONFIG)
    assert verdict.status.value == row["expected"], f"{row}\n{verdict}"


def test_there_are_enough_cases_of_both_kinds_in_every_file() -> None:
    rows = {name: _rows(name) for name in FILES}
    assert sum(map(len, rows.values())) >= 250
    for name, found in rows.items():
        assert {"correct", "incorrect"} <= {row["expected"] for row in found}, name
        assert all(row["provenance"].startswith(("ruling: ", "own")) for row in found), name


@cache
def _texts(name: str) -> tuple[str, ...]:
    """The texts of a file that read as a value and are no trick with boxes."""
    texts = {text for row in _rows(name) for text in (row["gold"], row["answer"])}
    texts = {text for text in texts if text and "\\boxed{" not in text and "think>" not in text}
    faults = (Reason.GOLD_UNPARSEABLE, Reason.GOLD_UNDEFINED, Reason.GOLD_OVER_LIMIT)
    return tuple(sorted(t for t in texts if verify(response=_boxed(t), gold=t, config=CONFIG).reason not in faults))


@cache
def _related(name: str) -> dict[tuple[str, str], bool]:
    texts = _texts(name)
    return {(a, b): equivalent(a, b, config=CONFIG) for a in texts for b in texts}


@pytest.mark.parametrize("name", FILES)
def test_the_strict_relation_is_an_equivalence(name: str) -> None:
    related = _related(name)
    texts = _texts(name)
    assert len(texts) >= 3
    assert not [text for text in texts if not related[text, text]], "not reflexive"
    one_way = [pair for pair, held in related.items() if held and not related[pair[1], pair[0]]]
    assert not one_way, f"not symmetric: {one_way}"
    classes = {text: frozenset(other for other in texts if related[text, other]) for text in texts}
    broken = [(a, b) for (a, b), held in related.items() if held and classes[a] != classes[b]]
    assert not broken, f"not transitive: {broken}"


@pytest.mark.parametrize("name", FILES)
def test_what_is_strictly_equal_is_accepted(name: str) -> None:
    """The gold-side leniencies only add to the strict relation."""
    refused = []
    for (a, b), held in _related(name).items():
        if held and verify(response=_boxed(a), gold=b, config=CONFIG).status is not Status.CORRECT:
            refused.append((a, b))
    assert not refused
