"""What a verification returns.

Promises: a :class:`Verdict` is immutable, picklable and equal to another one in every field but
``elapsed_s`` when the same (response, gold, config) was verified elsewhere. It is never a bare
float: whoever wants a reward says how ``unscored`` maps to one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from enum import Enum
from typing import Any, cast


class Status(str, Enum):
    """The three outcomes. Only ``correct`` and ``incorrect`` judge the response."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNSCORED = "unscored"

    def __str__(self) -> str:
        return self.value


class Reason(str, Enum):
    """Why, and so whose fault it is: the response's, the gold's or the instrument's.

    Gold and instrument faults are always ``unscored``.
    """

    EQUAL = "equal"
    # the response's
    NO_ANSWER = "no_answer"
    UNCLOSED_BOX = "unclosed_box"
    UNPARSEABLE = "unparseable"
    OVER_LIMIT = "over_limit"
    UNDEFINED = "undefined"
    TYPE_MISMATCH = "type_mismatch"
    NOT_EQUAL = "not_equal"
    # the gold's
    GOLD_UNPARSEABLE = "gold_unparseable"
    GOLD_OVER_LIMIT = "gold_over_limit"
    GOLD_UNDEFINED = "gold_undefined"
    # the instrument's
    TIMEOUT = "timeout"
    WORKER_CRASHED = "worker_crashed"
    UNDECIDED = "undecided"
    INTERNAL_ERROR = "internal_error"

    def __str__(self) -> str:
        return self.value

    @property
    def fault(self) -> str:
        """``'none'``, ``'response'``, ``'gold'`` or ``'instrument'``.

        >>> Reason.TIMEOUT.fault
        'instrument'
        """
        return _FAULTS[self._value_]  # by its text, as members of an Enum are slow to look up


_INSTRUMENT = frozenset({Reason.TIMEOUT, Reason.WORKER_CRASHED, Reason.UNDECIDED, Reason.INTERNAL_ERROR})


def _fault(reason: Reason) -> str:
    if reason is Reason.EQUAL:
        return "none"
    if reason.value.startswith("gold_"):
        return "gold"
    return "instrument" if reason in _INSTRUMENT else "response"


_FAULTS = {reason.value: _fault(reason) for reason in Reason}


class Rung(str, Enum):
    """The step of the ladder that decided (DESIGN: identical text, canonical form, ...)."""

    IDENTICAL = "identical"
    CANONICAL = "canonical"
    EXACT = "exact"
    NUMERIC = "numeric"
    SYMBOLIC = "symbolic"
    SECOND_OPINION = "second_opinion"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one verification.

    status: correct, incorrect or unscored.
    reason: why; see :class:`Reason`.
    answer: the extracted answer's text, None where there is none.
    span: (start, end) of ``answer`` in the response, in characters; None with ``answer``.
    answer_form, gold_form: canonical forms as text, None where a side was not read.
    rung: the rung that decided, None where none was reached.
    detail: one English sentence for a person; never parsed by programs.
    fingerprint: of the config that was in force.
    elapsed_s: wall-clock seconds; the one field that does not count in ``==``.
    """

    status: Status
    reason: Reason
    answer: str | None = None
    span: tuple[int, int] | None = None
    answer_form: str | None = None
    gold_form: str | None = None
    rung: Rung | None = None
    detail: str = ""
    fingerprint: str = ""
    elapsed_s: float = field(default=0.0, compare=False)

    @property
    def correct(self) -> bool:
        """True only for status ``correct``; ``unscored`` is not correct, and not incorrect either."""
        return self.status is Status.CORRECT

    @property
    def exactness(self) -> str | None:
        """``'numeric'`` where the numeric rung decided, ``'exact'`` where another did, else None."""
        if self.rung is None:
            return None
        return "numeric" if self.rung is Rung.NUMERIC else "exact"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values, the keys in the order of the fields."""
        return {
            "status": self.status.value,
            "reason": self.reason.value,
            "answer": self.answer,
            "span": list(self.span) if self.span else None,
            "answer_form": self.answer_form,
            "gold_form": self.gold_form,
            "rung": self.rung.value if self.rung else None,
            "detail": self.detail,
            "fingerprint": self.fingerprint,
            "elapsed_s": self.elapsed_s,
        }


_Draft = make_dataclass("_Draft", [(f.name, f.type, field(default=f.default)) for f in fields(Verdict)], slots=True)


def verdict_of(*values: Any) -> Verdict:
    """The verdict with these values of the fields, in their order; one is made for every verification.

    Four times as fast as the frozen class, which writes each field through ``object.__setattr__``.
    """
    draft = _Draft(*values)
    draft.__class__ = Verdict  # the same slots
    return cast(Verdict, draft)
