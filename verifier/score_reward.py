"""The reward of each row of a scored file: ``verifier score --reward FILE``.

Promises: the number is what training would get (a multiple of 1/1024), or None where the reward is unscored; what
becomes of those is counted, not written over them. A row is read from its own fields, or from its field ``row`` (an
object, or the JSON text of one, as in the completions that training writes). Rewards of groups see all readable
rows of one ``id``, ``visit`` and ``step``, which must follow one another. No two problems and no two samples are taken
for one: a group whose rows tell different prompts, golds or labels, or one index twice, is an error of all its rows,
and under a reward with draws so is a row whose (``id``, ``visit``, ``step``, ``index``) came before; both rows are
named. Does not read rows out of order: a group that goes on after another has begun is an error of each later row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from . import records
from .errors import InputError
from .jsontext import parse_json
from .records import Record
from .rewards import Context, RewardFile, quantise
from .rows import PROMPT_FIELDS, Row, whole_field
from .samples import Facts, Samples, told, two_problems, two_samples
from .tally import RewardTally

ROW = "row"
_NO_ID = "-"
_LARGEST = 2**63


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
    """A record as the reward sees it.

    step: of training, which parts groups like id and visit do. said: what the record says of its problem, by name; all
    members of a group must say the same.
    """

    response: str | None
    row: Row
    index: int | None
    step: str
    said: tuple[tuple[str, str], ...] = ()

    @property
    def group(self) -> tuple[str, int | None, str]:
        return self.row.id, self.row.visit, self.step


class Payer:
    """Reads rows for one reward file and pays for responses.

    names: the job's fields, of which ``response``, ``gold`` and ``id`` are read. unit: a row's name in messages.
    """

    def __init__(self, settings: RewardFile, names: Fields, unit: str = "row") -> None:
        self.settings = settings
        self.reward = settings.reward
        self.names = names
        self.unit = unit
        self.grouped = "group" in self.reward.needs
        self.remembers = self.grouped or "index" in self.reward.needs  # what came before, so that it must read it
        self._samples: defaultdict[int, Samples] = defaultdict(Samples)  # by the hash of their group
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
        said: list[tuple[str, str]] = []
        if self.grouped:
            prompt = next((values[name] for name in PROMPT_FIELDS if name in values), None)
            said = [*told(prompt, row.gold), *([] if row.label is None else [("label", row.label)])]
        return Paid(response, row, index_of(read.get("index")), str(values.get("step")), tuple(said))

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

        Rows are groups of one where the reward is none of groups. A run that goes on reads from the beginning, as it
        may have stopped within a group, and no sample may come twice.
        """
        chunk: list[Record] = []
        for group in self.groups(rows) if self.grouped else ([record] for record in rows):
            if group[-1].number <= after:
                for record in group:
                    found = self._read(record)
                    del self._known[record.number]
                    if isinstance(found, Paid) and self.grouped:
                        self._ended.add(hash(found.group))
                    elif isinstance(found, Paid):
                        self._repeated(record.number, found)
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
            number: (self._repeated(number, paid) if self.remembers else None)
            or _quantised(self.reward(paid.response, paid.row, Context(paid.index)))
            for number, paid in rows.items()
        }

    def _repeated(self, number: int, paid: Paid) -> str | None:
        """What is wrong where this row's sample came before: it would be paid by the same draw."""
        index = -1 if paid.index is None else paid.index
        first = self._samples[hash(paid.group)].clash(index, (0, number))
        if first is None:
            return None
        place = f"{two_samples(paid.row.id, 'index', index)} (visit {paid.row.visit})"
        mend = "drop one of the two, or tell them apart by visit or step, or by id where they are of two problems"
        return f"{place}: {self._both(first[1], number)}; {mend}"

    def _both(self, first: int, second: int) -> str:
        return f"{self.unit} {first} and {self.unit} {second}"

    def _pay_group(self, members: Mapping[int, Paid]) -> dict[int, float | str | None]:
        if not members:
            return {}
        group = list(members.values())
        key = group[0].group
        if hash(key) in self._ended:
            problem = f"the group of id {key[0]!r}, visit {key[1]}, ended before; its rows must follow one another"
            return dict.fromkeys(members, problem)
        self._ended.add(hash(key))
        mixed = self._mixed(members)
        if mixed is not None:
            return dict.fromkeys(members, mixed)
        try:
            return dict(zip(members, self._values(group), strict=True))
        except InputError as error:
            return dict.fromkeys(members, str(error))

    def _mixed(self, members: Mapping[int, Paid]) -> str | None:
        """What is wrong where the rows of a group are not the samples of one problem, each once."""
        facts = Facts()
        for number, paid in members.items():
            for name, fact in paid.said:
                first = facts.clash(None, name, fact, (0, number))
                if first is not None:
                    both = self._both(first[1], number)
                    return f"{two_problems(paid.row.id, name)}: {both}; make each id stand for one problem"
            repeated = self._repeated(number, paid)
            if repeated is not None:
                return repeated
        del self._samples[hash(paid.group)]  # the group is whole: none of its rows may come later
        return None

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
    if value is None:
        return None
    index = whole_field(value, "index")
    if index >= _LARGEST:
        raise InputError(f"field 'index' is {value!r}; it must be below {_LARGEST}")
    return index


def _quantised(value: float | None) -> float | None:
    return None if value is None else quantise(value)
