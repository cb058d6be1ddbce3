"""Votes over answers: classes of equal value, not of equal spelling.

Promises: the classes are those of `equivalent`, which is an equivalence relation, so they do not depend on the
order of the answers except in their numbering, and a vote depends on that order only where votes are tied.
A pair that no rung could decide counts as different and is counted. Does not promise that the majority is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .compare import Reader, Reading, reader
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import ConfigError
from .verdict import Reason

RULES = ("classes", "paper-strings")
_WORKER_CALLS = 32


@dataclass(frozen=True, slots=True)
class VoteClass:
    """Answers of one value.

    label: its representative: the most frequent spelling, of equally frequent ones the shortest, then the first in
        alphabetical order; so it does not depend on the order of the samples.
    votes: samples that gave it. first: index of the earliest of them. spellings: how many texts it joins.
    """

    label: str
    votes: int
    first: int
    spellings: int


@dataclass(frozen=True, slots=True)
class Vote:
    """The outcome of a vote over n samples.

    classes: most votes first; of classes with as many votes, the one with the earliest sample first.
    empty: samples without an answer. unread: samples whose answer cannot be read; they are in no class.
    undecided: pairs that no rung could decide, taken for different.
    """

    n: int
    classes: tuple[VoteClass, ...]
    empty: int = 0
    unread: int = 0
    undecided: int = 0

    def choice(self, place: int = 1) -> VoteClass | None:
        """The class in a place, 1 being the majority; None beyond the end. Raises ConfigError below 1."""
        if place < 1:
            raise ConfigError(f"choice={place} must be 1 (the majority) or more")
        return self.classes[place - 1] if place <= len(self.classes) else None

    @property
    def majority(self) -> VoteClass | None:
        """The class with most votes (it need not have half of them); None where nothing was voted for."""
        return self.choice(1)

    @property
    def minority(self) -> VoteClass | None:
        """The class with fewest votes, of equals the latest; None where there are not two classes."""
        return self.classes[-1] if len(self.classes) > 1 else None

    def share(self, chosen: VoteClass) -> float:
        """Votes of a class over all n samples, those without an answer included."""
        return chosen.votes / self.n

    @property
    def empty_share(self) -> float:
        """Samples without an answer over all n samples; 0 where there are none."""
        return self.empty / self.n if self.n else 0.0


def vote(answers: Sequence[str | None], *, rule: str = "classes", config: VerifierConfig = DEFAULT_CONFIG) -> Vote:
    r"""The vote over the answers of one prompt's samples, in the order of the samples.

    answers: None or blank text where a sample has no answer.
    rule: ``classes``, or ``paper-strings`` for comparison with the paper's labels: texts are counted, not values, and
        "no answer" is one of them, with an empty label, so that it can win.
    Raises ConfigError for an unknown rule.

    >>> outcome = vote(["1/2", "0.5", None, "2", "1/2"])
    >>> outcome.majority
    VoteClass(label='1/2', votes=3, first=0, spellings=2)
    >>> outcome.share(outcome.majority), outcome.empty_share
    (0.6, 0.2)
    >>> vote(["1/2", "0.5", None, None], rule="paper-strings").majority.label
    ''
    """
    if rule not in RULES:
        raise ConfigError(f"rule={rule!r} is unknown; choose one of {', '.join(RULES)}")
    texts = [(text or "").strip() for text in answers]
    if rule == "paper-strings":
        return Vote(len(texts), _ranked(texts, texts), texts.count(""))
    found = _Classes(config)
    classes = [found.of(text) if text else None for text in texts]
    empty = texts.count("")
    unread = classes.count(None) - empty
    return Vote(len(texts), _ranked(texts, classes), empty, unread, found.undecided)


def _ranked(texts: Sequence[str], classes: Sequence[int | str | None]) -> tuple[VoteClass, ...]:
    spellings: dict[int | str, dict[str, int]] = {}
    firsts: dict[int | str, int] = {}
    for index, (text, number) in enumerate(zip(texts, classes, strict=True)):
        if number is None:
            continue
        if number not in spellings:
            spellings[number], firsts[number] = {}, index
        counts = spellings[number]
        counts[text] = counts.get(text, 0) + 1
    made = [
        VoteClass(
            min(counts, key=lambda text: (-counts[text], len(text), text)),
            sum(counts.values()),
            firsts[number],
            len(counts),
        )
        for number, counts in spellings.items()
    ]
    return tuple(sorted(made, key=lambda one: (-one.votes, one.first)))


def equivalence_classes(answers: Sequence[str | None], *, config: VerifierConfig = DEFAULT_CONFIG) -> list[int | None]:
    r"""Class number of each answer, counted from 0 in the order first seen.

    A pair that the cheap rungs leave undecided goes to a worker process, at most 32 times a call;
    what stays undecided counts as different. None where there is no answer, or none that can be read:
    such an answer is in no class.

    >>> equivalence_classes(["1/2", "0.5", None, "2", r"\frac{2}{4}"])
    [0, 0, None, 1, 0]
    """
    found = _Classes(config)
    return [None if text is None else found.of(text) for text in answers]


class _Classes:
    """The classes of one prompt's answers, grown answer by answer."""

    def __init__(self, config: VerifierConfig) -> None:
        self.reader: Reader = reader(config)
        self.undecided = 0
        self._by_text: dict[str, int | None] = {}
        self._by_form: dict[tuple[str, str], int] = {}
        self._size = 0
        self._rational: list[tuple[int, Reading]] = []  # exact numbers
        self._others: list[tuple[int, Reading]] = []
        self._patience = _WORKER_CALLS

    def of(self, text: str) -> int | None:
        """The class of an answer; a new one where no representative is equal to it."""
        if text not in self._by_text:
            self._by_text[text] = self._place(self.reader.read(text))
        return self._by_text[text]

    def _place(self, reading: Reading) -> int | None:
        if reading.answer is None:
            return None
        key = (reading.answer.kind, reading.answer.form)
        if key not in self._by_form:
            rational = getattr(reading.answer, "rational", None) is not None
            # Two exact numbers of different form are different: with many wild answers this is most of the work.
            known = self._others if rational else sorted([*self._rational, *self._others], key=lambda pair: pair[0])
            number = next((number for number, other in known if self._equal(reading, other)), None)
            if number is None:
                number = self._size
                self._size += 1
                (self._rational if rational else self._others).append((number, reading))
            self._by_form[key] = number
        return self._by_form[key]

    def _equal(self, one: Reading, other: Reading) -> bool:
        decision = self.reader.decide(one, other, strict=True, workers=False)
        if decision.reason is Reason.UNDECIDED and self._patience > 0:
            self._patience -= 1
            decision = self.reader.decide(one, other, strict=True)
        self.undecided += decision.equal is None
        return decision.equal is True
