"""The numeric rung against an independent oracle: python-flint's ball arithmetic.

A ball encloses the true value, so "the balls of both sides do not overlap" is a proof that they
differ, and a tiny ball around zero is strong evidence that they agree. The oracle shares the
parser with the verifier and nothing else.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from verifier import numeric
from verifier.ball_arithmetic import OutOfReach
from verifier.balls import parts
from verifier.canonical import Budget
from verifier.config import Limits
from verifier.evaluation import Evaluator
from verifier.nodes import Add, Call, Const, Degree, Div, Mul, Name, Node, Num, Pow, children
from verifier.parse import parse

flint = pytest.importorskip("flint", reason="python-flint (extra `dev`) is the oracle")
LIMITS = Limits()
BITS = 700


def ball(node: Node, point: dict[str, Fraction]) -> flint.acb:
    """The ball of an expression at a point; KeyError for a node that the oracle does not know."""
    if isinstance(node, Num):
        value = Fraction(node.value)
        return flint.acb(flint.arb(flint.fmpq(value.numerator, value.denominator)))
    if isinstance(node, Name):
        value = point[node.name]
        return flint.acb(flint.arb(flint.fmpq(value.numerator, value.denominator)))
    if isinstance(node, Const):
        return {"pi": flint.acb.pi(), "e": flint.acb(1).exp(), "i": flint.acb(0, 1)}[node.name]
    if isinstance(node, Degree):
        return ball(node.arg, point) * flint.acb.pi() / 180
    if isinstance(node, Add):
        return sum((ball(a, point) for a in node.args), flint.acb(0))
    if isinstance(node, Mul):
        product = flint.acb(1)
        for arg in node.args:
            product *= ball(arg, point)
        return product
    if isinstance(node, Div):
        return ball(node.num, point) / ball(node.den, point)
    if isinstance(node, Pow):
        return ball(node.base, point) ** ball(node.exp, point)
    assert isinstance(node, Call)
    args = [ball(a, point) for a in node.args]
    if node.name == "root":
        return args[0].sqrt() if node.args[1] == Num(2) else args[0] ** (flint.acb(1) / args[1])
    if node.name in ("log", "lg"):
        return args[0].log() / (args[1].log() if len(args) > 1 else flint.acb(10).log())
    if node.name == "abs":
        return flint.acb(abs(args[0]))
    if node.name == "factorial":
        return (args[0] + 1).gamma()
    methods = {"ln": "log"} | {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "tanh")}
    method = methods.get(node.name, node.name)
    known = {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "exp", "log", *methods.values()}
    if method not in known:
        raise KeyError(node.name)
    return getattr(args[0], method)()


def difference(a: str, b: str, point: dict[str, Fraction] | None = None) -> flint.acb:
    before = flint.ctx.prec
    flint.ctx.prec = BITS
    try:
        return ball(parse(a, LIMITS), point or {}) - ball(parse(b, LIMITS), point or {})
    finally:
        flint.ctx.prec = before


def compared(a: str, b: str) -> bool | None:
    return numeric.compare(parse(a, LIMITS), parse(b, LIMITS), LIMITS)


def tiny(found: flint.acb) -> bool:
    return bool(abs(found) < flint.arb(10) ** -60)


EQUAL = [
    (r"\sqrt{4+2\sqrt3}", r"1+\sqrt3"),
    (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3"),
    (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{-2+\sqrt5}", r"\sqrt5"),
    (r"\cos 36^\circ", r"\frac{1+\sqrt5}{4}"),
    (r"\sin 18^\circ", r"\frac{\sqrt5-1}{4}"),
    (r"\tan 67.5^\circ", r"1+\sqrt2"),
    (r"4\arctan\frac15-\arctan\frac1{239}", r"\frac{\pi}{4}"),
    (r"\arctan 2+\arctan 3", r"\frac{3\pi}{4}"),
    (r"\ln(2+\sqrt3)", r"-\ln(2-\sqrt3)"),
    (r"\log_2 3\cdot\log_3 5", r"\log_2 5"),
    (r"2^{\log_4 9}", "3"),
    (r"\cos\frac{\pi}{7}\cos\frac{2\pi}{7}\cos\frac{3\pi}{7}", r"\frac18"),
    (r"e^{\ln 2+\ln 3}", "6"),
    (r"\left(\frac{1+i\sqrt3}{2}\right)^3", "-1"),
]
# Each differs far behind the point, or by cancellation.
DIFFERENT = [
    (r"e^{\pi\sqrt{163}}", "262537412640768744"),
    (r"\sqrt{2}", r"1.4142135623730950488016887242096980785696718753769480"),
    (r"\pi", r"\frac{355}{113}"),
    (r"10^{60}+\sqrt2", r"10^{60}+\sqrt3"),
    (r"\sin(10^{-20})", "10^{-20}"),
    (r"\ln(10^{30}+1)", r"\ln(10^{30})"),
    (r"\sqrt{10^{40}+1}", "10^{20}"),
    (r"(1+10^{-15})^{10^{3}}", "1"),
    (r"\sqrt{1000001}-1000", r"\frac{1}{2000}"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_values(a: str, b: str) -> None:
    assert tiny(difference(a, b))
    assert compared(a, b) is True


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different_values(a: str, b: str) -> None:
    assert not difference(a, b).contains(0)
    assert compared(a, b) is False


def expression(random_: random.Random, depth: int) -> str:
    """A random real expression without symbols, defined almost everywhere."""
    if depth == 0:
        return random_.choice(["2", "3", "7", r"\pi", "e", r"\frac12", r"\frac{5}{3}", "10"])
    inner = expression(random_, depth - 1)
    other = expression(random_, depth - 1)
    return random_.choice(
        [
            rf"\left({inner}+{other}\right)",
            rf"\left({inner}-{other}\right)",
            rf"\left({inner}\right)\cdot\left({other}\right)",
            rf"\frac{{{inner}}}{{{other}}}",
            rf"\sqrt{{1+\left({inner}\right)^2}}",
            rf"\sin\left({inner}\right)",
            rf"\arctan\left({inner}\right)",
            rf"\ln\left(2+\left({inner}\right)^2\right)",
        ]
    )


def test_random_pairs_never_contradict_the_oracle() -> None:
    """400 pairs, most different, a third the same value rewritten: no verdict against a ball."""
    random_ = random.Random(20261123)
    decided = {True: 0, False: 0}
    for index in range(400):
        a = expression(random_, 3)
        other = expression(random_, 3)
        b = (
            rf"\frac{{{a}+\left({other}\right)}}{{2}}+\frac{{{a}-\left({other}\right)}}{{2}}"
            if index % 3 == 0
            else other
        )
        verdict = compared(a, b)
        found = difference(a, b)
        if verdict is None or not found.is_finite():
            continue
        decided[verdict] += 1
        if verdict:
            assert tiny(found), (a, b)
        else:
            assert not found.contains(0), (a, b)
    assert decided[True] > 80
    assert decided[False] > 150


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\sin 2x", r"2\sin x\cos x"),
        (r"\ln x^2", r"2\ln x"),
        (r"\frac{x^3-1}{x-1}", "x^2+x+1"),
        (r"\sqrt{x^4+2x^2+1}", "x^2+1"),
    ],
)
def test_identities_hold_at_points_of_the_oracle(a: str, b: str) -> None:
    """The oracle's own points, none of which the verifier uses."""
    assert compared(a, b) is True
    for value in (Fraction(7, 5), Fraction(22, 7), Fraction(99, 70)):
        assert tiny(difference(a, b, {"x": value}))


