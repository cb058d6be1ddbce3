"""Lists, sets, tuples and bracketed pairs.

Promises: a bare list is unordered and keeps multiplicity, a set drops it, a tuple is ordered;
never a subset or a superset. Matching members is a perfect matching, so the order of the members
cannot change the verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from ..nodes import Add, Logic, Name, NamedSet, Node, Num, PlusMinus, Rel, Seq, contains, negate, rebuilt
from ..numeric import symbols
from ..verdict import Rung
from .base import DIFFERENT, EQUAL, Answer, Context, Outcome, Settings, combine, members
from .conditioned import pair_views
from .matrix import MatrixAnswer
from .realset import RealSet, Unordered, intersection, interval, normal
from .statements import Membership

UNORDERED = frozenset({"list", "set"})


class Collection(Answer):
    """order: `list` (bare), `set`, `tuple`; brackets as written, for the pair `(a,b)`."""

    __slots__ = ("brackets", "items", "order")
    kind: ClassVar[str] = "collection"

    def __init__(self, order: str, items: tuple[Answer, ...], brackets: str = "") -> None:
        self.order = order
        self.items = items
        self.brackets = brackets

    @property
    def form(self) -> str:
        forms = [item.form for item in self.items]
        if self.order == "tuple":
            brackets = self.brackets if self._is_interval else "()"
            return f"{brackets[0]}{', '.join(forms)}{brackets[1]}"
        return f"{{{', '.join(sorted(set(forms)))}}}" if self.order == "set" else ", ".join(sorted(forms))

    @property
    def _is_interval(self) -> bool:
        return len(self.items) == 2 and self.brackets in ("[]", "(]", "[)")

    def equals(self, other: Collection, ctx: Context) -> Outcome:
        interval = self._is_interval or other._is_interval
        if interval and self.brackets and other.brackets and self.brackets != other.brackets:
            return Outcome(False, Rung.CANONICAL, why="the brackets differ")
        mine, theirs = _named(self.items, other.items)
        if "set" in (self.order, other.order):
            mine, theirs = _distinct(mine, ctx), _distinct(theirs, ctx)
            # a bare list that repeats a member is no set
            if (
                self.order == "list"
                and len(mine) != len(self.items)
                or other.order == "list"
                and len(theirs) != len(other.items)
            ):
                return DIFFERENT
        if len(mine) != len(theirs):
            return Outcome(False, Rung.CANONICAL, why="the numbers of members differ")
        if self.order == other.order == "tuple":
            return _pairwise(mine, theirs, ctx)
        if "tuple" in (self.order, other.order):
            loose = "set" in (self.order, other.order) or "or" in (self.brackets, other.brackets)
            if loose or not ctx.lenient or not ctx.policy.tuple_brackets:
                return Outcome(False, Rung.CANONICAL, mismatch=True)
            return _pairwise(_values(mine), _values(theirs), ctx)
        if ctx.lenient:
            labelled = _by_label(mine, theirs, ctx)
            if labelled is not None:
                return labelled
        return match(mine, theirs, ctx)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if self.brackets == "()" and len(self.items) == 2 and isinstance(other, RealSet):
            found = interval("()", self.items)
            if found is not None:
                yield found
        if self.order == "list" and isinstance(other, RealSet):
            yield from _joined(self.items)
        if self.order == "list" and len(self.items) == 2:
            yield from pair_views(self.items, other)
        if len(self.items) == 1 and not (isinstance(other, Collection) and other.order != "tuple"):
            yield self.items[0]
        if self.order == "tuple" and isinstance(other, MatrixAnswer) and other.is_column:
            yield MatrixAnswer(tuple((item,) for item in self.items))


def _joined(items: Sequence[Answer]) -> Iterator[Answer]:
    """`(-oo, -3], [3, oo)` as a union; `x > -2, x < 2` also as both at once."""
    found: list[RealSet] = []
    for item in items:
        pair = isinstance(item, Collection) and item.brackets == "()" and len(item.items) == 2
        part = interval("()", item.items) if pair and isinstance(item, Collection) else item
        if not isinstance(part, RealSet):
            return
        found.append(part)
    try:
        yield RealSet(normal([piece for part in found for piece in part.pieces]))
        if all(part.variable for part in found):
            common = found[0].pieces
            for part in found[1:]:
                common = intersection(common, part.pieces)
            yield RealSet(common)
    except Unordered:
        return


def _named(mine: tuple[Answer, ...], theirs: tuple[Answer, ...]) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """Both bags; sets of reals keep their unknowns where there are several: `a > 9, b > 6`."""

    def letters(items: tuple[Answer, ...]) -> set[str]:
        return {item.variable for item in items if isinstance(item, RealSet) and item.variable}

    if len(letters(mine)) < 2 and len(letters(theirs)) < 2:
        return mine, theirs

    def named(item: Answer) -> Answer:
        return Membership(Name(item.variable), item) if isinstance(item, RealSet) and item.variable else item

    return tuple(map(named, mine)), tuple(map(named, theirs))


def _pairwise(mine: Sequence[Answer], theirs: Sequence[Answer], ctx: Context) -> Outcome:
    return combine(ctx.compare(a, b, ctx) for a, b in zip(mine, theirs, strict=True))


def _distinct(items: tuple[Answer, ...], ctx: Context) -> tuple[Answer, ...]:
    kept: list[Answer] = []
    strict = ctx.strict
    for item in {(item.kind, item.form): item for item in items}.values():
        if not any(ctx.compare(item, other, strict).equal for other in kept):
            kept.append(item)
    return tuple(kept)


def match(mine: Sequence[Answer], theirs: Sequence[Answer], ctx: Context) -> Outcome:
    """A perfect matching between two bags of the same size: equal forms first, then augmenting paths."""
    mine, theirs = _without_common(mine, theirs)
    if not mine:
        return EQUAL
    table: dict[tuple[int, int], Outcome] = {}

    def outcome(i: int, j: int) -> Outcome:
        if (i, j) not in table:
            table[i, j] = ctx.compare(mine[i], theirs[j], ctx)
        return table[i, j]

    def matching(allowed: frozenset[bool | None]) -> dict[int, int] | None:
        partner: dict[int, int] = {}

        def augment(i: int, seen: set[int]) -> bool:
            for j in _likely(i, len(theirs)):
                if j not in seen and outcome(i, j).equal in allowed:
                    seen.add(j)
                    if j not in partner or augment(partner[j], seen):
                        partner[j] = i
                        return True
            return False

        return partner if all(augment(i, set()) for i in range(len(mine))) else None

    found = matching(frozenset({True}))
    if found is not None:
        return combine(outcome(i, j) for j, i in found.items())
    if any(o.equal is None for o in table.values()) and matching(frozenset({True, None})) is not None:
        return Outcome(None)
    rungs = [o.rung for o in table.values() if o.equal is False]
    return Outcome(False, rungs[0] if rungs else Rung.CANONICAL)


def _without_common(mine: Sequence[Answer], theirs: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Both bags less the members whose kind and form agree; those are equal under every policy."""
    left = Counter((item.kind, item.form) for item in mine)
    right = Counter((item.kind, item.form) for item in theirs)
    return _less(mine, left & right), _less(theirs, left & right)


