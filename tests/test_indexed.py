"""Sums and products over an index with symbolic bounds: their canonical form."""

from __future__ import annotations

import pytest

from verifier import Status, verify
from verifier.canonical import Canoniser, TooMuch, decisive, render
from verifier.config import Limits
from verifier.indexed import member, named
from verifier.nodes import Name, Node, Num, rebuilt
from verifier.parse import parse

LIMITS = Limits()


def form(text: str) -> str:
    return render(Canoniser(LIMITS).of(parse(text, LIMITS)))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # the letter of the index and the order of factors do not matter
        (r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"\sum_{j=0}^{n-1} F_{n-j-1} F_j"),
        (r"\prod_{i=1}^{m} (x_i + y)", r"\prod_{j=1}^{m} (y + x_j)"),
        (r"\sum_{i=1}^n \sum_{j=1}^n a_{ij}", r"\sum_{j=1}^n \sum_{i=1}^n a_{ji}"),
        (r"\sum_{i=1}^{n} i x^i", r"\sum_{k=1}^{n} k x^k"),  # also where the index is written as the imaginary unit
        # one inside another keeps its own index, whatever stands around it
        (r"\sum_{k=1}^n \sum_{k=1}^m f(k)", r"n\sum_{j=1}^m f(j)"),
        # what the index does not occur in stands outside
        (r"\sum_{k=1}^n (2a f(k) + 3g(k))", r"2a\sum_{k=1}^n f(k) + 3\sum_{i=1}^n g(i)"),
        (r"\sum_{k=1}^{\infty} \frac{2}{k^2}", r"2\sum_{n=1}^{\infty} \frac{1}{n^2}"),
        # powers of the index in closed form
        (r"\sum_{k=1}^n k", r"\frac{n(n+1)}{2}"),
        (r"\sum_{k=1}^{n} k^3", r"\left(\frac{n(n+1)}{2}\right)^2"),
        (r"\sum_{k=1}^n (2k-1)", "n^2"),
        (r"\sum_{k=1}^{n} c", "cn"),
        (r"\sum_{k=3}^{2n} k", "n(2n+1)-3"),
        (r"\sum_{k=1}^{k} k", r"\frac{k^2+k}{2}"),  # a bound is outside the index
        # between integers, a subscript is the index's value
        (r"\sum_{i=1}^3 x_i^2", "x_1^2+x_2^2+x_3^2"),
        (r"\sum_{i=1}^{2} \sum_{j=1}^{n} a_j b_i", r"(b_1+b_2)\sum_{k=1}^{n} a_k"),
    ],
)
def test_one_form(a: str, b: str) -> None:
    assert form(a) == form(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"\sum_{k=1}^{n-1} F_k F_{n-k-1}"),
        (r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"\sum_{k=0}^{n} F_k F_{n-k-1}"),
        (r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"\sum_{k=0}^{n-1} F_k F_{n-k}"),
        (r"\sum_{k=0}^{n} f(k)", r"\prod_{k=0}^{n} f(k)"),
        (r"\prod_{k=0}^{n} f(k)g(k)", r"\prod_{k=0}^{n} f(k)g(n)"),
        # a free symbol with the letter of the other's index is not the index
        (r"\sum_{k=1}^n f(k)", r"\sum_{j=1}^n f(k)"),
        (r"\sum_{k=1}^n x_k", r"\sum_{j=1}^n x_k"),
        (r"\sum_{k=1}^n f(j)f(k)", r"\sum_{j=1}^n f(j)f(j)"),
        (r"\sum_{i=1}^n \sum_{j=1}^n a_{ij}", r"\sum_{i=1}^n \sum_{j=1}^n a_{ji}"),
        (r"\sum_{i=1}^n \sum_{j=1}^i f(j)", r"\sum_{i=1}^n \sum_{j=1}^j f(j)"),
        (r"\sum_{i=1}^n \sum_{j=1}^n f(i)", r"\sum_{i=1}^n \sum_{j=1}^n f(j)+f(1)"),
        (r"\sum_{k=1}^n a_{k1}", r"\sum_{k=1}^n a_{1k}"),
        # members too few for the closed form
        (r"\sum_{k=1}^{-n} k", r"\frac{n(n-1)}{2}"),
        (r"\sum_{i=1}^n \sum_{j=1}^{i-5} 1", r"\sum_{i=1}^n (i-5)"),
    ],
)
def test_two_forms(a: str, b: str) -> None:
    assert form(a) != form(b)


