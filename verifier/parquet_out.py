"""The journal of a scored file as parquet columns; needs the extra ``parquet``.

Promises: a parquet input's own columns keep their types; a JSONL input's fields become the
narrowest type that holds every value exactly, else text. Row groups are written one at a time, so
memory stays flat. Does not promise to keep a lone surrogate, which UTF-8 cannot hold: it becomes ``?``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from .jsontext import NumberText, dump_json, parse_json
from .records import ParquetFile, RecordFile, import_parquet

GROUP_ROWS = 1024
VERDICT_TYPES = {
    "row": "int64",
    "status": "string",
    "reason": "string",
    "answer": "string",
    "span": "list<int64>",
    "answer_form": "string",
    "gold_form": "string",
    "rung": "string",
    "detail": "string",
    "fingerprint": "string",
    "elapsed_s": "float64",
    "error": "string",
}
"""Column (after the prefix ``verdict_``) -> type, of the verdict object in the JSONL output."""


def write_parquet(
    out: Path,
    journal: Path,
    source: RecordFile,
    verdict: str,
    id_name: str,
    keep: str,
    say: Callable[[str], None],
    reward: str | None = None,
) -> None:
    """Write ``out`` from the journal (and from ``source``, where that is parquet itself).

    verdict: the verdict's field in the journal and the prefix of its columns.
    keep: ``all`` or ``id``, as in the job.
    reward: the reward's field in the journal and its column, None where no rewards were paid.
    The caller has made sure that no field has the name of a verdict column.
    """
    if isinstance(source, ParquetFile):
        tables = _joined(journal, source, verdict, id_name, keep, reward)
    else:
        tables = _inferred(journal, verdict, say, reward)
    writer = None
    try:
        for table in tables:
            if writer is None:
                writer = import_parquet().ParquetWriter(out, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _joined(
    journal: Path, source: ParquetFile, verdict: str, id_name: str, keep: str, reward: str | None
) -> Iterator[Any]:
    import pyarrow

    rows = _rows(journal)
    for batch in source.batches():
        table = pyarrow.Table.from_batches([batch])
        if keep == "id":
            table = table.select([name for name in source.columns if name == id_name])
        for name, column in _added_columns(list(islice(rows, batch.num_rows)), verdict, reward).items():
            table = table.append_column(name, column)
        yield table


def _inferred(journal: Path, verdict: str, say: Callable[[str], None], reward: str | None) -> Iterator[Any]:
    import pyarrow

    kinds: dict[str, str] = {}
    for row in _rows(journal):
        for name, value in row.items():
            if name not in (verdict, reward):
                kinds[name] = _wider(kinds.get(name, "null"), _kind(value))
    for name in sorted(name for name, wide in kinds.items() if wide in ("plain", "json")):
        form = "JSON text" if kinds[name] == "json" else "text"
        say(f"field {name!r} does not fit one parquet type; its column holds {form}")
    rows = _rows(journal)
    while group := list(islice(rows, GROUP_ROWS)):
        columns = {
            name: pyarrow.array([_cell(row.get(name), wide) for row in group], _arrow(wide))
            for name, wide in kinds.items()
        }
        yield pyarrow.table(columns | _added_columns(group, verdict, reward))


def _rows(journal: Path) -> Iterator[dict[str, Any]]:
    with journal.open("rb") as file:
        for line in file:
            yield parse_json(line.decode())


def _added_columns(rows: list[dict[str, Any]], verdict: str, reward: str | None) -> dict[str, Any]:
    import pyarrow

    columns = _verdict_columns([row[verdict] for row in rows], verdict)
    if reward is not None:
        values = [_cell(row.get(reward), "float") for row in rows]
        columns[reward] = pyarrow.array([None if v is None else float(v) for v in values], pyarrow.float64())
    return columns


def _verdict_columns(verdicts: list[dict[str, Any]], prefix: str) -> dict[str, Any]:
    import pyarrow

    columns = {}
    for name, type_name in VERDICT_TYPES.items():
        values = [verdict.get(name) for verdict in verdicts]
        if type_name == "list<int64>":
            spans = [None if span is None else [int(end) for end in span] for span in values]
            columns[f"{prefix}_{name}"] = pyarrow.array(spans, pyarrow.list_(pyarrow.int64()))
        else:
            wide = {"int64": "int", "float64": "float", "string": "text"}[type_name]
            columns[f"{prefix}_{name}"] = pyarrow.array([_cell(v, wide) for v in values], _arrow(wide))
    return columns


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, NumberText):
        return _number_kind(value)
    return "text" if isinstance(value, str) else "json"


def _number_kind(text: str) -> str:
    """``int`` or ``float`` where the type holds the number exactly, else ``plain``."""
    if text.lstrip("-").isdigit():
        return "int" if len(text) < 20 and -(2**63) <= int(text) < 2**63 else "plain"
    number = float(text)
    if not math.isfinite(number):
        return "plain"
    return "float" if Decimal(repr(number)) == Decimal(text) else "plain"


def _wider(a: str, b: str) -> str:
    """The narrowest kind that holds both: null < bool, int, float, text < plain < json."""
    if a == b or b == "null":
        return a
    if a == "null":
        return b
    # An integer and a float share no exact column: 2**53 + 1 has no double, 1 is not written 1.0.
    return "json" if "json" in (a, b) else "plain"


def _arrow(wide: str) -> Any:
    import pyarrow

    types = {
        "bool": pyarrow.bool_(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "null": pyarrow.null(),
    }
    return types.get(wide, pyarrow.string())


def _cell(value: Any, wide: str) -> Any:
    if value is None or wide in ("bool", "null"):
        return value
    if wide == "int":
        return int(value)
    if wide == "float":
        return float(value)
    if wide == "json" or not isinstance(value, str):
        value = dump_json(value)
    return value.encode("utf-8", "replace").decode()
