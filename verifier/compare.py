"""The ladder: two texts, read once each, compared rung by rung.

Promises: `Reader.read` and `Reader.decide` never raise on text. The cheap rungs run here, bounded
by the work limits; what they leave undecided goes to a worker process that can be killed. A
decision is cached by the two texts unless an instrument failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from threading import Thread
from typing import Any, TypeVar

from ._memory import Memory
from ._record import record
from .answers import Answer, compare, recognise, settings_of
from .answers import context as comparison_context
from .answers.collection import Collection
from .answers.expression import EXACTLY_DIFFERENT, EXACTLY_EQUAL, Expression, decided
from .config import VerifierConfig
from .inline import by_worker
from .parse import parse
from .syntax import LimitError, ParseError, UndefinedError
from .verdict import Reason, Rung

T = TypeVar("T")

_READINGS = 8192  # texts remembered per config
_DECISIONS = 65_536  # pairs remembered per config
_REMEMBERED_CHARS = 2_000  # a longer text is read anew, so that memory stays flat


@record
class Reading:
    """One text, read: the typed answer, or the fault that kept it from being one."""

    text: str
    answer: Answer | None
    fault: Reason | None = None  # UNPARSEABLE, OVER_LIMIT or UNDEFINED
    detail: str = ""
    position: int = 0
    form: str | None = None

    @property
    def is_list(self) -> bool:
        """A bare list, a set or a tuple: what a run of boxes may be joined for."""
        return isinstance(self.answer, Collection)


@record
class Decision:
    """equal: True, False, or None where no rung decided (reason says why)."""

    equal: bool | None
    reason: Reason
    rung: Rung | None = None
    detail: str = ""


class Reader:
    """Reads and compares under one config; remembers what it read. Thread-safe."""

    def __init__(self, config: VerifierConfig) -> None:
        self.config = config
        self.fingerprint = config.fingerprint()
        self._settings = settings_of(config.limits, config.policy)
        self._readings: Memory[str, Reading] = Memory(_READINGS)
        self._decisions: Memory[tuple[str, str, bool], Decision] = Memory(_DECISIONS)

    # -- reading --------------------------------------------------------------------------------

    def read(self, text: str) -> Reading:
        """The reading of an answer's or a gold's text."""
        known = self._readings.get(text)
        if known is not None:
            return known
        reading = self._read(text)
        if len(text) + len(reading.form or "") <= _REMEMBERED_CHARS:
            self._readings.put(text, reading)
        return reading

    def _read(self, text: str) -> Reading:
        try:
            try:
                return self._readable(text)
            except RecursionError:
                return on_fresh_stack(self._readable, text)
        except ParseError as error:
            return Reading(text, None, Reason.UNPARSEABLE, str(error), error.position)
        except (LimitError, RecursionError, MemoryError) as error:
            return Reading(text, None, Reason.OVER_LIMIT, str(error) or type(error).__name__)
        except UndefinedError as error:
            return Reading(text, None, Reason.UNDEFINED, str(error))
        except Exception as error:
            # A defect of ours must not end a training run, and is nobody's wrong answer: it is
            # unscored under a name of its own, which the tests never let pass.
            return Reading(text, None, Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}"[:300])

    def _readable(self, text: str) -> Reading:
        answer = recognise(parse(text, self.config.limits, self.config.policy), self._settings)
        return Reading(text, answer, None, "", 0, answer.form)

    # -- deciding -------------------------------------------------------------------------------

    def decide(self, answer: Reading, gold: Reading, *, strict: bool = False, workers: bool = True) -> Decision:
        """The decision on two readable sides; `workers=False` leaves it undecided after the cheap rungs."""
        if answer.text == gold.text:
            return _SAME_TEXT
        left, right = answer.answer, gold.answer
        if type(left) is Expression and type(right) is Expression:
            try:
                quick = on_fresh_stack(decided, left, right, not strict, self.config.policy)
            except RecursionError:
                return _PAST_LIMIT
            if quick is not None:
                return _DIFFERENT if quick is EXACTLY_DIFFERENT else _EQUAL if quick is EXACTLY_EQUAL else _ONE_FORM
        key = (answer.text, gold.text, strict)
        known = self._decisions.get(key)
        if known is not None:
            return known
        decision = self._local(answer, gold, strict)
        if decision.reason is Reason.UNDECIDED and workers:
            decision = self._remote(answer, gold, strict)
        if decision.reason.fault != "instrument" and len(answer.text) + len(gold.text) <= _REMEMBERED_CHARS:
            self._decisions.put(key, decision)
        return decision

    def forget(self) -> None:
        """Drop every remembered reading and decision."""
        self._readings.clear()
        self._decisions.clear()

    def _local(self, answer: Reading, gold: Reading, strict: bool) -> Decision:
        assert answer.answer is not None
        assert gold.answer is not None
        try:
            ctx = comparison_context(self.config.limits, self.config.policy, lenient=not strict)
            outcome = on_fresh_stack(compare, answer.answer, gold.answer, ctx)
        except (RecursionError, LimitError, MemoryError):
            return _PAST_LIMIT
        except (UndefinedError, ParseError) as error:
            return Decision(False, Reason.UNDEFINED, None, str(error))
        if outcome.equal:
            return Decision(True, Reason.EQUAL, outcome.rung, outcome.why)
        if outcome.equal is False:
            reason = Reason.TYPE_MISMATCH if outcome.mismatch else Reason.NOT_EQUAL
            why = outcome.why or (
                f"the answer is of type {answer.answer.kind}, the gold of type {gold.answer.kind}"
                if outcome.mismatch
                else ""
            )
            return Decision(False, reason, outcome.rung, why)
        if _beyond(gold.answer):
            return Decision(None, Reason.GOLD_OVER_LIMIT, None, "the gold's size is beyond the work limits")
        if ctx.budget.steps < 0:
            return _PAST_LIMIT
        if _beyond(answer.answer):
            return Decision(False, Reason.OVER_LIMIT, None, "the answer's size is beyond the work limits")
        return Decision(None, Reason.UNDECIDED, None, "the cheap rungs could not decide")

    def _remote(self, answer: Reading, gold: Reading, strict: bool) -> Decision:
        from .pool import shared_pool

        payload: dict[str, Any] = {
            "answer": answer.text,
            "gold": gold.text,
            "limits": asdict(self.config.limits),
            "policy": asdict(self.config.policy),
        }

        def call() -> Decision:
            pool = shared_pool(memory_mb=self.config.memory_mb)
            outcome = pool.call("symbolic", payload, timeout_s=self.config.timeout_s)
            return _from_worker(outcome.status, outcome.value, outcome.detail, Rung.SYMBOLIC)

        return by_worker((self.fingerprint, answer.text, gold.text, strict), call)

    def second_opinion(self, answer: str, gold: str) -> Decision:
        """math-verify's view of a pair that our parser cannot read."""
        from .pool import shared_pool

        def call() -> Decision:
            pool = shared_pool(memory_mb=max(self.config.memory_mb, 1024))
            outcome = pool.call(
                "second_opinion", {"answer": answer, "gold": gold}, timeout_s=max(self.config.timeout_s, 5.0)
            )
            return _from_worker(outcome.status, outcome.value, outcome.detail, Rung.SECOND_OPINION)

        return by_worker((self.fingerprint, answer, gold, "second opinion"), call)


