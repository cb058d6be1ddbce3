"""The public calls: verify one response, many, or compare two answers.

Promises: nothing that a model or a data set wrote raises; a configuration error does. Every call
works from any thread, process or event loop, and its verdict depends on (response, gold, config)
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from time import perf_counter
from typing import TypeAlias

from ._rules import BOXES, PHRASES, TAGS
from .compare import Decision, Reader, Reading, reader
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import ConfigError
from .extraction import Candidate, Extraction
from .extraction import extract as _extract
from .verdict import Reason, Rung, Status, Verdict, verdict_of

Gold: TypeAlias = "str | int | float | Decimal | Fraction | None"

_GOLD_FAULTS = {
    Reason.UNPARSEABLE: Reason.GOLD_UNPARSEABLE,
    Reason.OVER_LIMIT: Reason.GOLD_OVER_LIMIT,
    Reason.UNDEFINED: Reason.GOLD_UNDEFINED,
    Reason.INTERNAL_ERROR: Reason.INTERNAL_ERROR,
}


def gold_text(gold: Gold) -> str | None:
    """A gold's text; numbers by their decimal text, numpy's too, None for what is no gold (None, a bool, a list).

    >>> gold_text(142.0), gold_text(25), gold_text(True)
    ('142.0', '25', None)
    """
    if isinstance(gold, str):
        return gold
    if isinstance(gold, bool) or not isinstance(gold, (int, float, Decimal, Real)):
        return None
    try:
        return str(gold)
    except ValueError:  # Python writes no decimal integer of so many digits; Decimal does
        if isinstance(gold, Fraction):
            return f"{Decimal(gold.numerator):f}/{Decimal(gold.denominator):f}"
        return f"{Decimal(gold):f}"


def extract(response: str | None, mode: str = "boxed") -> Extraction:
    r"""The answer of a response, with its span; see :mod:`verifier.extraction` for the modes and rules.

    >>> extract(r"so \boxed{7}").answer.text
    '7'
    """
    return _extract(response, mode)


def verify(*, response: str | None, gold: Gold, config: VerifierConfig = DEFAULT_CONFIG) -> Verdict:
    r"""Is the response's final answer the gold answer?

    response: what the model wrote; None counts as a response without an answer.
    gold: the reference, LaTeX or plain text, or a number.
    Returns a Verdict. Raises ConfigError for a config that cannot be honoured, and nothing else.

    >>> verify(response=r"... is \boxed{\frac{2}{4}}", gold="0.5").status.value
    'correct'
    >>> verify(response="I think 0.5", gold="0.5").reason.value
    'no_answer'
    """
    started = perf_counter()
    return _Task(response, gold, _reader(config)).finish(started, workers=True)


def verify_batch(
    *,
    responses: Sequence[str | None],
    golds: Sequence[Gold],
    config: VerifierConfig = DEFAULT_CONFIG,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Verdict]:
    """`verify` over pairs, in order; equal pairs are decided once.

    responses, golds: the same length n. workers: threads that wait for worker processes on the few
    pairs that need one (default 2). progress: called with (done, n), at least once at the end.
    Returns n verdicts. Raises ConfigError where the lengths differ.
    """
    if len(responses) != len(golds):
        raise ConfigError(f"{len(responses)} responses but {len(golds)} golds: they must pair up")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers} must be at least 1")
    source = _reader(config)
    total = len(responses)
    verdicts: list[Verdict | None] = [None] * total
    waiting: list[tuple[int, _Task]] = []
    for index, (response, gold) in enumerate(zip(responses, golds, strict=True)):
        started = perf_counter()
        task = _Task(response, gold, source)
        verdict = task.finish(started, workers=False)
        if verdict.reason is Reason.UNDECIDED or task.wants_second_opinion:
            waiting.append((index, task))
        else:
            verdicts[index] = verdict
        if progress is not None and (index + 1) % 256 == 0:
            progress(index + 1 - len(waiting), total)
    if waiting:
        _finish_waiting(waiting, verdicts, workers or 2, progress)
    if progress is not None:
        progress(total, total)
    return [v for v in verdicts if v is not None]


def _finish_waiting(
    waiting: list[tuple[int, _Task]],
    verdicts: list[Verdict | None],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Decide what needs a worker process, equal pairs once: a hanging answer must not cost its copies too."""
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import replace

    groups: dict[tuple[str | None, str | None], list[tuple[int, _Task]]] = {}
    for index, task in waiting:
        groups.setdefault((task.answer.text if task.answer else None, task.gold), []).append((index, task))
    done = len(verdicts) - len(waiting)
    with ThreadPoolExecutor(max_workers=min(workers, len(groups))) as executor:
        firsts = [group[0][1] for group in groups.values()]
        found = executor.map(lambda task: task.finish(perf_counter(), workers=True), firsts)
        for group, verdict in zip(groups.values(), found, strict=True):
            for index, task in group:
                verdicts[index] = replace(verdict, span=task.answer.span if task.answer else None)
            done += len(group)
            if progress is not None:
                progress(done, len(verdicts))


