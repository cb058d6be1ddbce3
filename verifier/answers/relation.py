r"""Equations, labels, and relations that no other type reads.

Promises: an equation is equal up to a nonzero constant factor; a label (`x=`, `f(x)=`, `|AB|=`,
`x\in`) is dropped by policy and only where a label it is; a chain stands for its last exact member
and is undefined where its members disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

from .. import numeric
from ..canonical import KNOWN_FUNCTIONS, Canoniser, Sum, TooMuch, decisive, render
from ..monomials import order
from ..nodes import (
    Add,
    Big,
    Call,
    Const,
    Degree,
    Div,
    Logic,
    Mul,
    Name,
    Node,
    Num,
    Pow,
    Ratio,
    Rel,
    Seq,
    SetBuilder,
    SetOp,
    Unit,
    rebuilt,
)
from ..syntax import UndefinedError
from ..verdict import Rung
from .base import DIFFERENT, EQUAL, UNDECIDED, Answer, Context, Outcome, Settings
from .collection import Collection
from .expression import Expression
from .quantity import Quantity
from .shapes import describe, difference
from .statements import Congruence, Inequality, Membership, Opaque, Ordering, is_value


class Equation(Answer):
    """left = right. label: the side that only names; value: the other side's answer."""

    __slots__ = ("_normal", "label", "left", "names", "right", "settings", "value")
    kind: ClassVar[str] = "equation"

    def __init__(self, left: Node, right: Node, label: Node | None, value: Answer | None, settings: Settings) -> None:
        self.left = left
        self.right = right
        self.label = label
        self.value = value
        self.settings = settings
        self.names: tuple[Node, ...] = ()  # of `x = y = 1`
        self._normal: tuple[Sum, Canoniser] | None = None

    @property
    def form(self) -> str:
        if self.label is not None and self.value is not None:
            return f"{self.label_form} = {self.value.form}"
        normal = self.normal()
        return f"{render(normal[0])} = 0" if normal else f"{describe(self.left)} = {describe(self.right)}"

    @property
    def label_form(self) -> str | None:
        return None if self.label is None else describe(self.label)

    def normal(self) -> tuple[Sum, Canoniser] | None:
        """left - right with leading coefficient one."""
        if self._normal is None:
            canoniser = Canoniser(self.settings.limits)
            try:
                gap = canoniser.of(difference(self.left, self.right))
                if gap:
                    gap = canoniser.scaled(gap, 1 / Fraction(gap[min(gap, key=order)]))
                self._normal = (gap, canoniser)
            except (TooMuch, UndefinedError):
                return None
        return self._normal

    def equals(self, other: Equation, ctx: Context) -> Outcome:
        if self.label is not None and other.label is not None and self.value is not None and other.value is not None:
            return self._labelled(other, ctx)
        sides = (self.left, self.right, other.left, other.right)
        if {self.left, self.right} == {other.left, other.right}:
            return EQUAL
        if not all(map(is_value, sides)):
            return DIFFERENT
        a, b = self.normal(), other.normal()
        if a is not None and b is not None:
            if a[0] == b[0]:
                return EQUAL
            if not a[0] or not b[0]:
                return DIFFERENT
            if decisive(a[1], a[0]) and decisive(b[1], b[0]):
                return DIFFERENT
        found = numeric.proportional(
            difference(self.left, self.right), difference(other.left, other.right), ctx.limits, ctx.budget
        )
        if found is None and numeric.symbols(difference(*sides[:2])) != numeric.symbols(difference(*sides[2:])):
            return DIFFERENT
        return UNDECIDED if found is None else Outcome(found, Rung.NUMERIC)

    def _labelled(self, other: Equation, ctx: Context) -> Outcome:
        assert self.value is not None
        assert other.value is not None
        mine, theirs = self.label, other.label
        assert mine is not None
        assert theirs is not None
        if describe(mine) == describe(theirs):
            return ctx.compare(self.value, other.value, ctx)
        if isinstance(mine, Seq) and isinstance(theirs, Seq) and set(mine.items) == set(theirs.items):
            one, two = self.spread(), other.spread()  # `(b,a) = (2,1)` says `(a,b) = (1,2)`
            if one is not None and two is not None:
                return one.equals(two, ctx)
        if _head_of_letters(mine) is not None and _head_of_letters(mine) == _head_of_letters(theirs):
            assert isinstance(mine, Call)
            assert isinstance(theirs, Call)
            renamed = _renamed(self.right, mine, theirs)
            if renamed is None and all(isinstance(arg, Name) for arg in (*mine.args, *theirs.args)):
                return DIFFERENT
            if renamed is not None:
                return ctx.compare(self.settings.recognise(renamed, self.settings), other.value, ctx)
        if ctx.lenient and ctx.policy.drop_labels and _same_role(mine, theirs):
            return ctx.compare(self.value, other.value, ctx)
        # `y = x + 1` and `x = y - 1` say the same
        if all(map(is_value, (self.left, self.right, other.left, other.right))):
            gap = Equation(self.left, self.right, None, None, self.settings)
            return gap.equals(Equation(other.left, other.right, None, None, self.settings), ctx)
        return DIFFERENT

    def spread(self) -> Collection | None:
        """`(a,b) = (1,2)` and `x = y = 1` as one equation a name; None where one name stands alone."""
        if self.names:
            pairs = [(name, self.right) for name in self.names]
        elif isinstance(self.label, Seq):
            value = self.right if self.label is self.left else self.left
            if not isinstance(value, Seq) or value.brackets != "()" or len(value.items) != len(self.label.items):
                return None
            pairs = list(zip(self.label.items, value.items, strict=True))
        else:
            return None
        named = (Equation(n, v, n, self.settings.recognise(v, self.settings), self.settings) for n, v in pairs)
        return Collection("list", tuple(named))

    def _combinations(self, other: Answer) -> Answer | None:
        """`C(10,3)`, read as a point named C, as a number of choices against a value; `P(10,3)` as one of orders."""
        name = self.label.name if isinstance(self.label, Name) else ""
        if name not in ("C", "P") or not isinstance(other, Expression) or not isinstance(self.right, Seq):
            return None
        chosen: Node = Call("binom", self.right.items)
        if len(self.right.items) != 2 or not all(map(is_value, self.right.items)):
            return None
        if name == "P":
            chosen = Mul((chosen, Call("factorial", self.right.items[1:])))
        return Expression(chosen, self.settings)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if isinstance(other, Collection):
            spread = self.spread()
            if spread is not None and (self.names or all(isinstance(i, Equation) and i.label for i in other.items)):
                yield spread
                return
        chosen = self._combinations(other)
        if chosen is not None:
            yield chosen
        both_names = isinstance(self.label, Name) and self.label.name.isupper() and other.kind == "choice"
        if self.value is not None and ctx.policy.drop_labels and not isinstance(other, Equation) and not both_names:
            yield self.value
            # `5 = x`, and `x = y`, where either side may be the label
            if (
                isinstance(self.label, Name)
                and is_label(self.right)
                and isinstance(other, Expression)
                and other.is_symbol
            ):
                yield Expression(self.left, self.settings)


