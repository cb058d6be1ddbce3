"""The rows, distinct golds and issues of one audit, on disk.

Promises: memory stays flat however many rows there are; SQLite deletes the file by itself, even of a process that is
killed; a text comes back exactly, lone surrogates as well. Issues come in the order of the rows.
Does not promise room: a full disk is an ``sqlite3.Error``.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..jsontext import dump_plain
from .reasons import MEANINGS, level

CHUNK = 256

_SCHEMA = """
CREATE TABLE gold(id INTEGER PRIMARY KEY, text BLOB UNIQUE);
CREATE TABLE row(file INT, at INT, number INT, own TEXT, gold INT, exact BLOB, normalised BLOB,
                 letters_and_digits BLOB, PRIMARY KEY(file, at)) WITHOUT ROWID;
CREATE TABLE other(file INT, at INT, exact BLOB, normalised BLOB, letters_and_digits BLOB);
CREATE TABLE issue(file INT, at INT, reason TEXT, more TEXT);
CREATE TABLE pair(file INT, at INT, a INT, b INT, equal INT);
"""
_INDEXES = """
CREATE INDEX row_gold ON row(gold);
CREATE INDEX row_normalised ON row(normalised);
CREATE INDEX row_loose ON row(letters_and_digits);
CREATE INDEX other_loose ON other(letters_and_digits);
"""


def blob_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def text_of(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogatepass")


def sha256_of(gold: str) -> str:
    return hashlib.sha256(blob_of(gold)).hexdigest()


class PromptRow(NamedTuple):
    """A row as its prompt's group sees it; gold is the number of its text, None where there is none."""

    place: tuple[int, int]
    exact: bytes
    gold: int | None
    text: str


class Scratch:
    """Rows, distinct golds and issues of one audit, in a temporary file that SQLite deletes by itself."""

    def __init__(self) -> None:
        self.base = sqlite3.connect("")
        self.base.executescript(_SCHEMA)
        self.names: list[str] = []
        self.other_names: list[str] = []

    def index(self) -> None:
        """Call it once every row is there."""
        self.base.executescript(_INDEXES)

    def ask(self, query: str, *values: Any) -> sqlite3.Cursor:
        return self.base.execute(query, values)

    def count(self, query: str, *values: Any) -> int:
        return int(self.ask(query, *values).fetchone()[0])

    def gold_id(self, gold: str) -> int:
        self.ask("INSERT OR IGNORE INTO gold(text) VALUES (?)", blob_of(gold))
        return self.count("SELECT id FROM gold WHERE text = ?", blob_of(gold))

    def golds(self) -> Iterator[list[tuple[int, str]]]:
        """Distinct golds in chunks, in the order first seen."""
        last = 0
        while rows := self.ask("SELECT id, text FROM gold WHERE id > ? ORDER BY id LIMIT ?", last, CHUNK).fetchall():
            last = rows[-1][0]
            yield [(number, text_of(blob)) for number, blob in rows]

    def same_prompt(self, normalised: bytes) -> list[PromptRow]:
        """The rows whose normalised prompt has that digest, in order."""
        rows = self.ask(
            "SELECT r.file, r.at, r.exact, g.id, g.text FROM row r LEFT JOIN gold g ON g.id = r.gold "
            "WHERE r.normalised = ? ORDER BY r.file, r.at", normalised)  # fmt: skip
        return [PromptRow((file, at), exact, gold, text_of(text or b"")) for file, at, exact, gold, text in rows]

    def issue(self, place: tuple[int, int], reason: str, **more: Any) -> None:
        self.ask("INSERT INTO issue VALUES (?, ?, ?, ?)", *place, reason, dump_plain(more))

    def issue_of_gold(self, gold: int, reason: str, text: str, **more: Any) -> None:
        """One issue for each row that has the gold."""
        more = {"gold_sha256": sha256_of(text), **more}
        self.ask("INSERT INTO issue SELECT file, at, ?, ? FROM row WHERE gold = ?", reason, dump_plain(more), gold)

    def id(self, file: int, at: int) -> str:
        """``level_1/17``: the source's name and the row's index from 0, as the row's own id may not be unique."""
        return f"{self.names[file]}/{at}"

    def issues(self) -> Iterator[dict[str, Any]]:
        """Every issue, in the order of the rows."""
        order = {reason: number for number, reason in enumerate(MEANINGS)}
        self.base.create_function("rank", 1, order.__getitem__, deterministic=True)
        for file, at, reason, more, number, own in self.ask(
            "SELECT i.file, i.at, i.reason, i.more, r.number, r.own FROM issue i JOIN row r "
            "ON r.file = i.file AND r.at = i.at ORDER BY i.file, i.at, rank(i.reason), i.more"
        ):
            head = {"id": self.id(file, at), "row": number, **({"own_id": own} if own is not None else {})}
            yield head | {"reason": reason, "level": level(reason)} | json.loads(more)

    def reasons(self) -> Counter[str]:
        """Issues by reason."""
        return Counter(dict(self.ask("SELECT reason, count(*) FROM issue GROUP BY reason").fetchall()))
