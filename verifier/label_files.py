"""The two files of a run that labels rows: the labelled rows, and beside them what was left out.

Promises: both are made from the journal, and each of its entries is in exactly one of them; each appears complete or
not at all; where the disk refuses one, the journal stays. Memory does not grow with the rows.
Does not decide what a row's label is, or whether a run is complete already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from .errors import InputError, VerifierError
from .journal import Journal, file_sha256, write_manifest
from .jsontext import dump_plain, parse_json
from .records import import_parquet
from .rows import plain
from .score import JSONL_SUFFIXES, PARQUET_SUFFIXES
from .sources import Source


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """The files of the output ``out``; its name decides whether it is JSONL or parquet."""

    out: Path

    @property
    def left_out(self) -> Path:
        """``labels.jsonl`` -> ``labels.jsonl.left_out.jsonl``."""
        return self.out.with_name(self.out.name + ".left_out.jsonl")

    @property
    def parquet(self) -> bool:
        """Whether the output is parquet; its name decides."""
        return self.out.suffix.lower() in PARQUET_SUFFIXES

    def check(self, inputs: Sequence[Source]) -> None:
        """Whether they can be written, and are no input themselves. Raises InputError, ConfigError."""
        suffix, out = self.out.suffix.lower(), self.out
        if suffix not in JSONL_SUFFIXES + PARQUET_SUFFIXES:
            raise InputError(f"the output {out} must end in .jsonl or .parquet, not {suffix}")
        if out.is_dir():
            raise InputError(f"the output {out} is a folder; name a file in it")
        if not out.absolute().parent.is_dir():
            raise InputError(f"the output's folder {out.parent} does not exist; make it first")
        for source in inputs:
            with suppress(OSError):
                if out.exists() and out.samefile(source.place):
                    raise InputError(f"the output {out} is an input itself; name another file")
        if self.parquet:
            import_parquet()

    def write(self, journal: Journal, manifest: dict[str, Any]) -> dict[str, Any]:
        """Both files from the journal, which is then removed; returns the manifest with their digests."""
        scratch = [path.with_name(path.name + ".tmp") for path in (self.out, self.left_out)]
        try:
            with scratch[1].open("w", encoding="utf-8") as side:
                rows = _split(journal.path, lambda entry: side.write(dump_plain(entry) + "\n"))
                if self.parquet:
                    _write_parquet(scratch[0], rows)
                else:
                    with scratch[0].open("w", encoding="utf-8") as file:
                        file.writelines(dump_plain(row) + "\n" for row in rows)
            manifest["output"] = {"file": self.out.name, "sha256": file_sha256(scratch[0])}
            manifest["left_out"] = {"file": self.left_out.name, "sha256": file_sha256(scratch[1])}
            write_manifest(self.out, manifest)
            scratch[1].replace(self.left_out)
            scratch[0].replace(self.out)
        except OSError as error:
            raise VerifierError(
                f"cannot write {self.out}: {error.strerror or error}; the labels are safe in {journal.path}: "
                "mend that and run the same command again"
            ) from None
        finally:
            for path in scratch:
                path.unlink(missing_ok=True)
        journal.path.unlink()
        return manifest


def _split(journal: Path, leave_out: Callable[[dict[str, Any]], Any]) -> Iterator[dict[str, Any]]:
    """The output rows of a journal; entries without one go to ``leave_out``."""
    with journal.open("rb") as file:
        for line in file:
            entry = plain(parse_json(line.decode()))
            if "row" in entry:
                yield entry["row"]
            else:
                leave_out({name: entry[name] for name in ("id", "where", "reason", "detail")})


_COLUMNS = ("id", "prompt", "gold", "label", "label_source", "split", "benchmark", "visit")


def _write_parquet(out: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Text columns, ``label_source`` as JSON text, which :meth:`verifier.rows.Row.from_dict` reads back."""
    import pyarrow

    kinds = {name: pyarrow.int64() if name == "visit" else pyarrow.string() for name in _COLUMNS}
    schema = pyarrow.schema(list(kinds.items()))
    with import_parquet().ParquetWriter(out, schema) as writer:
        while group := list(islice(rows, 1024)):
            columns = {name: [_cell(row.get(name)) for row in group] for name in _COLUMNS}
            writer.write_table(pyarrow.table(columns, schema=schema))


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        value = dump_plain(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