def _head_of_letters(node: Node) -> str | None:
    """`f` for `f(x)`, whose letter may be another; None for `P(A)`, `|a|` and `f(2)`."""
    if not isinstance(node, Call) or node.name in KNOWN_FUNCTIONS:
        return None
    return node.name if all(isinstance(arg, Name) and arg.name[:1].islower() for arg in node.args) else None


def _renamed(body: Node, mine: Call, theirs: Call) -> Node | None:
    """The body with my argument's letters written as theirs; None where the arguments are no names."""
    if len(mine.args) != len(theirs.args):
        return None
    table: dict[Node, Node] = {}
    taken = numeric.symbols(body) - {a.name for a in mine.args if isinstance(a, Name)}
    for a, b in zip(mine.args, theirs.args, strict=True):
        if not isinstance(a, Name) or not isinstance(b, Name):
            return None
        if b.name in taken:
            return None  # `f(t)=x^2` is no renaming of `f(x)=x^2`
        table[a] = b
    if len(set(table.values())) != len(table):
        return None
    return substitute(body, table)


def substitute(node: Node, table: dict[Node, Node]) -> Node:
    """The tree with nodes replaced."""
    return table[node] if node in table else rebuilt(node, lambda child: substitute(child, table))


def _same_role(a: Node, b: Node) -> bool:
    """`y` and `f(x)` both name the value of a function."""
    pair = {describe(n) if isinstance(n, Name) else "call" if isinstance(n, Call) else "" for n in (a, b)}
    return pair == {"y", "call"}


def is_label(node: Node) -> bool:
    """A name, a function of names, |name|, a ratio or fraction of names: nothing with a number."""
    if isinstance(node, (Name, Const)):
        return not (isinstance(node, Const) and node.name in ("pi", "oo"))
    if isinstance(node, Call):
        if node.name in ("abs", "conj", "prime", "det", "tr", "deg", "dim", "Pr"):
            return all(is_label(arg) for arg in node.args)
        return all(is_label(arg) or isinstance(arg, Num) and _user_function(node.name) for arg in node.args)
    if isinstance(node, Mul):
        return all(isinstance(arg, Name) for arg in node.args) and _is_point_run(node)
    if isinstance(node, Div):
        return is_label(node.num) and is_label(node.den)
    if isinstance(node, Ratio):
        return all(is_label(arg) for arg in node.args)
    if isinstance(node, Seq):
        return node.brackets == "()" and all(is_label(item) for item in node.items)
    if isinstance(node, Pow):  # f^{-1}(x) is read as a call; x^2 is no label
        return False
    if isinstance(node, Degree):
        return is_label(node.arg)
    if isinstance(node, Big):  # the limit of a name
        return is_label(node.body) and bool(numeric.symbols(node.body) - {node.var})
    return False


