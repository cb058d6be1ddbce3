"""One audit from beginning to end: its steps in order, and its summary."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from .. import __version__
from ..errors import ConfigError, VerifierError
from ..sources import Source, sources
from .crosscheck import crosscheck
from .golds import check
from .groups import duplicates, overlaps
from .job import AuditJob, Progress
from .reading import LEVELS, read
from .reasons import MEANINGS, level
from .report import AuditReport
from .state import Audit


class Counts(NamedTuple):
    """What the steps counted, as each returns it; None for a step that was not asked for."""

    kinds: Counter[str]
    duplicates: dict[str, dict[str, int]]
    overlaps: dict[str, int] | None
    crosscheck: Counter[str] | None


def audit(job: AuditJob, *, progress: Progress = lambda *_: None) -> AuditReport:
    """Audit the golds and prompts of a data set.

    progress: gets (done, total, rows) now and then; done and total have no unit.

    Raises InputError for an input that cannot be read at all or has no golds, ConfigError where an extra is
    not installed, VerifierError where the scratch database cannot grow, and OSError as the file system does.
    """
    if job.crosscheck and find_spec("math_verify") is None:
        raise ConfigError("--crosscheck needs math-verify: pip install 'rlvr-verifier[crosscheck]'")
    data, against = sources(job.data, job.hub), sources(job.against, job.hub)
    try:
        run = Audit(job, progress)
        read(run, data, against)
        counts = Counts(
            check(run),
            duplicates(run),
            overlaps(run) if against else None,
            crosscheck(run) if job.crosscheck else None,
        )
    except sqlite3.Error as error:
        raise VerifierError(f"the audit's scratch database: {error}; "
                            "SQLITE_TMPDIR names a folder with more room") from None  # fmt: skip
    return AuditReport(_summary(run, data, against, counts), run.scratch)


def _summary(run: Audit, data: Sequence[Source], against: Sequence[Source], counts: Counts) -> dict[str, Any]:
    job, scratch, reasons = run.job, run.scratch, run.scratch.reasons()
    distinct = {name: scratch.count(f"SELECT count(DISTINCT {name}) FROM row") for name in LEVELS}
    return {
        "command": "audit",
        "version": __version__,
        "config_fingerprint": job.config.fingerprint(),
        "inputs": [{"name": source.name, **source.facts} for source in data],
        "against": [{"name": source.name, **source.facts} for source in against],
        "fields": {"gold": list(job.gold), "prompt": list(job.prompt), "id": job.id},
        "rows": run.rows,
        "distinct_golds": scratch.count("SELECT count(*) FROM gold"),
        "rows_by_kind_of_gold": dict(counts.kinds.most_common()),
        "symmetry": {n: run.symmetry[n] for n in ("pairs", "asymmetric", "forms_equal", "forms_not_read_back")},
        "prompts": {"without": run.without_prompt, "distinct": distinct, "duplicates": counts.duplicates},
        "overlaps": counts.overlaps,
        "crosscheck": None if counts.crosscheck is None else dict(counts.crosscheck),
        "findings": {name: reasons[name] for name in MEANINGS if reasons[name] and level(name) == "finding"},
        "notes": {name: reasons[name] for name in MEANINGS if reasons[name] and level(name) == "note"},
    }
