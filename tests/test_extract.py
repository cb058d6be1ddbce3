r"""Extraction: every row of the table by its example, cases as data, hostile texts, and what must always hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import ConfigError, Reason, _quantities
from verifier._boxes import read_box
from verifier.config import EXTRACTION_MODES
from verifier.extraction import RULES, Candidate, Extraction, after_thinking, extract

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases" / "extraction.jsonl").read_text().splitlines()]


# ---- the table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_finds_the_answer_of_its_own_example(rule: Any) -> None:
    found = extract(rule.example, rule.modes[0]).answer
    assert found is not None
    assert (found.text, found.rule) == (rule.answer, rule.name)


def test_the_table_has_unique_names_known_modes_and_true_anchors() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert set(rule.modes) <= set(EXTRACTION_MODES)
        assert not rule.anchors or any(anchor in rule.example for anchor in rule.anchors), rule.name


@pytest.mark.parametrize("mode", EXTRACTION_MODES)
def test_a_rule_that_is_not_of_the_mode_finds_nothing(mode: str) -> None:
    for rule in RULES:
        if mode not in rule.modes:
            found = extract(rule.example, mode).answer
            assert found is None or found.rule != rule.name


# ---- the cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['mode']}: {case['why']}")
def test_case(case: dict[str, Any]) -> None:
    found = extract(case["response"], case["mode"])
    assert (found.answer.text if found.answer else None) == case["answer"]
    assert (found.joined.text if found.joined else None) == case.get("joined")
    assert found.hedged is case.get("hedged", False)
    assert found.reason == case.get("reason")
    if "boxes" in case:
        assert [box.text for box in found.boxes] == case["boxes"]


def test_the_spans_of_a_run_cover_it_and_those_of_its_boxes_do_not() -> None:
    response = r"$\boxed{ 1 }$ and $\boxed{2}$"
    found = extract(response)
    assert found.joined is not None
    assert response[slice(*found.joined.span)] == r"1 }$ and $\boxed{2"
    assert [response[slice(*box.span)] for box in found.boxes] == ["1", "2"]


def test_a_unit_behind_a_formula_is_in_the_text_and_in_the_span() -> None:
    response = "The answer is $28$ percent."
    found = extract(response, "final_answer").answer
    assert found is not None
    assert (found.text, response[slice(*found.span)]) == ("28 percent", "28$ percent")


# ---- what must always hold ----------------------------------------------------------------------------


def test_none_and_empty_have_no_answer() -> None:
    for mode in EXTRACTION_MODES:
        for response in (None, "", " \n"):
            assert extract(response, mode) == Extraction(None, None, (), Reason.NO_ANSWER, False)


@pytest.mark.parametrize("mode", ["", "box", "BOXED"])
def test_an_unknown_mode_is_a_configuration_error_that_names_the_modes(mode: str) -> None:
    with pytest.raises(ConfigError, match=f"^extraction='{mode}' .*boxed, answer_tag, final_answer, any$"):
        extract("x", mode)


FRAGMENTS = [
    *("\\boxed", "\\boxed{", "\\fbox{", "\x08oxed{", "\x0cbox {", "{", "}", "\\{", "\\}", "\\", "\\\\", "5", "x = "),
    *("\\frac{1}{2}", ", ", " and ", " or ", "\n", " ", ".", "$", "$$", "\\(", "\\)", "\\[", "\\]", "<answer>"),
    *("</answer>", "<think>", "</think>", "The answer is ", "Final answer:", "#### ", "答案是", "。", "**", "\x00"),
    *("\ud800", "\u200f", "１", "1,234.5", "%", " cm", "-", "\\text{ and }", "\\begin{align}", "\\end{align}", "\t"),
    *("I hope it is correct", "(", ")", "!", "words here ", "A", "<|im_end|>", "=", "é"),
]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.sampled_from(EXTRACTION_MODES))
def test_any_text_is_read_without_an_exception_and_with_true_spans(response: str, mode: str) -> None:
    found = extract(response, mode)
    assert (found.answer is None) is (found.reason is not None)
    assert found.reason in (None, Reason.NO_ANSWER, Reason.UNCLOSED_BOX)
    names = {rule.name for rule in RULES}
    end = after_thinking(response)
    for box in found.boxes:
        assert box.rule in names
        assert response[slice(*box.span)] == box.text
        assert box.span[0] >= end  # in order, apart, and behind the thinking
        end = box.span[1]
    if found.answer is not None:
        start, stop = found.answer.span
        assert after_thinking(response) <= start < stop <= len(response)
        assert found.answer.text
        assert found.answer.rule in names
    if found.joined is not None:
        assert found.answer is not None
        assert found.joined.span[0] < found.answer.span[0]
        assert found.joined.span[1] == found.answer.span[1]
        assert found.joined.text.endswith(", " + found.answer.text)
    assert found.joined is not None or not found.hedged


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40), st.sampled_from(EXTRACTION_MODES))
def test_a_box_at_the_end_is_the_answer_whatever_stands_before(before: str, mode: str) -> None:
    before += "</think>. " + {"answer_tag": "<answer>", "final_answer": "The answer is "}.get(mode, "")
    assert extract(before + r"\boxed{\frac{1}{2}}.", mode).answer == Candidate(
        r"\frac{1}{2}", (len(before) + 7, len(before) + 18), "boxed"
    )


BRACES = ["{", "}", "{}", "\\{", "\\}", "\\\\", "\\", "5", "\\frac{1}{2}", "x" * 700]


def _closing(text: str, pos: int) -> int:
    """The brace that closes the group whose content begins at ``pos``, read one character after the other."""
    depth, at = 1, pos
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    return -1


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(BRACES), max_size=16).map("".join))
def test_a_box_ends_at_the_brace_that_closes_it(inner: str) -> None:
    text = r"\boxed{" + inner
    found = read_box(text, 0, len(text))
    assert found is not None
    assert found.end == _closing(text, 7)


NUMBERS = [
    *("5", "12.50", "1,000", "$3", "-7", "2/3", "10^{5}", "4π", "√(2", ")", "{,}", " ", "\n", ".", ",", ": ", "! "),
    *(". ", " hours", " m^2", "%", "=", "<<", ">>", "words here ", "x", "\\times 10^3", "e5", "_", "\\", "a" * 90),
]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(NUMBERS), max_size=120).map("".join))
def test_numbers_from_the_end_are_those_that_reading_forward_finds(text: str) -> None:
    forward = [match.span() for match in _quantities._NUMBER.finditer(text)]
    backward = list(_quantities.from_the_last(text, 0, len(text)))
    assert backward == forward[: -_quantities.MAX_RUN - 1 : -1]


# ---- hostile sizes: none may take more than linear time; a quadratic one would never end --------------

MB = 1_000_000
HOSTILE: dict[str, tuple[str, str | None, Reason | None]] = {
    "100,000 boxes": ("\\boxed{5} " * 100_000, "5", None),
    "100,000 nested boxes": ("\\boxed{" * 100_000 + "5" + "}" * 100_000, None, None),
    "100,000 boxes that never close": ("\\boxed{" * 100_000, None, Reason.UNCLOSED_BOX),
    "the innermost of 100,000 closes": ("\\boxed{" * 100_000 + "5}", "5", None),
    "100,000 boxes closed by an escaped brace": ("\\boxed{5\\}" * 100_000, "5", None),
    "49,000 mentions behind the box": ("\\boxed{5}" + "\\boxed." * 49_000, "5", None),
    "more mentions than are looked at": ("\\boxed{5}" + "\\boxed." * 200_000, None, Reason.NO_ANSWER),
    "backslashes": ("\\" * 10 * MB, None, Reason.NO_ANSWER),
    "backslashes in a box": ("\\boxed{" + "\\" * 10 * MB + "}", None, None),
    "backslashes and an open box": ("\\boxed{" + "\\" * 10 * MB, None, Reason.UNCLOSED_BOX),
    "think tags": ("<think>" * (10 * MB // 7), None, Reason.NO_ANSWER),
    "braces": ("{" * 10 * MB, None, Reason.NO_ANSWER),
    "braces in a box": ("\\boxed{" + "{" * 10 * MB, None, Reason.UNCLOSED_BOX),
    "groups in a box": ("\\boxed{" + "{}" * 5 * MB + "}", None, None),
    "groups before the box": ("\\boxed{" + "{}" * MB + "\\boxed{5}", "5", None),
    "spaces behind the box": ("\\boxed" + " " * 10 * MB, None, Reason.UNCLOSED_BOX),
    "a long answer without braces": ("\\boxed " + "5" * MB, None, None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sizes(name: str) -> None:
    response, answer, reason = HOSTILE[name]
    found = extract(response)
    assert found.reason is reason
    if answer is not None:
        assert found.answer is not None
        assert found.answer.text == answer
    elif reason is None:  # too long to be an answer, but not lost: the caller calls it over the limit
        assert found.answer is not None
        assert len(found.answer.text) >= 1_900


@pytest.mark.parametrize(
    "piece",
    [
        *("\\", "{", "$", "$a$", "$ a", "\\(", "\\begin{a}", "1", "1,", "1{,}", "1/1", "-", " ", "\n", "a", "abc "),
        *("<answer>", "#", "答案", "**a", "answer ", "answer (", "the answer is ", "final answer ", "\x00", "<|a|>"),
        *("\\frac{", "a_{", "I hope it is correct ", "éponse "),
    ],
)
def test_a_repeated_piece_is_read_in_every_mode(piece: str) -> None:
    for mode in EXTRACTION_MODES:
        found = extract(piece * (2 * MB // len(piece)), mode)
        assert (found.answer is None) is (found.reason is Reason.NO_ANSWER)


def test_boxes_far_before_the_last_one_are_not_listed_and_the_answer_stands() -> None:
    found = extract("\\boxed{1}" + "x" * 300_000 + "\\boxed{2}")
    assert [box.text for box in found.boxes] == ["2"]
    assert extract("\\boxed{1}" + "x" * 100_000 + "\\boxed{2}").boxes[0].text == "1"


# ---- real responses -----------------------------------------------------------------------------------


def _bare(text: str) -> str:
    """A crude form that only shows whether the right piece was found."""
    text = re.sub(r"\\(?:left|right|text|mbox|mathrm|,|!|;|\s)|[\s${}]", "", text)
    return re.sub(r"\\[dt]frac", r"\\frac", text).rstrip(".")


def test_real_responses_that_are_right_have_an_answer_and_most_are_written_as_the_gold(
    shared_dir: Path,
) -> None:
    rows = [json.loads(line) for line in (shared_dir / "cases" / "dev.jsonl").read_text().splitlines()]
    right = [row for row in rows if row["kind"] == "response" and row["expected"] and row["tier"] == "core"]
    found = [extract(row["prediction"]).answer for row in right]
    assert sum(answer is None for answer in found) == 0
    same = sum(a is not None and _bare(a.text) == _bare(r["gold"]) for a, r in zip(found, right, strict=True))
    assert (same, len(right)) == (618, 687)