def _user_function(name: str) -> bool:
    from ..grammar.tables import FUNCTIONS

    return name not in FUNCTIONS.values()


def _is_point_run(node: Mul) -> bool:
    """`AB`, `ABC`, `P(A)`: capital letters, or one letter before a bracketed capital."""
    names = [arg.name for arg in node.args if isinstance(arg, Name)]
    return all(n[:1].isupper() or " " in n for n in names) or len(names) == 1 or names[0] in ("m", "d", "angle")


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, Rel):
        return _relation(node, settings)
    if isinstance(node, (Logic, SetBuilder, SetOp)) or isinstance(node, Call) and node.name == "piecewise":
        return Opaque(node, settings)
    return None


def _relation(node: Rel, settings: Settings) -> Answer:
    ops, args = list(node.ops), list(node.args)
    if "~" in ops:
        first = ops.index("~")
        if first or not is_label(args[0]):
            # an approximation after an exact value adds nothing
            tail = args[first + 1] if len(args) == first + 2 else None
            del ops[first:], args[first + 1 :]
            found = settings.recognise(Rel(tuple(ops), tuple(args)) if ops else args[0], settings)
            return _approximated(found, tail)
        ops[0] = "="
        ops = ops[:1]
        args = args[:2]
    if ops == ["in"]:
        return Membership(args[0], settings.recognise(args[1], settings))
    if all(op == "=" for op in ops):
        return _equation(args, settings)
    if ops == ["equiv"] and isinstance(args[0], Call) and is_label(args[0]):
        return _equation(args, settings)  # `f(x) \\equiv 0`: everywhere
    if ops == ["equiv", "mod"] and isinstance(args[2], Call):
        return Congruence(args[0], args[1], args[2].args[0], settings)
    if all(op in ("<", "<=", ">", ">=") for op in ops) and not numeric.symbols(Rel(tuple(ops), tuple(args))):
        return Ordering(ops, args, settings)
    if len(ops) == 1 and ops[0] in ("<", "<=", ">", ">=", "!="):
        return Inequality(args[0], ops[0], args[1], settings)
    return Opaque(Rel(tuple(ops), tuple(args)), settings)


def _of_names(node: Node) -> bool:
    """A sum or product of plain names."""
    return isinstance(node, (Add, Mul)) and all(isinstance(arg, Name) for arg in node.args)


def _approximated(answer: Answer, tail: Node | None) -> Answer:
    """The answer; its value remembers the decimal that was said to be near it."""
    value = answer.value if isinstance(answer, Equation) else answer
    value = value.value if isinstance(value, Quantity) else value
    tail = tail.args[0] if isinstance(tail, Mul) and all(isinstance(a, Unit) for a in tail.args[1:]) else tail
    if isinstance(value, Expression) and isinstance(tail, Num) and tail.decimals is not None:
        value.approximation = tail
    return answer


def _equation(args: list[Node], settings: Settings) -> Answer:
    if len(args) > 2 or not numeric.symbols(Rel(("=",), tuple(args))):
        if is_label(args[0]):
            label, rest = args[0], args[1:]
        elif is_label(args[-1]):
            label, rest = args[-1], args[:-1]
        else:
            label, rest = None, args
        if label is not None and len(rest) > 1 and all(is_label(arg) for arg in rest[:-1]):
            named = Equation(label, rest[-1], label, settings.recognise(rest[-1], settings), settings)
            if all(isinstance(name, Name) for name in (label, *rest[:-1])):
                named.names = (label, *rest[:-1])
            return named  # x = y = 5
        if label is None and len(rest) > 2 and _of_names(rest[0]):
            rest = rest[1:]  # `m + n = 2 + 4 = 6`
        if all(is_value(arg) for arg in rest) and _agree(rest, settings):
            if label is None:
                return settings.recognise(rest[-1], settings)
            args = [label, rest[-1]]
        elif len(args) > 2:
            return Opaque(Rel(("=",) * (len(args) - 1), tuple(args)), settings)
        elif label is None and all(is_value(arg) for arg in args):
            return settings.recognise(args[-1], settings)  # a limit or an integral and its value
    left, right = args
    for label, value in ((left, right), (right, left)):
        if is_label(label):
            return Equation(label, value, label, settings.recognise(value, settings), settings)
    return Equation(left, right, None, None, settings)


def _agree(members: list[Node], settings: Settings) -> bool:
    """True where all members of a chain are equal; UndefinedError where two differ."""
    if len(members) == 1:
        return True
    last = Expression(members[-1], settings)
    from . import compare_strictly

    for member in members[:-1]:
        outcome = compare_strictly(Expression(member, settings), last, settings)
        if outcome.equal is False and numeric.symbols(member) == numeric.symbols(members[-1]):
            raise UndefinedError("the members of the chain differ")
        if outcome.equal is False:
            return False  # `x/2 = y/3 = z/4` is a line
        if outcome.equal is None:
            return False
    return True