async def averify(*, response: str | None, gold: Gold, config: VerifierConfig = DEFAULT_CONFIG) -> Verdict:
    """`verify` for an event loop: the loop is free while a worker process decides."""
    import asyncio  # here, as it costs more to import than everything else together

    started = perf_counter()
    task = _Task(response, gold, _reader(config))
    verdict = task.finish(started, workers=False)
    if verdict.reason is Reason.UNDECIDED or task.wants_second_opinion:
        verdict = await asyncio.to_thread(task.finish, started, workers=True)
    return verdict


def equivalent(a: str, b: str, *, config: VerifierConfig = DEFAULT_CONFIG) -> bool:
    r"""Do two answers have the same value? Symmetric and transitive, without gold-side leniencies.

    Reflexive on every text that reads as a defined value within the limits; False where a side is
    unreadable or nothing could decide.

    >>> equivalent(r"\frac12", "0.5"), equivalent("x=5", "5")
    (True, False)
    """
    source = _reader(config)
    left, right = source.read(a), source.read(b)
    if left.answer is None or right.answer is None:
        return False
    return source.decide(left, right, strict=True).equal is True


def _reader(config: VerifierConfig) -> Reader:
    return _DEFAULT_READER if config is DEFAULT_CONFIG else reader(config)


_DEFAULT_READER = reader(DEFAULT_CONFIG)


