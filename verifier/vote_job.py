"""``verifier vote``: samples in, one labelled row for each prompt out.

Promises: as :mod:`verifier.rowjob`; a prompt for which nothing was voted has no label and no output row, and is listed.
Rows are prompts with a list of responses, which are streamed, or single samples in any order: of those only the
extracted answers are kept, in memory and in ``OUT.answers.jsonl`` while the run lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .answer_types import answer_type
from .api import verify_batch
from .config import DEFAULT_CONFIG, VerifierConfig
from .errors import ConfigError, InputError
from .jsontext import kind
from .rowfiles import IdRule, Item, RowFields, RowReader
from .rowjob import Entry, Progress, RowFeed, RowJob, Say, run_job
from .rows import prompt_text
from .sources import Hub
from .vote_rows import SampleFeed, answers_of
from .voting import RULES, Vote, VoteClass, vote

REASONS = {
    "row_unreadable": "the row cannot be read, or lacks an id or responses",
    "no_vote": "no sample has an answer that can be read",
    "empty_wins": "most samples have no answer, and the rule counts that as a vote",
    "no_choice": "fewer classes than the choice asks for",
}
"""Why a prompt, or a sample that cannot be read, has no output row."""


@dataclass(frozen=True, slots=True)
class VoteJob:
    """One run of ``verifier vote``.

    choice: the place in the vote that becomes the label, 1 the majority; 0 the minority. config: its ``extraction``
    says which text of a response is its answer. responses, response, index: names of the fields with a prompt's list
    of responses; with one sample's response; and with the sample's place among its prompt's (optional).
    model, seed: where the samples came from, for the label's source.
    """

    data: Sequence[str]
    out: Path
    rule: str = "classes"
    choice: int = 1
    config: VerifierConfig = DEFAULT_CONFIG
    responses: str = "responses"
    response: str = "response"
    index: str = "index"
    model: str | None = None
    seed: int | None = None
    ids: IdRule = field(default_factory=IdRule)
    fields: RowFields = field(default_factory=RowFields)
    hub: Hub = field(default_factory=Hub)
    overwrite: bool = False
    workers: int = 2

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(f"rule={self.rule!r} is unknown; choose one of {', '.join(RULES)}")
        if self.choice < 0:
            raise ConfigError(f"choice={self.choice} must be 1 (the majority) or more")


def vote_file(job: VoteJob, *, say: Say = lambda _: None, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run the job, or go on with it; returns its manifest, the counts under ``summary``.

    say, progress, errors: as :func:`verifier.score.score`.
    """
    reader = RowReader(job.data, job.ids, job.fields, job.hub)
    by_prompt = _by_prompt(reader, job)
    settings = {
        "rule": job.rule,
        "choice": job.choice or "minority",
        "rows": "prompts" if by_prompt else "samples",
        "model": job.model,
        "seed": job.seed,
        "responses_field": job.responses if by_prompt else job.response,
        "id_prefix": job.ids.prefix,
        "id_from_prompt": job.ids.from_prompt,
        "id_field": job.fields.id,
        "prompt_field": list(job.fields.prompt),
        "gold_field": list(job.fields.gold),
    }
    feed: RowFeed | SampleFeed
    if by_prompt:
        feed = RowFeed(reader)
        step = _Step(job, lambda item: answers_of(item.record, job))
    else:
        feed = SampleFeed(reader, job, say, progress)
        step = _Step(job, feed.answers)
    run = RowJob("vote", job.out, settings, job.config, job.overwrite)
    return run_job(run, reader.sources, feed, step, say=say, progress=progress)


def _by_prompt(reader: RowReader, job: VoteJob) -> bool:
    """Whether the first readable row is a prompt with its responses, or one sample."""
    for source in reader.sources:
        for record, _ in source.read():
            if record.error is not None:
                continue
            if job.responses in record.fields:
                return True
            if job.response in record.fields:
                return False
            present = ", ".join(map(repr, record.fields)) or "none"
            raise InputError(
                f"{source.where(record.number)}: neither {job.responses!r} (a prompt's list of responses) nor "
                f"{job.response!r} (one sample) among its fields, which are {present}; name the field with "
                "--responses-field or --response-field"
            )
        raise InputError(f"{source.place}: no row can be read")
    raise InputError("no input was named")


class _Step:
    """Items to entries: the vote over the answers that ``answers`` gives for each."""

    def __init__(self, job: VoteJob, answers: Any) -> None:
        self.job = job
        self._answers = answers
        self._judge = replace(job.config, extraction="boxed")

    def __call__(self, items: list[Item]) -> list[Entry]:
        entries = [self._entry(item) for item in items]
        judged = [entry for entry in entries if entry.row is not None and entry.row["gold"] is not None]
        verdicts = verify_batch(
            responses=[f"\\boxed{{{entry.row['label']}}}" for entry in judged if entry.row],
            golds=[entry.row["gold"] for entry in judged if entry.row],
            config=self._judge,
            workers=self.job.workers,
        )
        for entry, verdict in zip(judged, verdicts, strict=True):
            entry.facts["against_gold"] = verdict.status.value
        return entries

    def _entry(self, item: Item) -> Entry:
        try:
            if item.problem is not None:
                raise InputError(item.problem)
            answers = self._answers(item)
            head = self._head(item)
        except InputError as error:
            return Entry(item, None, "row_unreadable", str(error), {"type": "unreadable"})
        outcome = vote(answers, rule=self.job.rule, config=self.job.config)
        chosen = outcome.choice(self.job.choice) if self.job.choice else outcome.minority
        facts: dict[str, str | int | float] = {
            "samples": outcome.n,
            "empty": outcome.empty,
            "unread": outcome.unread,
            "undecided_pairs": outcome.undecided,
            "classes": len(outcome.classes),
        }
        if chosen is None or not chosen.label:
            reason = "no_vote" if not outcome.classes else "no_choice" if chosen is None else "empty_wins"
            detail = f"{len(outcome.classes)} classes of {outcome.n} samples, {outcome.empty} without an answer"
            return Entry(item, None, reason, detail, facts | {"type": "no label"})
        facts |= {"type": answer_type(chosen.label, self._judge), "tied": _tied(outcome, chosen)}
        facts["share"] = outcome.share(chosen)
        row = head | {"label": chosen.label, "label_source": self._source(outcome, chosen)}
        return Entry(item, row | {"split": "train", "benchmark": None, "visit": None}, facts=facts)

    def _head(self, item: Item) -> dict[str, Any]:
        fields = self.job.fields
        prompt, gold = (fields.first(item.record, names) for names in (fields.prompt, fields.gold))
        if isinstance(gold, (list, dict, bool)):
            raise InputError(f"the gold is {kind(gold)}; it must be text or a number")
        return {
            "id": item.id,
            "prompt": None if prompt is None else prompt_text(prompt),
            "gold": None if gold is None else str(gold),
        }

    def _source(self, outcome: Vote, chosen: VoteClass) -> dict[str, Any]:
        choice = self.job.choice
        method = "minority_vote" if choice == 0 else "majority_vote" if choice == 1 else f"choice_{choice}_vote"
        return {
            "method": method,
            "rule": self.job.rule,
            "model": self.job.model,
            "seed": self.job.seed,
            "samples": outcome.n,
            "votes": chosen.votes,
            "share": round(outcome.share(chosen), 6),
            "empty_share": round(outcome.empty_share, 6),
            "classes": len(outcome.classes),
        }


def _tied(outcome: Vote, chosen: VoteClass) -> str:
    return "yes" if sum(one.votes == chosen.votes for one in outcome.classes) > 1 else "no"
