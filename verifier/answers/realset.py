"""Sets of real numbers: intervals, unions, and the algebra on them.

Promises: one normal form, sorted disjoint pieces with exact ends; a set whose ends cannot be put
in order raises Unordered and is no RealSet. `solving` says which notations mean such a set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cmp_to_key
from typing import ClassVar

from .. import numeric
from .._record import record
from ..verdict import Rung
from .base import Answer, Context, Outcome, combine
from .expression import Expression, Infinity
from .shapes import difference


class Unordered(Exception):
    """Two ends whose order is not known."""


End = Expression | Infinity


@record
class Piece:
    low: End
    low_closed: bool
    high: End
    high_closed: bool


def _order(a: End, b: End) -> int:
    """-1, 0 or 1. Raises Unordered."""
    if isinstance(a, Infinity) or isinstance(b, Infinity):
        x = a.sign if isinstance(a, Infinity) else 0
        y = b.sign if isinstance(b, Infinity) else 0
        return (x > y) - (x < y)
    if a.rational is not None and b.rational is not None:
        return (a.rational > b.rational) - (a.rational < b.rational)
    if a.form == b.form:
        return 0
    gap = difference(a.node, b.node)
    budget = a.settings.budget
    found = numeric.sign(gap, a.settings.limits, budget)
    if found is None:
        if not numeric.symbols(gap) and numeric.compare(a.node, b.node, a.settings.limits, budget):
            return 0
        raise Unordered
    return found


class RealSet(Answer):
    """pieces: disjoint, sorted, none empty. variable: the unknown as written, or empty."""

    __slots__ = ("pieces", "source", "variable")
    kind: ClassVar[str] = "real set"

    def __init__(self, pieces: tuple[Piece, ...], variable: str = "", source: tuple[Answer, ...] = ()) -> None:
        self.pieces = pieces
        self.variable = variable
        self.source = source  # the two ends of a `[a,b]`, which may also be a list

    @property
    def form(self) -> str:
        if not self.pieces:
            return "{}"
        return " U ".join(_piece_form(p) for p in self.pieces)

    def equals(self, other: RealSet, ctx: Context) -> Outcome:
        if len(self.pieces) != len(other.pieces):
            return Outcome(False, Rung.EXACT)
        return combine(_same_piece(a, b, ctx) for a, b in zip(self.pieces, other.pieces, strict=True))

    @property
    def strict(self) -> Answer:
        from .collection import Collection

        if all(p.low is p.high for p in self.pieces):
            return Collection("set", tuple(p.low for p in self.pieces), "{}")
        return self

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        from .collection import Collection

        if self.source and isinstance(other, Collection) and other.brackets != "()":
            yield Collection("tuple", self.source, "[]")


def _piece_form(piece: Piece) -> str:
    if piece.low is piece.high:
        return f"{{{piece.low.form}}}"
    return f"{'[' if piece.low_closed else '('}{piece.low.form}, {piece.high.form}{']' if piece.high_closed else ')'}"


def _same_piece(a: Piece, b: Piece, ctx: Context) -> Outcome:
    if (a.low_closed, a.high_closed) != (b.low_closed, b.high_closed):
        return Outcome(False, Rung.EXACT, why="an end is open on one side and closed on the other")
    return combine([ctx.compare(a.low, b.low, ctx), ctx.compare(a.high, b.high, ctx)])


def normal(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Sorted, merged and without empty pieces. Raises Unordered."""
    kept = []
    for piece in pieces:
        order = _order(piece.low, piece.high)
        if order < 0:
            kept.append(piece)
        elif order == 0 and piece.low_closed and piece.high_closed and not isinstance(piece.low, Infinity):
            kept.append(Piece(piece.low, True, piece.low, True))

    def by_start(a: Piece, b: Piece) -> int:
        return _order(a.low, b.low) or b.low_closed - a.low_closed

    kept.sort(key=cmp_to_key(by_start))
    merged: list[Piece] = []
    for piece in kept:
        if merged:
            last = merged[-1]
            gap = _order(piece.low, last.high)
            if gap < 0 or gap == 0 and (piece.low_closed or last.high_closed):
                further = _order(piece.high, last.high)
                high = piece.high if further > 0 else last.high
                closed = (
                    piece.high_closed
                    if further > 0
                    else last.high_closed
                    if further < 0
                    else piece.high_closed or last.high_closed
                )
                merged[-1] = Piece(last.low, last.low_closed, high, closed)
                continue
        merged.append(piece)
    return tuple(merged)


def intersection(a: Sequence[Piece], b: Sequence[Piece]) -> tuple[Piece, ...]:
    found = []
    for x in a:
        for y in b:
            low_order, high_order = _order(x.low, y.low), _order(x.high, y.high)
            low = x.low if low_order >= 0 else y.low
            low_closed = (
                x.low_closed if low_order > 0 else y.low_closed if low_order < 0 else x.low_closed and y.low_closed
            )
            high = x.high if high_order <= 0 else y.high
            high_closed = (
                x.high_closed
                if high_order < 0
                else y.high_closed
                if high_order > 0
                else x.high_closed and y.high_closed
            )
            found.append(Piece(low, low_closed, high, high_closed))
    return normal(found)


MINUS, PLUS = Infinity(-1), Infinity(1)
LINE: tuple[Piece, ...] = (Piece(MINUS, False, PLUS, False),)


def complement(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    rest: tuple[Piece, ...] = LINE
    for p in pieces:
        outside = []
        if not isinstance(p.low, Infinity):
            outside.append(Piece(MINUS, False, p.low, not p.low_closed))
        if not isinstance(p.high, Infinity):
            outside.append(Piece(p.high, not p.high_closed, PLUS, False))
        rest = intersection(rest, outside)
    return rest


def interval(brackets: str, items: Sequence[Answer]) -> RealSet | None:
    """The interval between two real ends in order, else None."""
    low, high = items
    if not isinstance(low, (Expression, Infinity)) or not isinstance(high, (Expression, Infinity)):
        return None
    try:
        if _order(low, high) >= 0:
            return None
    except Unordered:
        return None
    closed_low = brackets[0] == "[" and not isinstance(low, Infinity)
    closed_high = brackets[1] == "]" and not isinstance(high, Infinity)
    source = tuple(items) if brackets == "[]" else ()
    return RealSet((Piece(low, closed_low, high, closed_high),), "", source)
