"""A run that labels rows: rows in, labelled rows out, what was left out beside them.

Promises: ``OUT`` and ``OUT.left_out.jsonl`` appear complete or not at all; a run that was stopped, even killed, goes on
after its last whole row, and only for the same input, settings and version; the end result is the same bytes. Each
input row is in exactly one of the two files. Memory does not grow with the rows but for one digest of each id.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import __version__
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import InputError
from .journal import Journal, begun, journal_path, settled
from .jsontext import dump_plain
from .label_files import LabelFiles
from .rowfiles import Item, RowReader
from .rows import plain
from .sources import Source

CHUNK_ROWS = 128  # what a stop can cost
CHUNK_BYTES = 16 * 2**20
NAMED_ROWS = 10  # rows left out that are named as they are met; all are in the side file
EXPECTED = frozenset({"label_right"})  # reasons that are no news
TOTAL = 10_000  # of the progress bar; it has no unit

Say = Callable[[str], None]
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one input row.

    row: the output row, None where it is left out. reason, detail: why it is, then. facts: counted in the summary;
    texts by value, numbers as sums.
    """

    item: Item
    row: dict[str, Any] | None
    reason: str | None = None
    detail: str = ""
    facts: dict[str, str | int | float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the journal."""
        head = {"place": list(self.item.place), "where": self.item.where, "id": self.item.id}
        if self.row is not None:
            return head | {"row": self.row, "facts": self.facts}
        return head | {"reason": self.reason, "detail": self.detail, "facts": self.facts}


Step = Callable[[list[Item]], list[Entry]]


@dataclass(frozen=True, slots=True)
class RowJob:
    """One run. settings: everything beside input and config that decides the output, JSON-ready."""

    command: str
    out: Path
    settings: dict[str, Any]
    config: VerifierConfig = DEFAULT_CONFIG
    overwrite: bool = False


@dataclass(slots=True)
class Counts:
    """Counts of a run. by_type: of each answer type (written, left out). accuracy: of the written labels against gold,
    over those that verify judged; None where none was."""

    rows: int = 0
    written: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    by_type: dict[str, list[int]] = field(default_factory=dict)
    texts: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, entry: dict[str, Any]) -> None:
        """Count one journal entry."""
        self.rows += 1
        written = "row" in entry
        self.written += written
        if not written:
            self.reasons[entry["reason"]] += 1
        for name, value in plain(entry["facts"]).items():
            if name == "type":
                self.by_type.setdefault(value, [0, 0])[not written] += 1
            elif isinstance(value, str):
                self.texts.setdefault(name, Counter())[value] += 1
            else:
                self.sums[name] = self.sums.get(name, 0) + value

    @property
    def left_out(self) -> int:
        """Rows without a label."""
        return self.rows - self.written

    @property
    def accuracy(self) -> float | None:
        """Correct labels over correct and incorrect ones."""
        found = self.texts.get("against_gold", Counter())
        judged = found["correct"] + found["incorrect"]
        return found["correct"] / judged if judged else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the largest counts first."""
        types = sorted(self.by_type.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
        return {
            "rows": self.rows,
            "written": self.written,
            "left_out": dict(sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
            "accuracy_against_gold": self.accuracy,
            "by_type": {name: {"written": w, "left_out": lo} for name, (w, lo) in types},
            **{name: dict(sorted(c.items(), key=lambda p: (-p[1], p[0]))) for name, c in sorted(self.texts.items())},
            **{f"total_{name}": value for name, value in sorted(self.sums.items())},
        }


def run_job(
    job: RowJob, inputs: Sequence[Source], feed: Feed, step: Step, *, say: Say, progress: Progress
) -> dict[str, Any]:
    """Run the job, or go on with it; returns its manifest, the counts under ``summary``.

    inputs: the sources that the output depends on, for the manifest. step: gets some items in order and returns an
    entry for each. Raises InputError, VerifierError and OSError as the parts do.
    """
    files = LabelFiles(job.out)
    files.check(inputs)
    manifest = _manifest(job, inputs)
    if not job.overwrite and (done := settled(job.out, manifest, files.left_out)) is not None:
        say(f"{job.out} is complete already; nothing to do (--overwrite makes it again)")
        return done
    fresh = job.overwrite or not journal_path(job.out).exists()
    with begun(job.out, manifest | {"state": "running"}, overwrite=job.overwrite, kept=feed.kept) as journal:
        if fresh:
            feed.reset()  # what it kept belongs to a run that nothing else is left of
        try:
            counts = _fill(journal, feed, step, say, progress)
        except InputError:
            if fresh and journal.is_empty:
                feed.reset()  # what it kept is of no use: the mend changes the input
            raise
        journal.sync()
        manifest = files.write(journal, manifest | {"state": "complete", "summary": counts.to_dict()})
        feed.reset()
        return manifest


class Feed:
    """What a run reads: items in order, going on behind what is written already.

    kept: files in which it keeps what it has read, so that a stopped run need not read it again.
    """

    kept: tuple[Path, ...] = ()

    def written(self, entry: dict[str, Any]) -> None:
        """Note an entry of an earlier run; called for each, in order, before :meth:`items`."""
        raise NotImplementedError

    def items(self) -> Iterator[Item]:
        """The items that are still to be done."""
        raise NotImplementedError

    def reset(self) -> None:
        """Remove what the feed itself keeps on disk: the run is complete, or starts again."""


class RowFeed(Feed):
    """The rows of a reader, with unique ids."""

    def __init__(self, reader: RowReader) -> None:
        self.reader = reader
        self._last: tuple[int, int] | None = None

    def written(self, entry: dict[str, Any]) -> None:
        self._last = (int(entry["place"][0]), int(entry["place"][1]))
        if entry["id"] is not None:
            self.reader.seen.add(entry["id"], (entry.get("row") or {}).get("visit"), self._last, self.reader.sources)

    def items(self) -> Iterator[Item]:
        return self.reader.items(self._last)


def _fill(journal: Journal, feed: Feed, step: Step, say: Say, progress: Progress) -> Counts:
    counts, named = Counts(), 0
    for written in journal.recover():
        counts.add(written)
        feed.written(written)
    if counts.rows:
        say(f"going on: {counts.rows:,} rows were done before")
    for chunk in _chunks(feed.items()):
        lines = []
        for entry in step(chunk):
            made = entry.to_dict()
            counts.add(made)
            if entry.row is None and entry.reason not in EXPECTED and named < NAMED_ROWS:
                named += 1
                say(f"{entry.item.where}: left out, {entry.reason}" + (f" ({entry.detail})" if entry.detail else ""))
            lines.append((dump_plain(made) + "\n").encode())
        journal.append(lines)
        progress(int(TOTAL * chunk[-1].share), TOTAL, counts.rows)
    return counts


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += item.record.size
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _manifest(job: RowJob, inputs: Sequence[Source]) -> dict[str, Any]:
    facts = [source.facts for source in inputs]
    return {
        "command": job.command,
        "version": __version__,
        "input": {"sha256": hashlib.sha256(dump_plain(facts).encode()).hexdigest(), "files": facts},
        "config_fingerprint": job.config.fingerprint(),
        "config": job.config.to_dict(),
        "settings": job.settings,
    }
