"""What the steps of one audit share: its scratch database, its counts, its progress."""

from __future__ import annotations

from collections import Counter

from ..compare import Reader, reader
from .job import AuditJob, Progress
from .scratch import Scratch, sha256_of

TOTAL = 10_000  # of the progress; it has no unit


class Audit:
    """One audit while it runs.

    rows, without_prompt: how many rows were read, and how many of them have no prompt. symmetry: pairs of spellings
    that were compared both ways, by what came of it. share: of the time, what the steps before the crosscheck take.
    """

    def __init__(self, job: AuditJob, progress: Progress) -> None:
        self.job = job
        self.scratch = Scratch()
        self.reader: Reader = reader(job.config)
        self.rows = 0
        self.without_prompt = 0
        self.symmetry: Counter[str] = Counter()
        self.share = 0.02 if job.crosscheck else 1.0
        self._progress = progress

    def say(self, begin: float, end: float, part: float) -> None:
        """Report that of the step that goes from ``begin`` to ``end`` of the whole time this part is done."""
        self._progress(int(TOTAL * (begin + (end - begin) * part)), TOTAL, self.rows)

    def both_ways(self, number: int, gold: str, other: str, *, workers: bool = True) -> bool | None:
        """Whether two spellings are equal, None where that is undecided; records an asymmetry."""
        one, two = self.reader.read(gold), self.reader.read(other)
        if one.answer is None or two.answer is None:
            return None
        there = self.reader.decide(one, two, strict=True, workers=workers).equal
        back = self.reader.decide(two, one, strict=True, workers=workers).equal
        self.symmetry["pairs"] += 1
        if there is not back:
            self.symmetry["asymmetric"] += 1
            self.scratch.issue_of_gold(number, "asymmetric", gold, other_sha256=sha256_of(other))
        return there if there is back else None
