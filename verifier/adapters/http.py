"""OpenRLHF's protocol for a remote reward, without sockets; `verifier serve` puts it on the network.

OpenRLHF 0.11.2 posts ``{"query": [...], "prompts": [...], "labels": [...]}`` without headers and wants ``{"rewards":
[...], "scores": [...], "extra_logs": {name: [...]}}``; one missing float ends its evaluation. So whatever stands in
the items, as many floats go back as there are queries, under the same keys every time. Only where that number cannot
be known (no list of queries) there is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._native import RequestError
from ..errors import ConfigError, InputError
from ..rewards import GroundTruth, RewardFile
from ..rows import Row
from ._query import CUT, response_of_query
from ._scored import LOGS, checked, logs, paid, refuse

ROUTE = "an HTTP server"
_log = logging.getLogger("verifier.serve")


@dataclass(frozen=True, slots=True)
class Item:
    """One response to score. row: None where ``fault`` (one of LOGS) says why there is none; detail: in words."""

    response: str | None
    row: Row | None
    fault: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """value: the reward, None where unscored; fault: why, one of LOGS, empty where scored.

    reason: for the metrics; detail: for the log, in words.
    """

    value: float | None
    fault: str = ""
    reason: str = ""
    detail: str = ""


def check_servable(settings: RewardFile) -> RewardFile:
    """The same; ConfigError for a reward that needs what no HTTP request tells."""
    refuse(settings, (), ROUTE)
    return settings


def items(data: dict[str, Any], special_tokens: Sequence[str]) -> list[Item]:
    """As many items as there are queries; what is wrong with one is its ``fault``."""
    queries, prompts, labels = data.get("query"), data.get("prompts"), data.get("labels")
    if not isinstance(queries, list):
        raise RequestError("'query' must be a list of texts, one for each response", field="query")
    size = len(queries)
    lists = [x for x in (prompts, labels) if isinstance(x, list) and len(x) == size]
    if len(lists) < 2:  # whose label is whose could only be guessed
        return [Item(None, None, "bad_label", "the lists query, prompts and labels do not pair up")] * size
    return [_item(q, p, label, special_tokens) for q, p, label in zip(queries, lists[0], lists[1], strict=True)]


def _item(query: Any, prompt: Any, label: Any, special_tokens: Sequence[str]) -> Item:
    texts = isinstance(query, str) and isinstance(prompt, str)
    response = response_of_query(query, prompt, special_tokens) if texts else None
    if response is None:
        return Item(None, None, "prompt_mismatch", CUT if texts else "a query or its prompt is no text")
    try:
        return Item(response, Row.from_label(label, prompt))
    except InputError as error:
        return Item(None, None, "bad_label", str(error))


def score(settings: RewardFile, item: Item) -> Scored:
    """One item's reward. Never raises, but for the WorkerNeeded of `verifier.inline`."""
    if item.row is None:
        return Scored(None, item.fault, item.fault, item.detail)
    try:
        value = settings.reward(item.response, checked(settings.reward, item.row))
    except (ConfigError, InputError) as error:
        return Scored(None, "bad_label", "bad_label", f"{_place(item.row)}: {error}")
    except Exception as error:  # one pair must not cost the others of its request their rewards
        _log.exception("a reward failed; it counts as unscored")
        return Scored(None, "error", "error", f"{_place(item.row)}: {error!r}")
    if value is None:
        # Its worker's decision, if there was one, is remembered by `inline`: this costs no second one.
        reason, detail = "unscored", "a part of the reward could not be judged"
        if isinstance(settings.reward, GroundTruth):
            verdict = settings.reward.verdict(item.response, item.row)
            reason, detail = verdict.reason.value, verdict.detail
        return Scored(None, "unscored", reason, f"{_place(item.row)}: {detail}")
    return Scored(value)


def _place(row: Row) -> str:
    return f"row {row.id!r:.80}"


LATE = Scored(None, "unscored", "deadline", "not decided when the request's deadline came")
"""Of an item that was not decided in time."""


def rewards(found: Sequence[Scored], settings: RewardFile) -> list[float]:
    """What the client is paid: multiples of 1/1024, unscored ones filled in."""
    return paid([scored.value for scored in found], settings.unscored)


def reply(found: Sequence[Scored], settings: RewardFile) -> dict[str, Any]:
    """The answer to OpenRLHF: floats only, constant keys."""
    paid_out = rewards(found, settings)
    rows = [logs(scored.fault or None) for scored in found]
    return {"rewards": paid_out, "scores": paid_out, "extra_logs": {name: [row[name] for row in rows] for name in LOGS}}
