r"""Functions by cases: `\begin{cases} x & x \ge 0 \\ -x & x < 0 \end{cases}`.

Promises: equal where the cases pair up, value by value and condition by condition, in any order; different where a
sample point of the line gets provably different values; anything else is left undecided.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar

from ..nodes import Call, Name, Node, Num, Seq, Text
from ..verdict import Rung
from .base import UNDECIDED, Answer, Context, Outcome, Settings
from .collection import match
from .conditioned import Conditioned
from .expression import Expression, Infinity
from .realset import Piece, RealSet, Unordered, complement, normal

_OTHERWISE = frozenset({"otherwise", "else", "if otherwise", "in all other cases", "in other cases", "for other cases"})


class Piecewise(Answer):
    """cases: each a value and the condition under which it holds."""

    __slots__ = ("cases", "settings")
    kind: ClassVar[str] = "cases"

    def __init__(self, cases: tuple[Conditioned, ...], settings: Settings) -> None:
        self.cases = cases
        self.settings = settings

    @property
    def form(self) -> str:
        return "; ".join(sorted(case.form for case in self.cases))

    def equals(self, other: Piecewise, ctx: Context) -> Outcome:
        if len(self.cases) == len(other.cases):
            found = match(self.cases, other.cases, ctx)
            if found.equal:
                return found
        for point in sorted(_samples(self) | _samples(other)):
            mine, theirs = self.at(point), other.at(point)
            if mine is not None and theirs is not None and ctx.compare(mine, theirs, ctx).equal is False:
                return Outcome(False, Rung.EXACT, why=f"the values at {point} differ")
            if (mine is None and self.leaves_out(point)) != (theirs is None and other.leaves_out(point)):
                return Outcome(False, Rung.EXACT, why=f"only one side has a value at {point}")
        return UNDECIDED

    def leaves_out(self, point: Fraction) -> bool:
        """Whether no case holds at a point, for certain: every condition is a set with rational ends."""
        ends = [
            end
            for case in self.cases
            for piece in (case.condition.pieces if isinstance(case.condition, RealSet) else (None,))
            for end in ((piece.low, piece.high) if piece else (None,))
        ]
        known = all(isinstance(e, Infinity) or isinstance(e, Expression) and e.rational is not None for e in ends)
        return known and not any(isinstance(c.condition, RealSet) and _holds(c.condition, point) for c in self.cases)

    def at(self, point: Fraction) -> Answer | None:
        """The value at a rational point; None where no case is known to hold there."""
        from .relation import substitute

        for case in self.cases:
            condition = case.condition
            if isinstance(condition, RealSet) and isinstance(case.value, Expression) and _holds(condition, point):
                value = Num(point.numerator if point.denominator == 1 else point)
                return Expression(substitute(case.value.node, {Name(condition.variable or "x"): value}), self.settings)
        return None


def _ends(answer: Piecewise) -> Iterator[Fraction]:
    for case in answer.cases:
        for piece in case.condition.pieces if isinstance(case.condition, RealSet) else ():
            for end in (piece.low, piece.high):
                if isinstance(end, Expression) and end.rational is not None:
                    yield Fraction(end.rational)


def _samples(answer: Piecewise) -> set[Fraction]:
    ends = sorted(set(_ends(answer)))
    between = {(a + b) / 2 for a, b in pairwise(ends)}
    outside = {ends[0] - Fraction(3, 2), ends[-1] + Fraction(3, 2)} if ends else set()
    return set(ends) | between | outside


def _holds(condition: RealSet, point: Fraction) -> bool:
    return any(_inside(piece, point) for piece in condition.pieces)


def _inside(piece: Piece, point: Fraction) -> bool:
    return _beyond(piece.low, piece.low_closed, point, 1) and _beyond(piece.high, piece.high_closed, point, -1)


def _beyond(end: Expression | Infinity, closed: bool, point: Fraction, side: int) -> bool:
    """Whether a point is on the inner side of an end; False where the end is no rational."""
    if isinstance(end, Infinity):
        return True
    if end.rational is None:
        return False
    gap = (point - end.rational) * side
    return gap > 0 or gap == 0 and closed


def recognise(node: Node, settings: Settings) -> Answer | None:
    if not isinstance(node, Call) or node.name != "piecewise":
        return None
    rows = [row.items for row in node.args if isinstance(row, Seq)]
    if not all(len(row) == 2 for row in rows):
        return None
    cases: list[Conditioned] = []
    rest: Node | None = None
    for value, condition in rows:
        if isinstance(condition, Text) and condition.words in _OTHERWISE and rest is None:
            rest = value
        else:
            cases.append(Conditioned(settings.recognise(value, settings), settings.recognise(condition, settings)))
    if rest is not None:
        remaining = _remaining(cases)
        if remaining is None:
            return None
        cases.append(Conditioned(settings.recognise(rest, settings), remaining))
    return Piecewise(tuple(cases), settings)


def _remaining(cases: list[Conditioned]) -> RealSet | None:
    """What `otherwise` stands for: the line less every condition; None where they are no sets of reals."""
    sets = [case.condition for case in cases if isinstance(case.condition, RealSet)]
    if len(sets) != len(cases) or len({found.variable for found in sets}) != 1:
        return None
    try:
        pieces = complement(normal([piece for found in sets for piece in found.pieces]))
    except Unordered:
        return None
    return RealSet(pieces, sets[0].variable)