def test_the_atom_proves_no_difference() -> None:
    """Another form may be the same value, such as a sum from its other end."""
    canoniser = Canoniser(LIMITS)
    assert not decisive(canoniser, canoniser.of(parse(r"\sum_{k=0}^n x_k", LIMITS)))
    assert not decisive(canoniser, canoniser.of(parse(r"3+y\prod_{k=0}^n x_k", LIMITS)))


@pytest.mark.parametrize("power", range(1, 6))
@pytest.mark.parametrize("low", [-2, 0, 1, 4])
def test_closed_forms_against_the_members(power: int, low: int) -> None:
    closed = parse(rf"\sum_{{k={low}}}^{{2n+3}} k^{power}", LIMITS)
    canoniser = Canoniser(LIMITS)
    summed = canoniser.of(closed)
    for n in range(5):
        total = sum(k**power for k in range(low, 2 * n + 4))
        value = sum(coefficient * n ** (monomial[0][1] if monomial else 0) for monomial, coefficient in summed.items())
        assert value == total
        assert canoniser.of(_substituted(closed, n)) == ({(): total} if total else {})


def _substituted(node: Node, n: int) -> Node:
    return Num(n) if node == Name("n") else rebuilt(node, lambda child: _substituted(child, n))


@pytest.mark.parametrize(
    "text",
    [
        r"\sum_{i=1}^n x_{min}",  # a word with the index's letter, or three indices
        r"\sum_{i=1}^3 x_{i+1}",
        r"\sum_{k=1}^n k x_{\#1}",  # a name that could pass for the index
        r"\sum_{k=1}^n k x_{a;b}",
        r"\sum_{k=1}^{5/2} k",
    ],
)
def test_no_form(text: str) -> None:
    with pytest.raises(TooMuch):
        form(text)


def test_an_index_in_a_subscript() -> None:
    assert named("a_ij", {"i": "#2", "j": "#1"}) == "a_[#2][#1]"
    assert named("F_2k", {"k": "#1"}) == "F_2[#1]"
    assert named("x_alpha", {"alpha": "#1"}) == "x_[#1]"
    assert named("x_n", {"k": "#1"}) == "x_n"


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (r"\sum_{i=1}^n x_i", "n x_i", False),  # the members of a sequence are values of their own
        (r"\prod_{i=1}^n a_i", "a_i^n", False),
        (r"\sum_{i=1}^n f(x_i)", "n f(x_i)", False),
        (r"\sum_{k=1}^n a_k", r"a_n + \sum_{k=1}^{n-1} a_k", True),
        (r"\sum_{k=1}^n a_k", r"a_n + \sum_{k=1}^{n} a_k", False),
        (r"\sum_{k=1}^n a_k b_{n-k}", r"\sum_{k=0}^{n-1} a_{n-k} b_k", True),
        (r"\sum_{k=1}^n a_k b_{n-k}", r"\sum_{k=0}^{n-1} a_{n-k} b_{k+1}", False),
        (r"\lim_{n\to\infty} a_n", "a_n", None),
        (r"\int_0^1 x_t dt", "x_t", None),
        (r"\sum_{i=1}^n x_{min} y_i", r"x_{min} \sum_{i=1}^n y_i", None),  # `min` may hold the index
    ],
)
def test_members_of_a_sequence(a: str, b: str, equal: bool | None) -> None:
    for response, gold in ((a, b), (b, a)):
        verdict = verify(response=rf"\boxed{{{response}}}", gold=gold)
        assert (None if verdict.status is Status.UNSCORED else verdict.correct) is equal, verdict


def test_a_member_by_the_values_of_its_indices() -> None:
    assert member("x_2k+1", {"k": 3}) == "x_7"
    assert member("x_n-k", {"k": 3, "n": 5}) == "x_2"
    assert member("x_k,1", {"k": 3}) == "x_3,1"
    for name in ("x_n-k", "x_k^2", "x_min"):
        with pytest.raises(TooMuch):
            member(name, {"k": 3, "i": 1})