def on_fresh_stack(call: Callable[..., T], *args: object) -> T:
    """The result of a call; where the caller's stack is too deep for it, from a thread with an empty one.

    So a verdict does not depend on how deep the caller was. Raises what the call raises.
    """
    try:
        return call(*args)
    except RecursionError:
        pass
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(call(*args))
        except Exception as error:  # handed to the caller below, not swallowed
            failed.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _from_worker(status: str, value: Any, detail: str, rung: Rung) -> Decision:
    if status == "timeout":
        return Decision(None, Reason.TIMEOUT, None, detail or "the worker was killed at its time limit")
    if status != "ok":
        reason = Reason.WORKER_CRASHED if status == "crashed" else Reason.UNDECIDED
        return Decision(None, reason, None, detail)
    equal = value.get("equal")
    if equal is None:
        return Decision(None, Reason.UNDECIDED, None, value.get("why") or "no rung could decide")
    return Decision(bool(equal), Reason.EQUAL if equal else Reason.NOT_EQUAL, rung, value.get("why") or "")


# The decisions that need no comparison beyond the values or their canonical forms.
_SAME_TEXT = Decision(True, Reason.EQUAL, Rung.IDENTICAL, "the same text")
_ONE_FORM = Decision(True, Reason.EQUAL, Rung.CANONICAL)
_EQUAL = Decision(True, Reason.EQUAL, Rung.EXACT)
_DIFFERENT = Decision(False, Reason.NOT_EQUAL, Rung.EXACT)
_PAST_LIMIT = Decision(False, Reason.OVER_LIMIT, None, "the comparison passed a work limit")


def _beyond(answer: Answer) -> bool:
    """True where a work limit, not the grammar, kept a value from its canonical form."""
    return isinstance(answer, Expression) and answer.over_limit


@lru_cache(maxsize=32)
def reader(config: VerifierConfig) -> Reader:
    """The process-wide reader of a config."""
    return Reader(config)
