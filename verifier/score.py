"""Score a file of responses: rows in, the same rows with a verdict out.

Promises: one record out for each row in, in the same order; every other field is carried through
as it was written; an unreadable row gets a record whose verdict has only ``row`` and ``error``.
A run that was stopped goes on after its last whole record, and only for the same input, config,
version and options; the end result is the same bytes but for ``elapsed_s``. Memory does not grow
with the file, but for some 20 bytes a row under a reward with draws, and a number for each group.
Does not promise to read from a pipe: the input is read twice (digest, then rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from . import __version__, records
from .api import verify_batch
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import InputError, VerifierError
from .journal import Journal, begun, file_sha256, settled, write_manifest
from .jsontext import dump_json, dump_plain
from .parquet_out import VERDICT_TYPES, write_parquet
from .records import ParquetFile, Record, RecordFile, open_records
from .rewards import RewardFile
from .score_reward import Payer, gold_of
from .tally import Tally
from .verdict import Verdict

CHUNK_ROWS = 128  # what a stop can cost; slow rows take up to a second each
CHUNK_BYTES = 16 * 2**20  # a chunk ends here too, so that responses of megabytes do not pile up
PEEKED_ROWS = 64  # where none of the first rows can be scored, a field name or the file is wrong
NAMED_ROWS = 20  # unreadable rows that are named as they are met; all are in the output
JSONL_SUFFIXES = ("", ".jsonl", ".ndjson", ".json")
PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields that are read (response, gold, id) and of those that are added (verdict, reward)."""

    response: str = "response"
    gold: str = "gold"
    id: str = "id"
    verdict: str = "verdict"
    reward: str = "reward"


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """One run of ``verifier score``.

    keep: ``all`` carries every field of a row through, ``id`` only its id.
    workers: worker processes for what the cheap rungs leave undecided; None lets the pool choose.
    reward: what each row is paid besides its verdict; see :mod:`verifier.score_reward`.
    """

    source: Path
    out: Path
    config: VerifierConfig = DEFAULT_CONFIG
    fields: Fields = field(default_factory=Fields)
    keep: str = "all"
    overwrite: bool = False
    workers: int | None = None
    reward: RewardFile | None = None

    @property
    def reserved(self) -> frozenset[str]:
        """Names that the output adds, so that the input must not have."""
        name = self.fields.verdict
        parts = {f"{name}_{part}" for part in VERDICT_TYPES} if self.parquet else set()
        return frozenset({name} | parts | ({self.fields.reward} if self.reward else set()))

    @property
    def parquet(self) -> bool:
        """Whether the output is parquet; its name decides."""
        return self.out.suffix.lower() in PARQUET_SUFFIXES


def score(
    job: ScoreJob,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int, int], None] = lambda *_: None,
) -> Tally:
    """Run the job, or go on with it where an earlier run was stopped.

    say: gets one line for a person, as each unreadable row or a resumed run is met.
    progress: gets (done, total, rows) after each chunk; done and total in the file's own unit.

    Raises InputError for an input that cannot be read at all, VerifierError where ``out`` belongs to
    another run or cannot be written, and OSError as the file system does.
    """
    _check_out(job)
    source = open_records(job.source)
    _check_rows(source, job)
    before = job.source.stat()
    manifest = _manifest(job)
    done = None if job.overwrite else settled(job.out, manifest)
    if done is not None:
        say(f"{job.out} is complete already; nothing to do (--overwrite scores it again)")
        return Tally.from_dict(done["summary"])
    with begun(job.out, manifest | {"state": "running"}, overwrite=job.overwrite) as journal:
        tally = _run(job, source, journal, say, progress)
        after = job.source.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise InputError(f"{job.source} changed while it was scored; start again with --overwrite")
        _finish(job, source, journal, manifest | {"state": "complete", "summary": tally.to_dict()}, say)
    return tally


def _run(
    job: ScoreJob,
    source: RecordFile,
    journal: Journal,
    say: Callable[[str], None],
    progress: Callable[[int, int, int], None],
) -> Tally:
    tally, last, payer = Tally(), 0, _payer(job, source)
    if payer is not None:
        tally.reward = payer.tally()
    for written in journal.recover():
        tally.add(written[job.fields.verdict], written.get(job.fields.reward))
        last = int(written[job.fields.verdict]["row"])
    if tally.rows:
        say(f"going on after {source.unit} {last}: {tally.rows:,} rows were scored before")
    keep = "none" if job.parquet and isinstance(source, ParquetFile) else job.keep
    if payer is not None and payer.remembers:
        chunks = payer.chunks(source.read(), last, CHUNK_ROWS, CHUNK_BYTES)
    else:
        chunks = chunked(source.read(after=last))
    for chunk in chunks:
        paid = payer.pay(chunk) if payer is not None else {}
        chunk = [record for record in chunk if record.number > last]
        lines = []
        for record, result in zip(chunk, _score_chunk(chunk, job, paid), strict=True):
            verdict: dict[str, Any] = {"row": record.number}
            if isinstance(result, Verdict):
                verdict |= result.to_dict()
            else:
                verdict["error"] = f"{source.unit} {record.number}, {result}"
            added: dict[str, Any] = {job.fields.verdict: verdict}
            if payer is not None:
                added[job.fields.reward] = paid.get(record.number) if isinstance(result, Verdict) else None
            tally.add(verdict, added.get(job.fields.reward))
            if "error" in verdict and tally.unreadable <= NAMED_ROWS:
                say(f"{job.source}, {verdict['error']}")
            clash = job.reserved & record.fields.keys()
            lines.append(_line(job.fields, "none" if clash else keep, record, added).encode())
        journal.append(lines)
        progress(chunk[-1].end, source.total, tally.rows)
    return tally


