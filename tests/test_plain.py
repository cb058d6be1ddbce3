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
# Pieces that any text may hold anywhere: what is read directly, what resembles it, and halves of both.
_ATOMS = (
    "0 1 2 3 7 12 120 1000 0.5 3.25 10 007 1.50 .5 x y a b c n e i d o f g h t m s k p R L T K U A C P \\pi \\frac "
    "\\dfrac \\tfrac \\frac12 \\sqrt \\sqrt2 \\sqrt{3} \\sqrt[3]{2} \\frac{1}{2} \\frac{a}{b} \\frac9{17} "
    "\\frac{27}7 \\frac143 { } ( ) ( ) \\left( \\right) + - * / ^ + - ^2 ^{2} ^{-1} ^-1 ^{1/2} \\cdot $ . $$ ** +- "
    "... (a) (x+1) (2) , ! % \\% = < > <= \\le \\ge \\ne \\in | ab am : ' _2 \\circ ^\\circ ^{\\circ} ° π ∞ − × ½ ² "
    "√ [ ] \\{ \\} (1,2) \\cup \\infty -\\infty \\left[ \\right] {,} ,\\! \\! \\, \\; 1,000 12,34 11,101.5 "
    "(3,4)\\cup(5,6] \\{1,2\\} 20,\\!400 45{,}678 \\pm ± \\$ \\sin \\cot \\ln \\sin(x) \\sin^2 & \\\\ & \\\\ "
    "\\begin{pmatrix} \\end{pmatrix} \\begin{bmatrix} \\end{bmatrix} \\begin{pmatrix}1\\\\2\\end{pmatrix} "
    "\\text{cm} \\mbox{inches}^2 \\text{m} \\text{degrees} \\text{percent} \\text{apples} \\text{and} \\text{C} °C "
    "f(x)= x= x(2)= x^{-1}(2)= x\\in k\\inZ (x,y) ; -> \\to ~ \\pmod \\degree \\prime (x>0) {x} (A) A. B: 3h 10x "
    "2e-10 1e3 x_1 \\binom \\binom{5}{2} 4! !="
)
ATOMS = (
    *_ATOMS.split(), *[" "] * 6, " + ", " - ", " * ", "\\pi ", "\\cdot ", " \\times ", " \\cdot x", ", ", " x", " (",
    ") ", "( a, b )", "[1, 2)", " \\cup ", " \\sqrt{2}", " \\pm ", " = ", " < ", " \\in ", "k \\in Z", " & ",
    " \\\\ ", "\\frac 37", " \\frac{1}{2}", "\\dfrac {2}{3}", " \\text{ cm}", " \\mbox{ cm}^2",
    " \\text{ square inches}", "11,\\! 111", "\\sin x", "4 2/3", "1, 2", "30^\\circ ", "x \\in [1,2]", "y = 4x + 1",
)  # fmt: skip
# Whole operands, and what may join two.
OPERANDS = (
    *"1 2 12 0.5 .25 x n i e f R \\pi \\frac12 \\frac{1}{2} \\sqrt{3} \\infty 7 "
    "(1,2) 1,000 20,\\!400 50\\% 30^\\circ 2e-10 4\\frac{2}{3} 2\\frac{\\sqrt3}{2} \\$12.50 π ∞ \\frac9{17} "
    "(1,11) 11,101 11,101.5 x(2) k\\inZ".split(),
    "\\frac 37", "\\sin x", "\\ln 2", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "k \\in Z",
)  # fmt: skip
OPERATORS = (
    ",", " , ", ", ", ",", "!", "+", "-", " + ", " - ", "*", "/", "\\cdot ", " \\times ", "^", "", "", "", " ", "\\pm ",
    " = ", "<", " \\le ", " \\in ", " \\cup ", "^\\circ ", "%", " \\text{ cm}",
)  # fmt: skip
BRACKETS = (
    ("(", ")"), ("\\left(", "\\right)"), ("\\sqrt{", "}"), ("\\sqrt[3]{", "}"), ("\\sin ", ""), ("\\cot(", ")"),
    ("\\ln", ""), ("-", ""), ("+", ""), ("\\pm ", ""), ("\\$", ""), ("3", ""),
)  # fmt: skip
PAIRS = (
    ("(", ",", ")"), ("(", ", ", "]"), ("[", ",", ")"), ("[", ", ", "]"), ("\\{", ", ", "\\}"), ("\\frac{", "}{", "}"),
    ("\\dfrac{", "}{", "}"),
    ("\\binom{", "}{", "}"), ("2\\frac{", "}{", "}"), ("", "^{", "}"), ("\\begin{bmatrix} ", " & ", " \\end{bmatrix}"),
    ("\\begin{pmatrix} ", " \\\\ ", " \\end{pmatrix}"),
)  # fmt: skip
AROUND = (
    ("$", "$"), ("\\, ", " \\;"), ("\\,", "\\,"), ("\\! ", ""), ("", " \\!"), ("", "."), ("", " ."), ("$", ""),
    ("$$", "$$"), ("", " \\; ."), ("", " \\text{ cm}"), ("", "\\mbox{ inches}^2"), ("", "\\text{ degrees}"),
    ("", "\\%"), (" ", " "),
)  # fmt: skip


