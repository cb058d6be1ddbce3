"""Where the problems come from: a local folder, the hub at a pinned revision, or the package itself.

Promises: a set is used only if its number of problems and the digest of its golds are the expected ones; the
digest ignores the order and the formatting in which the sources differ (``142.0`` and ``142``, ``025`` and
``25``, ``\\dfrac`` and ``\\frac``). Every failure is one :class:`verifier.InputError` that names the set, the
file, row or column, and the mend. The golds themselves are passed on as they were written.

Does not promise: that the problem *texts* are unchanged (only golds are in the digest).

    python -m lm_eval_tasks.data            checks every set, before a model is loaded for hours
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError, InputError

ENV = "RLVR_DATA_DIR"
SUFFIXES = (".json", ".jsonl", ".parquet")
PROBLEM_COLUMNS = ("prompt", "problem", "question")
DEMO_FILE = Path(__file__).resolve().parent / "demo" / "problems.jsonl"


@dataclass(frozen=True, slots=True)
class Source:
    """One benchmark.

    stems: accepted file names, lower case without punctuation. digest: see :func:`gold_digest`.
    revision: a commit of the hub repository, so that the set cannot change under us.
    """

    file: str
    hub_id: str
    split: str
    revision: str
    count: int
    digest: str
    stems: frozenset[str]


SOURCES: dict[str, Source] = {
    "math500": Source(
        "MATH-500.json",
        "HuggingFaceH4/MATH-500",
        "test",
        "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        500,
        "2103213a2053b8ef27137b02dd44a914ed2fd98417e0fd3d76871ebc0c32e7cf",
        frozenset({"math500"}),
    ),
    "amc": Source(
        "AMC.json",
        "AI-MO/aimo-validation-amc",
        "train",
        "69d78a4a2c840e82d69af6bc742bda09005f6316",
        83,
        "cb96ef45d39fb671d84e80d12891c85ee6f471f5f4474d9d584223b07024e4ee",
        frozenset({"amc", "aimovalidationamc"}),
    ),
    "aime24": Source(
        "AIME-2024.json",
        "HuggingFaceH4/aime_2024",
        "train",
        "2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        30,
        "26b2e319e14bdec51519f4cbb0a47ad57a80751c03b39c937514c67994cea9f2",
        frozenset({"aime2024", "aime24"}),
    ),
    "aime25": Source(
        "AIME-2025.json",
        "math-ai/aime25",
        "test",
        "563bb8404243c5f09de6ec262f2db674fe5bce9b",
        30,
        "a0239316151158f3806ad95fec73b0b2189857a41968a29ef2f334aaef4fd367",
        frozenset({"aime2025", "aime25"}),
    ),
}
NAMES = (*SOURCES, "demo")


@dataclass(frozen=True, slots=True)
class Problems:
    """A loaded set. rows: dicts with id, problem, answer (texts) and, where the source has them, level, type.

    origin: file name or ``hub_id@revision``, never a folder. digest: of the golds.
    """

    rows: list[dict[str, Any]]
    origin: str
    digest: str


def load(name: str, *, check_golds: bool = True, environ: Mapping[str, str] = os.environ) -> Problems:
    """The set ``name`` (one of NAMES), checked. Raises InputError or ConfigError, each with its mend.

    check_golds: False accepts golds with another digest (a corrected copy, say); the count still holds.
    """
    if name not in NAMES:
        raise ConfigError(f"dataset_name={name!r} is unknown; choose one of {', '.join(NAMES)}")
    if name == "demo":
        rows = _rows(read_file(DEMO_FILE), DEMO_FILE.name)
        return Problems(rows, DEMO_FILE.name, gold_digest(rows))
    source = SOURCES[name]
    folder = environ.get(ENV, "").strip()
    if folder:
        path = find_file(Path(folder).expanduser(), source)
        raw, origin = read_file(path), path.name
    else:
        raw, origin = _from_hub(source), f"{source.hub_id}@{source.revision}"
    rows = _rows(raw, origin)
    _check(rows, source, origin, check_golds)
    return Problems(rows, origin, gold_digest(rows))


def find_file(folder: Path, source: Source) -> Path:
    """The one file in ``folder`` whose name, whatever its case and punctuation, is the set's."""
    if not folder.is_dir():
        raise InputError(f"{ENV}={folder} is not a folder; set it to the one that holds {source.file}")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and re.sub(r"[\W_]+", "", path.stem.lower()) in source.stems
    )
    if not found:
        raise InputError(
            f"{ENV}={folder} holds no {source.file} (nor .jsonl, .parquet); put it there, "
            f"or unset {ENV} to use {source.hub_id} from the hub"
        )
    if len(found) > 1:
        raise InputError(f"{folder} holds {', '.join(p.name for p in found)}; leave one of them there")
    return found[0]