def _payer(job: ScoreJob, source: RecordFile) -> Payer | None:
    return None if job.reward is None else Payer(job.reward, job.fields, source.unit)


def chunked(rows: Iterable[Record]) -> Iterator[list[Record]]:
    """Lists of at most CHUNK_ROWS rows and about CHUNK_BYTES."""
    chunk: list[Record] = []
    size = 0
    for record in rows:
        chunk.append(record)
        size += record.size
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _score_chunk(chunk: list[Record], job: ScoreJob, paid: Mapping[int, Any]) -> list[Verdict | str]:
    """A verdict for each row, or what is wrong with the row. paid: where it is a text, the reward has found that."""
    results: list[Verdict | str | None] = []
    responses, golds = [], []
    for record in chunk:
        problem, response, gold = _row(record, job.fields, job.reserved)
        if problem is None and isinstance(paid.get(record.number), str):
            problem = paid[record.number]
        results.append(problem)
        if problem is None:
            responses.append(response)
            golds.append(gold)
    verdicts = iter(verify_batch(responses=responses, golds=golds, config=job.config, workers=job.workers))
    return [next(verdicts) if result is None else result for result in results]


def _row(record: Record, fields: Fields, reserved: frozenset[str]) -> tuple[str | None, str | None, Any]:
    """(what is wrong or None, response, gold)."""
    if record.error is not None:
        return record.error, None, None
    try:
        for name in sorted(reserved & record.fields.keys()):
            flag = "--reward-field" if name == fields.reward else "--verdict-field"
            raise InputError(f"has a field {name!r} already; name another with {flag}")
        return None, records.response_of(record, fields.response), gold_of(record, fields.gold)
    except InputError as error:
        return str(error), None, None


def _line(fields: Fields, keep: str, record: Record, added: dict[str, Any]) -> str:
    """The output record: the row's own text, with the fields that are added put in before its last brace."""
    head = "{"
    if keep == "id":
        with suppress(InputError):  # ids are optional; ``row`` always tells where it came from
            head += f"{dump_json(fields.id)}: {dump_json(records.field(record, fields.id))}"
    elif keep == "all":
        head = (record.raw or dump_json(record.fields)).rstrip()[:-1].rstrip()
    comma = "" if head == "{" else ", "
    return f"{head}{comma}{dump_plain(added)[1:]}\n"


def _check_out(job: ScoreJob) -> None:
    suffix = job.out.suffix.lower()
    if suffix not in JSONL_SUFFIXES + PARQUET_SUFFIXES:
        raise InputError(f"the output {job.out} must end in .jsonl or .parquet, not {suffix}")
    if job.out.is_dir():
        raise InputError(f"the output {job.out} is a folder; name a file in it")
    if not job.out.absolute().parent.is_dir():
        raise InputError(f"the output's folder {job.out.parent} does not exist; make it first")
    if job.out.exists() and job.source.exists() and job.out.samefile(job.source):
        raise InputError(f"the output {job.out} is the input itself; name another file")
    if job.reward is not None and len(job.reserved) == len(replace(job, reward=None).reserved):
        raise InputError(f"the reward's field {job.fields.reward!r} is one of the verdict's; name another with "
                         "--reward-field")  # fmt: skip
    if job.parquet:
        records.import_parquet()


def _check_rows(source: RecordFile, job: ScoreJob) -> None:
    """Stop before hours are spent where none of the first rows can be scored."""
    first, payer = None, _payer(job, source)
    for record in islice(source.read(), PEEKED_ROWS):
        problem = _row(record, job.fields, job.reserved)[0]
        if problem is None and payer is not None:
            problem = payer.problem(record)
        if problem is None:
            return
        first = first or f"{source.where(record)}, {problem}"
    if first is None:
        raise InputError(f"{job.source} is empty: it has no rows")
    raise InputError(f"{first} (none of the first {PEEKED_ROWS} rows can be scored)")


def _manifest(job: ScoreJob) -> dict[str, Any]:
    fields = asdict(job.fields)
    reward = {}
    if job.reward is None:
        del fields["reward"]
    else:
        reward = {"reward_fingerprint": job.reward.fingerprint(), "reward": job.reward.describe()}
    return {
        "command": "score",
        "version": __version__,
        "input": {
            "path": str(job.source),
            "bytes": job.source.stat().st_size,
            "sha256": file_sha256(job.source),
        },
        "config_fingerprint": job.config.fingerprint(),
        "config": job.config.to_dict(),
        "fields": fields,
        "keep": job.keep,
        **reward,
    }


def _finish(
    job: ScoreJob, source: RecordFile, journal: Journal, manifest: dict[str, Any], say: Callable[[str], None]
) -> None:
    journal.sync()
    if not job.parquet:
        write_manifest(job.out, manifest)
        journal.path.replace(job.out)
        return
    scratch = job.out.with_name(job.out.name + ".tmp")
    try:
        reward = job.fields.reward if job.reward else None
        write_parquet(scratch, journal.path, source, job.fields.verdict, job.fields.id, job.keep, say, reward)
        write_manifest(job.out, manifest)
        scratch.replace(job.out)
    except OSError as error:
        raise VerifierError(
            f"cannot write {job.out}: {error.strerror or error}; the verdicts are safe in {journal.path}: "
            "mend that and run the same command again"
        ) from None
    finally:
        scratch.unlink(missing_ok=True)
    journal.path.unlink()
