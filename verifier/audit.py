r"""What is wrong, doubtful or repeated in a data set's golds, before anything is trained or scored on them.

Promises: every row is looked at and every gold is verified in a box against itself, compared both ways
with other spellings of itself and with the golds of the same prompt; what is found is listed by row, as
ids and sha256 digests, never as text. The outcome is the same on every run (crosscheck apart, where a
worker may be killed). Rows lie in a scratch database on disk, so memory stays flat but for a JSON array,
which its reader holds whole.
Does not promise that a gold is *right*: no problem is solved here.

A **finding** is something to mend (exit code 1); a **note** is something to know.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from . import __version__, nodes
from .api import gold_text, verify, verify_batch
from .compare import Reader, Reading, reader
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import ConfigError, InputError, VerifierError
from .journal import file_sha256, write_atomic
from .nodes import Node, children
from .parse import parse, unwrap
from .records import NumberText, Record, dump_plain
from .records import field as field_of
from .records import gold_of as gold_field
from .render import shortened, visible
from .rows import GOLD_FIELDS, PROMPT_FIELDS, normal_prompt
from .sources import Hub, Source, sources
from .verdict import Status
from .voting import equivalence_classes

CHUNK = 256
CLASSES_COMPARED = 20  # of one prompt's golds; with more the conflict is plain
CROSSCHECK_MB = 1024
CROSSCHECK_S = 5.0  # CPU seconds of a worker for one pair

Progress = Callable[[int, int, int], None]


# -- the reasons --------------------------------------------------------------------------------------

FINDINGS = {
    "row_unreadable": "the row is no readable JSON object",
    "gold_missing": "no gold: the field is absent, null, or neither text nor a number",
    "gold_unparseable": "the gold cannot be read; its row would be unscored",
    "gold_over_limit": "the gold is beyond the work limits; its row would be unscored",
    "gold_undefined": "the gold has no defined value; its row would be unscored",
    "gold_refused": "the gold is read, but a box with it is not accepted",
    "respelling_refused": "the gold does not equal another spelling of itself (a fault of the verifier)",
    "asymmetric": "equivalent(a, b) and equivalent(b, a) differ (a fault of the verifier)",
    "conflicting_golds": "one prompt, golds of different value",
    "conflict_undecided": "one prompt, golds that could not be decided to be equal or different",
    "overlap": "the prompt also stands in a set named by --against",
}
NOTES = {
    "duplicate": "one prompt in several rows, the golds the same text",
    "duplicate_respelt": "one prompt, golds written differently but equal by value",
    "duplicate_lenient": "one prompt, golds that only verify's leniencies make equal (a unit, a label)",
    "duplicate_unreadable": "one prompt, golds that agree as far as they can be read",
    "crosscheck_cannot_read": "we read the gold, math-verify does not",
    "crosscheck_refused": "math-verify does not accept the gold against itself",
    "crosscheck_respelling": "math-verify does not accept another spelling of the gold",
    "crosscheck_reads": "we cannot read the gold, math-verify reads it and accepts it",
    "crosscheck_conflict": "one prompt's golds are equal to us and different to math-verify, or the reverse",
    "crosscheck_failed": "math-verify was killed at its limit, crashed, or raised",
}


class Ambiguity(NamedTuple):
    """A gold with two readings of different value. ``reading`` is the one that the rulings choose."""

    name: str
    test: Callable[[str, Node, Reading], bool]
    reading: str
    other: str
    example: str


def _walk(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        yield (top := stack.pop())
        stack.extend(children(top))


def _may_be_interval(reading: Reading) -> bool:
    from .answers.collection import Collection
    from .answers.realset import interval

    answer = reading.answer
    pair = isinstance(answer, Collection) and answer.brackets == "()" and len(answer.items) == 2
    return pair and isinstance(answer, Collection) and interval("()", answer.items) is not None


def _constant_among_letters(node: Node) -> bool:
    seen = list(_walk(node))
    bound = {part.var for part in seen if isinstance(part, nodes.Big)}
    constants = {part.name for part in seen if isinstance(part, nodes.Const)} & {"e", "i"} - bound
    return bool(constants) and (node == nodes.Const(min(constants)) or any(isinstance(p, nodes.Name) for p in seen))


def _matches(pattern: str) -> Callable[[str, Node, Reading], bool]:
    return lambda text, node, reading: re.search(pattern, text) is not None


AMBIGUITIES = (
    Ambiguity("comma_numeral", lambda text, node, reading: isinstance(node, nodes.Num) and bool(node.commas),
              "one number", "a list", "100,200"),
    Ambiguity("decimal_comma", _matches(r"^[-+]?\d+(?:,(?!\d{3}$)|\{,\}(?!\d{3}$))\d+$"),
              "a list of two", "one decimal", "3,14"),
    Ambiguity("pair_or_interval", lambda text, node, reading: _may_be_interval(reading),
              "whichever of the two the response is", "a tuple only, or an open interval only", "(0,4)"),
    Ambiguity("log_without_base",
              lambda text, node, reading: any(isinstance(p, nodes.Call) and p.name == "log" and len(p.args) == 1
                                              for p in _walk(node)),
              "the verifier's base", "base 10, e or 2", r"\log 5"),
    Ambiguity("e_notation", _matches(r"\d[eE][-+]?\d"), "a power of ten, or e times", "the other", "2e-1"),
    Ambiguity("choice_or_variable", lambda text, node, reading: re.fullmatch(r"\(?[A-Ja-j]\)?", text) is not None,
              "a choice if capital, else a variable", "the other", "A"),
    Ambiguity("constant_or_letter", lambda text, node, reading: _constant_among_letters(node),
              "the constant e or i", "a variable", r"\frac{1}{2}(n+2-ni)"),
    Ambiguity("mixed_or_product", _matches(r"(?:^|[^\w.^{}\\)])\d+\s*\\[dtc]?frac\s*[\d{]|(?:^|[^\w.])\d+ \d+/\d"),
              "a mixed number", "a product", r"2\frac{1}{4}"),
    Ambiguity("unbraced_fraction", _matches(r"\\[dtc]?frac\s*(?:\d{3,}|\{[^{}]*\}\s*\d{2,})"),
              "one digit each above and below", "several", r"\frac143"),
    Ambiguity("slash_product", _matches(r"/\s*\d+\s*(?:[A-Za-z(]|\\(?:pi|sqrt)\b)"),
              "(a/b)c", "a/(bc)", "1/2x"),
    Ambiguity("ratio_or_time", _matches(r"^\d{1,2}:[0-5]\d$"), "a ratio", "a time of day", "11:40"),
    Ambiguity("alternatives",
              lambda text, node, reading: isinstance(node, nodes.Logic) and node.op == "or"
              and reading.answer is not None and reading.answer.kind == "collection",
              "all of them", "any one of them", r"4 \text{ or } 0"),
    Ambiguity("approximation", _matches(r"\\approx|≈"), "the value before the sign", "the value after it",
              r"\sqrt2 \approx 1.41"),
    Ambiguity("ellipsis", _matches(r"\d(?:\.\.\.|…|\s*\\[lc]?dots)$"), "the digits as written", "more digits",
              r"614.519\ldots"),
)  # fmt: skip
"""The table of ambiguities; one that finds nothing in its own example is a defect (the tests hold that)."""

MEANINGS = (
    FINDINGS
    | {f"ambiguous_{rule.name}": f"read as {rule.reading}; it may be meant as {rule.other}" for rule in AMBIGUITIES}
    | NOTES
)
"""Every reason and what it means, findings before notes."""


def ambiguities(gold: str, *, config: VerifierConfig = DEFAULT_CONFIG) -> list[str]:
    r"""Names of the ambiguities of a gold; none where it cannot be read.

    >>> ambiguities("100,200"), ambiguities("12"), ambiguities(r"2\frac14")
    (['comma_numeral'], [], ['mixed_or_product'])
    """
    reading = reader(config).read(gold)
    if reading.answer is None:
        return []
    node = parse(gold, config.limits, config.policy)
    text = unwrap(gold)
    return [rule.name for rule in AMBIGUITIES if rule.test(text, node, reading)]


# -- other spellings ----------------------------------------------------------------------------------

_NO_WORD = re.compile(r"[\W_]+")
_RESPELLINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"-?\d+"), lambda m: f"{m.group()}.0"),
    (re.compile(r"(-?\d+)/(\d+)"), lambda m: f"\\frac{{{m.group(1)}}}{{{m.group(2)}}}"),
    (re.compile(r"(\d+)_(\d+)"), lambda m: f"{m.group(1)}_{{{m.group(2)}}}"),
)


def respelt(gold: str) -> str:
    r"""The same value written otherwise: never the same text.

    >>> respelt("7"), respelt(r"\frac12"), respelt("x+1")
    ('7.0', '\\dfrac12', '{x+1}')
    """
    for pattern, change in _RESPELLINGS:
        found = pattern.fullmatch(gold)
        if found:
            return change(found)
    if "\\frac" in gold:
        return gold.replace("\\frac", "\\dfrac")
    return "{" + gold + "}" if "$" not in gold else gold + " "


def prompt_keys(text: str) -> tuple[bytes, bytes, bytes] | None:
    """Digests of a prompt at three strengths (see LEVELS); None where it has neither letter nor digit."""
    loose = _NO_WORD.sub("", text.casefold())
    if not loose:
        return None
    exact, normal, bare = (
        hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for part in (text, normal_prompt(text), loose)
    )
    return exact, normal, bare


LEVELS = ("exact", "normalised", "letters_and_digits")
"""exact: the text; normalised: :func:`normal_prompt`; letters_and_digits: nothing else, casefolded."""


# -- the rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditJob:
    """One run of ``verifier audit``.

    data, against: files, folders, or hub data sets (``hub:owner/name``). gold, prompt: names of fields, the
    first that a row has. split, subset, revision: of hub data sets.
    """

    data: Sequence[str]
    against: Sequence[str] = ()
    config: VerifierConfig = DEFAULT_CONFIG
    gold: Sequence[str] = GOLD_FIELDS
    prompt: Sequence[str] = PROMPT_FIELDS
    id: str = "id"
    split: str = "train"
    subset: str | None = None
    revision: str | None = None
    crosscheck: bool = False
    workers: int = 2

    @property
    def hub(self) -> Hub:
        """What to load of hub data sets."""
        return Hub(self.split, self.subset, self.revision)


def _prompt_of(record: Record, names: Sequence[str]) -> str | None:
    """The prompt's text; of a conversation what its messages say."""
    for name in names:
        try:
            value = field_of(record, name)
        except InputError:
            continue
        if isinstance(value, list):
            parts = [part.get("content") for part in value if isinstance(part, dict)]
            value = "\n".join(part for part in parts if isinstance(part, str))
        return value if isinstance(value, str) and not isinstance(value, NumberText) else None
    return None


