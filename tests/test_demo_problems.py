"""The embedded problems: counts, types, and golds that are right beyond doubt.

Every gold is read by `demo_reader` and compared with the value that `demo_solutions` computes from the
prompt; every small corruption of every gold must make that check fail.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lm_eval_tasks
from verifier import Reason, verify

HERE = Path(__file__).parent
PROBLEMS = Path(lm_eval_tasks.__path__[0]) / "demo" / "problems.jsonl"
SHARED_DATA = HERE.parent.parent / "shared" / "data"


def _module(name: str) -> ModuleType:
    """A helper module beside this file: the import mode of the tests keeps `tests/` off the path."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


demo_reader = _module("demo_reader")
demo_solutions = _module("demo_solutions")

ROWS: list[dict[str, Any]] = [json.loads(line) for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])


def gold_is_right(row: dict[str, Any], gold: str) -> bool:
    """Whether `gold` is in its type's form and has the value computed from the prompt."""
    try:
        value = demo_reader.read(row["type"], gold)
    except demo_reader.ReadError:
        return False
    return bool(demo_reader.same(row["type"], value, demo_solutions.solve(row)))


def corruptions(gold: str) -> Iterator[str]:
    """Wrong golds that differ from `gold` in one digit, sign, relation, bracket or letter."""
    for at, character in enumerate(gold):
        for old, new in ("+-", "-+", "<>", "><", "([", "[(", ")]", "])"):
            if character == old:
                yield gold[:at] + new + gold[at + 1 :]
        if character.isdigit():
            yield from (gold[:at] + str((int(character) + k) % 10) + gold[at + 1 :] for k in (1, 9))
        if character.isascii() and character.isalpha():
            first = "A" if character.isupper() else "a"
            for step in (1, 25):
                yield gold[:at] + chr(ord(first) + (ord(character) - ord(first) + step) % 26) + gold[at + 1 :]
    yield gold[1:] if gold.startswith("-") else "-" + gold
    yield gold + "0"
    for old, new in ("\\le", "<"), ("\\ge", ">"), ("<", "\\le"), (">", "\\ge"), ("sin", "cos"):
        if old in gold:
            yield gold.replace(old, new, 1)


def normalised(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))


def test_every_row_has_exactly_the_five_fields() -> None:
    for row in ROWS:
        assert list(row) == ["id", "level", "type", "prompt", "answer"]
        assert type(row["level"]) is int
        assert all(isinstance(row[field], str) and row[field] for field in ("id", "type", "prompt", "answer"))
        assert re.fullmatch(rf"demo/{row['level']}/{row['type']}/\d{{3}}", row["id"])
        assert "boxed" not in row["prompt"]


def test_ids_and_prompts_are_unique() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({normalised(row["prompt"]) for row in ROWS}) == len(ROWS)


def test_counts_by_level() -> None:
    assert Counter(row["level"] for row in ROWS) == {1: 40, 2: 47, 3: 48}


def test_every_answer_type_has_three_problems_and_reaches_beyond_level_one() -> None:
    counts = Counter(row["type"] for row in ROWS)
    assert set(counts) == set(demo_reader.READERS)
    assert min(counts.values()) >= 3
    assert {row["type"] for row in ROWS if row["level"] > 1} == set(counts)


def test_every_row_has_one_solution_and_every_solution_a_row() -> None:
    solved = [*demo_solutions.BY_NUMBERS, *demo_solutions.BY_TEXT]
    assert sorted(solved) == sorted(row["id"] for row in ROWS)


@each_row
def test_gold_has_the_value_computed_from_the_prompt(row: dict[str, Any]) -> None:
    expected = demo_solutions.solve(row)
    value = demo_reader.read(row["type"], row["answer"])
    assert demo_reader.same(row["type"], value, expected), (row["answer"], value, expected)


@each_row
def test_no_corrupted_gold_passes(row: dict[str, Any]) -> None:
    wrong = [gold for gold in corruptions(row["answer"]) if gold != row["answer"]]
    assert not [gold for gold in wrong if gold_is_right(row, gold)]

    def readable(gold: str) -> bool:
        try:
            demo_reader.read(row["type"], gold)
        except demo_reader.ReadError:
            return False
        return True

    assert any(map(readable, wrong)), "all corruptions are refused by their form: the value was never tested"


@each_row
def test_gold_in_a_box_is_accepted_by_the_verifier(row: dict[str, Any]) -> None:
    verdict = verify(response=f"So it is \\boxed{{{row['answer']}}}.", gold=row["answer"])
    assert verdict.reason is Reason.EQUAL, verdict


@each_row
def test_the_next_gold_of_the_type_is_judged_by_its_value(row: dict[str, Any]) -> None:
    """Its neighbour in form: what a verifier that compares too loosely would take for equal."""
    alike = [other for other in ROWS if other["type"] == row["type"]]
    other = alike[(alike.index(row) + 1) % len(alike)]
    equal = demo_reader.same(row["type"], demo_solutions.solve(row), demo_solutions.solve(other))
    verdict = verify(response=f"\\boxed{{{other['answer']}}}", gold=row["answer"])
    assert verdict.status.value == ("correct" if equal else "incorrect"), verdict


@each_row
def test_a_wrong_number_in_a_box_is_refused_by_the_verifier(row: dict[str, Any]) -> None:
    verdict = verify(response="\\boxed{987654321}", gold=row["answer"])
    assert verdict.status.value == "incorrect", verdict


def test_no_problem_is_taken_from_a_benchmark_or_training_set() -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the benchmark texts are not at {SHARED_DATA}")
    ours = {normalised(row["prompt"]): row["id"] for row in ROWS}
    # A run of 13 words in common is the usual sign of a copied problem.
    runs = {run: row_id for text, row_id in ours.items() for run in _runs(text)}
    seen, overlaps = 0, []
    for path in sorted(SHARED_DATA.rglob("*.json")):
        for other in json.loads(path.read_text(encoding="utf-8")):
            text = normalised(other["prompt"])
            seen += 1
            overlaps += [(ours[text], path.name)] if text in ours else []
            overlaps += [(runs[run], path.name) for run in _runs(text) if run in runs]
    assert seen > 600
    assert not overlaps


def _runs(text: str, length: int = 13) -> Iterator[tuple[str, ...]]:
    words = text.split()
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))
