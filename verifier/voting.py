"""Votes over answers: classes of equal value, not of equal spelling.

Promises: the classes are those of `equivalent`, which is an equivalence relation, so they do not
depend on the order of the answers except in their numbering.
"""

from __future__ import annotations

from collections.abc import Sequence

from .compare import Reader, Reading, reader
from .config import DEFAULT_CONFIG, VerifierConfig
from .verdict import Reason

_WORKER_CALLS = 32


def equivalence_classes(answers: Sequence[str | None], *, config: VerifierConfig = DEFAULT_CONFIG) -> list[int | None]:
    r"""Class number of each answer, counted from 0 in the order first seen.

    A pair that the cheap rungs leave undecided goes to a worker process, at most 32 times a call;
    what stays undecided counts as different. None where there is no answer, or none that can be read:
    such an answer is in no class.

    >>> equivalence_classes(["1/2", "0.5", None, "2", r"\frac{2}{4}"])
    [0, 0, None, 1, 0]
    """
    source = reader(config)
    by_text: dict[str, int | None] = {}
    by_form: dict[tuple[str, str], int] = {}
    representatives: list[Reading] = []
    patience = [_WORKER_CALLS]
    classes: list[int | None] = []
    for text in answers:
        if text is None:
            classes.append(None)
            continue
        if text not in by_text:
            by_text[text] = _place(source.read(text), by_form, representatives, source, patience)
        classes.append(by_text[text])
    return classes


def _place(
    reading: Reading,
    by_form: dict[tuple[str, str], int],
    representatives: list[Reading],
    source: Reader,
    patience: list[int],
) -> int | None:
    """The class of a reading; a new one where no representative is equal to it."""
    if reading.answer is None:
        return None
    key = (reading.answer.kind, reading.answer.form)
    if key not in by_form:
        for number, representative in enumerate(representatives):
            decision = source.decide(reading, representative, strict=True, workers=False)
            if decision.reason is Reason.UNDECIDED and patience[0] > 0:
                patience[0] -= 1
                decision = source.decide(reading, representative, strict=True)
            if decision.equal:
                by_form[key] = number
                break
        else:
            by_form[key] = len(representatives)
            representatives.append(reading)
    return by_form[key]
