"""``verifier corrupt``: problems in, the same problems with labels that are proven wrong.

Promises: as :mod:`verifier.rowjob` and :mod:`verifier.corrupt`. The pool of ``shuffle`` is read before the first row;
its digest is in the manifest and in every label's source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .api import verify_batch
from .corrupt import Corrupter, Corruption, Result, Ring
from .errors import ConfigError, InputError
from .rowfiles import IdRule, Item, RowFields, RowReader
from .rowjob import Entry, Progress, RowFeed, RowJob, Say, run_job
from .rows import Row, prompt_id
from .sources import Hub, Source

MATCHES = ("id", "prompt")


@dataclass(frozen=True, slots=True)
class CorruptJob:
    """One run of ``verifier corrupt``.

    data: files, folders, hub data sets with the problems; for ``incorrect_majority`` with majority labels.
    pool: of ``shuffle``; the data where empty. golds: problems that give the golds of ``incorrect_majority``, found by
    ``match``: the id, or the normalised prompt; the data's own golds where empty.
    """

    data: Sequence[str]
    out: Path
    how: Corruption
    pool: Sequence[str] = ()
    golds: Sequence[str] = ()
    match: str = "id"
    ids: IdRule = field(default_factory=IdRule)
    fields: RowFields = field(default_factory=RowFields)
    hub: Hub = field(default_factory=Hub)
    overwrite: bool = False
    workers: int = 2

    def __post_init__(self) -> None:
        if self.match not in MATCHES:
            raise ConfigError(f"match={self.match!r} is unknown; choose one of {', '.join(MATCHES)}")
        if self.pool and self.how.method != "shuffle":
            raise ConfigError(f"a pool is dealt out by `shuffle`; {self.how.method!r} has none")
        if self.golds and self.how.method != "incorrect_majority":
            raise ConfigError(f"golds from elsewhere are for `incorrect_majority`, not {self.how.method!r}")


def corrupt(job: CorruptJob, *, say: Say = lambda _: None, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run the job, or go on with it; returns its manifest, the counts under ``summary``.

    say, progress, errors: as :func:`verifier.score.score`.
    """
    reader = RowReader(job.data, job.ids, job.fields, job.hub)
    inputs: list[Source] = list(reader.sources)
    settings: dict[str, Any] = {**job.how.describe(), **_names(job)}
    ring = None
    if job.how.method == "shuffle":
        ring, members = _ring(job)
        settings |= {"pool": ring.sha256, "pool_size": ring.size}
        inputs += members
    step = _Step(reader, Corrupter(job.how, ring), job)
    if job.golds:
        inputs += step.read_golds()
    run = RowJob("corrupt", job.out, settings, job.how.config, job.overwrite)
    return run_job(run, inputs, RowFeed(reader), step, say=say, progress=progress)


def _names(job: CorruptJob) -> dict[str, Any]:
    return {
        "id_prefix": job.ids.prefix,
        "id_from_prompt": job.ids.from_prompt,
        "id_field": job.fields.id,
        "prompt_field": list(job.fields.prompt),
        "gold_field": list(job.fields.gold),
        "label_field": job.fields.label,
        "match": job.match if job.golds else None,
    }


def _ring(job: CorruptJob) -> tuple[Ring, list[Source]]:
    """The pool and, where it is not the data, its sources; rows without a gold are no members."""
    pool = RowReader(job.pool or job.data, job.ids, job.fields, job.hub)
    rows = []
    for item in pool.items():
        try:
            rows.append(pool.row(item))
        except InputError:
            if job.pool:
                raise InputError(f"pool: {item.where}: {item.problem or 'no prompt or no gold'}") from None
    ring = Ring(rows, job.how.seed, job.how.config)
    if not ring.size:
        raise InputError("the pool has no gold that can be read")
    return ring, pool.sources if job.pool else []


class _Step:
    """Rows to entries."""

    def __init__(self, reader: RowReader, corrupter: Corrupter, job: CorruptJob) -> None:
        self.reader = reader
        self.corrupter = corrupter
        self.job = job
        self._golds: dict[str, list[tuple[str, str]]] | None = None  # key -> (id, gold), each gold's text once

    def read_golds(self) -> list[Source]:
        """Read the problems that give the golds; returns their sources."""
        by_prompt = self.job.match == "prompt"
        fields = replace(self.job.fields, id="id")
        ids = IdRule(prefix="{stem}", or_prompt=True) if by_prompt else self.job.ids
        reader = RowReader(self.job.golds, ids, fields, self.job.hub)
        self._golds = {}
        for item in reader.items(unique=not by_prompt):
            try:
                row = reader.row(item)
            except InputError as error:
                hint = "" if by_prompt or item.id is not None else "; golds are found without ids by --match prompt"
                raise InputError(f"{item.where}: {error}{hint}") from None
            known = self._golds.setdefault(prompt_id(row.prompt) if by_prompt else row.id, [])
            if row.gold not in (gold for _, gold in known):
                known.append((row.id, row.gold))
        return list(reader.sources)

    def __call__(self, items: list[Item]) -> list[Entry]:
        results = [self._result(item) for item in items]
        rows = [result.row for result in results if result.row is not None]
        verdicts = iter(
            verify_batch(
                responses=[f"\\boxed{{{row.label}}}" for row in rows],
                golds=[row.gold for row in rows],
                config=replace(self.job.how.config, extraction="boxed"),
                workers=self.job.workers,
            )
        )
        entries = []
        for item, result in zip(items, results, strict=True):
            facts: dict[str, str | int | float] = {"type": result.type}
            if result.row is None:
                entries.append(Entry(item, None, result.reason, result.detail, facts))
                continue
            facts["against_gold"] = next(verdicts).status.value
            source = result.row.label_source or {}
            facts["corrupted"] = int(result.corrupted)
            facts |= {name: str(source[name]) for name in ("operation", "drawn", "rung", "same_type") if name in source}
            entries.append(Entry(item, result.row.to_dict(), facts=facts))
        return entries

    def _result(self, item: Item) -> Result:
        try:
            row, golds = self._row(item)
        except InputError as error:
            return Result(None, "unreadable", "row_unreadable", str(error))
        result = self.corrupter(row)
        for gold in golds:
            other = self.corrupter(replace(row, gold=gold))
            if result.row is not None and other.row is None:
                return Result(None, result.type, "golds_differ", f"{other.reason}: {other.detail}")
        return result

    def _row(self, item: Item) -> tuple[Row, list[str]]:
        """The row, and further golds of its prompt that its label must differ from too."""
        if self._golds is None:
            return self.reader.row(item), []
        if item.problem is not None:
            raise InputError(item.problem)
        prompt = self.job.fields.first(item.record, self.job.fields.prompt)
        key = item.id if self.job.match == "id" else prompt_id(prompt or "")
        found = self._golds.get(key or "")
        if found is None:
            raise InputError(f"no gold: none of the problems of --golds has this {self.job.match}")
        values = item.record.fields | {"prompt": prompt or "", "gold": found[0][1], "id": item.id}
        values["label"] = self.job.fields.first(item.record, [self.job.fields.label])
        row = Row.from_dict(values)
        source = dict(row.label_source or {}) | ({"gold_from": found[0][0]} if self.job.match == "prompt" else {})
        return replace(row, label_source=source or None), [gold for _, gold in found[1:]]
