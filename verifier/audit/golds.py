"""The second step of an audit: each distinct gold by itself.

Promises: every gold is verified in a box against itself and compared both ways with another spelling of itself and
with its own canonical form. Does not promise that a gold is *right*: no problem is solved here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from ..api import verify_batch
from ..verdict import Status
from .ambiguity import ambiguities
from .state import Audit

_RESPELLINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"-?\d+"), lambda m: f"{m.group()}.0"),
    (re.compile(r"(-?\d+)/(\d+)"), lambda m: f"\\frac{{{m.group(1)}}}{{{m.group(2)}}}"),
    (re.compile(r"(\d+)_(\d+)"), lambda m: f"{m.group(1)}_{{{m.group(2)}}}"),
)


def respelt(gold: str) -> str:
    r"""The same value written otherwise: never the same text.

    >>> respelt("7"), respelt(r"\frac12"), respelt("x+1")
    ('7.0', '\\dfrac12', '{x+1}')
    """
    for pattern, change in _RESPELLINGS:
        found = pattern.fullmatch(gold)
        if found:
            return change(found)
    if "\\frac" in gold:
        return gold.replace("\\frac", "\\dfrac")
    return "{" + gold + "}" if "$" not in gold else gold + " "


def check(audit: Audit) -> Counter[str]:
    """Each distinct gold: read, accepted in a box, symmetric, ambiguous; returns the rows by kind of gold."""
    kinds: Counter[str] = Counter()
    total, done = audit.scratch.count("SELECT count(*) FROM gold"), 0
    for chunk in audit.scratch.golds():
        golds = [gold for _, gold in chunk]
        boxes = [f"\\boxed{{{gold}}}" for gold in golds]
        verdicts = verify_batch(responses=boxes, golds=golds, config=audit.job.config, workers=audit.job.workers)
        for (number, gold), verdict in zip(chunk, verdicts, strict=True):
            if verdict.correct:
                _check_spellings(audit, number, gold)
            else:
                fault = verdict.status is Status.UNSCORED and verdict.reason.fault == "gold"
                reason = verdict.reason.value if fault else "gold_refused"
                audit.scratch.issue_of_gold(number, reason, gold, verdict=verdict.reason.value)
            reading = audit.reader.read(gold)
            rows = audit.scratch.count("SELECT count(*) FROM row WHERE gold = ?", number)
            kinds[reading.answer.kind if reading.answer else "unread"] += rows
            for name in ambiguities(gold, config=audit.job.config):
                audit.scratch.issue_of_gold(number, f"ambiguous_{name}", gold)
        done += len(chunk)
        audit.say(0.3 * audit.share, audit.share, done / total)
    return kinds


def _check_spellings(audit: Audit, number: int, gold: str) -> None:
    reading = audit.reader.read(gold)
    if reading.answer is None:  # a second opinion accepted it
        return
    other = respelt(gold)
    if audit.both_ways(number, gold, other) is not True:
        audit.scratch.issue_of_gold(number, "respelling_refused", gold)
    form = reading.answer.form
    if form != gold:
        # A form is for display: where the cheap rungs do not read it back as the value it is only counted.
        equal = audit.both_ways(number, gold, form, workers=False)
        audit.symmetry["forms_equal" if equal else "forms_not_read_back"] += 1
