r"""What is wrong, doubtful or repeated in a data set's golds, before anything is trained or scored on them.

Promises: every row is looked at and every gold is verified in a box against itself, compared both ways
with other spellings of itself and with the golds of the same prompt; what is found is listed by row, as
ids and sha256 digests, never as text. The outcome is the same on every run (crosscheck apart, where a
worker may be killed). Rows lie in a scratch database on disk, so memory stays flat but for a JSON array,
which its reader holds whole.
Does not promise that a gold is *right*: no problem is solved here.

The steps are modules, in the order that :mod:`.run` takes them: reading, golds, groups, crosscheck.
"""

from __future__ import annotations

from .ambiguity import AMBIGUITIES, Ambiguity, ambiguities
from .golds import respelt
from .job import AuditJob
from .reading import prompt_keys
from .reasons import MEANINGS
from .report import AuditReport
from .run import audit

__all__ = [
    "AMBIGUITIES",
    "MEANINGS",
    "Ambiguity",
    "AuditJob",
    "AuditReport",
    "ambiguities",
    "audit",
    "prompt_keys",
    "respelt",
]