def _gold_of(record: Record, names: Sequence[str]) -> str | None:
    """The gold's text. Raises InputError where there is no such field or it holds no gold."""
    name = next((name for name in names if name in record.fields), names[0])
    return gold_text(gold_field(record, name))


# -- the scratch database -----------------------------------------------------------------------------

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


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogatepass")


def _sha256(gold: str) -> str:
    return hashlib.sha256(_blob(gold)).hexdigest()


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

    def ask(self, query: str, *values: Any) -> sqlite3.Cursor:
        return self.base.execute(query, values)

    def count(self, query: str, *values: Any) -> int:
        return int(self.ask(query, *values).fetchone()[0])

    def gold_id(self, gold: str) -> int:
        self.ask("INSERT OR IGNORE INTO gold(text) VALUES (?)", _blob(gold))
        return self.count("SELECT id FROM gold WHERE text = ?", _blob(gold))

    def golds(self) -> Iterator[list[tuple[int, str]]]:
        """Distinct golds in chunks, in the order first seen."""
        last = 0
        while rows := self.ask("SELECT id, text FROM gold WHERE id > ? ORDER BY id LIMIT ?", last, CHUNK).fetchall():
            last = rows[-1][0]
            yield [(number, _text(blob)) for number, blob in rows]

    def same_prompt(self, normalised: bytes) -> list[PromptRow]:
        """The rows whose normalised prompt has that digest, in order."""
        rows = self.ask(
            "SELECT r.file, r.at, r.exact, g.id, g.text FROM row r LEFT JOIN gold g ON g.id = r.gold "
            "WHERE r.normalised = ? ORDER BY r.file, r.at", normalised)  # fmt: skip
        return [PromptRow((file, at), exact, gold, _text(text or b"")) for file, at, exact, gold, text in rows]

    def issue(self, place: tuple[int, int], reason: str, **more: Any) -> None:
        self.ask("INSERT INTO issue VALUES (?, ?, ?, ?)", *place, reason, dump_plain(more))

    def issue_of_gold(self, gold: int, reason: str, text: str, **more: Any) -> None:
        """One issue for each row that has the gold."""
        more = {"gold_sha256": _sha256(text), **more}
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


