"""Every reason that an audit gives, and what it means.

A **finding** is something to mend (exit code 1); a **note** is something to know. Does not decide when a reason holds:
the steps do.
"""

from __future__ import annotations

from .ambiguity import AMBIGUITIES

FINDINGS = {
    "row_unreadable": "the row is no readable JSON object",
    "gold_missing": "no gold: the field is absent, null, or neither text nor a number",
    "gold_unparseable": "the gold cannot be read; its row would be unscored",
    "gold_over_limit": "the gold is beyond the work limits; its row would be unscored",
    "gold_undefined": "the gold has no defined value; its row would be unscored",
    "gold_refused": "the gold is read, but a box with it is not accepted",
    "respelling_refused": "the gold does not equal another spelling of itself (a fault of the verifier)",
    "asymmetric": "equivalent(a, b) and equivalent(b, a) differ (a fault of the verifier)",
    "conflicting_golds": "one prompt, golds of different value",
    "conflict_undecided": "one prompt, golds that could not be decided to be equal or different",
    "overlap": "the prompt also stands in a set named by --against",
}
NOTES = {
    "duplicate": "one prompt in several rows, the golds the same text",
    "duplicate_respelt": "one prompt, golds written differently but equal by value",
    "duplicate_lenient": "one prompt, golds that only verify's leniencies make equal (a unit, a label)",
    "duplicate_unreadable": "one prompt, golds that agree as far as they can be read",
    "crosscheck_cannot_read": "we read the gold, math-verify does not",
    "crosscheck_refused": "math-verify does not accept the gold against itself",
    "crosscheck_respelling": "math-verify does not accept another spelling of the gold",
    "crosscheck_reads": "we cannot read the gold, math-verify reads it and accepts it",
    "crosscheck_conflict": "one prompt's golds are equal to us and different to math-verify, or the reverse",
    "crosscheck_failed": "math-verify was killed at its limit, crashed, or raised",
}

MEANINGS = (
    FINDINGS
    | {f"ambiguous_{rule.name}": f"read as {rule.reading}; it may be meant as {rule.other}" for rule in AMBIGUITIES}
    | NOTES
)
"""Every reason and what it means, findings before notes."""


def level(reason: str) -> str:
    """``finding`` or ``note``."""
    return "note" if reason in NOTES else "finding"
