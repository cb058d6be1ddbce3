"""Statements that are neither an equation nor a solved set: inequalities in several unknowns,
congruences, membership, systems.

Promises: each is equal where its parts are; what that does not decide is left to the symbolic rung.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

from .. import numeric
from ..canonical import Sum, decisive
from ..nodes import (
    Logic,
    Node,
    Ratio,
    Rel,
    Seq,
    SetBuilder,
    SetOp,
    Where,
    children,
)
from ..syntax import UndefinedError
from ..verdict import Rung
from .base import DIFFERENT, EQUAL, UNDECIDED, Answer, Context, Outcome, Settings, combine
from .expression import Expression
from .shapes import describe, difference

# Relations that hold between the same two values only, as far as anybody here can tell.
_PLAIN_RELATIONS = frozenset({"divides", "perp", "parallel", "cong", "subset", "to"})


class Inequality(Answer):
    """An order relation that no set of reals stands for: several unknowns, or not solved."""

    __slots__ = ("left", "op", "right", "settings")
    kind: ClassVar[str] = "inequality"

    def __init__(self, left: Node, op: str, right: Node, settings: Settings) -> None:
        if op in (">", ">="):
            left, right, op = right, left, {">": "<", ">=": "<="}[op]
        self.left, self.op, self.right, self.settings = left, op, right, settings

    @property
    def form(self) -> str:
        gap = Expression(difference(self.left, self.right), self.settings)
        return f"{gap.form} {self.op} 0"

    def unknowns(self) -> set[str]:
        """The symbols that do not cancel."""
        found = Expression(difference(self.left, self.right), self.settings).canonical()
        if found is None:
            return numeric.symbols(self.left) | numeric.symbols(self.right)
        return {atom for monomial in found[0] for atom, _ in monomial if atom[0] == "s"}

    def equals(self, other: Inequality, ctx: Context) -> Outcome:
        if self.unknowns() != other.unknowns():
            return DIFFERENT
        if self.op != other.op:
            return UNDECIDED if {self.op, other.op} - {"<", "<=", "!="} else DIFFERENT
        a, b = difference(self.left, self.right), difference(other.left, other.right)
        if self.op == "!=":
            from .relation import Equation

            return Equation(self.left, self.right, None, None, self.settings).equals(
                Equation(other.left, other.right, None, None, self.settings), ctx
            )
        one, two = Expression(a, self.settings), Expression(b, self.settings)
        x, y = one.canonical(), two.canonical()
        if x and y and x[0] and y[0]:
            ratio = _ratio(x[0], y[0])
            if ratio is not None:
                return EQUAL if ratio > 0 else DIFFERENT
            if decisive(x[1], x[0]) and decisive(y[1], y[0]):
                return DIFFERENT
        found = numeric.proportional(a, b, ctx.limits, ctx.budget)
        return DIFFERENT if found is False else UNDECIDED


def _ratio(a: Sum, b: Sum) -> Fraction | None:
    if a.keys() != b.keys():
        return None
    ratios = {Fraction(a[m]) / b[m] for m in a}
    return ratios.pop() if len(ratios) == 1 else None


class Ordering(Answer):
    """`1/3 < 1/2 < 1`: constants in their order, smallest first; equal member by member."""

    __slots__ = ("members", "ops")
    kind: ClassVar[str] = "ordering"

    def __init__(self, ops: list[str], args: list[Node], settings: Settings) -> None:
        if all(op in (">", ">=") for op in ops):
            ops, args = [op.replace(">", "<") for op in reversed(ops)], args[::-1]
        self.ops = ops
        self.members = [Expression(arg, settings) for arg in args]

    @property
    def form(self) -> str:
        rest = (f" {op} {member.form}" for op, member in zip(self.ops, self.members[1:], strict=True))
        return self.members[0].form + "".join(rest)

    def equals(self, other: Ordering, ctx: Context) -> Outcome:
        if self.ops != other.ops:
            return DIFFERENT
        return combine(a.equals(b, ctx) for a, b in zip(self.members, other.members, strict=True))


class Congruence(Answer):
    """left = right modulo a modulus; right sides count up to multiples of it."""

    __slots__ = ("left", "modulus", "right")
    kind: ClassVar[str] = "congruence"

    def __init__(self, left: Node, right: Node, modulus: Node, settings: Settings) -> None:
        self.left, self.right, self.modulus = (Expression(n, settings) for n in (left, right, modulus))

    @property
    def form(self) -> str:
        return f"{self.left.form} = {self.right.form} mod {self.modulus.form}"

    def equals(self, other: Congruence, ctx: Context) -> Outcome:
        right = self.right.equals(other.right, ctx)
        mine, theirs, modulus = self.right.rational, other.right.rational, self.modulus.rational
        if isinstance(mine, int) and isinstance(theirs, int) and isinstance(modulus, int) and modulus:
            right = Outcome((mine - theirs) % modulus == 0, Rung.EXACT)
        return combine([self.modulus.equals(other.modulus, ctx), self.left.equals(other.left, ctx), right])


class Membership(Answer):
    r"""`x \in S`: a label on a set."""

    __slots__ = ("left", "value")
    kind: ClassVar[str] = "membership"

    def __init__(self, left: Node, value: Answer) -> None:
        self.left = left
        self.value = value

    @property
    def form(self) -> str:
        return f"{describe(self.left)} in {self.value.form}"

    def equals(self, other: Membership, ctx: Context) -> Outcome:
        if describe(self.left) != describe(other.left):
            return DIFFERENT
        return ctx.compare(self.value, other.value, ctx)

    @property
    def strict(self) -> Answer:
        return self.value

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if not isinstance(other, Membership):
            yield self.value


class Opaque(Answer):
    """A statement kept as its tree: systems, congruences, unsolved sets. Equal where its parts are."""

    __slots__ = ("node", "settings")
    kind: ClassVar[str] = "statement"

    def __init__(self, node: Node, settings: Settings) -> None:
        self.node = node
        self.settings = settings

    @property
    def form(self) -> str:
        return describe(self.node)

    def equals(self, other: Opaque, ctx: Context) -> Outcome:
        if self.node == other.node:
            return Outcome(True, Rung.IDENTICAL)
        if numeric.symbols(self.node) != numeric.symbols(other.node):
            return DIFFERENT
        mine, theirs = self.node, other.node
        if isinstance(mine, Rel) and isinstance(theirs, Rel) and mine.ops == theirs.ops and len(mine.ops) == 1:
            pairs = list(zip(mine.args, theirs.args, strict=True))
            if mine.ops[0] in _PLAIN_RELATIONS and all(is_value(n) for pair in pairs for n in pair):
                return combine(self._parts(x, y, ctx, {}) for x, y in pairs)
        return self._parts(self.node, other.node, ctx, {})

    def _parts(self, a: Node, b: Node, ctx: Context, known: dict[tuple[int, int], Outcome]) -> Outcome:
        """known: outcomes by the identities of two parts, which would meet again and again."""
        key = (id(a), id(b))
        if key not in known:
            known[key] = self._new_parts(a, b, ctx, known)
        return known[key]

    def _new_parts(self, a: Node, b: Node, ctx: Context, known: dict[tuple[int, int], Outcome]) -> Outcome:
        if a == b:
            return EQUAL
        if is_value(a) and is_value(b):
            try:
                return Expression(a, self.settings).equals(Expression(b, self.settings), ctx)
            except UndefinedError:
                return UNDECIDED
        mine, theirs = children(a), children(b)
        same = type(a) is type(b) and len(mine) == len(theirs) and _head(a) == _head(b)
        if not same:
            return UNDECIDED
        if all(self._parts(x, y, ctx, known).equal for x, y in zip(mine, theirs, strict=True)):
            return EQUAL
        if isinstance(a, Logic) and len(mine) <= 8:
            left = list(mine)
            for y in theirs:
                found = next((x for x in left if self._parts(x, y, ctx, known).equal), None)
                if found is None:
                    return UNDECIDED
                left.remove(found)
            return EQUAL
        return UNDECIDED


def _head(node: Node) -> object:
    return (
        getattr(node, "ops", None)
        or getattr(node, "op", None)
        or getattr(node, "name", None)
        or getattr(node, "brackets", None)
    )


def is_value(node: Node) -> bool:
    return not isinstance(node, (Rel, Logic, Seq, SetBuilder, SetOp, Ratio, Where))
