r"""What a model may try against its grader, each with the verdict it must get. docs/security.md tells the story.

Every row is (response or the content of a box, gold). Extraction by itself is `test_extract`'s matter; resource
attacks and code are `test_adversarial`'s.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from verifier import VerifierConfig, equivalent, extract, numeric, verify
from verifier.nodes import Call, Name, Num

LOOSE = VerifierConfig(extraction="any")


def outcome(answer: str, gold: object) -> str:
    """The status of an answer in a box."""
    return verify(response=rf"So \boxed{{{answer}}}", gold=gold).status.value  # type: ignore[arg-type]


# -- one answer only ------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "gold"), [
    (r"7 \text{ or } 8", "7"), (r"7 \text{ or } 8", "8"), ("7 or 8", "8"), (r"\text{7 or 8}", "8"),
    (r"7 \vee 8", "8"), ("7,8", "7"), ("7,8", "8"), ("7; 8", "8"), (r"7 \text{ and } 8", "8"), ("7/8", "8"),
    ("7 | 8", "8"), ("7 8", "8"), (r"7\\8", "8"), (r"8 \text{ (or 7)}", "8"), (r"8 \text{ maybe } 7", "8"),
    (r"7\text{ if }x>0, 8\text{ otherwise}", "8"), (r"x\in\{7,8\}", "8"), (r"\{7,8\}", "8"), ("(7,8)", "8"),
    ("[7,9]", "8"), (r"7\le x\le 9", "8"), (r"7\pm 1", "8"), (r"\pm 8", "8"), ("8, 8", "8"),
    (r"8,\ldots", "8"), ("1,2,3,4,5,6,7,8,9", "8"), ("x=7,x=8", "8"), (r"x=7\text{ or }x=8", "x=8"),
    (r"x=7\implies x=8", "8"), (r"\begin{pmatrix}7&8\end{pmatrix}", "8"), ("A or B", "A"), ("A, B", "A"), ("AB", "A"),
    ("ABCD", "D"), (r"\text{A and B}", "A"), ("A/B", "A"), ("yes or no", "yes"), ("yes/no", "yes"),
    (r"\text{yes no}", "yes"), (r"\text{true or false}", "true"), (r"15 \text{ cm or 16 cm}", "15"),
    (r"15 \text{ not 16}", "15"), (r"15\text{ is wrong, it is 16}", "15"),
])  # fmt: skip
def test_a_hedge_inside_a_box_loses(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


@pytest.mark.parametrize(("answer", "gold"), [
    ("(A) or (B)", "A"), ("(A), (B)", "A"), ("(A) (B)", "A"), ("A. B. C.", "A"), ("A: yes, B: no", "A"),
    ("(A) B", "B"), (r"\textbf{(A)}, \textbf{(B)}", "A"), ("(A) 5 (B) 6", "A"),
])  # fmt: skip
def test_two_choices_lose(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


@pytest.mark.parametrize(("response", "gold"), [
    (r"\boxed{7} or \boxed{8}", "8"), (r"\boxed{7} \text{ or } \boxed{8}", "7"), (r"\boxed{8}\boxed{7}", "8"),
    (r"\boxed{8}. No: \boxed{7}", "8"), (r"\boxed{8} \boxed{7", "8"), (r"\boxed{8} and then \boxed{}", "8"),
    (r"\boxed{8 \boxed{7}}", "7"), (r"\boxed{8} Remember to use \boxed{answer}", "8"),
    (r"\boxed{1}, \boxed{2}", "1,2,3"), (r"\boxed{1}, \boxed{2}, \boxed{3}", "1,2"), (r"\boxed{1}\boxed{2}", "12"),
])  # fmt: skip
def test_several_boxes_do_not_add_up(response: str, gold: str) -> None:
    assert verify(response=response, gold=gold).status.value == "incorrect"


def test_the_last_box_counts_whatever_came_before() -> None:
    # a ruling, not an oversight: who guesses seven times and ends right is right
    assert verify(response=" ".join(rf"\boxed{{{k}}}" for k in range(8)), gold="7").correct


@pytest.mark.parametrize(("answer", "gold"), [
    ("1,2", "1,2,3"), ("1,2,3,4", "1,2,3"), ("1,1,2,3", "1,2,3"), ("1,2,3", "1,1,2,3"), ("x=1", "x=1,x=2"),
    ("1,2", "2"), (r"\{1,2\}", r"\{1,2,3\}"), (r"\{1,2,3\}", r"\{1,2\}"), ("(1,2)", "(2,1)"), ("(1,2)", "(1,2,3)"),
    (r"\emptyset", r"\{1\}"), (r"\mathbb{R}", "(0,1)"), (r"(-\infty,\infty)", "x>1"), ("[0,1]", "(0,1)"),
    ("(0,2)", "(0,1)"), ("x>0", "x>1"), ("x\\ge 1", "x>1"), (r"(0,1)\cup(2,3)", "(0,1)"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
])  # fmt: skip
def test_neither_a_part_nor_a_whole_passes(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


@pytest.mark.parametrize(("answer", "gold"), [
    ("abs(5,6)", "5"), ("floor(5,6)", "5"), ("sqrt(25,36)", "5"), ("factorial(3,4)", "6"), ("exp(0,7)", "1"),
    ("root(8,3,5)", "2"), ("re(5,6)", "5"),
])  # fmt: skip
def test_a_further_argument_is_not_dropped(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


# -- answers that would fit many golds ------------------------------------------------------------


@pytest.mark.parametrize(("answer", "gold"), [
    ("x", "5"), ("n", "7"), ("x=x", "x=5"), ("0=0", "x=5"), ("0=0", "x+y=5"), ("0x=0", "x=5"),
    (r"0\cdot(x+y)=0", "x+y=5"), ("5=6", "5"), ("5=6", "6"), ("x=5=6", "6"), ("5<6", "6"), (r"5\ne 6", "6"),
    (r"5\to 6", "6"), (r"5\approx 6", "6"), ("?", "5"), ("...", "5"), (r"\square", "5"), (r"\text{answer}", "5"),
    ("the answer", "5"), ("your answer", "5"), (r"x\in\mathbb{R}", "5"), (r"\text{any number}", "5"),
    (r"\text{not } 5", "5"), (r"\neq 5", "5"), ("f(x)=5", "g(x)=5"), ("y=5", "x=5"), ("A=5", "B=5"), ("2x+z=1", "1"),
    ("(x+y-5)^{2}=0", "x+y=5"), ("x^{2}=25", "x=5"), ("nan", "nan"), ("0/0", "0/0"), (r"\infty-\infty", "0"),
    ("", "5"), (" ", "5"), ("{}", "5"), (r"\text{}", "5"), ("-", "5"), ("=", "5"),
])  # fmt: skip
def test_an_answer_that_says_nothing_wins_nothing(answer: str, gold: str) -> None:
    assert outcome(answer, gold) != "correct"


def _crafted(key: str) -> str:
    """sin(x) plus something that vanishes at the sample points of one key."""
    points = {Fraction(numeric._sample("x", index, set(), key, numeric._SCALES)) for index in range(14)}
    return r"\sin(x)+\cos(x)" + "".join(f"(x-({p.numerator}/{p.denominator}))" for p in sorted(points))


def test_an_answer_cannot_be_written_for_the_sample_points() -> None:
    # whoever writes the answer has to choose before its own text fixes the points
    honest = Call("sin", (Name("x"),))
    for key in ("", numeric._key(honest, honest), numeric._key(honest, Num(0))):
        assert outcome(_crafted(key), r"\sin(x)") != "correct"
        assert not equivalent(_crafted(key), r"\sin(x)")


def test_the_sample_points_are_the_pair_s_in_either_order() -> None:
    one, two = Call("sin", (Name("x"),)), Call("cos", (Name("x"),))
    assert numeric._key(one, two) == numeric._key(two, one) != numeric._key(one, one)


@pytest.mark.parametrize("answer", [r"\max(x,-10^{9})", "|x+10^{9}|-10^{9}", r"\sqrt{(x+10^{9})^{2}}-10^{9}"])
def test_an_answer_that_differs_far_away_is_different(answer: str) -> None:
    assert outcome(answer, "x") != "correct"


@pytest.mark.parametrize(("answer", "gold"), [
    (r"n\bmod 30", "n"), (r"n\bmod 1000", "n"), (r"\gcd(n,60)", "n"), (r"n!+\lfloor n/50\rfloor", "n!"),
    (r"\min(n,30)!", "n!"), (r"(-1)^n+\lfloor n/40\rfloor", "(-1)^n"),
    (r"\sum_{k=1}^{n}k+\lfloor n/30\rfloor", r"\frac{n(n+1)}{2}"),
    (r"n!+\cos(n)" + "".join(f"(n-{k})" for k in range(1, 28)), "n!"),
])  # fmt: skip
def test_an_answer_that_differs_at_large_integers_is_different(answer: str, gold: str) -> None:
    assert outcome(answer, gold) != "correct"


# -- units, percent, bases ------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "gold"), [
    ("1500", r"15\%"), ("15", r"0.15\%"), ("0.15", "15"), ("15 m", "15 cm"), ("1500 cm", "15 m"), (r"15\%", "15 cm"),
    (r"\$15", "15 cm"), (r"\$15", "€15"), (r"15^\circ", "15 cm"), ("15 hours", "15 minutes"),
    ("15 apples", "15 oranges"), ("15 x", "15"), ("15k", "15"), (r"15\text{ thousand}", "15"), ("15 dozen", "15"),
    ("15 cm 16 cm", "15"), (r"15\text{ 16}", "15"), (r"\pi^\circ", "180"), ("180", r"\pi"), ("52_8", "52_9"),
    ("52_8", "52"), ("42", "52_8"), ("10001", "10000"), ("0.999999999999", "1"), ("3.14159265358979", r"\pi"),
    ("1.41", r"\sqrt{2}"), ("12,345", "12345.1"), ("1e-300", "0"),
])  # fmt: skip
def test_a_unit_a_sign_or_a_near_value_is_no_way_in(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


# -- characters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "gold"), [
    ("1O", "10"), ("l0", "10"), ("х", "x"), ("Β", "B"), ("①", "1"), ("Ⅶ", "7"), ("\u202e01\u202c", "10"), ("⁷", "7"),
    ("5 6", "56"), (r"5\ 6", "56"), (r"5\quad 6", "56"), (r"\cancel{6}5", "5"), ("5\x006", "56"), ("x\u0338", "x"),
])  # fmt: skip
def test_what_only_looks_alike_is_different(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "incorrect"


@pytest.mark.parametrize(("answer", "gold"), [
    ("1\u200b0", "10"), ("\ufeff10", "10"), ("１０", "10"), ("5\u00ad6", "56"), ("−7", "-7"), ("7\u200e", "7"),
])  # fmt: skip
def test_invisible_characters_neither_help_nor_hurt(answer: str, gold: str) -> None:
    assert outcome(answer, gold) == "correct"


def test_invisible_text_is_read_as_what_it_says() -> None:
    # white or phantom digits are not in the value that a reader sees, and not in ours
    assert outcome(r"\phantom{6}5", "65") == "incorrect"
    assert outcome(r"\color{white}{6}5", "5") == "incorrect"


# -- where the box stands -------------------------------------------------------------------------


@pytest.mark.parametrize("response", [
    r"<think>\boxed{7}</think> So it is clear.", r"<think>\boxed{7}", r"\boxed{7}</think>", r"\boxed{7}<think>",
    r"<think></think><think>\boxed{7}</think>", r"<think>\boxed{7}</think></think>", r"</think><think>\boxed{7}",
    r"</think>\boxed{7}</think>", "boxed{7}", r"\Boxed{7}", r"\framebox{7}", r"The answer is 7.", "7",
    "<answer>7</answer>", r"\boxed{7", r"\boxed{7} \boxed{",
])  # fmt: skip
def test_a_box_that_does_not_count(response: str) -> None:
    verdict = verify(response=response, gold="7")
    assert verdict.status.value == "incorrect"
    assert verdict.reason.value in ("no_answer", "unclosed_box")


def test_an_echo_of_the_prompt_is_an_answer_like_any_other() -> None:
    prompt = r"Put your final answer in \boxed{}. Example: \boxed{42}."
    assert extract(prompt).answer is not None
    assert verify(response=prompt, gold="7").reason.value == "not_equal"
    assert verify(response=prompt + r" It is \boxed{7}.", gold="7").correct
    assert not verify(response=r"\boxed{7} " + prompt, gold="7").correct


def test_the_gold_is_no_part_of_what_an_answer_can_name() -> None:
    for name in ("gold", "reference", "{gold}", "$gold", "self.gold", r"\gold", r"\text{same as the reference}"):
        assert outcome(name, "7") == "incorrect"


# -- malformed golds ------------------------------------------------------------------------------


@pytest.mark.parametrize("gold", [
    "", " ", "{}", None, True, [7], {"answer": 7}, b"7", 7j, float("nan"), "???", r"\boxed{7", r"\frac{7}{", "(7",
    "7}", "#### 7", "0/0", "7\n8", "9" * 5_000, "(" * 500 + "7" + ")" * 500, "7 " * 20_000,
])  # fmt: skip
@pytest.mark.parametrize("answer", ["7", "", "0", "?"])
def test_a_gold_that_cannot_be_read_judges_nobody(answer: str, gold: object) -> None:
    verdict = verify(response=rf"\boxed{{{answer}}}", gold=gold)  # type: ignore[arg-type]
    assert verdict.status.value == "unscored"
    assert verdict.reason.fault == "gold"


@pytest.mark.parametrize("gold", [r"\frac{7}{", "(7", "7}", "???", "0/0", "nan"])
def test_copying_a_broken_gold_is_not_correct(gold: str) -> None:
    assert outcome(gold, gold) != "correct"
    assert not verify(response=gold, gold=gold, config=LOOSE).correct


def test_a_missing_response_is_incorrect_not_an_error() -> None:
    assert verify(response=None, gold="7").reason.value == "no_answer"
    assert verify(response="", gold="7").reason.value == "no_answer"


# -- the page that tells the story ----------------------------------------------------------------


def test_the_threat_model_names_tests_that_exist(root: Path) -> None:
    page = (root / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", page))
    assert len(named) > 20
    for file, name in sorted(named):
        assert f"def {name}(" in (root / "tests" / file).read_text(), f"{file}::{name}"