_OF_ONE = "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arcsinh arctanh ln exp abs factorial"


def tree(random_: random.Random, depth: int, leaves: list[Node]) -> Node:
    """A random tree of every operation that the oracle knows."""
    if depth == 0:
        return random_.choice([*leaves, Num(random_.randint(-9, 9)), Num(Fraction(random_.randint(-99, 99), 37))])
    inner, other = tree(random_, depth - 1, leaves), tree(random_, random_.randint(0, depth - 1), leaves)
    whole = Num(random_.choice([-3, -1, 2, 3, 7, 40]))
    return random_.choice(
        [
            *[Call(name, (inner,)) for name in random_.sample(_OF_ONE.split(), 4)],
            Add((inner, other)),
            Mul((inner, other)),
            Div(inner, other),
            Pow(inner, whole),
            Pow(inner, other),
            Call("root", (inner, Num(2))),
            Call("log", (inner, Num(3))),
        ]
    )


@pytest.mark.parametrize("digits", [16, 50, 100])
@pytest.mark.parametrize("real", [True, False])
def test_every_ball_holds_the_value(digits: int, real: bool) -> None:
    """A value is never further from the oracle's than its radius says, however the tree is built."""
    random_ = random.Random(digits + real)
    leaves: list[Node] = [Name("x"), Name("y"), Const("pi"), Const("e")] + ([] if real else [Const("i")])
    held = 0
    for _ in range(3000):
        node = tree(random_, random_.randint(1, 4), leaves)
        scale = random_.choice([1, 1, 8, 60, Fraction(1, 10**9), 10**6])
        point = {name: Fraction(random_.randint(-(2**30), 2**30), 2**29) * scale for name in "xy"}
        try:
            value = Evaluator(digits, point, Budget(LIMITS), real).of(node)
        except OutOfReach:
            continue
        before = flint.ctx.prec
        flint.ctx.prec = 6 * BITS
        try:
            truth = ball(node, point)
            if not truth.is_finite() or on_a_cut(node, point, real):
                continue
            for part, (m, r, x) in zip((truth.real, truth.imag), parts(value), strict=True):
                unit = flint.arb(2) ** x
                away = abs(part - m * unit)
                assert away <= r * unit or not away > r * unit, (node, point, part, (m, r, x))
                held += 1
        finally:
            flint.ctx.prec = before
    assert held > 2000


