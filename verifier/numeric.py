"""Numeric comparison: two precisions, a running error bound, keyed sample points.

Promises: `different` is said only where the difference exceeds the accumulated error bound at a
point where both sides are defined; `equal` only where it stays below that bound at two precisions,
at every sample point, and the bound itself is far below the values. Everything else is undecided.
No float is involved, and nothing depends on time, load or earlier calls.

The bounds are those of balls (see `ball_arithmetic`), first-order only where a function is mpmath's; the
tests hold them against python-flint's balls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from . import numeric_functions  # noqa: F401  (calls)
from .ball_arithmetic import OutOfReach
from .balls import LOWEST, Complex, Value, beyond, exponent, negative, parts, total
from .canonical import Budget
from .config import Limits
from .evaluation import Evaluator, Sequences
from .indexed import has_members
from .nodes import (
    Big,
    Call,
    Const,
    Mul,
    Name,
    Node,
    Num,
    Pow,
    Unit,
    children,
)

_MOST_DIGITS = 1500
_SCALES = (1, 8, 1, 60, 10**14)  # sizes of sample points: domains such as x > 5 are reached too
_WHOLE_SCALES = (4, 9, 10**6, 90, 3, 200, 6, 12)  # the largest of the integers at each point, the least is half
_CORNER_SCALES = (1, 8, 10**40, 60, 10**14, 10**20)  # where |x + 10^9| - 10^9 must not pass for x
_FAR = 84  # binary digits by which two equal values are larger than the bound of their distance, 25 decimal ones
_ATTEMPTS = 4  # sample points tried for each one needed


class _Gap(NamedTuple):
    """Two values at one precision.

    differ: the distance is more than its bound, and by far; small: the bound is far below an absolute
    unit; close: it is far below the values themselves; error: its binary exponent.
    """

    differ: bool
    small: bool
    close: bool
    error: int


def _gap(left: Value, right: Value) -> _Gap:
    if isinstance(left, Complex) or isinstance(right, Complex):
        balls = [total(a, negative(b)) for a, b in zip(parts(left), parts(right), strict=True)]
        size = min(max(map(exponent, parts(value))) for value in (left, right))
    else:
        balls = [total(left, negative(right))]
        size = min(exponent(left), exponent(right))
    error = max(r.bit_length() + x if r else LOWEST for _, r, x in balls) + len(balls) - 1
    return _Gap(
        differ=any(abs(m) > 4 * r for m, r, _ in balls),
        small=error < -_FAR,
        close=error < size - _FAR,
        error=error,
    )


def symbols(node: Node, bound: frozenset[str] = frozenset()) -> set[str]:
    """Free symbols of an expression; units count as symbols named `unit ...`."""
    if isinstance(node, Name):
        return set() if node.name in bound else {node.name}
    if isinstance(node, Unit):
        return {"unit " + node.name}
    if isinstance(node, Big):
        found = symbols(node.body, bound | {node.var})
        for end in (node.low, node.high):
            if end is not None:
                found |= symbols(end, bound)
        return found
    found = set()
    for child in children(node):
        found |= symbols(child, bound)
    return found


def _integral(node: Node) -> set[str]:
    """Symbols that only integers make sense of: bounds, factorials, binomials, powers of -1."""
    found: set[str] = set()
    if isinstance(node, Big):
        for end in (node.low, node.high):
            if end is not None:
                found |= symbols(end)
    elif isinstance(node, Call) and node.name in ("factorial", "factorial2", "binom", "gcd", "lcm", "mod"):
        found |= symbols(node)
    elif isinstance(node, Call) and node.name in _STEPS:
        found |= symbols(node) & _WHOLE_LETTERS
    elif isinstance(node, Pow) and _negative(node.base):
        found |= symbols(node.exp)
    for child in children(node):
        found |= _integral(child)
    return found


_STEPS = frozenset({"floor", "ceil"})
_WHOLE_LETTERS = frozenset("ijklmn")  # by habit, beside a floor


def _has_step(node: Node) -> bool:
    return isinstance(node, Call) and node.name in _STEPS or any(map(_has_step, children(node)))


def _negative(node: Node) -> bool:
    if isinstance(node, Num):
        return node.value < 0
    return isinstance(node, Mul) and isinstance(node.args[0], Num) and node.args[0].value < 0


def has_imaginary(node: Node) -> bool:
    if isinstance(node, Const):
        return node.name == "i"
    if isinstance(node, Call) and node.name in ("cis", "re", "im", "conj", "arg"):
        return True
    return any(has_imaginary(child) for child in children(node))


def _key(a: Node, b: Node) -> str:
    """Names a pair, in either order: nobody can write an answer around points that its text moves."""
    first, second = sorted((repr(a), repr(b)))
    return hashlib.sha256(f"{first}\0{second}".encode("utf-8", "surrogatepass")).hexdigest()


def _sample(name: str, index: int, integral: set[str], key: str, scales: tuple[int, ...]) -> Fraction | int:
    """The value of a symbol at a sample point: fixed by the pair, the name and the index."""
    digest = hashlib.sha256(f"{name}:{index}:{key}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:4], "big")
    if name in integral:
        largest = _WHOLE_SCALES[index % len(_WHOLE_SCALES)]
        return largest // 2 + number % (largest - largest // 2 + 1)
    value = Fraction((7 * number + 2**30) * scales[index % len(scales)], 7 * 2**30)
    if name.startswith("unit ") or index % 3 == 0:
        return value
    return -value if digest[4] % 2 else value


def _points(
    a: Node, b: Node, free: list[str], integral: set[str], limits: Limits, scales: tuple[int, ...]
) -> Iterator[tuple[dict[str, Fraction | int], Sequences | None]]:
    """The sample points of a pair, with the sequences whose members stand in it."""
    key = _key(a, b)
    members = has_members(a) or has_members(b)
    for index in range(limits.samples * _ATTEMPTS):
        sample = partial(_sample, index=index, integral=integral, key=key, scales=scales)
        yield {name: sample(name) for name in free}, Sequences(frozenset(integral), sample) if members else None


def _has_corner(node: Node) -> bool:
    """Whether a function that is flat or straight on one side only occurs: |x|, max, floor, a root."""
    corner = isinstance(node, Call) and node.name in ("abs", "max", "min", "floor", "ceil", "sign", "root")
    return corner or any(map(_has_corner, children(node)))


def compare(a: Node, b: Node, limits: Limits, budget: Budget | None = None) -> bool | None:
    """True: equal; False: different; None: undecided. Both nodes are expressions.

    budget: what the evaluations may cost; a fresh one where none is given.
    """
    budget = budget or Budget(limits)
    free = sorted(symbols(a) | symbols(b))
    if not free:
        return _at_point(a, b, {}, limits, budget, real=False)
    integral = _integral(a) | _integral(b)
    if _has_step(a) or _has_step(b):  # a jump is seen at whole numbers only
        found = _over_samples(a, b, free, set(free), limits, budget, real=True)
        if found is False:
            return False
    # with integers a root of a negative number is a value like any other, not the edge of a domain
    if not (has_imaginary(a) or has_imaginary(b) or integral):
        found = _over_samples(a, b, free, integral, limits, budget, real=True)
        if found is not None:
            return found
    # no real points, or imaginary on purpose: principal values
    return _over_samples(a, b, free, integral, limits, budget, real=False)


def _over_samples(
    a: Node, b: Node, free: list[str], integral: set[str], limits: Limits, budget: Budget, *, real: bool
) -> bool | None:
    agreed = 0
    scales = _CORNER_SCALES if _has_corner(a) or _has_corner(b) else _SCALES
    for point, sequences in _points(a, b, free, integral, limits, scales):
        if budget.steps < 0:
            return None
        try:
            verdict = _at_point(a, b, point, limits, budget, real=real, either=True, sequences=sequences)
        except OutOfReach:
            continue
        if verdict is False:
            return False
        if verdict is True:
            agreed += 1
            if agreed >= limits.samples:
                return True
    return True if agreed >= max(3, limits.samples // 2) else None


def _at_point(
    a: Node,
    b: Node,
    point: Mapping[str, Fraction | int],
    limits: Limits,
    budget: Budget,
    *,
    real: bool,
    either: bool = False,
    sequences: Sequences | None = None,
) -> bool | None:
    """The comparison at one point; raises OutOfReach (or answers None) where a side is undefined.

    `1 + e^{-900}` rounds to 1 at any usual precision: equality is asked only at a precision that
    reaches three times as far as the largest or smallest number met on the way. There, a side may
    also have a value that had none before, for being nothing but error.
    """
    digits = limits.precision
    low: _Gap | None = None
    try:
        first = Evaluator(digits, point, budget, real, sequences)
        try:
            low = _gap(first.of(a), first.of(b))
            if low.differ:
                return False
        except OutOfReach:
            if first.needed <= digits:
                raise
        if first.needed > _MOST_DIGITS:
            return None
        if low is None or first.needed > digits:
            digits = first.needed
            low = _difference(a, b, point, budget, digits, real, sequences)
        high = _difference(a, b, point, budget, 2 * digits, real, sequences)
    except OutOfReach:
        if either:
            raise
        return None
    if high.differ:
        return False
    settled = low.small and low.close and high.small and high.close
    return True if settled and high.error <= low.error else None


def _difference(
    a: Node,
    b: Node,
    point: Mapping[str, Fraction | int],
    budget: Budget,
    digits: int,
    real: bool,
    sequences: Sequences | None,
) -> _Gap:
    e = Evaluator(digits, point, budget, real, sequences)
    return _gap(e.of(a), e.of(b))


def sign(node: Node, limits: Limits, budget: Budget | None = None) -> int | None:
    """-1 or 1 for a real expression without symbols; None where undecided (zero is never claimed)."""
    try:
        value = Evaluator(limits.precision, {}, budget or Budget(limits), real=True).of(node)
    except OutOfReach:
        return None
    if isinstance(value, Complex) or not beyond(value, 4):
        return None
    return 1 if value[0] > 0 else -1


def vanishes(node: Node, limits: Limits, budget: Budget) -> bool:
    """True where an expression without symbols stays within its error bound of zero at two precisions."""
    try:
        for digits in (limits.precision, 2 * limits.precision):
            if beyond(Evaluator(digits, {}, budget, real=False).of(node), 4):
                return False
    except OutOfReach:
        return False
    return True


def proportional(a: Node, b: Node, limits: Limits, budget: Budget | None = None) -> bool | None:
    """Whether a = c * b for one nonzero constant c; at every sample point, as in `compare`."""
    budget = budget or Budget(limits)
    free = sorted(symbols(a) | symbols(b))
    if not free:
        return None
    integral = _integral(a) | _integral(b)
    real = not (has_imaginary(a) or has_imaginary(b))
    precisions = (limits.precision, 2 * limits.precision)
    first: list[tuple[Value, Value]] = []  # the values at the first point, by precision
    agreed = 0
    for point, sequences in _points(a, b, free, integral, limits, _SCALES):
        try:
            evaluators = [Evaluator(digits, point, budget, real, sequences) for digits in precisions]
            values = [(e.of(a), e.of(b)) for e in evaluators]
        except OutOfReach:
            continue
        if not first:
            if all(beyond(value, 4) for value in values[0]):
                first = values
            continue
        try:
            verdict = _cross(first, values, evaluators)
        except OutOfReach:
            continue
        if verdict is False:
            return False
        agreed += verdict is True
        if agreed >= limits.samples:
            return True
    return True if agreed >= 3 else None


def _cross(
    first: list[tuple[Value, Value]], second: list[tuple[Value, Value]], evaluators: list[Evaluator]
) -> bool | None:
    """a(p) b(q) against a(q) b(p), at two precisions."""
    verdicts = []
    for (ap, bp), (aq, bq), e in zip(first, second, evaluators, strict=True):
        gap = _gap(e.times(ap, bq), e.times(aq, bp))
        verdicts.append(False if gap.differ else True if gap.close else None)
    return verdicts[-1] if verdicts[0] == verdicts[-1] or verdicts[-1] is False else None
