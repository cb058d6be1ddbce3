"""The syntax tree that the parser builds and everything else reads.

Promises: nodes are immutable, hashable and carry no source text, so equal trees mean equally
written mathematics. They decide nothing: no arithmetic happens here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


class Node:
    """Base of all nodes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A symbol: `x`, `x_1`, `alpha`, `AB` (a segment), `f'`."""

    name: str


@dataclass(frozen=True, slots=True)
class Const(Node):
    """One of `pi`, `e`, `i`, `oo`."""

    name: str


@dataclass(frozen=True, slots=True)
class Unit(Node):
    """A unit or any other label of a quantity, canonically spelt: `cm`, `m^2`, `$`, `apples`."""

    name: str


@dataclass(frozen=True, slots=True)
class Add(Node):
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mul(Node):
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Div(Node):
    num: Node
    den: Node


@dataclass(frozen=True, slots=True)
class Pow(Node):
    base: Node
    exp: Node


@dataclass(frozen=True, slots=True)
class PlusMinus(Node):
    r"""`left \pm right`; sign is +1 for `\pm` and -1 for `\mp`; left may be Num(0)."""

    left: Node
    right: Node
    sign: int


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function: known (`sin`, `root`, `abs`, `binom`, `log` with its base second) or a user's `f`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Big(Node):
    """`sum`, `prod`, `int` or `lim` with its bound variable."""

    op: str
    var: str
    low: Node | None
    high: Node | None
    body: Node


@dataclass(frozen=True, slots=True)
class Percent(Node):
    arg: Node


@dataclass(frozen=True, slots=True)
class Degree(Node):
    arg: Node


@dataclass(frozen=True, slots=True)
class Based(Node):
    """Digits in a base: `52_8`."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Ratio(Node):
    """`a:b:c`, also a time of day; suffix is `am`, `pm` or empty."""

    args: tuple[Node, ...]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Rel(Node):
    """A chain `args[0] ops[0] args[1] ops[1] ...`; ops from = != < <= > >= ~ in notin equiv subset."""

    ops: tuple[str, ...]
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`and` or `or` between statements or values."""

    op: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Seq(Node):
    """Bracketed or bare members; brackets: `()`, `[]`, `(]`, `[)`, `{}`, `<>` or empty for a bare list."""

    brackets: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SetBuilder(Node):
    var: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class SetOp(Node):
    """op: union, intersection, difference."""

    op: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NamedSet(Node):
    """`R`, `Z`, `N`, `Q`, `C` or `empty`."""

    name: str


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Words, casefolded, single-spaced, without outer punctuation."""

    words: str


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """A multiple-choice letter, upper case, with what stands beside it."""

    letter: str
    content: Node | None = None


def children(node: Node) -> tuple[Node, ...]:
    """The direct subnodes, in order."""
    found: list[Node] = []
    for name in node.__slots__:
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Node):
                    found.append(item)
                elif isinstance(item, tuple):
                    found.extend(i for i in item if isinstance(i, Node))
    return tuple(found)
