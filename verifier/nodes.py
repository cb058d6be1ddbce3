"""The syntax tree that the parser builds and everything else reads.

Promises: nodes are immutable, hashable and carry no source text, so equal trees mean equally
written mathematics. They decide nothing: no arithmetic happens here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter
from typing import Any

from ._record import record


class Node:
    """Base of all nodes."""

    __slots__ = ()


@record
class Num(Node):
    """An exact rational numeral.

    decimals: digits after the point as written, None for integers and repeating decimals.
    digits: the numeral without signs and separators (leading zeros kept), for bases and times.
    commas: the parts of a numeral grouped by bare commas (`100,200`), which may also be a list.
    """

    value: int | Fraction
    decimals: int | None = None
    digits: str = ""
    commas: tuple[int, ...] = ()


@record
class Name(Node):
    """A symbol: `x`, `x_1`, `alpha`, `AB` (a segment), `f'`."""

    name: str


@record
class Const(Node):
    """One of `pi`, `e`, `i`, `oo`."""

    name: str


@record
class Unit(Node):
    """A unit or any other label of a quantity, canonically spelt: `cm`, `m^2`, `$`, `apples`."""

    name: str


@record
class Add(Node):
    args: tuple[Node, ...]


@record
class Mul(Node):
    args: tuple[Node, ...]


@record
class Div(Node):
    num: Node
    den: Node


@record
class Pow(Node):
    base: Node
    exp: Node


@record
class PlusMinus(Node):
    r"""`left \pm right`; sign is +1 for `\pm` and -1 for `\mp`; left may be Num(0)."""

    left: Node
    right: Node
    sign: int


@record
class Call(Node):
    """A function: known (`sin`, `root`, `abs`, `binom`, `log` with its base second) or a user's `f`."""

    name: str
    args: tuple[Node, ...]


@record
class Big(Node):
    """`sum`, `prod`, `int` or `lim` with its bound variable."""

    op: str
    var: str
    low: Node | None
    high: Node | None
    body: Node


@record
class Percent(Node):
    arg: Node


@record
class Degree(Node):
    arg: Node


@record
class Based(Node):
    """Digits in a base: `52_8`."""

    digits: str
    base: int


@record
class Ratio(Node):
    """`a:b:c`, also a time of day; suffix is `am`, `pm` or empty."""

    args: tuple[Node, ...]
    suffix: str = ""


@record
class Rel(Node):
    """A chain `args[0] ops[0] args[1] ops[1] ...`; ops from = != < <= > >= ~ in notin equiv subset."""

    ops: tuple[str, ...]
    args: tuple[Node, ...]


@record
class Logic(Node):
    """`and` or `or` between statements or values."""

    op: str
    args: tuple[Node, ...]


@record
class Seq(Node):
    """Bracketed or bare members; brackets: `()`, `[]`, `(]`, `[)`, `{}`, `<>` or empty for a bare list."""

    brackets: str
    items: tuple[Node, ...]


@record
class Where(Node):
    """`x + 1 (x > 0)`: a value or an equation, and the condition written behind it."""

    said: Node
    condition: Node


@record
class SetBuilder(Node):
    var: Node
    condition: Node


@record
class SetOp(Node):
    """op: union, intersection, difference."""

    op: str
    args: tuple[Node, ...]


@record
class NamedSet(Node):
    """`R`, `Z`, `N`, `Q`, `C` or `empty`."""

    name: str


@record
class Matrix(Node):
    rows: tuple[tuple[Node, ...], ...]


@record
class Text(Node):
    """Words, casefolded, single-spaced, without outer punctuation."""

    words: str


@record
class Choice(Node):
    """A multiple-choice letter, upper case, with what stands beside it."""

    letter: str
    content: Node | None = None


def decimal_text(value: int | Fraction) -> str:
    """A rational's decimal text; hexadecimal where Python refuses to write so many digits.

    >>> decimal_text(Fraction(-7, 2))
    '-7/2'
    """
    try:
        return str(value)
    except ValueError:  # sys.set_int_max_str_digits
        if isinstance(value, Fraction):
            return f"{value.numerator:#x}/{value.denominator:#x}"
        return f"{value:#x}"


# Where the subnodes of the commonest nodes are; `children` finds those of the others by itself.
_SUBNODES: dict[type[Node], Callable[[Any], tuple[Node, ...]]] = {
    **dict.fromkeys((Num, Name, Const, Unit, Based, NamedSet, Text), lambda node: ()),
    **dict.fromkeys((Add, Mul, Call, Ratio, Rel, Logic, SetOp), attrgetter("args")),
    Seq: attrgetter("items"),
    Div: attrgetter("num", "den"),
    Pow: attrgetter("base", "exp"),
    PlusMinus: attrgetter("left", "right"),
}


def children(node: Node) -> tuple[Node, ...]:
    """The direct subnodes, in order."""
    known = _SUBNODES.get(type(node))
    if known is not None:
        return known(node)
    found: list[Node] = []
    names: tuple[str, ...] = type(node).__slots__
    for name in names:
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Node):
                    found.append(item)
                elif isinstance(item, tuple):  # a row of a matrix
                    found.extend(item)
    return tuple(found)


def contains(node: Node, kind: type[Node]) -> bool:
    """Whether a tree has a node of a kind, the root included."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, kind):
            return True
        waiting.extend(children(node))
    return False


def size(node: Node, enough: int) -> int:
    """The number of nodes of a tree; counting stops once it passes `enough`."""
    count = 0
    waiting = [node]
    while waiting and count <= enough:
        count += 1
        waiting.extend(children(waiting.pop()))
    return count


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same node over changed subnodes; the node itself where none changed.

    >>> rebuilt(Add((Num(1), Name("x"))), lambda child: Num(2))
    Add(args=(Num(value=2, decimals=None, digits='', commas=()), Num(value=2, decimals=None, digits='', commas=())))
    """

    def over(value: Any) -> Any:
        if isinstance(value, Node):
            return change(value)
        return tuple(map(over, value)) if isinstance(value, tuple) and value else value

    names: tuple[str, ...] = type(node).__slots__
    before = [getattr(node, name) for name in names]
    after = [over(value) for value in before]
    return node if before == after else replace(node, **dict(zip(names, after, strict=True)))  # type: ignore[type-var]


def negate(node: Node) -> Node:
    """The negative, with signs of numerals folded.

    >>> negate(Num(3, None, "3"))
    Num(value=-3, decimals=None, digits='', commas=())
    """
    if isinstance(node, Num):
        return Num(-node.value, node.decimals)
    if isinstance(node, Percent):
        return Percent(negate(node.arg))
    if isinstance(node, Degree):
        return Degree(negate(node.arg))
    if isinstance(node, Mul):
        return Mul((negate(node.args[0]), *node.args[1:]))
    return Mul((Num(-1), node))


def product(factors: list[Node]) -> Node:
    """The product of factors, nested products flattened."""
    if len(factors) == 1:
        return factors[0]
    flat: list[Node] = []
    for factor in factors:
        flat.extend(factor.args if isinstance(factor, Mul) else (factor,))
    return Mul(tuple(flat))
