"""Files of rows: read with ids that are unique, written whole or not at all.

Promises: a row that cannot be read, has no id, or repeats one is an InputError that names its file and line, and of a
repeated id both rows. JSONL and parquet are streamed; what is remembered is one short digest a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

from .errors import ConfigError, InputError
from .journal import replacing
from .records import Record
from .records import field as field_of
from .rows import GOLD_FIELDS, PROMPT_FIELDS, Row, prompt_id
from .sources import Hub, Source, sources

PLACEHOLDERS = ("stem", "folder", "source")


@dataclass(frozen=True, slots=True)
class RowFields:
    """Names of the fields that are read; of ``prompt`` and ``gold`` the first that a row has."""

    id: str = "id"
    prompt: tuple[str, ...] = PROMPT_FIELDS
    gold: tuple[str, ...] = GOLD_FIELDS
    label: str = "label"

    def first(self, record: Record, names: Sequence[str]) -> Any:
        """The value of the first field that the row has and that is not null; None where there is none."""
        for name in names:
            try:
                value = field_of(record, name)
            except InputError:
                continue
            if value is not None:
                return value
        return None


@dataclass(frozen=True, slots=True)
class IdRule:
    """What makes a row's id.

    from_prompt: the digest of its normalised prompt (:func:`verifier.rows.prompt_id`), whatever id it has.
    prefix: put before the row's own id with a slash. ``{stem}`` is the file's name without its ending (or the hub data
        set's name), ``{folder}`` the name of its folder, ``{source}`` the row's own field ``source``: files whose ids
        all begin at 0 need one. It never depends on which other files are read, so an id stays what it is.
    or_prompt: a row without an id gets the digest of its prompt; for rows that are only looked up by it.

    >>> IdRule(prefix="{sauce}")
    Traceback (most recent call last):
    verifier.errors.ConfigError: id prefix '{sauce}': known are {stem}, {folder}, {source}
    """

    from_prompt: bool = False
    prefix: str = ""
    or_prompt: bool = False

    def __post_init__(self) -> None:
        if self.from_prompt and self.prefix:
            raise ConfigError("an id is made from the prompt or with a prefix, not both; leave one out")
        try:
            names = [name for _, name, _, _ in Formatter().parse(self.prefix) if name is not None]
        except ValueError as error:
            raise ConfigError(f"id prefix {self.prefix!r}: {error}") from None
        if not set(names) <= set(PLACEHOLDERS):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ConfigError(f"id prefix {self.prefix!r}: known are {known}")

    def of(self, record: Record, source: Source, fields: RowFields) -> str:
        """The row's id. Raises InputError (without the row's place, which the caller knows)."""
        value = fields.first(record, [fields.id])
        missing = isinstance(value, bool) or not isinstance(value, (str, int)) or value == ""
        if self.from_prompt or (missing and self.or_prompt):
            prompt = fields.first(record, fields.prompt)
            if prompt is None:
                raise InputError(f"no field {' or '.join(map(repr, fields.prompt))}, from which the id is made")
            return prompt_id(prompt)
        if missing:
            raise InputError(f"no id in field {fields.id!r}; name the field (--id-field), or use --id-from-prompt")
        return self._prefix(record, source) + str(value)

    def _prefix(self, record: Record, source: Source) -> str:
        if not self.prefix:
            return ""
        own = record.fields.get("source")
        if "{source}" in self.prefix and (not isinstance(own, str) or not own):
            raise InputError("no field 'source', which the id prefix asks for")
        names = {"stem": source.stem, "folder": Path(source.place).parent.name, "source": own or ""}
        return self.prefix.format(**names).rstrip("/") + "/"


class Seen:
    """The ids met so far and where; of each id one digest of 12 bytes and one place."""

    def __init__(self) -> None:
        self._places: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, id: str, visit: Any, place: tuple[int, int], all_sources: Sequence[Source]) -> None:
        """Note the row ``place`` = (source, record number). Raises InputError where its id came before.

        One problem's visits are rows of one id; the pair of the two is unique.
        """
        name = f"{id}\0{visit}" if visit is not None else id
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        before = self._places.setdefault(digest, place)
        if before != place:
            one, two = (all_sources[number].where(record) for number, record in (before, place))
            raise InputError(
                f"id {id!r} stands in two rows: {one} and {two}; ids must be unique: begin them with the "
                "file's name (--id-prefix {stem}), make them from the prompts (--id-from-prompt), or drop one"
            )


@dataclass(frozen=True, slots=True)
class Item:
    """One row of an input, as far as it could be read.

    place: (number of the source, number of the record). where: the same for a person. share: of the whole input that
    is read with it. id: None where it has none. problem: what is wrong, None where it can be read.
    """

    place: tuple[int, int]
    where: str
    share: float
    record: Record
    id: str | None
    problem: str | None = None


@dataclass(slots=True)
class RowReader:
    """Reads the rows of files, folders and hub data sets in order; raises as :func:`verifier.sources.sources` does."""

    names: Sequence[str]
    ids: IdRule = field(default_factory=IdRule)
    fields: RowFields = field(default_factory=RowFields)
    hub: Hub = field(default_factory=Hub)
    seen: Seen = field(default_factory=Seen)
    sources: list[Source] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = sources(self.names, self.hub)

    def items(self, after: tuple[int, int] | None = None, *, unique: bool = True) -> Iterator[Item]:
        """Every row behind ``after``; an unreadable one has a ``problem``.

        unique: whether a repeated id is an error. Raises InputError for one, and for a source without rows.
        """
        total, done = sum(source.weight for source in self.sources), 0
        for number, source in enumerate(self.sources):
            first = after[1] if after is not None and number == after[0] else 0
            if after is None or number >= after[0]:
                met = first
                for record, share in source.read(first):
                    met = record.number
                    yield self._item(number, record, (done + share * source.weight) / total, unique)
                if not met:
                    raise InputError(f"{source.place} is empty: it has no rows")
            done += source.weight

    def _item(self, number: int, record: Record, share: float, unique: bool) -> Item:
        source = self.sources[number]
        place, where = (number, record.number), source.where(record.number)
        if record.error is not None:
            return Item(place, where, share, record, None, record.error)
        try:
            id = self.ids.of(record, source, self.fields)
        except InputError as error:
            return Item(place, where, share, record, None, str(error))
        if unique:
            self.seen.add(id, record.fields.get("visit"), place, self.sources)
        return Item(place, where, share, record, id)

    def row(self, item: Item) -> Row:
        """The item as a row. Raises InputError (without its place)."""
        if item.problem is not None:
            raise InputError(item.problem)
        values = dict(item.record.fields)
        for name, names in (("prompt", self.fields.prompt), ("gold", self.fields.gold)):
            values[name] = self.fields.first(item.record, names)
            if values[name] is None:
                raise InputError(f"no field {' or '.join(map(repr, names))}; name the field (--{name}-field)")
            if name == "gold" and isinstance(values[name], bool):
                raise InputError(f"field 'gold' is {values[name]!r}; it must be text or a number")
        values["label"] = self.fields.first(item.record, [self.fields.label])
        return Row.from_dict(values | {"id": item.id})


def read_rows(
    names: Sequence[str | Path], *, ids: IdRule | None = None, fields: RowFields | None = None, hub: Hub | None = None
) -> Iterator[Row]:
    """The rows of files (JSONL, a JSON array, parquet), folders and hub data sets, in order.

    ids: how ids are made; by default each row's own. fields: names of the fields. hub: what to load of hub data sets.
    Raises InputError naming file and line for an unreadable row, a row without id, prompt or gold, or a repeated id;
    ConfigError where an extra is missing.
    """
    reader = RowReader([str(name) for name in names], ids or IdRule(), fields or RowFields(), hub or Hub())
    for item in reader.items():
        try:
            yield reader.row(item)
        except InputError as error:
            raise InputError(f"{item.where}: {error}") from None


def write_rows(path: Path, rows: Iterable[Row], *, label_column: str | None = "row") -> int:
    """Write rows as JSONL, complete or not at all; returns how many.

    label_column: an additional field with the row's JSON text (:meth:`Row.to_label`), for frameworks that hand one
    column to the reward; None for none. Raises VerifierError where the file cannot be written.
    """
    count = 0
    with replacing(path, errors="backslashreplace") as file:
        for row in rows:
            values = row.to_dict() | ({label_column: row.to_label()} if label_column else {})
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
            count += 1
    return count


__all__ = ["IdRule", "Item", "RowFields", "RowReader", "Seen", "read_rows", "write_rows"]
