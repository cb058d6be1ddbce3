"""Values with a unit, a currency, a percent sign or a degree sign.

Promises: units never convert and never scale. A percent is its hundredth and a degree its radians
where only the meaning counts (`strict`); a sign that one side lacks is dropped by policy alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from ..nodes import Add, Call, Const, Degree, Div, Mul, Node, Num, Percent, Unit, children, rebuilt
from ..units import CURRENCY_SIGNS, unit_name
from ..verdict import Rung
from .base import DIFFERENT, EQUAL, Answer, Context, Outcome, Settings, combine
from .expression import Expression

PERCENT, DEGREE = "%", "°"
_GENERIC = frozenset({"", "^2", "^3"})


class Quantity(Answer):
    """value and a canonical unit name (`%`, `°`, `$`, `cm^2`, `apple`)."""

    __slots__ = ("unit", "value")
    kind: ClassVar[str] = "quantity"

    def __init__(self, value: Expression, unit: str) -> None:
        self.value = value
        self.unit = unit

    @property
    def form(self) -> str:
        return f"{self.value.form} {self.unit}".rstrip()

    @property
    def strict(self) -> Answer:
        if self.unit == PERCENT:
            return Expression(Percent(self.value.node), self.value.settings)
        if self.unit == DEGREE:
            return Expression(Degree(self.value.node), self.value.settings)
        if self.unit == "rad":
            return self.value
        return self

    def equals(self, other: Quantity, ctx: Context) -> Outcome:
        if self.unit == other.unit:
            return self.value.equals(other.value, ctx)
        if ctx.lenient and (self.unit in _GENERIC or other.unit in _GENERIC):
            return self.value.equals(other.value, ctx)
        if ctx.lenient and _tail_dropped(self.unit, other.unit):
            return self.value.equals(other.value, ctx)
        mine, theirs = self.strict, other.strict
        if mine is not self and theirs is not other:
            return ctx.compare(mine, theirs, replace(ctx, lenient=False))
        return combine([self.value.equals(other.value, ctx), Outcome(False, Rung.CANONICAL, why="the units differ")])

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if isinstance(other, Quantity) or other.kind == "choice":
            return
        if self.unit == DEGREE:
            # against a radian constant by value, against anything else by its number
            if isinstance(other, Expression) and _mentions_pi(other.node):
                yield self.strict
            elif ctx.policy.drop_units:
                yield self.value
        elif self.unit == PERCENT:
            yield self.strict
            if ctx.policy.drop_percent:
                yield self.value
        elif ctx.policy.drop_units:
            yield self.value


def _tail_dropped(a: str, b: str) -> bool:
    """`$` for `$/h`: a currency whose rate one side leaves out."""
    short, long = sorted((a, b), key=len)
    return short in CURRENCY_SIGNS.values() and long.startswith(short + "/")


def _mentions_pi(node: Node) -> bool:
    return node == Const("pi") or any(_mentions_pi(child) for child in children(node))


def recognise(node: Node, settings: Settings) -> Answer | None:
    """A percent, a degree, or a product whose last factors are units."""
    if isinstance(node, Percent):
        return Quantity(Expression(node.arg, settings), PERCENT)
    if isinstance(node, Degree):
        return Quantity(Expression(node.arg, settings), DEGREE)
    if isinstance(node, Unit):
        return Quantity(Expression(Num(1), settings), node.name)
    if not isinstance(node, Mul):
        return _common_unit(node, settings) if isinstance(node, (Add, Div)) else None
    units = [arg.name for arg in node.args if isinstance(arg, Unit)]
    rest = [arg for arg in node.args if not isinstance(arg, Unit)]
    if len(rest) == 1 and isinstance(rest[0], Percent) and not units:
        return recognise(rest[0], settings)
    if not units and not isinstance(rest[-1], (Percent, Degree)) and _has_unit(node):
        return _common_unit(node, settings)
    if len(rest) > 1 and isinstance(rest[-1], (Percent, Degree)) and not units:
        last = rest[-1]
        factor = Mul((*rest[:-1], last.arg))
        return Quantity(Expression(factor, settings), PERCENT if isinstance(last, Percent) else DEGREE)
    if not units:
        return None
    if not rest:
        rest = [Num(1)]
    value = rest[0] if len(rest) == 1 else Mul(tuple(rest))
    if isinstance(value, Percent):
        return Quantity(Expression(value.arg, settings), PERCENT)
    unit = units[0] if len(units) == 1 else unit_name(" ".join(units))
    return Quantity(Expression(value, settings), unit)


def _common_unit(node: Node, settings: Settings) -> Answer | None:
    """`50 cm + 2 cm`, `(6 m)/2`, `1170°/19`: every term has the same unit, to the first power."""
    if not _has_unit(node):
        return None
    node = _degrees_as_unit(node)
    found = Expression(node, settings).canonical()
    if found is None or not found[0]:
        return None
    units = {tuple(power for power in monomial if power[0][0] == "u") for monomial in found[0]}
    if len(units) != 1 or len(unit := units.pop()) != 1 or unit[0][1] != 1:
        return None
    return Quantity(Expression(_unitless(node), settings), unit[0][0][2:])


def _degrees_as_unit(node: Node) -> Node:
    """Degrees outside functions as a unit; inside a sine they are its argument's own."""
    if isinstance(node, Degree):
        return Mul((node.arg, Unit(DEGREE)))
    return node if isinstance(node, Call) else rebuilt(node, _degrees_as_unit)


def _has_unit(node: Node) -> bool:
    if isinstance(node, Call):
        return False
    return isinstance(node, (Unit, Degree)) or any(map(_has_unit, children(node)))


def _unitless(node: Node) -> Node:
    return Num(1) if isinstance(node, Unit) else rebuilt(node, _unitless)


__all__ = ["DEGREE", "DIFFERENT", "EQUAL", "PERCENT", "Quantity", "recognise"]
