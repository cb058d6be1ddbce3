"""Questions about a value's tree, and changes to it; nothing is worked out here."""

from __future__ import annotations

from collections.abc import Callable

from ..canonical import KNOWN_FUNCTIONS
from ..nodes import (
    Add,
    Big,
    Call,
    Choice,
    Const,
    Degree,
    Div,
    Logic,
    Matrix,
    Mul,
    Name,
    NamedSet,
    Node,
    Num,
    Pow,
    Ratio,
    Rel,
    Seq,
    SetBuilder,
    SetOp,
    Text,
    Where,
    children,
    decimal_text,
    rebuilt,
)  # fmt: skip

# Letters that number the solutions of a periodic equation.
INTEGERS = frozenset("klmn")


def periodic(node: Node) -> bool:
    return node == Const("pi") or isinstance(node, Degree) or any(map(periodic, children(node)))


def has(node: Node, kind: type[Node]) -> bool:
    return isinstance(node, kind) or not isinstance(node, Call) and any(has(c, kind) for c in children(node))


def has_one_reading(node: Node) -> bool:
    """No degree, no function that may be a factor, no letter that may be a metre or number solutions."""
    if isinstance(node, (Num, Const)):
        return True
    if isinstance(node, (Add, Mul)) or isinstance(node, Call) and node.name == "root":
        return all(map(has_one_reading, node.args))
    if isinstance(node, Div):
        return has_one_reading(node.num) and has_one_reading(node.den)
    if isinstance(node, Pow):
        return has_one_reading(node.base) and has_one_reading(node.exp)
    return isinstance(node, Name) and node.name not in INTEGERS


def is_sum_of_degrees(node: Node) -> bool:
    """A sum in which a degree sign stands, once in a summand, and nowhere under a power or a function."""
    if not isinstance(node, Add):
        return False
    counts = [_degrees(arg) for arg in node.args]
    return any(counts) and all(count in (0, 1) for count in counts)


def _degrees(node: Node) -> int:
    if isinstance(node, (Degree, Pow, Call)):
        return 1 if isinstance(node, Degree) else 2 * has(node, Degree)
    return sum(map(_degrees, children(node)))


def calls(node: Node) -> list[Call]:
    """Calls of unknown functions with one argument."""
    own = [node] if isinstance(node, Call) and node.name not in KNOWN_FUNCTIONS and len(node.args) == 1 else []
    return own + [call for child in children(node) for call in calls(child)]


def changed(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with every node changed that `change` has another for, from the leaves up."""
    node = rebuilt(node, lambda child: changed(child, change))
    found = change(node)
    return node if found is None else found


def is_arithmetic(node: Node) -> bool:
    if isinstance(node, (Seq, Rel, Logic, SetBuilder, SetOp, NamedSet, Matrix, Text, Choice, Ratio, Where)):
        return False
    if isinstance(node, (Num, Name, Const)) or isinstance(node, Call) and node.name in ("piecewise", "det"):
        return True
    return all(is_arithmetic(child) for child in children(node))


def mentions_infinity(node: Node) -> bool:
    if isinstance(node, Const):
        return node.name == "oo"
    if isinstance(node, (Num, Name)) or isinstance(node, Call) and node.name == "piecewise":
        return False
    if isinstance(node, Big):  # an infinite sum has a value
        return mentions_infinity(node.body)
    return any(mentions_infinity(child) for child in children(node))


def describe(node: Node) -> str:
    """A readable form of a tree without a canonical sum."""
    if isinstance(node, Num):
        return decimal_text(node.value)
    if isinstance(node, (Name, Const)):
        return node.name
    name = node.name if isinstance(node, Call) else type(node).__name__.lower()
    return f"{name}({','.join(describe(child) for child in children(node))})"


def difference(a: Node, b: Node) -> Node:
    """The node a - b."""
    return Add((a, Mul((Num(-1), b))))
