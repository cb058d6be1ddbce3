"""Rows of JSONL, JSON-array and parquet files, read one at a time.

Promises: an unreadable row is reported with its file, line and column, and the rows after it are
still read. A JSON number keeps its text (``142.0``, ``1e400``, a 5,000-digit integer), and a row
is written on exactly as it was read. JSONL and parquet are streamed, so memory stays flat.
Does not promise: flat memory for a JSON array (read whole), or recovery inside a broken one.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .errors import ConfigError, InputError
from .jsontext import NumberText, json_message, kind, parse_json, parse_json_at

MAX_LINE_BYTES = 128 * 2**20  # a longer line is reported and skipped, without holding it
SNIFFED_BYTES = 64 * 2**10
PARQUET_BATCH = 64  # rows; small, because one response may have megabytes
_UTF8_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"
_MAGIC = {
    b"\x1f\x8b": "gzip-compressed; decompress it first",
    b"\x28\xb5\x2f\xfd": "zstd-compressed; decompress it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xff\xfe": "UTF-16 text; convert it to UTF-8 first",
    b"\xfe\xff": "UTF-16 text; convert it to UTF-8 first",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One row of an input file.

    number: its line in a JSONL file, else its row, from 1.
    fields: name -> value; JSON numbers are :class:`NumberText`.
    raw: the JSON object's own text on one line; None for a parquet row or an unreadable one.
    error: what is wrong with the row (without the file's name), None where it was read.
    end: where the row ends, in the unit of :attr:`RecordFile.total`.
    size: about how many bytes the row holds.
    """

    number: int
    fields: dict[str, Any]
    raw: str | None
    error: str | None
    end: int
    size: int


class RecordFile:
    """A file of rows; :func:`open_records` finds out of which kind.

    unit: ``line`` (JSONL) or ``row``.
    total: how much there is to read: bytes for JSONL, rows otherwise.
    """

    unit = "row"

    def __init__(self, path: Path, total: int) -> None:
        self.path = path
        self.total = total

    def read(self, after: int = 0) -> Iterator[Record]:
        """The rows whose number is greater than ``after``, in order."""
        raise NotImplementedError

    def where(self, record: Record) -> str:
        """``data.jsonl, line 3`` for messages."""
        return f"{self.path}, {self.unit} {record.number}"


def open_records(path: Path) -> RecordFile:
    """Recognise the file by its first bytes, not by its name.

    Raises InputError where it is empty, compressed, binary or no regular file, ConfigError for
    parquet without pyarrow, and OSError as ``open`` does.
    """
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise InputError(f"{path} is no regular file; write the rows to a file first")
    with path.open("rb") as file:
        head = file.read(SNIFFED_BYTES)
    if not head.strip():
        raise InputError(f"{path} is empty: it has no rows")
    if head.startswith(b"PAR1"):
        return ParquetFile(path)
    for magic, meaning in _MAGIC.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {meaning}")
    controls = [at for at, byte in enumerate(head) if byte < 32 and byte not in b"\t\n\r\f"]
    if b"\0" in head or len(controls) > len(head) // 20:
        raise InputError(f"{path} is a binary file (byte {head[controls[0]]:#04x} at offset {controls[0]}); "
                         "rows are read from JSONL, a JSON array or parquet")  # fmt: skip
    if head.removeprefix(_UTF8_BOM).lstrip()[:1] == b"[":
        return ArrayFile(path)
    return JsonlFile(path)


class JsonlFile(RecordFile):
    """One JSON object a line."""

    unit = "line"

    def __init__(self, path: Path) -> None:
        super().__init__(path, path.stat().st_size)

    def read(self, after: int = 0) -> Iterator[Record]:
        number = end = 0
        with self.path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                long = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")
                size = len(line) + (_skip_line(file) if long else 0)
                end += size
                if number <= after:
                    continue
                if long:
                    error = f"{size:,} bytes long; fewer than {MAX_LINE_BYTES:,} are needed"
                    yield Record(number, {}, None, error, end, 0)
                else:
                    yield from self._record(number, line, end)

    def _record(self, number: int, line: bytes, end: int) -> Iterator[Record]:
        if number == 1:
            line = line.removeprefix(_UTF8_BOM)
        if not line.strip():
            return
        try:
            text = line.decode().strip(_SPACE)
            value = parse_json(text)
        except UnicodeDecodeError as error:
            message = f"column {error.start + 1}: byte {line[error.start]:#04x} is not UTF-8"
        except json.JSONDecodeError as error:
            column = error.colno + len(line) - len(line.lstrip())
            message = f"column {column}: {json_message(error)}; each line must be one JSON object"
        except RecursionError:
            message = "column 1: nested too deeply"
        else:
            if isinstance(value, dict):
                yield Record(number, value, text, None, end, len(line))
                return
            message = f"column 1: {kind(value)}; each line must be one JSON object"
        yield Record(number, {}, None, message, end, len(line))


