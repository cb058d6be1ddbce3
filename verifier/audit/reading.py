"""The first step of an audit: every row into the scratch database.

Promises: a row that cannot be read or has no gold is an issue, and the rows after it are still read; an input without
any gold (or of --against without any prompt) is one InputError. Prompts are kept as digests, never as text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from ..api import gold_text
from ..errors import InputError
from ..jsontext import NumberText
from ..records import Record, field, gold_of
from ..render import shortened
from ..rows import normal_prompt
from ..sources import Source
from .scratch import CHUNK
from .state import Audit

_NO_WORD = re.compile(r"[\W_]+")


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


def read(audit: Audit, data: Sequence[Source], against: Sequence[Source]) -> None:
    """Put every row into the scratch database."""
    weight, done = sum(source.weight for source in [*data, *against]), 0
    for number, source in enumerate([*data, *against]):
        mine = number < len(data)
        (audit.scratch.names if mine else audit.scratch.other_names).append(source.name)
        at, golds, problem = -1, 0, ""
        for at, (record, part) in enumerate(source.read()):
            if mine:
                why = _row(audit, number, at, record)
                golds += why is None
                problem = problem or why or ""
            elif record.error is None:
                keys = prompt_keys(_prompt_of(record, audit.job.prompt) or "")
                golds += keys is not None
                audit.scratch.ask("INSERT INTO other VALUES (?, ?, ?, ?, ?)", number - len(data), at,
                                  *(keys or (None, None, None)))  # fmt: skip
            if at % CHUNK == 0:
                audit.say(0, 0.3 * audit.share, (done + source.weight * part) / weight)
        if at < 0:
            raise InputError(f"{source.name} is empty: it has no rows")
        if not golds:
            what = f"{problem} (no row has a gold)" if mine else "no row has a prompt"
            raise InputError(f"{source.name}: {what}")
        source.facts["rows"] = at + 1
        done += source.weight
    audit.scratch.index()


def _row(audit: Audit, file: int, at: int, record: Record) -> str | None:
    """Store one row; what is wrong with it, if anything."""
    audit.rows += 1
    problem, gold, own = record.error, None, None
    reason = "row_unreadable" if problem else "gold_missing"
    keys = None
    if problem is None:
        keys = prompt_keys(_prompt_of(record, audit.job.prompt) or "")
        audit.without_prompt += keys is None
        value = record.fields.get(audit.job.id)
        own = shortened(str(value), 100) if isinstance(value, (str, int)) else None
        try:
            gold = _gold_of(record, audit.job.gold)
        except InputError as error:
            problem = str(error)
        if gold is None and problem is None:
            problem = "the gold is null"
    number = None if gold is None else audit.scratch.gold_id(gold)
    audit.scratch.ask("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)", file, at, record.number, own, number,
                      *(keys or (None, None, None)))  # fmt: skip
    if problem is not None:
        audit.scratch.issue((file, at), reason)
    return problem


def _prompt_of(record: Record, names: Sequence[str]) -> str | None:
    """The prompt's text; of a conversation what its messages say."""
    for name in names:
        try:
            value = field(record, name)
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
    return gold_text(gold_of(record, name))
