r"""The strict relation and the verdict, over answers built from a small grammar and over arbitrary text.

Promises: ``equivalent`` is reflexive, symmetric and transitive over generated answers of every type; an answer in a
box is correct against itself; a meaning-preserving spelling stays in its class, and another value leaves it; no
text whatever raises. The examples are drawn without chance (derandomised), so that a failure repeats;
``RLVR_FULL=1`` draws twenty times as many.
"""

from __future__ import annotations

import os
from fractions import Fraction

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from verifier import Reason, Status, Verdict, VerifierConfig, equivalent, extract, verify

CONFIG = VerifierConfig(timeout_s=30.0)  # time limits only kill; a busy machine must not change the outcome
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_FACTOR = 20 if os.environ.get("RLVR_FULL") == "1" else 1
several = settings(
    derandomize=True, max_examples=200 * _FACTOR, deadline=None, suppress_health_check=_QUIET, database=None
)
many = settings(several, max_examples=500 * _FACTOR)


def boxed(text: str) -> str:
    return "\\boxed{" + text + "}"


# ------------------------------------------------------------------------------------------ the grammar


def _written(value: Fraction) -> st.SearchStrategy[str]:
    """Spellings of one rational number."""
    a, b = value.numerator, value.denominator
    forms = [
        f"\\frac{{{a}}}{{{b}}}",
        f"{a}/{b}",
        f"\\frac{{{3 * a}}}{{{3 * b}}}",
        f"({a}/{b})",
        f"\\dfrac{{{a}}}{{{b}}}",
    ]
    if b == 1:
        forms += [str(a), f"{a}.0", f"{a - 1} + 1", f"\\frac{{{2 * a}}}{{2}}", f" {a} ", f"({a})", f"${a}$"]
    if b in (1, 2, 4, 5, 10):
        forms.append(f"{float(value):.4f}")
    return st.sampled_from(forms)


rationals = st.builds(Fraction, st.integers(-30, 30), st.integers(1, 12))
numbers = rationals.flatmap(_written)
small = st.integers(0, 4).map(str)
letters = st.sampled_from(["x", "y", "n"])
surds = st.builds(lambda a, n: f"{a}\\sqrt{{{n}}}", st.integers(1, 4), st.sampled_from([2, 3, 5, 8, 12, 18]))
constants = st.sampled_from(["\\pi", "e", "i", "2\\pi", "\\sqrt2", "\\ln 2", "\\sin 1", "3!", "2^{10}"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda a, b: f"{a} + ({b})", inner, inner),
        st.builds(lambda a, b: f"({a}) \\cdot ({b})", inner, inner),
        st.builds(lambda a, b: f"{a} - ({b})", inner, inner),
        st.builds(lambda a, n: f"({a})^{{{n}}}", inner, st.integers(0, 3)),
        st.builds(lambda a: f"\\frac{{{a}}}{{2}}", inner),
        st.builds(lambda a: f"\\sqrt{{({a})^2+1}}", inner),
    )


values = st.recursive(numbers | surds | constants, _combined, max_leaves=4)
formulae = st.recursive(numbers | letters | constants, _combined, max_leaves=4)
words = st.sampled_from(["yes", "No", "\\text{Evelyn}", "\\text{even}", "EVEN", "**yes**", "\\textbf{no}"])
quantities = st.builds(
    lambda n, u: n + u,
    st.integers(1, 9).map(str),
    st.sampled_from(["\\%", "^\\circ", "\\text{ cm}", " cm", "\\text{ m}", "\\text{ dollars}", "%"]),
) | st.integers(1, 9).map(lambda n: f"\\${n}")
bases = st.builds(lambda n, b: f"{n}_{b}", st.sampled_from(["10", "11", "101"]), st.sampled_from(["2", "{8}", "10"]))
ratios = st.builds(lambda a, b: f"{a}:{b}", st.integers(1, 6), st.integers(1, 6))
_items = st.lists(small | numbers, min_size=1, max_size=3)
collections = st.builds(
    lambda items, form: form.replace("@", ", ".join(items)),
    _items,
    st.sampled_from(["@", "\\{@\\}", "(@)", "\\left(@\\right)", "x = @", "\\{@\\}"]),
)
intervals = st.builds(
    lambda left, a, b, right: f"{left}{a}, {b}{right}",
    st.sampled_from("(["),
    small,
    st.integers(5, 7).map(str),
    st.sampled_from(")]"),
) | st.builds(
    lambda a, one, two, b: f"{a} {one} x {two} {b}",
    small,
    st.sampled_from(["<", "\\le"]),
    st.sampled_from(["<", "\\leq"]),
    st.integers(5, 7).map(str),
)
unions = st.builds(lambda a, b: f"{a} \\cup {b}", *[st.sampled_from(["[0,1)", "(0,1)", "[1,2]", "(3,\\infty)"])] * 2)
matrices = st.builds(
    lambda kind, a, b, c: f"\\begin{{{kind}}} {a} & {b} \\\\ {c} & 1 \\end{{{kind}}}",
    st.sampled_from(["pmatrix", "bmatrix", "matrix"]),
    small,
    small,
    small,
)
equations = st.builds(
    lambda form, a: form.replace("@", a),
    st.sampled_from(["x = @", "@ = x", "y = @x + 1", "@x - y + 1 = 0", "f(x) = @x", "f(n) = @n", "x^2 = @"]),
    st.integers(1, 4).map(str),
)
inequalities = st.builds(
    lambda x, op, a: f"{x} {op} {a}", letters, st.sampled_from(["<", ">", "\\le", "\\ge", "\\ne"]), small
)
answers = st.one_of(
    values,
    formulae,
    words,
    quantities,
    bases,
    ratios,
    collections,
    intervals,
    unions,
    matrices,
    equations,
    inequalities,
)
_UNREAD = (Reason.GOLD_UNPARSEABLE, Reason.GOLD_UNDEFINED, Reason.GOLD_OVER_LIMIT)