def _skip_line(file: BinaryIO) -> int:
    size = 0
    while piece := file.readline(MAX_LINE_BYTES):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


class ArrayFile(RecordFile):
    """A JSON array of objects, read whole: the small benchmark files have this form."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes().removeprefix(_UTF8_BOM)
        try:
            self._text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            byte = data[error.start]
            raise InputError(f"{path}, line {line}, column {column}: byte {byte:#04x} is not UTF-8") from None
        self._items: list[tuple[Any, str]] = []
        try:
            self._load(path)
        except json.JSONDecodeError as error:
            self._broken(path, json_message(error), error.pos)
        except RecursionError:
            raise InputError(f"{path}: nested too deeply") from None
        super().__init__(path, len(self._items))

    def _load(self, path: Path) -> None:
        at = self._skip(self._text.index("[") + 1)
        while self._text[at : at + 1] != "]":
            value, end = parse_json_at(self._text, at)
            # Outside strings a line break is only space, and inside JSON forbids it.
            raw = self._text[at:end].replace("\r", " ").replace("\n", " ")
            self._items.append((value, raw))
            at = self._skip(end)
            if self._text[at : at + 1] == ",":
                at = self._skip(at + 1)
            elif self._text[at : at + 1] != "]":
                self._broken(path, "expecting ',' or ']'", at)
        if self._skip(at + 1) != len(self._text):
            self._broken(path, "text after the array (JSONL has one object a line, no array)", at + 1)

    def _skip(self, at: int) -> int:
        while at < len(self._text) and self._text[at] in _SPACE:
            at += 1
        return at

    def _broken(self, path: Path, message: str, at: int) -> NoReturn:
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        raise InputError(f"{path}, line {line}, column {column}: {message}") from None

    def read(self, after: int = 0) -> Iterator[Record]:
        for number, (value, raw) in enumerate(self._items, 1):
            if number <= after:
                continue
            if isinstance(value, dict):
                yield Record(number, value, raw, None, number, len(raw))
            else:
                yield Record(number, {}, None, f"{kind(value)} where an object is needed", number, len(raw))


class ParquetFile(RecordFile):
    """A parquet file, read in small batches; needs the extra ``parquet``."""

    def __init__(self, path: Path) -> None:
        parquet = import_parquet()
        import pyarrow

        try:
            with parquet.ParquetFile(path) as file:
                rows = file.metadata.num_rows
                self.columns: list[str] = list(file.schema_arrow.names)
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{path} cannot be read as parquet: {error}") from None
        if not rows:
            raise InputError(f"{path} is empty: it has no rows")
        super().__init__(path, rows)

    def read(self, after: int = 0) -> Iterator[Record]:
        number = 0
        for table in self.batches():
            if number + table.num_rows <= after:
                number += table.num_rows
                continue
            size = table.nbytes // max(1, table.num_rows)
            for fields in table.to_pylist():
                number += 1
                if number > after:
                    yield Record(number, fields, None, None, number, size)

    def batches(self) -> Iterator[Any]:
        """Arrow record batches in the file's order."""
        import pyarrow

        try:
            with import_parquet().ParquetFile(self.path) as file:
                yield from file.iter_batches(batch_size=PARQUET_BATCH)
        except pyarrow.ArrowException as error:
            raise InputError(f"{self.path} cannot be read as parquet: {error}") from None


def import_parquet() -> Any:
    """``pyarrow.parquet``, or a ConfigError that says how to install it."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("parquet files need pyarrow: pip install 'rlvr-verifier[parquet]'") from None
    return pyarrow.parquet


def field(record: Record, name: str) -> Any:
    """A field's value; ``doc.answer`` reaches into an object where no field has that very name.

    Raises InputError (without the file and row, which the caller knows) naming the fields present.
    """
    if name in record.fields:
        return record.fields[name]
    value: Any = record.fields
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            present = ", ".join(map(repr, record.fields)) or "none"
            raise InputError(f"no field {name!r}; the fields are {present}")
        value = value[part]
    return value


def response_of(record: Record, name: str) -> str | None:
    """The response: text, or None for null."""
    value = field(record, name)
    if value is None or (isinstance(value, str) and not isinstance(value, NumberText)):
        return value
    raise InputError(f"field {name!r} is {kind(value)}; a response is text or null, one a row")


def gold_of(record: Record, name: str) -> str | int | float | Decimal | None:
    """The gold: text, a number (JSON's by its own text), or None for null."""
    value = field(record, name)
    if isinstance(value, NumberText):
        return str(value)
    if value is None or (isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool)):
        return value
    raise InputError(f"field {name!r} is {kind(value)}; a gold is text or a number")
