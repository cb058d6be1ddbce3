"""Matrices and column vectors. Brackets are noise; a row is not a column.

Promises: sums, products with scalars and with each other, and small powers of written matrices are
worked out entry by entry; the entries are then answers like any others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ..nodes import Add, Matrix, Mul, Node, Num, Pow, children, size
from ..syntax import LimitError, ParseError
from .base import DIFFERENT, Answer, Context, Outcome, Settings, combine, members

_LARGEST = 2_000  # nodes in the entries of two matrices that are multiplied
Rows = tuple[tuple[Node, ...], ...]


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


def _holds_matrix(node: Node) -> bool:
    return isinstance(node, Matrix) or isinstance(node, (Add, Mul, Pow)) and any(map(_holds_matrix, children(node)))


def _rows(node: Node, settings: Settings) -> Rows:
    """The entries of a matrix expression. Raises ParseError where the shapes do not fit."""
    if isinstance(node, Matrix):
        return node.rows
    if isinstance(node, Add):
        total = _rows(node.args[0], settings)
        for arg in node.args[1:]:
            other = _rows(arg, settings)
            if [len(r) for r in total] != [len(r) for r in other]:
                raise ParseError("a sum of matrices of different shapes")
            total = tuple(
                tuple(Add(pair) for pair in zip(x, y, strict=True)) for x, y in zip(total, other, strict=True)
            )
        return total
    if isinstance(node, Mul):
        scalars = [arg for arg in node.args if not _holds_matrix(arg)]
        result: Rows | None = None
        for arg in node.args:
            if _holds_matrix(arg):
                result = _rows(arg, settings) if result is None else _product(result, _rows(arg, settings), settings)
        if result is None:
            raise ParseError("a sum of a matrix and a number")
        return tuple(tuple(Mul((*scalars, e)) if scalars else e for e in row) for row in result)
    if isinstance(node, Pow) and isinstance(node.exp, Num) and node.exp.value in range(1, 9):
        base = result = _rows(node.base, settings)
        for _ in range(int(node.exp.value) - 1):
            result = _product(result, base, settings)
        return result
    raise ParseError("a matrix where a value belongs")


def _product(a: Rows, b: Rows, settings: Settings) -> Rows:
    if any(len(row) != len(b) for row in a):
        raise ParseError("a product of matrices whose shapes do not fit")
    if len(a) * len(b) * len(b[0]) > settings.limits.members:
        raise LimitError("a product of large matrices")
    if sum(size(entry, _LARGEST) for row in (*a, *b) for entry in row) > _LARGEST:
        raise LimitError("a product of matrices with large entries")
    columns = list(zip(*b, strict=True))
    return tuple(
        tuple(_entry(Add(tuple(Mul((x, y)) for x, y in zip(row, column, strict=True))), settings) for column in columns)
        for row in a
    )


def _entry(node: Node, settings: Settings) -> Node:
    """A numeral where the entry is a rational, so that powers of matrices stay small."""
    from .expression import Expression

    value = Expression(node, settings).rational
    return node if value is None else Num(value)


def recognise(node: Node, settings: Settings) -> Answer | None:
    if not _holds_matrix(node):
        return None
    rows = _rows(node, settings)
    return MatrixAnswer(tuple(members(row, settings) for row in rows))