def read_file(path: Path) -> list[Any]:
    """The rows of a JSON list, a JSONL or a parquet file, as they are; errors name file, line and column."""
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}: line {error.lineno}, column {error.colno}: {error.msg}; "
                "expected one JSON list (name a file of one object per line .jsonl)"
            ) from error
        if not isinstance(rows, list):
            raise InputError(f"{path}: expected a JSON list of objects, found {type(rows).__name__}")
        return rows
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: U+2028 may stand in a problem
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise InputError(f"{path}: line {number}, column {error.colno}: {error.msg}") from error
    return rows


def _read_parquet(path: Path) -> list[Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(f"{path}: parquet needs pyarrow; pip install 'rlvr-verifier[parquet]'") from error
    try:
        rows: list[Any] = pq.read_table(path).to_pylist()
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a readable parquet file ({_first_line(error)})") from error
    return rows


def _from_hub(source: Source) -> list[Any]:
    try:
        import datasets
    except ImportError as error:
        raise InputError(f"{source.hub_id} needs the package datasets; pip install 'rlvr-verifier[eval]'") from error
    try:
        return list(datasets.load_dataset(source.hub_id, split=source.split, revision=source.revision))
    except Exception as error:  # whatever the hub client raises, the mend is the same
        raise InputError(
            f"{source.hub_id}@{source.revision[:8]} could not be loaded from the hub "
            f"({type(error).__name__}: {_first_line(error)}); check the network, "
            f"or set {ENV} to a folder that holds {source.file}"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no message"


def _rows(raw: list[Any], origin: str) -> list[dict[str, Any]]:
    if not raw:
        raise InputError(f"{origin}: no problems in it")
    return [_row(row, index, origin) for index, row in enumerate(raw)]


def _row(row: Any, index: int, origin: str) -> dict[str, Any]:
    where = f"{origin}: row {index + 1}"
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: expected an object, found {type(row).__name__}")
    column = next((c for c in PROBLEM_COLUMNS if c in row), None)
    if column is None or "answer" not in row:
        missing = "answer" if column else " or ".join(PROBLEM_COLUMNS)
        raise InputError(f"{where}: no column {missing}; it has {', '.join(map(str, row))}")
    problem, answer = row[column], row["answer"]
    if not isinstance(problem, str) or not problem.strip():
        raise InputError(f"{where}: column {column} must hold the problem's text")
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)) or not str(answer).strip():
        raise InputError(f"{where}: column answer must hold a text or a number, not {answer!r}")
    out: dict[str, Any] = {"id": str(row.get("unique_id", row.get("id", index)))}
    out |= {"problem": problem, "answer": str(answer)}
    if row.get("level") is not None:
        digits = re.fullmatch(r"(?:level\s*)?(\d+)", str(row["level"]).strip().lower())
        if not digits:
            raise InputError(f"{where}: column level must hold a whole number, not {row['level']!r}")
        out["level"] = int(digits[1])
    kind = row.get("type", row.get("subject"))
    if kind is not None:
        out["type"] = str(kind)
    return out


def _check(rows: list[dict[str, Any]], source: Source, origin: str, check_golds: bool) -> None:
    if len(rows) != source.count:
        raise InputError(
            f"{origin}: {len(rows)} problems, but this set has {source.count}; replace it with the complete set"
        )
    if check_golds and gold_digest(rows) != source.digest:
        raise InputError(
            f"{origin}: the golds are not those of {source.hub_id} (digest {gold_digest(rows)[:12]}, "
            f"expected {source.digest[:12]}); replace the file, or pass --metadata check_golds=false "
            "if they differ on purpose"
        )


_SAME = (
    (re.compile(r"\\[dt]frac"), r"\\frac"),
    (re.compile(r"\\(?:left|right|[!,;: ])|\^(?:\\circ|\{\\circ\})|[\s$°]"), ""),
)


def normal_gold(gold: str) -> str:
    r"""One spelling for golds that sources only format differently.

    >>> [normal_gold(g) for g in ("142.0", "025", "-4.0", r"\dfrac12", r"\left( 3, 4 \right)", r"90^\circ")]
    ['142', '25', '-4', '\\frac12', '(3,4)', '90']
    """
    for pattern, text in _SAME:
        gold = pattern.sub(text, gold)
    number = re.fullmatch(r"([+-]?)0*(\d+)(?:\.0*)?", gold)
    return f"{number[1].strip('+')}{number[2]}" if number else gold


def gold_digest(rows: list[dict[str, Any]]) -> str:
    """sha256 over the sorted, normalised golds, so that neither order nor formatting counts."""
    text = "\n".join(sorted(normal_gold(row["answer"]) for row in rows))
    return hashlib.sha256(text.encode()).hexdigest()


def main(argv: list[str] | None = None) -> int:
    """Check the named sets (all by default); 1 where one cannot be used."""
    failed = 0
    for name in (sys.argv[1:] if argv is None else argv) or NAMES:
        try:
            problems = load(name)
        except (InputError, ConfigError) as error:
            failed = 1
            print(f"{name}: error: {error}", file=sys.stderr)
        else:
            count = len(problems.rows)
            print(f"{name}: {count} problems from {problems.origin}, golds {problems.digest[:12]}")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
