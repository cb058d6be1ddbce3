"""Traits of responses: the table of examples, and repetition against a brute-force reading of its definition."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.behaviour import has_box, has_code, has_fence, length, main_script, repeats, scripts, traits
from verifier.extraction import extract


@pytest.mark.parametrize(
    ("text", "box", "code", "fence"),
    [
        ("", False, False, False),
        (r"\boxed{7}", True, False, False),
        (r"\boxed{}", False, False, False),
        (r"\boxed{ \n", True, False, False),  # a backslash and an n: something stands in it
        ("\\boxed{ \n }", False, False, False),
        (r"\boxed x", True, False, False),
        (r"\boxed 5", True, False, False),
        (r"\boxed\frac12", True, False, False),
        ("so $\x08oxed{7}$", True, False, False),  # `\b` read as a backspace
        (r"put it in \boxed.", False, False, False),
        (r"\boxedfoo", False, False, False),
        (r"\boxed", False, False, False),
        ("\\boxed{\u200b}", False, False, False),
        (r"\boxed{} and \boxed{7}, \boxed{}", True, False, False),
        (r"<think>\boxed{7}</think> done", True, False, False),  # anywhere, though no answer
        ("PYTHON", False, True, False),
        ("```Python\nprint(1)\n```", False, True, True),
        ("``` python\n```", False, True, False),
        ("```\npython\n```", False, True, False),
    ],
)
def test_box_code_and_fence(text: str, box: bool, code: bool, fence: bool) -> None:
    assert (has_box(text), has_code(text), has_fence(text)) == (box, code, fence)


PIECES = [
    "\\boxed",
    "\\fbox",
    "\x08oxed",
    "\x0cbox",
    "{",
    "}",
    "{}",
    " ",
    "\n",
    "x",
    "7",
    ".",
    "$",
    "\\",
    "\u200b",
    "(",
    ",",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_where_extraction_finds_an_answer_in_a_box_there_is_one(text: str) -> None:
    found = extract(text, "boxed")
    if found.answer is not None:
        assert has_box(text)
    if not has_box(text):
        assert found.reason is not None


def test_boxes_are_looked_for_in_linear_time() -> None:
    for text in ("\\boxed{}" * 200_000, "\\boxed." * 200_000, "\\boxed{" + " " * 1_000_000):
        begun = time.process_time()
        assert has_box(text) is False
        assert time.process_time() - begun < 10


def test_scripts_and_length() -> None:
    assert scripts("Да, 42") == {"cyrillic": 2}
    assert scripts("\ud800 5 \x00") == {}
    assert main_script("因此 the answer is 5") == "latin"
    assert (length("two words\n"), length("two words\n", "words")) == (10, 2)


def test_traits_have_constant_keys() -> None:
    assert list(traits(None)) == list(traits("```python")) == [
        "box", "code", "fence", "repeats", "script", "characters", "words",
    ]  # fmt: skip
    assert traits(None)["script"] is None


def brute_force(text: str) -> bool:
    """The definition, read literally: ten copies of a piece of 10 to 256 characters, anywhere."""
    return any(
        text[at : at + 10 * size] == text[at : at + size] * 10
        for size in range(10, min(256, len(text) // 10) + 1)
        for at in range(len(text) - 10 * size + 1)
    )


def generated(rng: random.Random, longest: int) -> str:
    """Text around something that repeats about ten times, often with one flaw; few letters make accidents likely."""
    letters = rng.choice(["a", "ab", "ab\n", "abcdefgh \n", "aé因\ud800"])

    def some(count: int) -> str:
        return "".join(rng.choices(letters, k=count))

    unit = some(rng.randint(4, longest))
    core = (unit * rng.randint(8, 12))[: -rng.randint(1, 3) if rng.random() < 0.5 else None]
    if rng.random() < 0.3:
        at = rng.randrange(len(core))
        core = core[:at] + rng.choice(letters) + core[at + 1 :]
    return some(rng.randint(0, 60)) + core + some(rng.randint(0, 60))


def test_repetition_equals_brute_force_on_10_000_strings() -> None:
    rng = random.Random(20260611)
    found = 0
    for _ in range(10_000):
        text = generated(rng, 16)
        expected = brute_force(text)
        assert repeats(text) is expected, text
        found += expected
    assert 2_000 < found < 8_000


def test_repetition_equals_brute_force_for_every_period() -> None:
    """Each length of unit near its bounds, ten copies or one character short of that."""
    rng = random.Random(3)
    for size in [*range(8, 42), *range(78, 83), *range(158, 163), 200, 254, 255, 256, 257, 258]:
        unit = "".join(rng.choices("abcdefghij\n", k=size))
        before, behind = "x" * rng.randint(0, 9), "y" * rng.randint(0, 9)
        assert repeats(before + unit * 10 + behind) is (10 <= size <= 256), size
        assert repeats(before + (unit * 10)[:-1] + behind) is False, size


def test_units_within_units_count() -> None:
    assert repeats("a" * 100)  # ten times "aaaaaaaaaa"
    assert not repeats("a" * 99)
    assert repeats("ab" * 50)
    assert repeats("abc" * 40)  # twelve characters are four times "abc"
    assert not repeats("abc" * 39)
    assert repeats("\n" * 100)


def test_only_a_longer_period_repeats_often_enough() -> None:
    """A block with a short period inside a unit with a long one."""
    unit = "a" * 60 + "b"
    assert repeats(unit * 10)
    assert not repeats(unit * 9)
    assert repeats(("ab" * 30 + "c" + "ab" * 30) * 10)
