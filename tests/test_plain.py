"""The direct reading of plain arithmetic is the grammar's reading.

Promises: on generated texts, and on every published gold where they are at hand, `plain` returns the node that the
grammar builds or leaves the text to it; and it does read what it is there for.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from verifier.config import Limits
from verifier.nodes import Node
from verifier.parse import _by_grammar, _parsed
from verifier.plain import plain
from verifier.syntax import LimitError, ParseError, UndefinedError

LIMITS = Limits()
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_ATOMS = (
    "0 1 2 3 7 12 120 1000 0.5 3.25 10 007 1.50 x y a b c n e i d o f g h t m s k p A C \\pi \\frac \\dfrac \\tfrac "
    "\\frac12 \\sqrt \\sqrt2 \\sqrt{3} \\frac{1}{2} \\frac{a}{b} { } ( ) ( ) \\left( \\right) + - * / ^ + - ^2 ^{2} "
    "^{-1} ^-1 ^{1/2} \\cdot $ . $$ ** +- ... (a) (x+1) (2) , ! % = | \\le ab am \\text{cm} : ' _2 \\circ , [ ] "
    "\\{ \\} (1,2) \\cup \\infty -\\infty \\left[ \\right] {,} 1,000 12,34 (3,4)\\cup(5,6] \\{1,2\\}"
)
ATOMS = (
    *_ATOMS.split(), " ", " + ", " - ", " * ", "\\pi ", "\\cdot ", " \\times ", " \\cdot x", ", ", " x", " (", ") ",
    "( a, b )", "[1, 2)", " \\cup ", " \\sqrt{2}",
)  # fmt: skip
OPERATORS = (",", ", ", " \\cup ", "+", "-", " + ", " - ", "*", "/", "\\cdot ", " \\times ", "^", "", "", " ")


def _formula(source: random.Random, depth: int = 0) -> str:
    kind = source.random()
    if depth > 4 or kind < 0.35:
        return source.choice(ATOMS[:32])
    inside = _formula(source, depth + 1)
    if kind < 0.6:
        return inside + source.choice(OPERATORS) + _formula(source, depth + 1)
    if kind < 0.66:
        return f"({inside})"
    if kind < 0.7:
        return (
            source.choice("([")
            + inside
            + source.choice((",", ", "))
            + _formula(source, depth + 1)
            + source.choice(")]")
        )
    if kind < 0.8:
        return f"{source.choice(ATOMS[26:28])}{{{inside}}}{{{_formula(source, depth + 1)}}}"
    if kind < 0.87:
        return f"\\sqrt{{{inside}}}"
    return f"{inside}^{{{_formula(source, depth + 1)}}}" if kind < 0.94 else source.choice("+-") + inside


def _text(source: random.Random) -> str:
    loose = source.random() < 0.5
    text = "".join(source.choice(ATOMS) for _ in range(source.randint(1, 7))) if loose else _formula(source)
    text = f"${text}$" if source.random() < 0.1 else text
    return text + "." if source.random() < 0.1 else text


def _outcome(text: str) -> Node | str:
    try:
        return _by_grammar(text, LIMITS)
    except (ParseError, LimitError, UndefinedError) as error:
        return repr(error)


@pytest.mark.parametrize("seed", range(8))
def test_generated_texts_read_alike(seed: int) -> None:
    source = random.Random(seed)
    read = 0
    for _ in range(6_000):
        text = _text(source)
        node = plain(text, LIMITS)
        if node is not None:
            read += 1
            assert repr(node) == repr(_outcome(text)), text
    assert read > 500  # the comparison is not empty


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", ["MATH-500.json", "AMC.json", "AIME-2024.json", "AIME-2025.json"])
def test_published_golds_read_alike(name: str) -> None:
    golds = [str(row["answer"]) for row in json.loads((SHARED / name).read_text(encoding="utf-8"))]
    for gold in golds:
        node = plain(gold, LIMITS)
        assert node is None or repr(node) == repr(_outcome(gold)) or repr(node) == repr(_parsed(gold, LIMITS))


@pytest.mark.parametrize(
    "text",
    ["5.", "$3.5$", "-x^2 + 2x - 1", r"\frac{\sqrt{3}}{2}", r"\dfrac{3\pi}{4}", "2(x+1)(x-1)", r"\left(x+1\right)^2",
     r"3 \cdot 2^{10}", "x^{1/2}/3", r"\frac12x", "x^-1",
     "(3, 4)", "1, 2, -3", r"(-\infty, 2) \cup [3, 5)", r"\left\{ 1, \frac{1}{2} \right\}", r"16 \sqrt{3}",
     "(a, b), (c, 1)"],
)  # fmt: skip
def test_plain_arithmetic_is_read_directly(text: str) -> None:
    node = plain(text, LIMITS)
    assert node is not None
    assert repr(node) == repr(_by_grammar(text, LIMITS))


@pytest.mark.parametrize(
    "text",
    ["", "x", "(a)", "4 2/3", r"4\frac{2}{3}", "2e3", "2e-1", "0.5(3)", "1,000", "1,234,5", "f(x)", "5 cm", "ab", "--1",
     "+-1", "2**3", "x^2^3", "1 000", r"\frac{d}{x}", "...", "3...", "x'", "5!", "50%", "x_1", r"\infty", "(" * 9 + "1",
     "1" * 90, "½", "3\n", "x10", "2 x 10^2",
     "()", "[1]", "(1,", "1,", "[[1,2],[3,4]]", "2(1,2)", "(1,2)+(3,4)", "]1,2[", "(1;2)", r"\{x | x > 1\}"],
)  # fmt: skip
def test_the_rest_is_left_to_the_grammar(text: str) -> None:
    assert plain(text, LIMITS) is None


def test_tighter_limits_are_the_grammars_to_apply() -> None:
    assert plain("1+1", Limits(tokens=2)) is None
    assert plain("1+1", Limits(depth=1)) is None
    assert plain("1+1", Limits(digits=1)) is None
