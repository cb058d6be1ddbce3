r"""The proof that a label is wrong, by the verifier itself.

Promises: a proven label is refused as an answer to the gold *and* the gold is refused as an answer to the label, and no
short answer (without unit, percent, label, base or letter) is right for both, see :mod:`.bare`, so that training on the
label does not pay for the true answer; the two are not equivalent; and none of this rests on a label that cannot be
read, on a work limit, or on a comparison that no rung decided. Without workers, a proof depends on the two texts and
the config alone, never on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..answers.base import UNDECIDED
from ..api import verify
from ..compare import on_fresh_stack, reader
from ..config import VerifierConfig
from ..inline import WorkerNeeded, inline
from ..verdict import Reason, Rung, Status
from .bare import shared

_DIFFERENT = (Reason.NOT_EQUAL, Reason.TYPE_MISMATCH)

REASONS = {
    "gold_unreadable": "the gold cannot be read, has no defined value, or is beyond the work limits",
    "label_missing": "there is no label: the field is absent or null, or nothing was voted for",
    "label_unreadable": "the label cannot be read, so that nothing is proven by its refusal",
    "label_right": "the label equals the gold",
    "label_lenient": "verify accepts one for the other, or one short answer (without unit, label, letter) for both",
    "undecided": "no rung could decide whether the label equals the gold",
}
"""Why a label is not proven wrong."""


@dataclass(frozen=True, slots=True)
class Proof:
    """reason: None where the label is proven wrong, else a key of REASONS.

    rung: ``exact`` or ``numeric``, the weakest of the comparisons that the proof rests on. step: that rung's own name.
    detail: for a person.
    """

    reason: str | None
    rung: str | None = None
    step: str | None = None
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Whether the label is proven wrong."""
        return self.reason is None


def prove_wrong(label: str, gold: str, config: VerifierConfig, *, workers: bool = False) -> Proof:
    r"""Whether a label is proven to differ from its gold.

    config: read with extraction ``boxed``. workers: whether the symbolic rung in worker processes may decide; it has
    a time limit, so an ``undecided`` with workers may be decided on a quieter machine.

    >>> from verifier.config import DEFAULT_CONFIG as config
    >>> prove_wrong("7", "8", config)
    Proof(reason=None, rung='exact', step='exact', detail='')
    >>> prove_wrong(r"15\%", "15", config).reason
    'label_lenient'
    """
    source = reader(config)
    mine, theirs = source.read(label), source.read(gold)
    if theirs.answer is None:
        return Proof("gold_unreadable", detail=theirs.detail)
    if mine.answer is None:
        return Proof("label_unreadable", detail=mine.detail)
    decisions = [
        source.decide(mine, theirs, strict=True, workers=workers),
        source.decide(mine, theirs, workers=workers),
        source.decide(theirs, mine, workers=workers),
    ]
    for decision, reason in zip(decisions, ("label_right", "label_lenient", "label_lenient"), strict=True):
        if decision.equal and (workers or decision.rung is not Rung.SYMBOLIC):
            return Proof(reason, detail=decision.detail)
    for decision in decisions:
        # What a worker once decided may be remembered; without workers it must not count, here or elsewhere.
        if decision.reason not in _DIFFERENT or not workers and decision.rung is Rung.SYMBOLIC:
            return Proof("undecided", detail=decision.detail)
    if not _refused(label, gold, config):
        return Proof("label_unreadable", detail="in a box, the label is not read as it stands")
    try:
        both = on_fresh_stack(shared, mine.answer, theirs.answer, config)
    except RecursionError:
        both = UNDECIDED
    if both.equal is not False:
        return Proof("label_lenient" if both.equal else "undecided", detail=both.why)
    return _weakest([decision.rung or Rung.CANONICAL for decision in decisions] + [both.rung])


def _refused(label: str, gold: str, config: VerifierConfig) -> bool:
    """Whether verify calls a response with the label in a box incorrect, the label being what it extracts."""
    try:
        with inline({}):
            verdict = verify(response=f"\\boxed{{{label}}}", gold=gold, config=config)
    except WorkerNeeded:
        return False
    whole = verdict.answer is not None and verdict.answer.strip() == label.strip()
    return whole and verdict.status is Status.INCORRECT and verdict.reason in _DIFFERENT


_STRENGTH = (Rung.SYMBOLIC, Rung.NUMERIC)  # weakest last; all others compare exactly


def _weakest(rungs: list[Rung]) -> Proof:
    step = max(rungs, key=lambda rung: _STRENGTH.index(rung) if rung in _STRENGTH else -1)
    return Proof(None, "numeric" if step is Rung.NUMERIC else "exact", step.value)
