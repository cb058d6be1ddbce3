"""Answer types: what a node means, and when two answers are equal.

One file each; a new type is one file and one line in `TYPES`. The order is the order of asking:
the first `recognise` that answers wins.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import numeric
from ..canonical import Budget
from ..config import DEFAULT_CONFIG, Limits, Policy
from ..nodes import Add, Call, Const, Div, Mul, Name, Node, Num, Pow, Rel
from ..syntax import ParseError
from . import (
    based,
    collection,
    conditioned,
    expression,
    matrix,
    piecewise,
    quantity,
    realset,
    relation,
    solving,
    statements,
    text,
)
from .arithmetic import bare_value
from .base import MISMATCH, UNDECIDED, Answer, Context, Outcome, Settings

TYPES: tuple[Callable[[Node, Settings], Answer | None], ...] = (
    text.recognise,
    based.recognise,
    conditioned.recognise,
    piecewise.recognise,
    matrix.recognise,
    solving.recognise,
    collection.recognise,
    relation.recognise,
    quantity.recognise,
    expression.recognise,
)


def _is_plain(node: Node) -> bool:
    """True for arithmetic that only `expression` can recognise: no list, unit, sign or infinity in it."""
    kind = type(node)
    if kind is Num or kind is Name:
        return True
    if kind is Const:
        return node.name != "oo"  # type: ignore[attr-defined,no-any-return]
    if kind is Div:
        return _is_plain(node.num) and _is_plain(node.den)  # type: ignore[attr-defined]
    if kind is Pow:
        return _is_plain(node.base) and _is_plain(node.exp)  # type: ignore[attr-defined]
    if kind is Add or kind is Mul or kind is Call:
        return all(map(_is_plain, node.args))  # type: ignore[attr-defined]
    return False


def _bare(node: Node, settings: Settings) -> Answer | None:
    """Bare arithmetic, which needs no budget; None for all else."""
    value = bare_value(node) if settings.roomy else None
    return None if value is None else expression.Expression(node, settings, value)


def _recognise(node: Node, settings: Settings) -> Answer:
    return _bare(node, settings) or _typed(node, settings)


def _typed(node: Node, settings: Settings) -> Answer:
    """What `_recognise` does with all but bare arithmetic."""
    if type(node) is not Name and _is_plain(node):  # a bare letter may be a choice
        return expression.Expression(node, settings)
    known = settings.known
    if known is not None and id(node) in known:
        return known[id(node)][1]
    for recognise_type in TYPES:
        found = recognise_type(node, settings)
        if found is not None:
            if known is not None:
                known[id(node)] = node, found  # the node as well, so that its identity stays taken
            return found
    raise ParseError(f"a {type(node).__name__} is no answer")


def settings_of(limits: Limits, policy: Policy) -> Settings:
    """What `recognise` is told of a config; one object serves any number of answers."""
    roomy = limits.bits >= 1_000 and limits.work >= 1_000 and limits.exponent >= 100
    return Settings(limits, policy, _recognise, roomy)


def recognise(node: Node, settings: Settings) -> Answer:
    """The typed answer of a node. Raises ParseError, UndefinedError or LimitError."""
    bare = _bare(node, settings)
    if bare is not None:
        return bare
    limits = settings.limits
    settings = Settings(limits, settings.policy, _recognise, settings.roomy, Budget(limits), {})
    try:
        return _typed(node, settings)
    finally:
        settings.budget = settings.known = None


# Kinds that may say the same once something is solved: the symbolic rung's work.
_SOLVABLE = (
    {realset.RealSet.kind, statements.Inequality.kind},
    {realset.RealSet.kind, statements.Opaque.kind},
    {statements.Inequality.kind, statements.Opaque.kind},
)


def _several_unknowns(a: Answer, b: Answer) -> bool:
    """A relation in several unknowns is never a set of reals."""
    return any(
        isinstance(x, statements.Inequality)
        and len(x.unknowns()) > 1
        or isinstance(x, statements.Opaque)
        and isinstance(x.node, Rel)
        and len(numeric.symbols(x.node)) > 1
        for x in (a, b)
    )


def _same_or_strict(a: Answer, b: Answer, ctx: Context) -> Outcome | None:
    if type(a) is type(b):
        return a.equals(b, ctx)
    strict_a, strict_b = a.strict, b.strict
    if (strict_a is not a or strict_b is not b) and type(strict_a) is type(strict_b):
        return strict_a.equals(strict_b, ctx)
    return None


def compare(a: Answer, b: Answer, ctx: Context) -> Outcome:
    """a (of the response) against b (the gold, where ctx is lenient)."""
    if type(a) is expression.Expression and type(b) is expression.Expression:
        quick = expression.decided(a, b, ctx.lenient, ctx.policy)
        if quick is not None:
            return quick
    key = (id(a), id(b), ctx.lenient)
    known = ctx.known.get(key)
    if known is not None:
        return known[2]
    direct = _same_or_strict(a, b, ctx)
    outcome = direct if direct is not None and (direct.equal or not ctx.lenient) else _through_views(a, b, direct, ctx)
    ctx.known[key] = a, b, outcome
    return outcome


def _through_views(a: Answer, b: Answer, direct: Outcome | None, ctx: Context) -> Outcome:
    """The outcome where the two are not equal as they stand."""
    other = UNDECIDED if {a.kind, b.kind} in _SOLVABLE and not _several_unknowns(a, b) else MISMATCH
    if not ctx.lenient:
        return other
    best = direct if direct is not None else other
    for view_a, view_b in _views(a, b, ctx):
        outcome = compare(view_a, view_b, ctx)
        if outcome.equal:
            return outcome
        if outcome.equal is None:
            best = UNDECIDED
        elif best.mismatch:
            best = outcome
    return best


def _views(a: Answer, b: Answer, ctx: Context) -> list[tuple[Answer, Answer]]:
    pairs = [(view, b) for view in a.views(b, ctx)]
    pairs += [(a, view) for view in b.views(a, ctx)]
    pairs += [(a, view) for view in b.gold_views(a, ctx)]
    return pairs


def compare_strictly(a: Answer, b: Answer, settings: Settings) -> Outcome:
    budget = settings.budget or Budget(settings.limits)
    return compare(a, b, Context(settings.limits, settings.policy, False, compare, budget))


def context(
    limits: Limits = DEFAULT_CONFIG.limits, policy: Policy = DEFAULT_CONFIG.policy, *, lenient: bool
) -> Context:
    """The context of one comparison, with a fresh budget."""
    return Context(limits, policy, lenient, compare, Budget(limits))


__all__ = [
    "TYPES",
    "Answer",
    "Context",
    "Outcome",
    "compare",
    "compare_strictly",
    "context",
    "recognise",
    "settings_of",
]