@pytest.mark.parametrize(
    "text", [r"\arctan(\tanh^{-1}((7+i)^{40}))", r"\ln(e^{i\pi})", r"\sqrt{e^{i\pi}}", r"e^{\frac{1}{\sin\pi}}"]
)
def test_no_value_where_its_error_reaches_over_a_cut_or_a_pole(text: str) -> None:
    with pytest.raises(OutOfReach):
        Evaluator(16, {}, Budget(LIMITS), False).of(parse(text, LIMITS))


@pytest.mark.parametrize(
    "text",
    [
        r"\cosh(\sqrt{10^{100}+1}-10^{50})",  # the argument is nothing but error
        r"e^{\sqrt{10^{100}+1}-10^{50}}",
        r"\sin(\sqrt{10^{100}+1}-10^{50})",
        r"(1+10^{-49})^{\pi^{98}}",
        r"(-1)^{10^{12}+1}",
        r"|3+4i|",
    ],
)
@pytest.mark.parametrize("digits", [50, 150])
def test_a_wide_argument_makes_a_wide_ball(text: str, digits: int) -> None:
    node = parse(text, LIMITS)
    (m, r, x), _ = parts(Evaluator(digits, {}, Budget(LIMITS), False).of(node))
    before = flint.ctx.prec
    flint.ctx.prec = BITS
    try:
        unit = flint.arb(2) ** x
        assert abs(ball(node, {}).real - m * unit) <= r * unit + flint.arb(2) ** -BITS * 2**99
    finally:
        flint.ctx.prec = before


def on_a_cut(node: Node, point: dict[str, Fraction], real: bool) -> bool:
    """Whether a many-valued function is met where its value is a convention: a root of a negative number."""
    argument = children(node)[0] if children(node) else node
    many = isinstance(node, Pow) and not (isinstance(node.exp, Num) and isinstance(node.exp.value, int))
    if many or isinstance(node, Call) and node.name in ("root", "ln", "log"):
        found = ball(argument, point)
        if found.imag.contains(0) and not found.real > 0:
            return True
    if not real and isinstance(node, Call) and node.name.startswith("arc") and ball(argument, point).imag.contains(0):
        return True
    return any(on_a_cut(child, point, real) for child in children(node))


@pytest.mark.parametrize("a", [r"e^{\sqrt{10^{80}+1}-10^{40}}", r"1+\frac{1}{\sqrt{10^{104}+1}-10^{52}}"])
def test_a_value_that_is_nothing_but_error_is_looked_at_closer(a: str) -> None:
    assert compared(a, "1") is False
    assert compared(a, a) is True


def test_size_beyond_the_precision_is_undecided_not_equal() -> None:
    """Two precisions agree on 9^(9^9)+1 and 9^(9^9); that is no evidence."""
    assert compared(r"9^{9^9}+1", r"9^{9^9}") is None
