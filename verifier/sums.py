"""Sums of monomials over the rationals: the exact arithmetic under the canonical forms.

What sums and monomials are made of is said in `monomials`.

Promises: every step is counted against the work budget of `Limits`, integers stay under the bit
limit, nothing is approximated.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from fractions import Fraction

from .config import Limits
from .monomials import (
    ONE,
    Monomial,
    Rational,
    Sum,
    expandable,
    exponent_of,
    is_number,
    is_positive,
    render,
)
from .syntax import UndefinedError

_LONGEST_ATOM = 200


class TooMuch(Exception):
    """A work limit was passed (its name is in SIZES), or no canonical form exists: undecided here."""


SIZES = frozenset({"work", "bits", "terms", "iterations", "factorial", "binomial"})


class Budget:
    """Elementary steps left: `work` for canonical arithmetic, `steps` for numeric evaluation."""

    __slots__ = ("steps", "work")

    def __init__(self, limits: Limits) -> None:
        self.work = limits.work
        self.steps = limits.steps


class SumArithmetic:
    """Adds, multiplies and raises sums within a budget, and remembers the unexpanded ones."""

    def __init__(self, limits: Limits, budget: Budget | None = None) -> None:
        self.limits = limits
        self.budget = budget or Budget(limits)
        self.sums: dict[str, Sum] = {}  # what the atoms `b:` and `f:` stand for
        self.bound: dict[str, int | str] = {}  # what the index variables of sums stand for: a value, or a name
        self.resolved = True  # False once an integer could not be factored

    def spend(self, amount: int) -> None:
        self.budget.work -= amount
        if self.budget.work < 0:
            raise TooMuch("work")

    def checked(self, value: Rational) -> Rational:
        """The value, an int where it is one. Raises TooMuch past the bit limit."""
        if type(value) is not int:  # cheaper than asking for a Fraction, whose class is an ABC
            if value.denominator != 1:
                if max(value.numerator.bit_length(), value.denominator.bit_length()) > self.limits.bits:
                    raise TooMuch("bits")
                return value
            value = value.numerator
        if value.bit_length() > self.limits.bits:
            raise TooMuch("bits")
        return value

    def add(self, a: Sum, b: Sum, scale: Rational = 1) -> Sum:
        """a + scale * b."""
        if len(b) > len(a) and scale == 1:
            a, b = b, a
        result = dict(a)
        self.spend(len(b))
        for monomial, coefficient in b.items():
            total = result.get(monomial, 0) + coefficient * scale
            if total:
                result[monomial] = self.checked(total)
            else:
                result.pop(monomial, None)
        if len(result) > self.limits.terms:
            raise TooMuch("terms")
        return result

    def mul(self, a: Sum, b: Sum) -> Sum:
        if len(a) == 1 and ONE in a:
            return self.scaled(b, a[ONE])
        if len(b) == 1 and ONE in b:
            return self.scaled(a, b[ONE])
        self.spend(len(a) * len(b) * (1 + (max(map(len, a), default=0) + max(map(len, b), default=0)) // 4))
        result: Sum = {}
        for left, x in a.items():
            for right, y in b.items():
                monomial, factor = self._times(left, right)
                total = result.get(monomial, 0) + x * y * factor
                if total:
                    result[monomial] = self.checked(total)
                else:
                    result.pop(monomial, None)
            if len(result) > self.limits.terms:
                raise TooMuch("terms")
        return self._unfolded(result)

    def scaled(self, a: Sum, factor: Rational) -> Sum:
        if factor == 1:
            return a
        if factor == 0:
            return {}
        self.spend(len(a))
        return {m: self.checked(c * factor) for m, c in a.items()}

    def _times(self, left: Monomial, right: Monomial) -> tuple[Monomial, Rational]:
        """The product of two monomials and the rational factor that falls out (roots, i*i)."""
        if not left:
            return right, 1
        if not right:
            return left, 1
        powers = dict(left)
        for atom, exponent in right:
            powers[atom] = powers.get(atom, 0) + exponent
        return self._reduced(powers)

    def _reduced(self, powers: Mapping[str, Rational]) -> tuple[Monomial, Rational]:
        factor: Rational = 1
        kept: list[tuple[str, Rational]] = []
        for atom, exponent in powers.items():
            if exponent == 0:
                continue
            if type(exponent) is Fraction:
                exponent = exponent_of(exponent.numerator, exponent.denominator)
            if atom[0] == "n":
                whole, rest = divmod(exponent.numerator, exponent.denominator)
                if whole:
                    factor *= self._integer_power(int(atom[2:]), whole)
                    if not rest:
                        continue
                    exponent = exponent_of(rest, exponent.denominator)
            elif atom == "c:i":
                whole = int(exponent) % 4
                if whole >= 2:
                    factor = -factor
                if whole % 2 == 0:
                    continue
                exponent = 1
            kept.append((atom, exponent))
        kept.sort()
        return tuple(kept), factor

    def _integer_power(self, base: Rational, exponent: int) -> Rational:
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) > self.limits.bits or size * abs(exponent) > self.limits.bits + size:
            if base in (1, -1):
                return base if exponent % 2 else 1
            raise TooMuch("bits")
        if exponent < 0 and type(base) is int and base:
            return self.checked(Fraction(1, base**-exponent))
        if exponent < 0:
            return self.checked(Fraction(1) / Fraction(base) ** -exponent)
        return self.checked(base**exponent)

    def _unfolded(self, a: Sum) -> Sum:
        """Unexpanded sums that came back to a whole positive power are multiplied out."""
        for monomial in a:
            for atom, exponent in monomial:
                if atom[0] == "b" and isinstance(exponent, int) and exponent > 0 and exponent <= 12:
                    break
            else:
                continue
            break
        else:
            return a
        result: Sum = {}
        for monomial, coefficient in a.items():
            term: Sum = {tuple(p for p in monomial if not expandable(p)): coefficient}
            for atom, exponent in monomial:
                if expandable((atom, exponent)):
                    term = self.mul(term, self.power(self.sums[atom], int(exponent)))
            result = self.add(result, term)
        return result

    def power(self, base: Sum, exponent: Rational) -> Sum:
        """base ** exponent for a rational exponent. Raises UndefinedError for 0 to a negative power."""
        if type(exponent) is not int and exponent.denominator == 1:
            exponent = exponent.numerator
        if not base:
            if exponent <= 0:
                raise UndefinedError("zero to a power that is not positive")
            return {}
        if exponent == 1:
            return base
        if exponent == 0:
            return {ONE: 1}
        if len(base) == 1:
            ((monomial, coefficient),) = base.items()
            return self._monomial_power(monomial, coefficient, exponent)
        if isinstance(exponent, int):
            if 0 < exponent <= self.limits.exponent:
                return self._expanded(base, exponent)
            if exponent < 0:
                inverse = self._inverse(base)
                if inverse is not None:
                    return self.power(inverse, -exponent)
        return self._kept_power(base, exponent)

    def _expanded(self, base: Sum, exponent: int) -> Sum:
        if math.comb(min(exponent, 200) + len(base) - 1, len(base) - 1) > self.limits.terms and not all(
            is_number(m) for m in base
        ):
            return self._kept_power(base, exponent)
        result: Sum = {ONE: 1}
        square = base
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        return result

    def _monomial_power(self, monomial: Monomial, coefficient: Rational, exponent: Rational) -> Sum:
        if isinstance(exponent, int):
            reduced, factor = self._reduced({a: e * exponent for a, e in monomial})
            return self._unfolded({reduced: self.checked(self._integer_power(coefficient, exponent) * factor)})
        result: Sum = {ONE: 1}
        if coefficient < 0:
            if exponent.denominator % 2:
                coefficient, sign = -coefficient, (-1 if exponent.numerator % 2 else 1)
                result = {ONE: sign}
            elif exponent.denominator == 2 and all(is_positive(a) for a, _ in monomial):
                coefficient = -coefficient
                result = self.power({(("c:i", 1),): 1}, exponent.numerator)
            else:
                return self._kept_power({monomial: coefficient}, exponent)
        result = self.mul(result, self.rational_root(coefficient, exponent))
        if not monomial:
            return result
        positive = {a: e * exponent for a, e in monomial if is_positive(a)}
        rest = tuple((a, e) for a, e in monomial if not is_positive(a))
        reduced, factor = self._reduced(positive)
        result = self.mul(result, {reduced: factor})
        if len(rest) == 1 and (rest[0][1] == 1 or rest[0][0][0] != "s"):
            atom, inner = rest[0]
            if inner == 1 and atom != "c:i":
                return self.mul(result, {((atom, exponent),): 1})
        if rest:
            result = self.mul(result, self._kept_power({rest: 1}, exponent))
        return result

    def rational_root(self, value: Rational, exponent: Rational) -> Sum:
        """A positive rational to a rational power, over its primes."""
        above, below = exponent.numerator, exponent.denominator
        powers: dict[str, Rational] = {}
        for number, sign in ((value.numerator, 1), (value.denominator, -1)):
            for prime, count in self.factor(number).items():
                powers[f"n:{prime}"] = exponent_of(above * count * sign, below)
        reduced, factor = self._reduced(powers)
        return {reduced: self.checked(factor)}

    def factor(self, number: int) -> dict[int, int]:
        """Prime factors by trial division within the budget; an unfactored rest counts as one factor."""
        factors: dict[int, int] = {}
        divisor = 2
        while number > 1 and divisor * divisor <= number:
            if divisor > 3000:
                root = math.isqrt(number)
                if root * root == number:
                    for prime, count in self.factor(root).items():
                        factors[prime] = factors.get(prime, 0) + 2 * count
                    return factors
                self.resolved = self.resolved and number < 9_000_000
                break
            while number % divisor == 0:
                number //= divisor
                factors[divisor] = factors.get(divisor, 0) + 1
            divisor += 1 if divisor == 2 else 2
        self.spend(divisor // 8)
        if number > 1:
            factors[number] = factors.get(number, 0) + 1
        return factors

    def _kept_power(self, base: Sum, exponent: Rational) -> Sum:
        """content ** exponent times an unexpanded primitive sum ** exponent."""
        content = self._content(base)
        if isinstance(exponent, int) and self._leading_negative(base):
            content = -content
        primitive = {m: self.checked(Fraction(c) / content) for m, c in base.items()}
        atom = self.atom("b:", f"({render(primitive)})")
        self.sums[atom] = primitive
        outer = (
            {ONE: self._integer_power(content, exponent)}
            if isinstance(exponent, int)
            else self.rational_root(content, exponent)
        )
        whole = math.floor(exponent)
        if not isinstance(exponent, int) and 0 < whole <= 4:
            return self.mul(self.mul(outer, {((atom, exponent - whole),): 1}), self.power(primitive, whole))
        return self.mul(outer, {((atom, exponent),): 1})

    @staticmethod
    def _content(a: Sum) -> Rational:
        """The positive rational that leaves coprime integer coefficients."""
        above = math.gcd(*(c.numerator for c in a.values()))
        below = math.lcm(*(c.denominator for c in a.values()))
        return Fraction(above, below)

    @staticmethod
    def _leading_negative(a: Sum) -> bool:
        return a[min(a)] < 0

    def _inverse(self, a: Sum) -> Sum | None:
        """1/a for a sum of square roots (and i), by conjugates; None where another form is kept."""
        for _ in range(8):
            if len(a) == 1:
                return self.power(a, -1)
            if not all(is_number(m) and all(e == Fraction(1, 2) or x == "c:i" for x, e in m) for m in a):
                return None
            break
        numerator: Sum = {ONE: 1}
        for _ in range(8):
            atoms = {atom for monomial in a for atom, _ in monomial}
            if not atoms:
                break
            atom = min(atoms)
            conjugate = {m: (-c if any(x == atom for x, _ in m) else c) for m, c in a.items()}
            numerator = self.mul(numerator, conjugate)
            a = self.mul(a, conjugate)
            if not a:
                raise UndefinedError("division by zero")
        if len(a) != 1 or ONE not in a:
            return None
        return self.scaled(numerator, Fraction(1) / Fraction(a[ONE]))

    def atom(self, kind: str, text: str) -> str:
        """The atom's name: its text, or a digest where atoms inside atoms would grow without bound."""
        self.spend(len(text) // 16)
        if len(text) <= _LONGEST_ATOM:
            return kind + text
        return (
            f"{kind}{text[:24]}...#{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
        )