def _less(items: Sequence[Answer], common: Counter[tuple[str, str]]) -> list[Answer]:
    common = Counter(common)
    kept = []
    for item in items:
        key = (item.kind, item.form)
        if common[key] > 0:
            common[key] -= 1
        else:
            kept.append(item)
    return kept


def _likely(i: int, size: int) -> Iterator[int]:
    """The same place first: most lists agree in their order."""
    if i < size:
        yield i
    yield from (j for j in range(size) if j != i)


def _label(item: Answer) -> str | None:
    if item.kind != "equation":
        return None
    from .relation import Equation

    return item.label_form if isinstance(item, Equation) else None


def _values(items: Sequence[Answer]) -> list[Answer]:
    from .relation import Equation

    return [item.value if isinstance(item, Equation) and item.value is not None else item for item in items]


def _labels(items: tuple[Answer, ...]) -> list[str | None]:
    """The label of each member; `x = 1, -2` says it once for all."""
    found = [_label(item) for item in items]
    once = len(found) > 1 and found[0] is not None and not any(found[1:])
    return found[:1] * len(found) if once else found


def _indexed(ones: list[str | None], others: list[str | None]) -> bool:
    """`x_1, x_2` against `x, x`: the roots of one unknown, in any order."""
    return (
        len(ones) == len(others) > 1
        and len(set(others)) == 1
        and set(ones) == {f"{others[0]}_{n}" for n in range(1, len(ones) + 1)}
    )


