"""A value with the condition written behind it, and quantities written in two units.

Promises: conditions count where both sides write one; a condition that one side leaves out is dropped by `verify`
alone. `2 hours, 30 minutes` is one length of time against a value, and a list against a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from .. import numeric
from ..nodes import Add, Mul, Node, Unit, Where
from .base import Answer, Context, Outcome, Settings, combine
from .expression import Expression
from .quantity import Quantity
from .realset import RealSet
from .statements import Inequality

# Units that are written one behind the other, the larger first.
_FAMILIES = ("year month week day h min s".split(), "mi yd ft in".split(), "km m cm mm".split(), "lb oz".split(),
             "t kg g mg".split(), "$ ¢".split(), "gal".split(), "l ml".split())  # fmt: skip


class Conditioned(Answer):
    """value: what is said; condition: where it holds."""

    __slots__ = ("condition", "value")
    kind: ClassVar[str] = "conditioned"

    def __init__(self, value: Answer, condition: Answer) -> None:
        self.value = value
        self.condition = condition

    @property
    def form(self) -> str:
        return f"{self.value.form} where {self.condition.form}"

    def equals(self, other: Conditioned, ctx: Context) -> Outcome:
        pairs = ((self.value, other.value), (self.condition, other.condition))
        return combine(ctx.compare(a, b, ctx) for a, b in pairs)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if not _conditional(other):
            yield self.value


def _conditional(answer: Answer) -> bool:
    from .collection import Collection

    return isinstance(answer, Conditioned) or isinstance(answer, Collection) and any(_pairs(answer.items))


def _unknowns(answer: Answer) -> set[str]:
    """The symbols of a value, or of an equation's right side."""
    from .collection import Collection
    from .relation import Equation

    if isinstance(answer, Equation) and answer.label is not None and isinstance(answer.value, Expression):
        return numeric.symbols(answer.value.node)
    if isinstance(answer, Collection):
        return set().union(*map(_unknowns, answer.items)) if answer.order == "tuple" else set()
    return numeric.symbols(answer.node) if isinstance(answer, Expression) else set()


def _pairs(items: Sequence[Answer]) -> Iterator[Answer]:
    """`x + 1, x != 0`: a value and a condition on its unknown."""
    if len(items) == 2:
        value, condition = items
        unknowns = {condition.variable} if isinstance(condition, RealSet) else set()
        unknowns = condition.unknowns() if isinstance(condition, Inequality) else unknowns
        if unknowns & _unknowns(value):
            yield Conditioned(value, condition)


def pair_views(items: Sequence[Answer], other: Answer) -> Iterator[Answer]:
    """The readings of a bare list of two as one conditioned value, or as one quantity in two units."""
    from .collection import Collection

    if not isinstance(other, Collection):
        yield from _compound(items)
    if not isinstance(other, Collection) or other.order == "tuple":
        yield from _pairs(items)


def _compound(items: Sequence[Answer]) -> Iterator[Answer]:
    first, second = items
    if not isinstance(first, Quantity) or not isinstance(second, Quantity):
        return
    for family in _FAMILIES:
        if first.unit in family and second.unit in family[family.index(first.unit) + 1 :]:
            terms = tuple(Mul((q.value.node, Unit(q.unit))) for q in (first, second))
            yield Expression(Add(terms), first.value.settings)


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, Where):
        return Conditioned(settings.recognise(node.said, settings), settings.recognise(node.condition, settings))
    return None
