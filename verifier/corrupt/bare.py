r"""Short answers that would be right for two answers at once.

`verify` lets a response leave something out: `40` is right for `40 feet`, and for `40\%`. A label that differs from its
gold in such a part alone would still pay for the true answer.

Promises: what the policy lets a response leave out is asked of the answer types themselves (`views`, `gold_views`), not
read off the text; parts that a type drops while it compares (a letter's content, am and pm, brackets, a base) are
listed here. What no rung decides counts as shared. Does not cover answers that say more than either side, such as
`(A) 2` for the gold `2` and the label `A`, nor numbers that `decimals_at_gold_digits` rounds to both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..answers import Answer, Outcome, compare, recognise, settings_of
from ..answers import context as comparison_context
from ..answers.base import Context
from ..answers.based import BasedNumeral, Proportion
from ..answers.collection import Collection
from ..answers.conditioned import Conditioned
from ..answers.matrix import MatrixAnswer
from ..answers.text import Choice, Words
from ..config import VerifierConfig
from ..nodes import Const, Name, Num
from ..syntax import LimitError, ParseError, UndefinedError
from ..verdict import Rung

_MOST = 48  # short answers of one side; most sides have none, a few have four
_DEPTH = 4  # `x = 5 feet where y > 0` -> `x = 5 feet` -> `5 feet` -> `5`


def shared(label: Answer, gold: Answer, config: VerifierConfig) -> Outcome:
    """equal: True where a short answer of either side is right for both, None where no rung decides that.

    rung: where it is False, the weakest rung that a comparison rests on. Raises RecursionError for deep answers.
    """
    weakest, undecided = Rung.CANONICAL, False
    try:
        for mine, other in ((label, gold), (gold, label)):
            for short in _shorts(mine, other, config):
                own, far = (compare(short, side, _context(config)) for side in (mine, other))
                if own.equal and far.equal:
                    return Outcome(True, far.rung, why=f"{short.form} would be right for both")
                undecided |= own.equal is not False and far.equal is None or own.equal is None and bool(far.equal)
                weakest = Rung.NUMERIC if Rung.NUMERIC in (own.rung, far.rung) else weakest
    except (LimitError, UndefinedError, ParseError, MemoryError) as error:
        return Outcome(None, why=str(error) or type(error).__name__)
    return Outcome(None if undecided else False, weakest)


def _context(config: VerifierConfig) -> Context:
    return comparison_context(config.limits, config.policy, lenient=True)


def _shorts(answer: Answer, other: Answer, config: VerifierConfig) -> Iterator[Answer]:
    """What a response may write for an answer, each once, those that drop least first; not the answer itself."""
    settings = settings_of(config.limits, config.policy)
    probes = [recognise(node, settings) for node in (Num(0), Const("pi"), Name("x"))]
    ctx = _context(config)
    seen, ring = {(answer.kind, answer.form)}, [answer]
    for _ in range(_DEPTH):
        found = [short for one in ring for short in _step(one, [*probes, other], ctx)]
        ring = []
        for short in found:
            key = (short.kind, short.form)
            if key not in seen and len(seen) <= _MOST:
                seen.add(key)
                ring.append(short)
                yield short


def _step(answer: Answer, probes: list[Answer], ctx: Context) -> Iterator[Answer]:
    """Answers with one thing less: what the policy drops against another type, and a type's own parts."""
    for probe in probes:
        yield from answer.views(probe, ctx)
        yield from answer.gold_views(probe, ctx)
    if isinstance(answer, Choice) and answer.content is not None:
        yield Choice(answer.letter, None)
    elif isinstance(answer, BasedNumeral):
        yield Words(answer.digits.casefold())
    elif isinstance(answer, Proportion) and answer.suffix:
        yield Proportion(answer.parts, answer.clock, "", answer.settings)
    elif isinstance(answer, Conditioned):
        yield from _rebuilt((answer.value,), lambda parts: Conditioned(parts[0], answer.condition), probes, ctx)
    elif isinstance(answer, MatrixAnswer):
        width = len(answer.rows[0]) if answer.rows else 0
        entries = tuple(entry for row in answer.rows for entry in row)

        def matrix(parts: tuple[Answer, ...]) -> Answer:
            return MatrixAnswer(tuple(parts[at : at + width] for at in range(0, len(parts), width)))

        yield from _rebuilt(entries, matrix, probes, ctx)
    elif isinstance(answer, Collection):
        if answer.order != "list" and answer.items:
            yield Collection("list", answer.items)
        yield from _rebuilt(answer.items, lambda parts: Collection(answer.order, parts, answer.brackets), probes, ctx)


def _rebuilt(
    parts: tuple[Answer, ...], make: Callable[[tuple[Answer, ...]], Answer], probes: list[Answer], ctx: Context
) -> Iterator[Answer]:
    """The whole with all members shortened: by the first thing that each may drop, by the second ..."""
    choices = [tuple(_step(part, probes, ctx)) or (part,) for part in parts]
    for at in range(max(map(len, choices), default=0)):
        shorter = tuple(found[min(at, len(found) - 1)] for found in choices)
        if any(new is not old for new, old in zip(shorter, parts, strict=True)):
            yield make(shorter)


__all__ = ["shared"]
