"""Numeric evaluation of a tree by balls, at any precision and one point.

Promises: every value encloses the true one (see `ball_arithmetic`); whatever numbers cannot say raises
OutOfReach; every node and operation is charged to the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from . import indexed
from .ball_arithmetic import MOST_SQUARINGS, Arithmetic, OutOfReach
from .balls import (
    ONE,
    ZERO,
    Ball,
    Complex,
    Value,
    beyond,
    negative,
    twice,
)
from .canonical import Budget, TooMuch
from .nodes import (
    Add,
    Big,
    Const,
    Degree,
    Div,
    Mul,
    Name,
    Node,
    Num,
    Percent,
    Pow,
    Unit,
    children,
)


class Sequences(NamedTuple):
    """The members of sequences at a point: the letters that count in any subscript, and each member's value."""

    letters: frozenset[str]
    sample: Callable[[str], Fraction | int]


class Evaluator(Arithmetic):
    """One evaluation at one precision and one point. sequences: where an index stands in a subscript."""

    def __init__(
        self,
        digits: int,
        point: Mapping[str, Fraction | int],
        budget: Budget,
        real: bool,
        sequences: Sequences | None = None,
    ) -> None:
        super().__init__(digits, budget, real)
        self.point = dict(point)
        self.sequences = sequences
        self.indices = set(sequences.letters) if sequences else set()
        self.symbols: dict[str, Ball] = {}  # the values of symbols

    # -- nodes ----------------------------------------------------------------------------------

    def of(self, node: Node) -> Value:
        self.budget.steps -= self.cost
        if self.budget.steps < 0:
            raise OutOfReach("steps")
        evaluate = NODES.get(type(node))
        if evaluate is None:
            raise OutOfReach(type(node).__name__)
        return evaluate(self, node)

    def _num(self, node: Num) -> Value:
        return self.exact(node.value)

    def _name(self, node: Name | Const) -> Value:
        found = self.symbols.get(node.name)
        if found is None:
            found = self.symbols[node.name] = self.exact(self.point[node.name])
        return found

    def _symbol(self, node: Name) -> Value:
        if self.sequences is not None and "_" in node.name:
            return self._member(node.name, self.sequences)
        if node.name not in self.point:
            raise OutOfReach(f"the symbol {node.name}")
        return self._name(node)

    def _member(self, name: str, sequences: Sequences) -> Value:
        try:
            name = indexed.member(name, {i: int(self.point[i]) for i in self.indices if i in self.point})
        except TooMuch as reason:
            raise OutOfReach(str(reason)) from None
        found = self.symbols.get(name)
        if found is None:
            found = self.symbols[name] = self.exact(sequences.sample(name))
        return found

    def _constant(self, node: Const) -> Value:
        if node.name in self.point:
            return self._name(node)
        if node.name == "i":
            return self.joined(ZERO, ONE)
        if node.name not in ("pi", "e"):
            raise OutOfReach(node.name)
        return self.constant(node.name)

    def _add(self, node: Add) -> Value:
        found = self.of(node.args[0])
        for arg in node.args[1:]:
            found = self.plus(found, self.of(arg))
        return found

    def _mul(self, node: Mul) -> Value:
        found = self.of(node.args[0])
        for arg in node.args[1:]:
            found = self.times(found, self.of(arg))
        return found

    def _div(self, node: Div) -> Value:
        return self.over(self.of(node.num), self.of(node.den))

    def _pow(self, node: Pow) -> Value:
        return self.raised(self.of(node.base), self.of(node.exp), node.exp)

    def _percent(self, node: Percent) -> Value:
        return self.over(self.of(node.arg), self.exact(100))

    def _degree(self, node: Degree) -> Value:
        return self.times(self.of(node.arg), self.over(self.constant("pi"), self.exact(180)))

    def _unit(self, node: Unit) -> Value:
        return self.exact(self.point.get("unit " + node.name, 1))

    def raised(self, base: Value, exponent: Value, node: Node) -> Value:
        """base to an exponent, which is written as `node`."""
        self.spend(8)
        doubled = twice(exponent)
        if doubled is not None and not doubled % 2 and abs(doubled) >> MOST_SQUARINGS + 1 == 0:
            return self._whole_power(base, doubled // 2)
        if base == ZERO:
            if isinstance(exponent, Complex) or exponent[0] <= exponent[1]:
                raise OutOfReach("zero to a power that is not positive")
            return ZERO
        if not beyond(base, 2):
            raise OutOfReach("a power of a value that may be zero")
        if not isinstance(base, Complex):
            if doubled == 1 and base[0] > 0:
                return self.square_root(base)
            if base[0] < 0 and not isinstance(exponent, Complex):
                odd = _odd_root(node)
                if odd is not None:  # the real root, as of \sqrt[3]{-8}
                    root = self._power(negative(base), exponent)
                    assert not isinstance(root, Complex)
                    return negative(root) if odd.numerator % 2 else root
                if self.real:
                    raise OutOfReach("a root of a negative number")
        return self._power(base, exponent)

    # -- sums -----------------------------------------------------------------------------------

    def _repeated(self, node: Big) -> Value:
        if node.op not in ("sum", "prod"):
            raise OutOfReach(node.op)
        if node.low is None or node.high is None:
            raise OutOfReach("bounds")
        low, high = self.integer(node.low), self.integer(node.high)
        if high - low > 500:
            raise OutOfReach("iterations")
        outer, known, indices = self.point.get(node.var), self.symbols.pop(node.var, None), self.indices
        self.indices = indices | {node.var}
        found: Value = ZERO if node.op == "sum" else ONE
        join = self.plus if node.op == "sum" else self.times
        for value in range(low, high + 1):
            self.point[node.var] = value
            self.symbols[node.var] = (value, 0, 0)
            found = join(found, self.of(node.body))
        self.indices = indices
        self.point.pop(node.var, None)
        self.symbols.pop(node.var, None)
        if outer is not None:
            self.point[node.var] = outer
        if known is not None:
            self.symbols[node.var] = known
        return found

    def integer(self, node: Node) -> int:
        """The value of a bound or an index, by exact arithmetic."""
        value = self.rational(node)
        if value is None or value.denominator != 1 or abs(value) > 10**9:
            raise OutOfReach("an integer bound")
        return int(value)

    def rational(self, node: Node) -> Fraction | None:
        """The exact value of rational arithmetic at the point, else None."""
        self.budget.steps -= self.cost
        if self.budget.steps < 0:
            raise OutOfReach("steps")
        if isinstance(node, Num):
            return Fraction(node.value)
        if isinstance(node, (Name, Const)):
            value = self.point.get(node.name)
            return None if value is None else Fraction(value)
        if not isinstance(node, (Add, Mul, Div, Pow)):
            return None
        parts = [self.rational(child) for child in children(node)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if isinstance(node, Add):
            return sum(known, Fraction(0))
        if isinstance(node, Mul):
            return math.prod(known, start=Fraction(1))
        first, second = known
        if isinstance(node, Div):
            return first / second if second else None
        if second.denominator != 1 or not 0 < second <= 64 or first.denominator != 1 or abs(first) > 10**20:
            return None
        return first**second.numerator


# `numeric_functions` adds calls.
NODES: dict[type[Node], Callable[[Any, Any], Value]] = {
    Num: Evaluator._num,
    Name: Evaluator._symbol,
    Const: Evaluator._constant,
    Add: Evaluator._add,
    Mul: Evaluator._mul,
    Div: Evaluator._div,
    Pow: Evaluator._pow,
    Percent: Evaluator._percent,
    Degree: Evaluator._degree,
    Unit: Evaluator._unit,
    Big: Evaluator._repeated,
}


def _odd_root(node: Node) -> Fraction | None:
    """The exponent p/q with odd q, as written; None for anything else."""
    if isinstance(node, Num):
        value = Fraction(node.value)
    elif isinstance(node, Div) and isinstance(node.num, Num) and isinstance(node.den, Num) and node.den.value:
        value = Fraction(node.num.value) / Fraction(node.den.value)
    else:
        return None
    return value if value.denominator % 2 else None