def level(reason: str) -> str:
    """``finding`` or ``note``."""
    return "note" if reason in NOTES else "finding"


# -- the steps ----------------------------------------------------------------------------------------


class Audit:
    """The steps of one audit over its scratch database; :func:`audit` takes them in order."""

    def __init__(self, job: AuditJob, progress: Progress) -> None:
        self.job = job
        self.scratch = Scratch()
        self.reader: Reader = reader(job.config)
        self.rows = 0
        self.without_prompt = 0
        self.kinds: Counter[str] = Counter()
        self.symmetry: Counter[str] = Counter()
        self.crosschecked: Counter[str] = Counter()
        self._progress = progress
        self._total = 10_000
        self._share = 0.02 if job.crosscheck else 1.0  # of the time that the steps before the crosscheck take

    def say(self, begin: float, end: float, part: float) -> None:
        self._progress(int(self._total * (begin + (end - begin) * part)), self._total, self.rows)

    def read(self, data: Sequence[Source], against: Sequence[Source]) -> None:
        """Put every row into the scratch database."""
        weight, done = sum(source.weight for source in [*data, *against]), 0
        for number, source in enumerate([*data, *against]):
            mine = number < len(data)
            (self.scratch.names if mine else self.scratch.other_names).append(source.name)
            at, golds, problem = -1, 0, ""
            for at, (record, part) in enumerate(source.read()):
                if mine:
                    why = self._row(number, at, record)
                    golds += why is None
                    problem = problem or why or ""
                elif record.error is None:
                    keys = prompt_keys(_prompt_of(record, self.job.prompt) or "")
                    golds += keys is not None
                    self.scratch.ask("INSERT INTO other VALUES (?, ?, ?, ?, ?)", number - len(data), at,
                                     *(keys or (None, None, None)))  # fmt: skip
                if at % CHUNK == 0:
                    self.say(0, 0.3 * self._share, (done + source.weight * part) / weight)
            if at < 0:
                raise InputError(f"{source.name} is empty: it has no rows")
            if not golds:
                what = f"{problem} (no row has a gold)" if mine else "no row has a prompt"
                raise InputError(f"{source.name}: {what}")
            source.facts["rows"] = at + 1
            done += source.weight
        self.scratch.base.executescript(_INDEXES)

    def _row(self, file: int, at: int, record: Record) -> str | None:
        """Store one row; what is wrong with it, if anything."""
        self.rows += 1
        problem, gold, own = record.error, None, None
        reason = "row_unreadable" if problem else "gold_missing"
        keys = None
        if problem is None:
            keys = prompt_keys(_prompt_of(record, self.job.prompt) or "")
            self.without_prompt += keys is None
            value = record.fields.get(self.job.id)
            own = shortened(str(value), 100) if isinstance(value, (str, int)) else None
            try:
                gold = _gold_of(record, self.job.gold)
            except InputError as error:
                problem = str(error)
            if gold is None and problem is None:
                problem = "the gold is null"
        number = None if gold is None else self.scratch.gold_id(gold)
        self.scratch.ask("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)", file, at, record.number, own, number,
                         *(keys or (None, None, None)))  # fmt: skip
        if problem is not None:
            self.scratch.issue((file, at), reason)
        return problem

    def check(self) -> None:
        """Each distinct gold: read, accepted in a box, symmetric, ambiguous."""
        total, done = self.scratch.count("SELECT count(*) FROM gold"), 0
        for chunk in self.scratch.golds():
            golds = [gold for _, gold in chunk]
            boxes = [f"\\boxed{{{gold}}}" for gold in golds]
            verdicts = verify_batch(responses=boxes, golds=golds, config=self.job.config, workers=self.job.workers)
            for (number, gold), verdict in zip(chunk, verdicts, strict=True):
                if verdict.correct:
                    self._check_spellings(number, gold)
                else:
                    fault = verdict.status is Status.UNSCORED and verdict.reason.fault == "gold"
                    reason = verdict.reason.value if fault else "gold_refused"
                    self.scratch.issue_of_gold(number, reason, gold, verdict=verdict.reason.value)
                reading = self.reader.read(gold)
                rows = self.scratch.count("SELECT count(*) FROM row WHERE gold = ?", number)
                self.kinds[reading.answer.kind if reading.answer else "unread"] += rows
                for name in ambiguities(gold, config=self.job.config):
                    self.scratch.issue_of_gold(number, f"ambiguous_{name}", gold)
            done += len(chunk)
            self.say(0.3 * self._share, self._share, done / total)

    def _check_spellings(self, number: int, gold: str) -> None:
        reading = self.reader.read(gold)
        if reading.answer is None:  # a second opinion accepted it
            return
        other = respelt(gold)
        if self._both_ways(number, gold, other) is not True:
            self.scratch.issue_of_gold(number, "respelling_refused", gold)
        form = reading.answer.form
        if form != gold:
            # A form is for display: where the cheap rungs do not read it back as the value it is only counted.
            equal = self._both_ways(number, gold, form, workers=False)
            self.symmetry["forms_equal" if equal else "forms_not_read_back"] += 1

    def _both_ways(self, number: int, gold: str, other: str, *, workers: bool = True) -> bool | None:
        """Whether they are equal, None where that is undecided; records an asymmetry."""
        one, two = self.reader.read(gold), self.reader.read(other)
        if one.answer is None or two.answer is None:
            return None
        there = self.reader.decide(one, two, strict=True, workers=workers).equal
        back = self.reader.decide(two, one, strict=True, workers=workers).equal
        self.symmetry["pairs"] += 1
        if there is not back:
            self.symmetry["asymmetric"] += 1
            self.scratch.issue_of_gold(number, "asymmetric", gold, other_sha256=_sha256(other))
        return there if there is back else None

    def duplicates(self) -> dict[str, dict[str, int]]:
        """Groups of rows with one prompt, counted at two strengths; the wider one is listed."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in LEVELS[:2]}
        for (digest,) in self.scratch.ask(
            "SELECT normalised FROM row WHERE normalised IS NOT NULL GROUP BY normalised "
            "HAVING count(*) > 1 ORDER BY min(file * 4294967296 + at)"
        ).fetchall():
            rows = self.scratch.same_prompt(digest)
            self._list_group(rows, self._count_group(rows, counts["normalised"]))
            for exact in {row.exact for row in rows}:
                same = [row for row in rows if row.exact == exact]
                if len(same) > 1:
                    self._count_group(same, counts["exact"])
        kinds = ("conflicting_golds", "conflict_undecided", *(n for n in NOTES if n.startswith("duplicate_")))
        shown = ("groups", "rows_beyond_the_first", "golds_differ_as_text", *kinds)
        return {name: {what: counts[name][what] for what in shown} for name in counts}

    def _count_group(self, rows: Sequence[PromptRow], counts: Counter[str]) -> tuple[str, dict[int, int | None]]:
        """(reason, class of each distinct gold) of rows with one prompt, counted."""
        golds = {row.gold: row.text for row in rows if row.gold is not None}
        kind, classes = self._compare_golds(golds)
        counts["groups"] += 1
        counts["rows_beyond_the_first"] += len(rows) - 1
        counts["golds_differ_as_text"] += len(golds) > 1
        counts[kind] += 1
        return kind, classes

    def _list_group(self, rows: Sequence[PromptRow], found: tuple[str, dict[int, int | None]]) -> None:
        """The group's issue, at its first row; its golds compared both ways and kept for the crosscheck."""
        kind, classes = found
        golds = {row.gold: row.text for row in rows if row.gold is not None}
        self.scratch.issue(
            rows[0].place,
            kind,
            prompts=LEVELS[len({row.exact for row in rows}) > 1],
            ids=[self.scratch.id(*row.place) for row in rows],
            gold_sha256=[None if row.gold is None else _sha256(row.text) for row in rows],
            classes=[None if row.gold is None else classes[row.gold] for row in rows],
        )
        first, *others = golds or [0]
        for other in others:
            self._both_ways(other, golds[other], golds[first])
            if classes[first] is not None and classes[other] is not None:
                equal = classes[first] == classes[other]
                self.scratch.ask("INSERT INTO pair VALUES (?, ?, ?, ?, ?)", *rows[0].place, first, other, equal)

    def _compare_golds(self, golds: dict[int, str]) -> tuple[str, dict[int, int | None]]:
        """(reason, class of each gold): the golds of one prompt by value."""
        texts = list(golds.values())
        classes = equivalence_classes(texts, config=self.job.config)
        firsts = [texts[classes.index(c)] for c in sorted({c for c in classes if c is not None})]
        if len(golds) < 2:
            kind = "duplicate"
        elif len(firsts) < 2:
            kind = "duplicate_unreadable" if None in classes else "duplicate_respelt"
        else:
            kind = self._judge(firsts)
        return kind, dict(zip(golds, classes, strict=True))

    def _judge(self, golds: Sequence[str]) -> str:
        """The reason for golds that are pairwise not equivalent: what verify says of them, both ways."""
        if len(golds) > CLASSES_COMPARED:
            return "conflicting_golds"
        worst = "duplicate_lenient"
        for one, two in combinations(golds, 2):
            pair = [
                verify(response=f"\\boxed{{{a}}}", gold=b, config=self.job.config) for a, b in ((one, two), (two, one))
            ]
            statuses = {verdict.status for verdict in pair}
            if statuses == {Status.INCORRECT}:
                return "conflicting_golds"
            if Status.CORRECT not in statuses:
                worst = "conflict_undecided"
        return worst

    def overlaps(self) -> dict[str, int]:
        """Rows whose prompt stands in an `against` set, by the strictest level at which it does."""
        counts = dict.fromkeys(LEVELS, 0)
        found: dict[tuple[int, int], dict[str, Any]] = {}
        for file, at, other_file, other_at, exact, normal in self.scratch.ask(
            "SELECT r.file, r.at, o.file, o.at, r.exact = o.exact, r.normalised = o.normalised "
            "FROM row r JOIN other o USING (letters_and_digits) ORDER BY r.file, r.at, o.file, o.at"
        ):
            match = LEVELS[0] if exact else LEVELS[1] if normal else LEVELS[2]
            entry = found.setdefault((file, at), {"prompts": match, "with": []})
            entry["prompts"] = min(entry["prompts"], match, key=LEVELS.index)
            entry["with"].append(f"{self.scratch.other_names[other_file]}/{other_at}")
        for place, entry in found.items():
            self.scratch.issue(place, "overlap", **entry)
            counts[entry["prompts"]] += 1
        return counts

    # -- math-verify ----------------------------------------------------------------------------------

    def crosscheck(self) -> None:
        """math-verify on each gold against itself and another spelling, and on the golds of one prompt."""
        from . import _worker
        from .pool import WorkerPool

        pool = WorkerPool(size=self.job.workers, memory_mb=CROSSCHECK_MB, _preload=(*_worker.PRELOAD, "math_verify"))
        executor = ThreadPoolExecutor(self.job.workers)
        golds, pairs = (self.scratch.count(f"SELECT count(*) FROM {table}") for table in ("gold", "pair"))
        done = 0

        def opinions(asked: Iterable[tuple[str, str]]) -> Iterator[bool | str]:
            def ask(pair: tuple[str, str]) -> bool | str:
                outcome = pool.call("second_opinion", {"answer": pair[0], "gold": pair[1]}, timeout_s=CROSSCHECK_S)
                if outcome.status != "ok":
                    return outcome.status
                return "unread" if outcome.value["equal"] is None else bool(outcome.value["equal"])

            return executor.map(ask, asked)

        try:
            for chunk in self.scratch.golds():
                themselves = opinions((gold, gold) for _, gold in chunk)
                others = opinions((respelt(gold), gold) for _, gold in chunk)
                for (number, gold), itself, other in zip(chunk, themselves, others, strict=True):
                    self._crosschecked(number, gold, itself, other)
                done += len(chunk)
                self.say(self._share, 1, done / (golds + pairs))
            self._crosscheck_pairs(opinions)
        finally:
            pool.close()  # first, so that no thread waits for a task in hand
            executor.shutdown(cancel_futures=True)

    def _crosschecked(self, number: int, gold: str, itself: bool | str, other: bool | str) -> None:
        self.crosschecked["pairs"] += 2
        ours = self.reader.read(gold).answer is not None
        reason = None
        if itself not in (True, False, "unread"):
            reason = "crosscheck_failed"
        elif not ours:
            reason = "crosscheck_reads" if itself is True else None
        elif itself is not True:
            reason = "crosscheck_refused" if itself is False else "crosscheck_cannot_read"
        elif other is not True:
            reason = "crosscheck_respelling" if other in (False, "unread") else "crosscheck_failed"
        if reason is not None:
            outcome = {"itself": itself, "respelling": other}
            self.crosschecked[reason] += 1
            self.scratch.issue_of_gold(number, reason, gold, math_verify=outcome)

    def _crosscheck_pairs(self, opinions: Callable[[Iterable[tuple[str, str]]], Iterator[bool | str]]) -> None:
        rows = self.scratch.ask(
            "SELECT p.file, p.at, p.equal, a.text, b.text FROM pair p JOIN gold a ON a.id = p.a "
            "JOIN gold b ON b.id = p.b ORDER BY p.file, p.at, p.b"
        ).fetchall()
        there = opinions((_text(a), _text(b)) for *_, a, b in rows)
        back = opinions((_text(b), _text(a)) for *_, a, b in rows)
        for (file, at, equal, a, b), one, two in zip(rows, there, back, strict=True):
            self.crosschecked["pairs"] += 2
            if {type(one), type(two)} == {bool}:
                reason = None if (one or two) == bool(equal) else "crosscheck_conflict"
            else:
                reason = None if "unread" in (one, two) else "crosscheck_failed"
            if reason is not None:
                self.crosschecked[reason] += 1
                digests = [_sha256(_text(a)), _sha256(_text(b))]
                more = {"gold_sha256": digests, "ours": bool(equal), "math_verify": [one, two]}
                self.scratch.issue((file, at), reason, **more)


