"""Matrices and column vectors. Brackets are noise; a row is not a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ..nodes import Matrix, Node
from .base import DIFFERENT, Answer, Context, Outcome, Settings, combine


class MatrixAnswer(Answer):
    __slots__ = ("rows",)
    kind: ClassVar[str] = "matrix"

    def __init__(self, rows: tuple[tuple[Answer, ...], ...]) -> None:
        self.rows = rows

    @property
    def is_column(self) -> bool:
        return all(len(row) == 1 for row in self.rows)

    @property
    def form(self) -> str:
        return "[" + "; ".join(", ".join(e.form for e in row) for row in self.rows) + "]"

    def equals(self, other: MatrixAnswer, ctx: Context) -> Outcome:
        if [len(r) for r in self.rows] != [len(r) for r in other.rows]:
            return DIFFERENT
        return combine(
            ctx.compare(a, b, ctx)
            for mine, theirs in zip(self.rows, other.rows, strict=True)
            for a, b in zip(mine, theirs, strict=True)
        )

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        from .collection import Collection

        if self.is_column and isinstance(other, Collection) and other.order == "tuple":
            yield Collection("tuple", tuple(row[0] for row in self.rows))
        if len(self.rows) == 1 and len(self.rows[0]) == 1:
            yield self.rows[0][0]


def recognise(node: Node, settings: Settings) -> Answer | None:
    if not isinstance(node, Matrix):
        return None
    return MatrixAnswer(tuple(tuple(settings.recognise(e, settings) for e in row) for row in node.rows))