def readable(text: str) -> bool:
    return verify(response=boxed(text), gold=text, config=CONFIG).reason not in _UNREAD


# ---------------------------------------------------------------------------------------------- the tests


@many
@given(answers)
def test_an_answer_equals_itself_and_is_correct_against_itself(text: str) -> None:
    verdict = verify(response=boxed(text), gold=text, config=CONFIG)
    if verdict.reason in _UNREAD:
        assert verdict.reason is Reason.GOLD_UNDEFINED, verdict  # e^(1/0) and the like; the grammar is read
        return
    assert verdict.status is Status.CORRECT
    assert equivalent(text, text, config=CONFIG)
    spaced = f" {text} "
    assert equivalent(text, spaced, config=CONFIG), "reflexive only as a string"


@many
@given(answers, answers)
def test_equivalent_is_symmetric(a: str, b: str) -> None:
    assert equivalent(a, b, config=CONFIG) == equivalent(b, a, config=CONFIG)


@several
@given(st.lists(answers, min_size=6, max_size=6))
def test_equivalent_is_transitive(texts: list[str]) -> None:
    _assert_transitive(texts)


@several
@given(st.data())
def test_equivalent_is_transitive_within_a_type(data: st.DataObject) -> None:
    """Draws of one type collide often, so that classes of several members are really met."""
    kinds = [
        numbers,
        values,
        quantities,
        bases,
        ratios,
        collections,
        intervals,
        unions,
        matrices,
        equations,
        inequalities,
    ]
    kind = data.draw(st.sampled_from(kinds))
    other = data.draw(st.sampled_from([small, kind]))
    _assert_transitive([*data.draw(st.lists(kind, min_size=5, max_size=5)), data.draw(other)])


def _assert_transitive(texts: list[str]) -> None:
    texts = [text for text in texts if readable(text)]
    related = {(a, b): equivalent(a, b, config=CONFIG) for a in texts for b in texts}
    for a in texts:
        for b in texts:
            if related[a, b]:
                assert [related[a, c] for c in texts] == [related[b, c] for c in texts], (a, b)


@many
@given(answers, answers)
def test_what_is_equivalent_is_correct(a: str, b: str) -> None:
    if equivalent(a, b, config=CONFIG):
        assert verify(response=boxed(a), gold=b, config=CONFIG).status is Status.CORRECT


@many
@given(rationals, rationals, st.data())
def test_spellings_of_rationals_agree_with_their_values(p: Fraction, q: Fraction, data: st.DataObject) -> None:
    a, b = data.draw(_written(p)), data.draw(_written(q))
    exact_a = Fraction(a) if "." in a and "/" not in a else p
    exact_b = Fraction(b) if "." in b and "/" not in b else q
    assert equivalent(a, b, config=CONFIG) == (exact_a == exact_b)


_LATEXISH = st.text(alphabet=st.sampled_from(list("0123456789xyzaei+-*/^_=<>(){}[]|,.;:!%$&~'\\ \n")), max_size=40)
_COMMANDS = st.lists(
    st.sampled_from(
        r"\frac \sqrt { } ( ) [ ] ^ _ \left \right \boxed{ \text{ \pi x 1 2 , = < \le \pm \cup \begin{pmatrix} "
        r"\end{pmatrix} & \\ \infty - + \cdot \% ^\circ \$ $ \{ \} | \log \sum \int ! : \in \over \mid".split()
    ),
    max_size=14,
).map(" ".join)
anything = st.text(max_size=60) | _LATEXISH | _COMMANDS | st.text(alphabet=st.characters(), max_size=20)


@many
@given(anything, anything | answers)
def test_no_text_raises(response: str, gold: str) -> None:
    """Whatever is written, the result is a verdict whose reason fits its status."""
    for text in (response, boxed(response)):
        verdict = verify(response=text, gold=gold, config=CONFIG)
        assert isinstance(verdict, Verdict)
        faults = {Status.CORRECT: {"none"}, Status.INCORRECT: {"response"}, Status.UNSCORED: {"gold", "instrument"}}
        assert verdict.reason.fault in faults[verdict.status]
        assert verdict.reason is not Reason.INTERNAL_ERROR, verdict.detail
        if verdict.span is not None:
            assert verdict.answer is not None
            assert 0 <= verdict.span[0] <= verdict.span[1] <= len(text)
    assert isinstance(equivalent(response, gold, config=CONFIG), bool)
    for mode in ("boxed", "answer_tag", "final_answer", "any"):
        extract(response, mode)


@many
@given(anything, anything)
def test_the_relation_is_symmetric_on_arbitrary_text(a: str, b: str) -> None:
    assert equivalent(a, b, config=CONFIG) == equivalent(b, a, config=CONFIG)


@many
@given(anything)
def test_what_reads_as_a_value_equals_itself(text: str) -> None:
    """And what does not is equal to nothing, itself included; but as a gold, a whole solution stands for its box."""
    assume(extract(text).answer is None)
    verdict = verify(response=boxed("0"), gold=text, config=CONFIG)
    assert equivalent(text, text, config=CONFIG) == (verdict.reason not in _UNREAD)