# -- the result ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class AuditReport:
    """summary: plain values for ``summary.json``; the issues stay in the scratch database."""

    summary: dict[str, Any]
    scratch: Scratch

    @property
    def findings(self) -> int:
        """How many issues are findings."""
        return sum(self.summary["findings"].values())

    def issues(self) -> Iterator[dict[str, Any]]:
        """Every issue as a plain object, in the order of the rows; without texts."""
        return self.scratch.issues()

    def write(self, folder: Path) -> None:
        """``issues.jsonl``, then ``summary.json`` with its digest; each complete or not at all."""
        path, scratch = folder / "issues.jsonl", folder / "issues.jsonl.tmp"
        try:
            with scratch.open("w", encoding="utf-8") as file:
                file.writelines(dump_plain(issue) + "\n" for issue in self.issues())
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except OSError as error:
            raise VerifierError(f"cannot write {path}: {error.strerror}") from None
        finally:
            scratch.unlink(missing_ok=True)
        summary = self.summary | {"issues_sha256": file_sha256(path)}
        write_atomic(folder / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")

    def lines(self, show: int = 3) -> list[str]:
        """The summary for a terminal, with up to ``show`` rows of each reason."""
        s = self.summary
        out = [f"{s['rows']:,} rows of {len(s['inputs'])} input(s), {s['distinct_golds']:,} distinct golds"]
        prompts = s["prompts"]
        if prompts["without"]:
            out.append(f"  {prompts['without']:,} rows have no prompt: duplicates were not looked for among them")
        for name, groups in prompts["duplicates"].items():
            out.append(
                f"  prompts, {name}: {prompts['distinct'][name]:,} distinct; {groups['groups']:,} repeated, "
                f"{groups['golds_differ_as_text']:,} of them with golds that differ as text, "
                f"{groups['conflicting_golds']:,} by value"
            )
        symmetry = s["symmetry"]
        out.append(
            f"  {symmetry['pairs']:,} pairs of spellings compared both ways, {symmetry['asymmetric']:,} asymmetric"
        )
        for title in ("findings", "notes"):
            out.append(f"{title}: {sum(s[title].values()):,}")
            for reason, count in s[title].items():
                out.append(f"  {reason:<32}{count:>8,}  {MEANINGS[reason]}")
                out += [f"      {line}" for line in self._examples(reason, show)]
        return out

    def _examples(self, reason: str, show: int) -> Iterator[str]:
        for file, at, text in self.scratch.ask(
            "SELECT i.file, i.at, g.text FROM issue i JOIN row r ON r.file = i.file AND r.at = i.at "
            "LEFT JOIN gold g ON g.id = r.gold WHERE i.reason = ? ORDER BY i.file, i.at LIMIT ?", reason, show
        ):  # fmt: skip
            yield f"{visible(self.scratch.id(file, at))}  {'' if text is None else shortened(_text(text), 60)}"


def audit(job: AuditJob, *, progress: Progress = lambda *_: None) -> AuditReport:
    """Audit the golds and prompts of a data set.

    progress: gets (done, total, rows) now and then; done and total have no unit.

    Raises InputError for an input that cannot be read at all or has no golds, ConfigError where an extra is
    not installed, VerifierError where the scratch database cannot grow, and OSError as the file system does.
    """
    if job.crosscheck and find_spec("math_verify") is None:
        raise ConfigError("--crosscheck needs math-verify: pip install 'rlvr-verifier[crosscheck]'")
    data, against = sources(job.data, job.hub), sources(job.against, job.hub)
    try:
        run = Audit(job, progress)
        run.read(data, against)
        run.check()
        duplicates = run.duplicates()
        overlaps = run.overlaps() if against else None
        if job.crosscheck:
            run.crosscheck()
    except sqlite3.Error as error:
        raise VerifierError(f"the audit's scratch database: {error}; "
                            "SQLITE_TMPDIR names a folder with more room") from None  # fmt: skip
    return AuditReport(_summary(run, data, against, duplicates, overlaps), run.scratch)


def _summary(
    run: Audit,
    data: Sequence[Source],
    against: Sequence[Source],
    duplicates: dict[str, dict[str, int]],
    overlaps: dict[str, int] | None,
) -> dict[str, Any]:
    job, scratch, reasons = run.job, run.scratch, run.scratch.reasons()
    distinct = {name: scratch.count(f"SELECT count(DISTINCT {name}) FROM row") for name in LEVELS}
    return {
        "command": "audit",
        "version": __version__,
        "config_fingerprint": job.config.fingerprint(),
        "inputs": [{"name": source.name, **source.facts} for source in data],
        "against": [{"name": source.name, **source.facts} for source in against],
        "fields": {"gold": list(job.gold), "prompt": list(job.prompt), "id": job.id},
        "rows": run.rows,
        "distinct_golds": scratch.count("SELECT count(*) FROM gold"),
        "rows_by_kind_of_gold": dict(run.kinds.most_common()),
        "symmetry": {n: run.symmetry[n] for n in ("pairs", "asymmetric", "forms_equal", "forms_not_read_back")},
        "prompts": {"without": run.without_prompt, "distinct": distinct, "duplicates": duplicates},
        "overlaps": overlaps,
        "crosscheck": dict(run.crosschecked) if job.crosscheck else None,
        "findings": {name: reasons[name] for name in MEANINGS if reasons[name] and level(name) == "finding"},
        "notes": {name: reasons[name] for name in MEANINGS if reasons[name] and level(name) == "note"},
    }
