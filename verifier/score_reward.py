"""The reward of each row of a scored file: ``verifier score --reward FILE``.

Promises: the number is what training would get (a multiple of 1/1024), or None where the reward is unscored; what
becomes of those is counted, not written over them. A row is read from its own fields, or from its field ``row`` (an
object, or the JSON text of one, as in the completions that training writes). Rewards of groups see all readable
rows of one ``id``, ``visit`` and ``step``, which must follow one another. Does not read rows out of order: a group
that goes on after another has begun is an error of each later row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

from . import records
from .errors import InputError
from .jsontext import parse_json
from .records import Record
from .rewards import Context, RewardFile, quantise
from .rows import Row, plain
from .tally import RewardTally

ROW = "row"
_NO_ID = "-"


class Fields(Protocol):
    """The names that are read; :class:`verifier.score.Fields` has them."""

    @property
    def response(self) -> str: ...
    @property
    def gold(self) -> str: ...
    @property
    def id(self) -> str: ...


def nested_row(record: Record) -> Mapping[str, Any]:
    """The row object in a record's field ``row``; empty where there is none."""
    value = record.fields.get(ROW)
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def gold_of(record: Record, name: str) -> Any:
    """The gold in field ``name``, else the one of the row within the record; raises InputError."""
    try:
        return records.gold_of(record, name)
    except InputError:
        if name in record.fields or (gold := nested_row(record).get("gold")) is None:
            raise
        return gold


@dataclass(frozen=True, slots=True)
class Paid:
    """A record as the reward sees it. step: of training, which parts groups like id and visit do."""

    response: str | None
    row: Row
    index: int | None
    step: str

    @property
    def group(self) -> tuple[str, int | None, str]:
        return self.row.id, self.row.visit, self.step