class _Task:
    """One pair on its way to a verdict."""

    __slots__ = ("answer", "extraction", "gold", "gold_reading", "reader", "response", "wants_second_opinion")

    def __init__(self, response: str | None, gold: Gold, source: Reader) -> None:
        self.reader = source
        self.response = response if isinstance(response, str) else None
        self.gold = gold_text(gold)
        self.gold_reading: Reading | None = None
        self.answer: Candidate | None = None
        self.extraction: Extraction | None = None
        self.wants_second_opinion = False

    def finish(self, started: float, *, workers: bool) -> Verdict:
        """The verdict; with workers=False it may be `undecided`, and another call may decide it."""
        try:
            return self._finish(started, workers)
        except ConfigError:
            raise
        except Exception as error:
            # As in Reader.read: a defect of ours is unscored, by name.
            name = type(error).__name__
            return self._verdict(started, Decision(None, Reason.INTERNAL_ERROR, None, f"{name}: {error}"[:300]))

    def _finish(self, started: float, workers: bool) -> Verdict:
        config = self.reader.config
        self.wants_second_opinion = False
        if self.gold is None:
            return self._verdict(
                started, Decision(None, Reason.GOLD_UNPARSEABLE, None, "the gold is neither text nor a number")
            )
        gold = self.reader.read(self.gold)
        if gold.fault is not None:
            gold = self._stated(gold)
        self.gold_reading = gold
        if self.response is not None and len(self.response) > config.limits.response_chars:
            decision = Decision(False, Reason.OVER_LIMIT, None, f"a response of {len(self.response)} characters")
            return self._verdict(started, decision if gold.answer is not None else self._gold_fault(gold))
        if self.extraction is None:
            self.extraction = _extract(self.response, config.extraction)
        extraction = self.extraction
        self.answer = extraction.answer if extraction.joined is None else self._chosen(extraction, gold)
        if gold.fault is not None and not (config.second_opinion and self.answer and gold.fault is Reason.UNPARSEABLE):
            return self._verdict(started, self._gold_fault(gold))
        if self.answer is None:
            reason = extraction.reason or Reason.NO_ANSWER
            return self._verdict(started, Decision(False, reason, None, _NO_ANSWER[reason]))
        reading = self.reader.read(self.answer.text)
        if config.second_opinion and Reason.UNPARSEABLE in (reading.fault, gold.fault):
            return self._second(started, reading, workers)
        if reading.fault is not None:
            equal = None if reading.fault.fault == "instrument" else False
            return self._verdict(started, Decision(equal, reading.fault, None, reading.detail), reading)
        if extraction.hedged and self.answer is extraction.answer:
            detail = "several boxes joined by 'or' are a hedge where the gold is no list"
            return self._verdict(started, Decision(False, Reason.TYPE_MISMATCH, None, detail), reading)
        return self._verdict(started, self.reader.decide(reading, gold, workers=workers), reading)

    def _chosen(self, extraction: Extraction, gold: Reading) -> Candidate | None:
        """The last box, or the run of boxes that it ends where the gold is a list.

        Where the last box is a list by itself (`\\boxed{1}, \\boxed{1, 2}`), the run counts only if
        it equals the gold.
        """
        if not gold.is_list or extraction.joined is None or extraction.answer is None:
            return extraction.answer
        if not self.reader.read(extraction.answer.text).is_list:
            return extraction.joined
        run = self.reader.read(extraction.joined.text)
        if run.answer is not None and self.reader.decide(run, gold, workers=False).equal:
            return extraction.joined
        return extraction.answer

    def _stated(self, gold: Reading) -> Reading:
        """The answer of a gold that is a whole solution: what it boxes or states, as a response's answer is found."""
        if gold.fault is not Reason.UNPARSEABLE:
            return gold
        found = _extract(gold.text, self.reader.config.extraction)
        answer = None if found.hedged else found.joined or found.answer
        if answer is None or answer.rule not in _STATED:
            return gold
        inner = self.reader.read(answer.text)
        return gold if inner.fault is Reason.UNPARSEABLE else inner

    @staticmethod
    def _gold_fault(gold: Reading) -> Decision:
        assert gold.fault is not None
        return Decision(None, _GOLD_FAULTS[gold.fault], None, f"the gold: {gold.detail}")

    def _second(self, started: float, reading: Reading, workers: bool) -> Verdict:
        assert self.gold is not None
        assert self.answer is not None
        if not workers:
            self.wants_second_opinion = True
            return self._verdict(started, Decision(None, Reason.UNDECIDED), reading)
        decision = self.reader.second_opinion(self.answer.text, self.gold)
        if decision.equal is not True:
            assert self.gold_reading is not None
            if self.gold_reading.fault is not None:
                decision = self._gold_fault(self.gold_reading)
            elif decision.reason.fault != "instrument":
                decision = Decision(False, Reason.UNPARSEABLE, Rung.SECOND_OPINION, reading.detail)
        return self._verdict(started, decision, reading)

    def _verdict(self, started: float, decision: Decision, reading: Reading | None = None) -> Verdict:
        answer, gold = self.answer, self.gold_reading
        return verdict_of(
            _STATUS[decision.equal],
            decision.reason,
            None if answer is None else answer.text,
            None if answer is None else answer.span,
            None if reading is None else reading.form,
            None if gold is None else gold.form,
            decision.rung,
            decision.detail,
            self.reader.fingerprint,
            perf_counter() - started,
        )


_STATUS = {True: Status.CORRECT, False: Status.INCORRECT, None: Status.UNSCORED}

# Not the last formula or number of a text: a damaged gold must not become another one.
_STATED = frozenset(rule.name for rule in (*BOXES, *TAGS, *PHRASES))

_NO_ANSWER = {
    Reason.NO_ANSWER: "no answer was found in the response",
    Reason.UNCLOSED_BOX: "the last box never closes",
}
