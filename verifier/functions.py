"""Exact values of functions, on canonical sums.

Promises: a value is given only where it is exact; everywhere else the function stays an atom of
its canonical arguments, for the numeric rung.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from .monomials import Rational, Sum, constant, exponent_of, render
from .nodes import Call, Matrix
from .sums import TooMuch
from .syntax import UndefinedError

if TYPE_CHECKING:
    from .canonical import Canoniser

_HALF = Fraction(1, 2)


def _root(n: int, scale: Rational) -> Sum:
    return {((f"n:{n}", _HALF),): scale}


def _merge(*parts: Sum) -> Sum:
    result: Sum = {}
    for part in parts:
        result.update(part)
    return result


_R6: Sum = {(("n:2", _HALF), ("n:3", _HALF)): Fraction(1, 4)}
# sin(k * pi / 12) for k = 0 .. 6
_SINES: tuple[Sum, ...] = (
    {},
    _merge(_R6, _root(2, Fraction(-1, 4))),
    {(): _HALF},
    _root(2, _HALF),
    _root(3, _HALF),
    _merge(_R6, _root(2, Fraction(1, 4))),
    {(): 1},
)
_PI = (("c:pi", 1),)


def _sine(canoniser: Canoniser, twelfths: int) -> Sum:
    """sin of a multiple of pi/12."""
    k = twelfths % 24
    sign = 1
    if k > 12:
        k, sign = k - 12, -1
    if k > 6:
        k = 12 - k
    return canoniser.scaled(_SINES[k], sign)


def circular(c: Canoniser, name: str, angle: Sum) -> Sum:
    """sin and cos: exact at multiples of pi/12, else an atom with the sign taken out."""
    turns = None
    if not angle:
        turns = Fraction(0)
    elif len(angle) == 1 and _PI in angle:
        turns = Fraction(angle[_PI]) * 12
    if turns is not None:
        if turns.denominator == 1:
            return _sine(c, int(turns) + (6 if name == "cos" else 0))
        # reduce into the first quadrant, so that sin(pi/7) and sin(6pi/7) are one atom
        full = turns % 24
        sign = 1
        if name == "cos":
            full = 24 - full if full > 12 else full
            if full > 6:
                full, sign = 12 - full, -1
        else:
            if full > 12:
                full, sign = full - 12, -1
            full = 12 - full if full > 6 else full
            name, full = "cos", 6 - full
        return c.scaled(c.function_atom(name, {_PI: full / 12}), sign)
    if angle[min(angle)] < 0:
        positive = c.scaled(angle, -1)
        return c.scaled(c.function_atom(name, positive), -1 if name == "sin" else 1)
    return c.function_atom(name, angle)


def _quotient(c: Canoniser, above: Sum, below: Sum) -> Sum:
    if not below:
        raise UndefinedError("a pole")
    return c.mul(above, c.power(below, -1))


def natural_log(c: Canoniser, a: Sum) -> Sum:
    """ln over the primes of a positive rational; a positive rational factor is taken out of anything."""
    if not a:
        raise UndefinedError("the logarithm of zero")
    if len(a) == 1:
        ((monomial, coefficient),) = a.items()
        if coefficient > 0 and all(atom[0] == "n" or atom in ("c:e", "c:pi") for atom, _ in monomial):
            total: Sum = {}
            for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
                for prime, count in c.factor(number).items():
                    total = c.add(total, c.function_atom("ln", {(): prime}), sign * count)
            for atom, exponent in monomial:
                if atom == "c:e":
                    total = c.add(total, {(): exponent})
                else:
                    inner: Sum = {(): int(atom[2:])} if atom[0] == "n" else {((atom, 1),): 1}
                    total = c.add(total, c.function_atom("ln", inner), exponent)
            return total
        if coefficient > 0 and coefficient != 1:
            return c.add(natural_log(c, {(): coefficient}), c.function_atom("ln", {monomial: 1}))
        if len(monomial) == 1 and monomial[0][0].startswith("e:e^(") and coefficient == 1:
            raise TooMuch("logarithm of an exponential")
    return c.function_atom("ln", a)


def _logarithm(c: Canoniser, value: Sum, base: Sum) -> Sum:
    if base == {(): 1}:
        raise UndefinedError("a logarithm to base one")
    above, below = natural_log(c, value), natural_log(c, base)
    if not below:
        raise UndefinedError("a logarithm to base one")
    if above.keys() == below.keys():
        ratios = {Fraction(above[m]) / below[m] for m in above}
        if len(ratios) == 1:
            return {(): c.checked(ratios.pop())}
    return c.mul(above, c.power(below, -1))


def _factorial(c: Canoniser, n: Rational | None, step: int) -> Sum | None:
    if not isinstance(n, int):
        return None
    if n < 0:
        raise UndefinedError("the factorial of a negative integer")
    if n > c.limits.iterations:
        raise TooMuch("factorial")
    c.spend(n // 8)
    value = math.factorial(n) if step == 1 else math.prod(range(n, 0, -2))
    return {(): c.checked(value)}


def _binomial(c: Canoniser, above: Sum, below: Sum) -> Sum:
    n, k = constant(above), constant(below)
    if isinstance(n, int) and isinstance(k, int) and n >= 0:
        if k < 0 or k > n:
            return {}
        if n > c.limits.bits and n.bit_length() * min(k, n - k) > c.limits.bits:
            raise TooMuch("binomial")
        return {(): c.checked(math.comb(n, k))}
    if isinstance(k, int) and 0 <= k <= 12:
        result: Sum = {(): Fraction(1, math.factorial(k))}
        for step in range(k):
            result = c.mul(result, c.add(above, {(): -step} if step else {}))
        return result
    return c.function_atom("binom", above, below)


def _integers(values: list[Rational | None]) -> list[int] | None:
    return [v for v in values if isinstance(v, int)] if all(isinstance(v, int) for v in values) else None


def _of_rationals(name: str, values: list[Rational | None]) -> Rational | None:
    """max, min, gcd, lcm, mod of rationals; None where a value is not rational."""
    rational = [v for v in values if v is not None]
    if len(rational) != len(values) or not rational:
        return None
    if name in ("max", "min"):
        return max(rational) if name == "max" else min(rational)
    if name == "mod" and len(rational) == 2:
        if rational[1] == 0:
            raise UndefinedError("a remainder by zero")
        return rational[0] % rational[1]
    whole = _integers(values)
    if whole is None or name not in ("gcd", "lcm"):
        return None
    return math.gcd(*whole) if name == "gcd" else math.lcm(*whole)


_RECIPROCALS = {"sec": "cos", "csc": "sin"}


def apply(c: Canoniser, node: Call) -> Sum:
    """The canonical sum of a function call."""
    name = node.name
    if name == "det" and len(node.args) == 1 and isinstance(node.args[0], Matrix):
        return _determinant(c, node.args[0])
    args = [c.of(arg) for arg in node.args]
    first = args[0]
    value = constant(first)
    if name == "root":
        index = constant(args[1])
        if index is None:
            return c._raised(first, c.power(args[1], -1))
        if index == 0:
            raise UndefinedError("a root of order zero")
        if not first:
            return {}
        return c.power(first, exponent_of(index.denominator, index.numerator))
    if name in ("sin", "cos"):
        return circular(c, name, first)
    if name == "tan":
        return _quotient(c, circular(c, "sin", first), circular(c, "cos", first))
    if name == "cot":
        return _quotient(c, circular(c, "cos", first), circular(c, "sin", first))
    if name in _RECIPROCALS:
        return _quotient(c, {(): 1}, circular(c, _RECIPROCALS[name], first))
    if name == "cis":
        return c.add(circular(c, "cos", first), c.mul({(("c:i", 1),): 1}, circular(c, "sin", first)))
    if name == "exp":
        return c._raised({(("c:e", 1),): 1}, first)
    if name == "ln":
        return natural_log(c, first)
    if name in ("log", "lg"):
        return _logarithm(c, first, args[1] if len(args) > 1 else {(): 10})
    if name == "factorial" or name == "factorial2":
        exact = _factorial(c, value, 1 if name == "factorial" else 2)
        return exact if exact is not None else c.function_atom(name, first)
    if name == "binom" and len(args) == 2:
        return _binomial(c, first, args[1])
    if name == "abs":
        if value is not None:
            return {(): value if value > 0 else -value} if value else {}
        return c.function_atom("abs", c.scaled(first, -1) if first[min(first)] < 0 else first)
    if name in ("floor", "ceil") and value is not None:
        rounded = math.floor(value) if name == "floor" else math.ceil(value)
        return {(): rounded} if rounded else {}
    if name in ("max", "min", "gcd", "lcm", "mod"):
        found = _of_rationals(name, [constant(a) for a in args])
        if found is not None:
            return {(): found} if found else {}
        if name != "mod":
            args.sort(key=render)
    if name in ("conj", "re", "im") and all(a[0] in "nc" for m in first for a, _ in m):
        return _parts(c, name, first)
    return c.function_atom(name, *args)


def _parts(c: Canoniser, name: str, a: Sum) -> Sum:
    imaginary = {m: k for m, k in a.items() if ("c:i", 1) in m}
    real = {m: k for m, k in a.items() if m not in imaginary}
    if name == "re":
        return real
    if name == "im":
        return c.mul(imaginary, {(("c:i", 1),): -1})
    return c.add(real, imaginary, -1)


def _determinant(canoniser: Canoniser, matrix: Matrix) -> Sum:
    """By cofactors, within the budget; TooMuch past 6 x 6."""
    size = len(matrix.rows)
    if size > 6 or any(len(row) != size for row in matrix.rows):
        raise TooMuch("determinant")
    entries = [[canoniser.of(entry) for entry in row] for row in matrix.rows]

    def minor(rows: list[list[Sum]]) -> Sum:
        if len(rows) == 1:
            return rows[0][0]
        total: Sum = {}
        for column, entry in enumerate(rows[0]):
            rest = [row[:column] + row[column + 1 :] for row in rows[1:]]
            total = canoniser.add(total, canoniser.mul(entry, minor(rest)), -1 if column % 2 else 1)
        return total

    return minor(entries)
