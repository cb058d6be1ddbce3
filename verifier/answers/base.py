"""What every answer type shares.

An answer type is a class with a `recognise` function beside it, listed in `answers.TYPES`:

- `equals(other, ctx)` compares with the same type and answers equal, different or undecided;
- `strict` is the meaning-preserving form under which another type may be met (15% is 0.15);
- `views(other, ctx)` yields the readings that the policy of `verify` allows against `other`.
  They are one-sided and not transitive, so `equivalent` never uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from .._record import record
from ..canonical import Budget
from ..config import Limits, Policy
from ..nodes import Name, Node
from ..verdict import Rung

_ORDER = {rung: index for index, rung in enumerate(Rung)}


class Outcome(NamedTuple):
    """equal: True, False, or None for undecided. mismatch: the types can never be equal."""

    equal: bool | None
    rung: Rung = Rung.CANONICAL
    mismatch: bool = False
    why: str = ""


EQUAL = Outcome(True)
DIFFERENT = Outcome(False)
UNDECIDED = Outcome(None)
MISMATCH = Outcome(False, Rung.CANONICAL, True)


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """All must be equal; one difference decides; the rung is the highest that was needed."""
    rung = Rung.IDENTICAL
    undecided = False
    for outcome in outcomes:
        if outcome.equal is False:
            return outcome
        undecided = undecided or outcome.equal is None
        if _ORDER[outcome.rung] > _ORDER[rung]:
            rung = outcome.rung
    return Outcome(None if undecided else True, rung)


@record
class Context:
    """Settings of one comparison. lenient: `verify`'s policy applies (the second side is the gold).

    known: outcomes by the two answers' identities and `lenient`, with the answers, so that their
    identities stay taken: views of members of members would be compared 2^depth times.
    """

    limits: Limits
    policy: Policy
    lenient: bool
    compare: Callable[[Answer, Answer, Context], Outcome]
    budget: Budget
    known: dict[tuple[int, int, bool], tuple[Answer, Answer, Outcome]] = field(default_factory=dict)

    @property
    def strict(self) -> Context:
        """The same comparison without leniencies."""
        return replace(self, lenient=False) if self.lenient else self


@dataclass(slots=True)
class Settings:
    """What recognition needs to know.

    roomy: no work limit is so low that arithmetic on a few small numerals could pass it.
    budget: shared by all members of the answer while it is recognised, None afterwards: what a
    comparison works out later must not depend on earlier comparisons.
    known: answers by their nodes' identity, also only while it is recognised: several types look at the
    same member, and members of members would be recognised 2^depth times.
    """

    limits: Limits
    policy: Policy
    recognise: Callable[[Node, Settings], Answer]
    roomy: bool
    budget: Budget | None = None
    known: dict[int, tuple[Node, Answer]] | None = None


def members(nodes: Iterable[Node], settings: Settings) -> tuple[Answer, ...]:
    """The answers of a tuple's or a matrix's members, where a letter is a symbol and no choice."""
    from .expression import Expression

    return tuple(Expression(n, settings) if isinstance(n, Name) else settings.recognise(n, settings) for n in nodes)


class Answer:
    """A typed answer. No ABC: asking for the type of one would cost six times as much."""

    __slots__ = ()
    kind: ClassVar[str]

    @property
    def form(self) -> str:
        """The canonical form as text; equal forms of one kind mean equal answers."""
        raise NotImplementedError

    def equals(self, other: Any, ctx: Context) -> Outcome:
        """Comparison with an answer of the same class."""
        raise NotImplementedError

    @property
    def strict(self) -> Answer:
        """The form in which another type may equal this one without any leniency."""
        return self

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        """Readings of this answer that the policy allows against `other`."""
        return iter(())

    def gold_views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        """Further readings, allowed only where this answer is the gold."""
        return iter(())

    def __repr__(self) -> str:
        return f"<{self.kind} {self.form}>"