class Payer:
    """Reads rows for one reward file and pays for responses.

    names: the job's fields, of which ``response``, ``gold`` and ``id`` are read.
    """

    def __init__(self, settings: RewardFile, names: Fields) -> None:
        self.settings = settings
        self.reward = settings.reward
        self.names = names
        self.grouped = "group" in self.reward.needs
        self._ended: set[int] = set()  # hashes: the keys themselves would grow with the ids' texts
        self._known: dict[int, Paid | str] = {}  # by row number, until it is paid: finding groups reads rows, too
        reward = self.reward
        needed = {
            "id": self.grouped or reward.needs_id,
            "visit": "visit" in reward.needs,
            "index": "index" in reward.needs,
            "label": reward.needs_label,
        }
        self._needed = tuple(name for name, needs_it in needed.items() if needs_it)
        # what is there parts groups and orders their members
        self._wanted = ("visit", "index") if self.grouped else ()

    def read(self, record: Record) -> Paid:
        """The record's row; raises InputError naming the field that is missing or wrong."""
        values = {name: value for name, value in nested_row(record).items() if value is not None}
        values |= {name: value for name, value in record.fields.items() if value is not None}
        with suppress(InputError):
            values["id"] = records.field(record, self.names.id)
        for name in self._needed:
            if values.get(name) is None:
                shown = self.names.id if name == "id" else name
                raise InputError(f"no field {shown!r}; the reward {self.reward.kind!r} needs it")
        read = {name: values[name] for name in (*self._needed, *self._wanted) if name in values}
        gold = gold_of(record, self.names.gold)
        # a reward that needs no id is not told one
        row = Row.from_dict({"id": _NO_ID, "prompt": "", **read, "gold": "" if gold is None else gold})
        response = records.response_of(record, self.names.response)
        return Paid(response, row, index_of(read.get("index")), str(values.get("step")))

    def problem(self, record: Record) -> str | None:
        """What is wrong with a row, None where it can be read."""
        found = self._read(record)
        self._known.clear()
        return found if isinstance(found, str) else None

    def _read(self, record: Record) -> Paid | str:
        """A row, or what is wrong with it."""
        if record.number not in self._known:
            try:
                self._known[record.number] = self.read(record) if record.error is None else record.error
            except InputError as error:
                self._known[record.number] = str(error)
        return self._known[record.number]

    def tally(self) -> RewardTally:
        """Counts for this run."""
        return RewardTally(self.settings.reward.kind, self.settings.fingerprint(), self.settings.unscored.describe())

    def groups(self, rows: Iterable[Record]) -> Iterator[list[Record]]:
        """Neighbours of one group, with the unreadable rows among them."""
        group: list[Record] = []
        current = None
        for record in rows:
            found = self._read(record)
            key = found.group if isinstance(found, Paid) else None
            if None not in (key, current) and key != current:
                yield group
                group = []
            current = key or current
            group.append(record)
        if group:
            yield group

    def chunks(self, rows: Iterable[Record], after: int, size: int, weight: int) -> Iterator[list[Record]]:
        """Whole groups, together at least ``size`` rows or ``weight`` bytes, without those that end by row ``after``.

        A run that goes on reads from the beginning, as it may have stopped within a group.
        """
        chunk: list[Record] = []
        for group in self.groups(rows):
            if group[-1].number <= after:
                found = [self._known.pop(record.number) for record in group]
                self._ended |= {hash(paid.group) for paid in found if isinstance(paid, Paid)}
                continue
            chunk += group
            if len(chunk) >= size or sum(record.size for record in chunk) >= weight:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def pay(self, chunk: list[Record]) -> dict[int, float | str | None]:
        """Number of each readable row -> its reward or None, or a text that says what is wrong with the row.

        chunk: any rows; whole groups where the reward is one of groups.
        """
        out: dict[int, float | str | None] = {}
        for group in self.groups(chunk) if self.grouped else (chunk,):
            members: dict[int, Paid] = {}
            for record in group:
                found = self._read(record)
                if isinstance(found, Paid):
                    members[record.number] = found
                elif record.error is None:
                    out[record.number] = found
            out |= self._pay_group(members) if self.grouped else self._pay_each(members)
        for record in chunk:
            self._known.pop(record.number, None)
        return out

    def _pay_each(self, rows: Mapping[int, Paid]) -> dict[int, float | str | None]:
        return {
            number: _quantised(self.reward(paid.response, paid.row, Context(paid.index)))
            for number, paid in rows.items()
        }

    def _pay_group(self, members: Mapping[int, Paid]) -> dict[int, float | str | None]:
        if not members:
            return {}
        group = list(members.values())
        key = group[0].group
        if hash(key) in self._ended:
            problem = f"the group of id {key[0]!r}, visit {key[1]}, ended before; its rows must follow one another"
            return dict.fromkeys(members, problem)
        self._ended.add(hash(key))
        try:
            return dict(zip(members, self._values(group), strict=True))
        except InputError as error:
            return dict.fromkeys(members, str(error))

    def _values(self, group: list[Paid]) -> list[float | None]:
        """What the members get, in the order given; the reward sees them in the order of ``index``."""
        indices = [paid.index for paid in group]
        order = list(range(len(group)))
        if None not in indices:
            order.sort(key=lambda place: indices[place] or 0)
        if "index" in self.reward.needs and [indices[place] for place in order] != list(range(len(group))):
            raise InputError(f"the indices of its group are {indices}; they must be 0 to {len(group) - 1}, each once")
        found = self.reward.over_group([group[place].response for place in order], group[0].row)
        values: list[float | None] = [None] * len(group)
        for place, value in zip(order, found, strict=True):
            values[place] = _quantised(value)
        return values


def index_of(value: Any) -> int | None:
    """A response's place in its group, None where it is not told; numpy's whole numbers count. Raises InputError.

    >>> index_of(None), index_of(3)
    (None, 3)
    """
    index = plain(value)
    if index is None:
        return None
    if isinstance(index, Integral) and not isinstance(index, bool) and int(index) >= 0:
        return int(index)
    raise InputError(f"field 'index' is {value!r}; it must be a whole number from 0")


def _quantised(value: float | None) -> float | None:
    return None if value is None else quantise(value)
