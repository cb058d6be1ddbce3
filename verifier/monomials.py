"""Monomials and sums as data: what they are made of, and how they are written.

A sum is a dict {monomial: rational}; a monomial is a sorted tuple of (atom, exponent). Atoms are
strings: `n:2` a prime under a root, `s:x` a symbol, `c:pi`, `c:e`, `c:i`, `u:cm` a unit, `b:(...)`
a sum that stays unexpanded (under a root or below a fraction bar), `e:...` an exponential, `f:...`
a function of canonical arguments, `F:...` an unknown function, `S:...` a sum or product over an index.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from .nodes import decimal_text

Rational: TypeAlias = "int | Fraction"
Monomial: TypeAlias = "tuple[tuple[str, Rational], ...]"
Sum: TypeAlias = "dict[Monomial, Rational]"

ONE: Monomial = ()


class _Exponent(Fraction):
    """A fraction whose hash is worked out once: monomials are looked up all the time."""

    __slots__ = ("_hash",)
    _hash: int

    def __hash__(self) -> int:  # type: ignore[override]
        return self._hash


@lru_cache(maxsize=1024)
def exponent_of(above: int, below: int) -> Rational:
    """above/below as an exponent, one object for each value."""
    value = _Exponent(above, below)
    if value.denominator == 1:
        return value.numerator
    value._hash = Fraction.__hash__(value)
    return value


def constant(a: Sum) -> Rational | None:
    """The rational that a sum is, else None."""
    if not a:
        return 0
    if len(a) == 1 and ONE in a:
        value = a[ONE]
        return value.numerator if type(value) is not int and value.denominator == 1 else value
    return None


def expandable(power: tuple[str, Rational]) -> bool:
    return power[0][0] == "b" and isinstance(power[1], int) and 0 < power[1] <= 12


def is_positive(atom: str) -> bool:
    """True for atoms that are positive reals whatever the symbols' values."""
    return atom[0] == "n" or atom in ("c:pi", "c:e") or atom.startswith(("e:e^", "u:", "f:abs"))


def is_number(monomial: Monomial) -> bool:
    return all(a[0] == "n" or a == "c:i" for a, _ in monomial)


def _render_power(atom: str, exponent: Rational) -> str:
    name = atom[2:]
    if exponent == 1:
        return name
    if isinstance(exponent, int) and exponent > 0:
        return f"{name}^{decimal_text(exponent)}"
    return f"{name}^({decimal_text(exponent)})"


def render_monomial(monomial: Monomial) -> str:
    return "*".join(_render_power(a, e) for a, e in monomial)


def render(a: Sum) -> str:
    """The form as text, terms in the order of their monomials.

    >>> render({(): 1, (("s:x", 2),): -3})
    '1-3*x^2'
    """
    if not a:
        return "0"
    parts: list[str] = []
    for monomial in sorted(a, key=order) if len(a) > 1 else a:
        coefficient = a[monomial]
        sign = "-" if coefficient < 0 else "+"
        size = -coefficient if coefficient < 0 else coefficient
        body = render_monomial(monomial)
        text = body if body and size == 1 else decimal_text(size) + ("*" + body if body else "")
        parts.append(sign + text)
    return "".join(parts).removeprefix("+")


def order(monomial: Monomial) -> tuple[tuple[str, str], ...]:
    """A monomial's place in a form."""
    return tuple((a, decimal_text(e)) for a, e in monomial)