def _by_label(mine: tuple[Answer, ...], theirs: tuple[Answer, ...], ctx: Context) -> Outcome | None:
    """Members with labels: by name where both sides have them, else in the labelled side's order."""
    left, right = _labels(mine), _labels(theirs)
    if None in left and None in right or not ctx.policy.drop_labels:
        return None
    if None not in left and None not in right:
        if len(set(left)) == len(left) and set(left) == set(right):
            by_name = dict(zip(right, theirs, strict=True))
            return combine(ctx.compare(item, by_name[name], ctx) for name, item in zip(left, mine, strict=True))
        if _indexed(left, right) or _indexed(right, left):
            return match(_values(mine), _values(theirs), ctx)
        return None
    labels = left if None not in left else right
    if any(label is not None for label in (right if None not in left else left)) or None in labels:
        return None  # some are labelled and some are not
    if any(item.kind == "equation" for item in (theirs if labels is left else mine)):
        return None  # `y = x, y = -x` against `x - y = 0, x + y = 0`
    values, others = _values(mine), _values(theirs)
    if len(set(labels)) == 1:
        return match(values, others, ctx)
    return _pairwise(values, others, ctx)


def signs(node: Node) -> list[Node]:
    r"""Both readings of an expression with `\pm`: all upper signs, then all lower signs."""
    return [_signed(node, 1), _signed(node, -1)]


def _signed(node: Node, choice: int) -> Node:
    if isinstance(node, PlusMinus):
        left, right = _signed(node.left, choice), _signed(node.right, choice)
        right = right if node.sign * choice > 0 else negate(right)
        return right if left == Num(0) else Add((left, right))
    if not contains(node, PlusMinus):
        return node
    return rebuilt(node, lambda child: _signed(child, choice))


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, Logic) and node.op == "or":
        found = _flat("list", node.args, settings)
        return _alternatives(found.items, settings) or Collection("list", found.items, "or")
    if isinstance(node, Logic) and all(isinstance(arg, Rel) for arg in node.args) and len(symbols(node)) > 1:
        return _flat("list", node.args, settings)  # `x > 2 and y > 3`: no set of reals
    if isinstance(node, Seq):
        if node.brackets == "{}":
            return _flat("set", node.items, settings)
        if not node.brackets:
            return _flat("list", node.items, settings)
        if node.brackets == "()" and contains(node, PlusMinus):
            return _flat("list", signs(node), settings)  # two points
        return Collection("tuple", members(node.items, settings), node.brackets)
    if isinstance(node, NamedSet) and node.name == "empty":
        return Collection("set", (), "{}")
    if contains(node, PlusMinus):
        return _flat("list", signs(node), settings)
    return None


def _alternatives(items: Sequence[Answer], settings: Settings) -> Answer | None:
    """`1/2 or 0.5`: one value, where all members are equal."""
    from . import compare_strictly

    same = len(items) > 1 and all(compare_strictly(item, items[0], settings).equal for item in items[1:])
    return items[0] if same else None


def _flat(order: str, nodes: Sequence[Node], settings: Settings) -> Collection:
    r"""Members, with `\pm` members and nested bare lists spliced in."""
    items: list[Answer] = []
    for node in nodes:
        item = settings.recognise(node, settings)
        if isinstance(item, Collection) and item.order == "list":
            items.extend(item.items)
        else:
            items.append(item)
    return Collection(order, tuple(items), "{}" if order == "set" else "")
