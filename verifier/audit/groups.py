"""The third step of an audit: rows with one prompt, in the data and between the data and other sets.

Promises: the golds of one prompt are compared by value, as voting compares answers, and where that says different also
as :func:`verifier.verify` does, both ways. Does not look for prompts that mean the same in other words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from ..api import verify
from ..verdict import Status
from ..voting import equivalence_classes
from .reading import LEVELS
from .reasons import NOTES
from .scratch import PromptRow, sha256_of
from .state import Audit

CLASSES_COMPARED = 20  # of one prompt's golds; with more the conflict is plain


def duplicates(audit: Audit) -> dict[str, dict[str, int]]:
    """Groups of rows with one prompt, counted at two strengths; the wider one is listed."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in LEVELS[:2]}
    for (digest,) in audit.scratch.ask(
        "SELECT normalised FROM row WHERE normalised IS NOT NULL GROUP BY normalised "
        "HAVING count(*) > 1 ORDER BY min(file * 4294967296 + at)"
    ).fetchall():
        rows = audit.scratch.same_prompt(digest)
        _list_group(audit, rows, _count_group(audit, rows, counts["normalised"]))
        for exact in {row.exact for row in rows}:
            same = [row for row in rows if row.exact == exact]
            if len(same) > 1:
                _count_group(audit, same, counts["exact"])
    kinds = ("conflicting_golds", "conflict_undecided", *(n for n in NOTES if n.startswith("duplicate_")))
    shown = ("groups", "rows_beyond_the_first", "golds_differ_as_text", *kinds)
    return {name: {what: counts[name][what] for what in shown} for name in counts}


def _count_group(audit: Audit, rows: Sequence[PromptRow], counts: Counter[str]) -> tuple[str, dict[int, int | None]]:
    """(reason, class of each distinct gold) of rows with one prompt, counted."""
    golds = {row.gold: row.text for row in rows if row.gold is not None}
    kind, classes = _compare_golds(audit, golds)
    counts["groups"] += 1
    counts["rows_beyond_the_first"] += len(rows) - 1
    counts["golds_differ_as_text"] += len(golds) > 1
    counts[kind] += 1
    return kind, classes


def _list_group(audit: Audit, rows: Sequence[PromptRow], found: tuple[str, dict[int, int | None]]) -> None:
    """The group's issue, at its first row; its golds compared both ways and kept for the crosscheck."""
    kind, classes = found
    golds = {row.gold: row.text for row in rows if row.gold is not None}
    audit.scratch.issue(
        rows[0].place,
        kind,
        prompts=LEVELS[len({row.exact for row in rows}) > 1],
        ids=[audit.scratch.id(*row.place) for row in rows],
        gold_sha256=[None if row.gold is None else sha256_of(row.text) for row in rows],
        classes=[None if row.gold is None else classes[row.gold] for row in rows],
    )
    first, *others = golds or [0]
    for other in others:
        audit.both_ways(other, golds[other], golds[first])
        if classes[first] is not None and classes[other] is not None:
            equal = classes[first] == classes[other]
            audit.scratch.ask("INSERT INTO pair VALUES (?, ?, ?, ?, ?)", *rows[0].place, first, other, equal)


def _compare_golds(audit: Audit, golds: dict[int, str]) -> tuple[str, dict[int, int | None]]:
    """(reason, class of each gold): the golds of one prompt by value."""
    texts = list(golds.values())
    classes = equivalence_classes(texts, config=audit.job.config)
    firsts = [texts[classes.index(c)] for c in sorted({c for c in classes if c is not None})]
    if len(golds) < 2:
        kind = "duplicate"
    elif len(firsts) < 2:
        kind = "duplicate_unreadable" if None in classes else "duplicate_respelt"
    else:
        kind = _judge(audit, firsts)
    return kind, dict(zip(golds, classes, strict=True))


def _judge(audit: Audit, golds: Sequence[str]) -> str:
    """The reason for golds that are pairwise not equivalent: what verify says of them, both ways."""
    if len(golds) > CLASSES_COMPARED:
        return "conflicting_golds"
    worst = "duplicate_lenient"
    for one, two in combinations(golds, 2):
        pair = [
            verify(response=f"\\boxed{{{a}}}", gold=b, config=audit.job.config) for a, b in ((one, two), (two, one))
        ]
        statuses = {verdict.status for verdict in pair}
        if statuses == {Status.INCORRECT}:
            return "conflicting_golds"
        if Status.CORRECT not in statuses:
            worst = "conflict_undecided"
    return worst


def overlaps(audit: Audit) -> dict[str, int]:
    """Rows whose prompt stands in an `against` set, by the strictest level at which it does."""
    counts = dict.fromkeys(LEVELS, 0)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for file, at, other_file, other_at, exact, normal in audit.scratch.ask(
        "SELECT r.file, r.at, o.file, o.at, r.exact = o.exact, r.normalised = o.normalised "
        "FROM row r JOIN other o USING (letters_and_digits) ORDER BY r.file, r.at, o.file, o.at"
    ):
        match = LEVELS[0] if exact else LEVELS[1] if normal else LEVELS[2]
        entry = found.setdefault((file, at), {"prompts": match, "with": []})
        entry["prompts"] = min(entry["prompts"], match, key=LEVELS.index)
        entry["with"].append(f"{audit.scratch.other_names[other_file]}/{other_at}")
    for place, entry in found.items():
        audit.scratch.issue(place, "overlap", **entry)
        counts[entry["prompts"]] += 1
    return counts
