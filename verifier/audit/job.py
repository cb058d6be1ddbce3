"""What an audit is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..config import DEFAULT_CONFIG, VerifierConfig
from ..rows import GOLD_FIELDS, PROMPT_FIELDS
from ..sources import Hub

Progress = Callable[[int, int, int], None]
"""Gets (done, total, rows) now and then; done and total have no unit."""


@dataclass(frozen=True, slots=True)
class AuditJob:
    """One run of ``verifier audit``.

    data, against: files, folders, or hub data sets (``hub:owner/name``). gold, prompt: names of fields, the
    first that a row has. split, subset, revision: of hub data sets.
    """

    data: Sequence[str]
    against: Sequence[str] = ()
    config: VerifierConfig = DEFAULT_CONFIG
    gold: Sequence[str] = GOLD_FIELDS
    prompt: Sequence[str] = PROMPT_FIELDS
    id: str = "id"
    split: str = "train"
    subset: str | None = None
    revision: str | None = None
    crosscheck: bool = False
    workers: int = 2

    @property
    def hub(self) -> Hub:
        """What to load of hub data sets."""
        return Hub(self.split, self.subset, self.revision)
