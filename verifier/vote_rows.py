"""What `verifier vote` reads: a prompt's responses in one row, or single samples gathered by id.

Promises: a stopped gathering goes on where it was, unless the input was refused. Samples of one id with different
prompts or golds, or two with one index, are an InputError that names both rows: they would be counted together, or
twice. Without prompts, golds and indices nothing tells two problems of one id apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import InputError
from .extraction import extract
from .journal import Journal
from .jsontext import NumberText, dump_plain, kind
from .records import Record
from .rowfiles import Item, RowReader
from .rowjob import CHUNK_ROWS, TOTAL, Feed, Progress, Say
from .rows import plain
from .samples import Facts, Place, Samples, told, two_problems, two_samples

if TYPE_CHECKING:
    from .vote_job import VoteJob

_VISIT = 2**31  # a sample's place: its visit (0 where there is none) times this, plus its index


def answers_of(record: Record, job: VoteJob) -> list[str | None]:
    """The answers of a prompt's responses. Raises InputError."""
    value = record.fields.get(job.responses)
    if not isinstance(value, (list, tuple)):
        raise InputError(f"field {job.responses!r} is {kind(value)}; it must be a list of texts")
    return [_answer(response, job, f"{job.responses}[{at}]") for at, response in enumerate(value)]


def _answer(response: Any, job: VoteJob, name: str) -> str | None:
    if response is not None and (not isinstance(response, str) or isinstance(response, NumberText)):
        raise InputError(f"field {name!r} is {kind(response)}; a response is text or null")
    found = extract(response, job.config.extraction)
    best = found.joined or found.answer  # a run of boxes answers a list, as it does where a gold is one
    return best.text if best else None