def _formula(source: random.Random, depth: int = 0) -> str:
    kind = source.random()
    if depth > 3 or kind < 0.35:
        return source.choice(OPERANDS)
    inside = _formula(source, depth + 1)
    if kind < 0.6:
        return inside + source.choice(OPERATORS) + _formula(source, depth + 1)
    if kind < 0.75:
        before, behind = source.choice(BRACKETS)
        return before + inside + behind
    before, between, behind = source.choice(PAIRS)
    return before + inside + between + _formula(source, depth + 1) + behind


def _mutated(source: random.Random, text: str) -> str:
    """A piece put in, characters taken out, one character put in, or a part said twice; up to three times."""
    for _ in range(source.choice((0, 0, 1, 1, 2, 3))):
        at, kind = source.randint(0, len(text)), source.random()
        if kind < 0.4:
            text = text[:at] + source.choice(ATOMS) + text[at:]
        elif kind < 0.7:
            text = text[:at] + text[at + source.randint(1, 3) :]
        elif kind < 0.85:
            text = text[:at] + source.choice(" .,()-+$x1{}^=&\\'!") + text[at:]
        else:
            other = source.randint(0, len(text))
            text = text[:at] + text[other : other + source.randint(1, 8)] + text[at:]
    return text


def _text(source: random.Random) -> str:
    loose = source.random() < 0.3
    text = "".join(source.choice(ATOMS) for _ in range(source.randint(1, 7))) if loose else _formula(source)
    before, behind = source.choice(AROUND) if source.random() < 0.2 else ("", "")
    return before + (text if loose else _mutated(source, text)) + behind


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
     "(a, b), (c, 1)",
     r"\, 1.25 \;", r"\frac 37", r"\frac9{17}", ".40625", "8 π", "(-∞, 2]", "48°", r"30^\circ", r"15\%",
     r"23 \frac{1}{2}", r"5\frac{\sqrt{12}}{4}", r"2 \pm \sqrt{13}", r"\{3\pm\sqrt{2},-1\}", "y = 4x+1", r"0 < x \le 3",
     r"x \in [-3,8]",
     r"20,\!400", "42,300", r"(1,11) \cup (11,101)", "1,234,5", r"\$12.50", r"2.5 \text{ cents}", r"12\mbox{ cm}^2",
     r"\begin{pmatrix} -1/4 \\ \frac{2}{3} \end{pmatrix}", r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}", r"\cot x",
     r"e^{\ln(2)}", r"\sqrt[3]{2}", "5R^2", r"4\frac{2}{3}",
     r"2\binom{5}{2}", "(n-1)!/3!"],
)  # fmt: skip
def test_plain_arithmetic_is_read_directly(text: str) -> None:
    node = plain(text, LIMITS)
    assert node is not None
    assert repr(node) == repr(_by_grammar(text, LIMITS))


@pytest.mark.parametrize(
    "text",
    ["", "x", "(a)", "4 2/3", "2e3", "2e-10", "0.5(3)", "f(x)", "5 cm", "ab", "--1",
     "+-1", "2**3", "x^2^3", "1 000", r"\frac{d}{x}", "...", "3...", "x'", "5!!", "5!=4", "x_1", r"\infty",
     "(" * 9 + "1", "1" * 130, "x²", "3\n", "x10", "2 x 10^2",
     "()", "[1]", "(1,", "1,", "[[1,2],[3,4]]", "2(1,2)", "(1,2)+(3,4)", "]1,2[", "(1;2)", r"\{x | x > 1\}",
     "a(2) = 3", "x^{-1}(2) = 3", r"x = 2k, k \in Z", r"x < 1 \cup x > 2", r"3 + \$5", r"3 + 5 \text{ cm}",
     r"5 \text{ apples}", r"5\text{cm}^2}", r"\sin 2x", r"\sin^2 x", r"\begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}",
     r"\begin{pmatrix} 1 \end{bmatrix}", r"30^\circ C", "A", r"\text{(B)}", r"\frac143"],
)  # fmt: skip
def test_the_rest_is_left_to_the_grammar(text: str) -> None:
    assert plain(text, LIMITS) is None


def test_tighter_limits_are_the_grammars_to_apply() -> None:
    assert plain("1+1", Limits(tokens=2)) is None
    assert plain("1+1", Limits(depth=1)) is None
    assert plain("1+1", Limits(digits=1)) is None
