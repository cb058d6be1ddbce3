"""Bare arithmetic on small numerals: most answers, worth their value without a canonical form."""

from __future__ import annotations

from fractions import Fraction

from ..monomials import Rational
from ..nodes import Add, Div, Mul, Node, Num, Pow

_SMALL = 2**64  # size of a numerator or denominator on the way; `answers.settings_of` sees to the work limits
_FEW = 32  # summands or factors
_EXPONENTS = range(1, 33)


def bare_value(node: Node) -> Rational | None:
    """The value of bare arithmetic on small numerals, most answers by far; None where it takes a canonical form."""
    if type(node) is Num:
        return node.value
    value = _quotient(node)
    if value is None:
        return None
    above, below = value
    return above // below if above % below == 0 else Fraction(above, below)


def _quotient(node: Node) -> tuple[int, int] | None:
    """Numerator and denominator, not in lowest terms."""
    if isinstance(node, Num):
        above, below = node.value.numerator, node.value.denominator
    elif isinstance(node, Div):
        left, right = _quotient(node.num), _quotient(node.den)
        if left is None or right is None:
            return None
        above, below = left[0] * right[1], left[1] * right[0]
    elif isinstance(node, (Add, Mul)) and len(node.args) <= _FEW:
        is_sum = isinstance(node, Add)
        above, below = (0, 1) if is_sum else (1, 1)
        for arg in node.args:
            part = _quotient(arg)
            if part is None:
                return None
            above = above * part[1] + part[0] * below if is_sum else above * part[0]
            below *= part[1]
    elif isinstance(node, Pow) and isinstance(node.exp, Num) and node.exp.value in _EXPONENTS:
        base = _quotient(node.base)
        if base is None:
            return None
        exponent = int(node.exp.value)
        above, below = base[0] ** exponent, base[1] ** exponent
    else:
        return None
    return (above, below) if below and -_SMALL < above < _SMALL and -_SMALL < below < _SMALL else None