class SampleFeed(Feed):
    """Single samples, gathered by id: prompts come out in the order in which their first samples came.

    A prompt's samples are in the order of their visit and ``index`` where all have an index, else as read.
    """

    def __init__(self, reader: RowReader, job: VoteJob, say: Say, progress: Progress) -> None:
        self.reader = reader
        self.job = job
        self._say = say
        self._progress = progress
        self._path = job.out.with_name(job.out.name + ".answers.jsonl")
        self.kept = (self._path,)
        self._done = 0
        self._texts: dict[str, str] = {}  # one object for each text: most answers are short and common
        self._given: dict[str, list[str | None]] = {}
        self._met: dict[str, Samples] = {}
        self._facts = Facts()
        self._heads: list[Item] = []
        self._bad: list[Item] = []
        self._samples = 0

    def written(self, entry: dict[str, Any]) -> None:
        self._done += 1

    def reset(self) -> None:
        self._path.unlink(missing_ok=True)

    def answers(self, item: Item) -> list[str | None]:
        """The answers of a prompt, in the order of its samples."""
        given, order = self._given[item.id or ""], self._met[item.id or ""].orders
        if min(order) < 0:
            return given
        return [given[at] for at in sorted(range(len(given)), key=lambda at: order[at])]

    def items(self) -> Iterator[Item]:
        """Read all samples (or what of them is still to be read), then the prompts."""
        journal = Journal(self._path)
        try:
            self._gather(journal)
        finally:
            journal.close()
        every = [*self._heads, *self._bad]
        for at in range(self._done, len(every)):
            yield replace(every[at], share=0.9 + 0.1 * (at + 1) / len(every))

    def _gather(self, journal: Journal) -> None:
        last: tuple[int, int] | None = None
        for line in journal.recover():
            last = (int(line["last"][0]), int(line["last"][1]))
            self._again(plain(line))
        if self._samples:
            self._say(f"going on: the answers of {self._samples:,} samples were extracted before")
        chunk: list[Item] = []
        for item in self.reader.items(last, unique=False):
            chunk.append(item)
            if len(chunk) == 8 * CHUNK_ROWS:
                self._extract(chunk, journal)
                chunk = []
        if chunk:
            self._extract(chunk, journal)

    def _extract(self, chunk: list[Item], journal: Journal) -> None:
        line: dict[str, Any] = {"last": list(chunk[-1].place), "new": [], "facts": [], "samples": [], "bad": []}
        for item in chunk:
            try:
                sample = self._sample(item)
            except InputError as error:
                line["bad"].append([list(item.place), item.where, item.id, str(error)])
                self._take_bad(*line["bad"][-1])
                continue
            fields = self.job.fields
            prompt, gold = (fields.first(item.record, names) for names in (fields.prompt, fields.gold))
            if sample[0] not in self._given:
                line["new"].append([list(item.place), item.where, sample[0], prompt, gold])
                self._take_new(*line["new"][-1])
            for name, fact in told(prompt, gold):
                if (sample[0], name) not in self._facts:
                    line["facts"].append([sample[0], name, list(item.place), fact])
                self._same(sample[0], name, item.place, fact)
            line["samples"].append(sample)
            self._take_sample(*sample)
        journal.append([(dump_plain(line) + "\n").encode()])
        self._progress(int(0.9 * TOTAL * chunk[-1].share), TOTAL, self._samples)

    def _sample(self, item: Item) -> tuple[str, str | None, int, int, int]:
        """id, answer, place among its prompt's samples or -1, number of the source and of the record."""
        if item.problem is not None or item.id is None:
            raise InputError(item.problem or "no id")
        if self.job.response not in item.record.fields:
            raise InputError(f"no field {self.job.response!r}")
        index, visit = (_small(item.record.fields.get(name)) for name in (self.job.index, "visit"))
        order = -1 if index < 0 else max(visit, 0) * _VISIT + index
        answer = _answer(item.record.fields[self.job.response], self.job, self.job.response)
        return item.id, answer, order, item.place[0], item.place[1]

    # -- what was read, now or by the run before --------------------------------------------------------

    def _again(self, line: dict[str, Any]) -> None:
        for new in line["new"]:
            self._take_new(*new)
        for id, name, place, fact in line["facts"]:
            self._same(id, name, (place[0], place[1]), fact)
        for sample in line["samples"]:
            self._take_sample(*sample)
        for bad in line["bad"]:
            self._take_bad(*bad)

    def _take_new(self, place: list[int], where: str, id: str, prompt: Any, gold: Any) -> None:
        record = Record(place[1], {"prompt": prompt, "gold": gold}, None, None, 0, 0)
        self._heads.append(Item((place[0], place[1]), where, 0.0, record, id))
        self._given[id], self._met[id] = [], Samples()

    def _take_bad(self, place: list[int], where: str, id: str | None, problem: str) -> None:
        record = Record(place[1], {}, None, problem, 0, 0)
        self._bad.append(Item((place[0], place[1]), where, 0.0, record, id, problem))

    def _take_sample(self, id: str, answer: str | None, order: int, source: int, record: int) -> None:
        first = self._met[id].clash(order, (source, record))
        if first is not None:
            self._refuse(
                two_samples(id, self.job.index, order % _VISIT),
                first, (source, record), "name each file once, drop one of the two",
            )  # fmt: skip
        self._given[id].append(None if answer is None else self._texts.setdefault(answer, answer))
        self._samples += 1

    def _same(self, id: str, name: str, place: Place, fact: str) -> None:
        first = self._facts.clash(id, name, fact, place)
        if first is not None:
            self._refuse(two_problems(id, name), first, place, "make each id stand for one problem")

    def _refuse(self, what: str, first: Place, second: Place, mend: str) -> NoReturn:
        one, two = (self.reader.sources[source].where(record) for source, record in (first, second))
        raise InputError(
            f"{what}: {one} and {two}; {mend}, or, for other problems of the same id, begin ids with the file's name "
            "(--id-prefix {stem}) or make them from the prompts (--id-from-prompt)"
        )


def _small(value: Any) -> int:
    """A whole number from 0 below 2**31; -1 for anything else."""
    number = plain(value)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _VISIT else -1
