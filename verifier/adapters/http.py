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
from ._query import response_of_query
from ._scored import LOGS, logs, paid, refuse

ROUTE = "an HTTP server"
_log = logging.getLogger("verifier.serve")


@dataclass(frozen=True, slots=True)
class Item:
    """One response to score. row: None where ``fault`` (one of LOGS) says why there is none."""

    response: str | None
    row: Row | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """value: the reward, None where unscored; fault: why, one of LOGS, empty where scored. reason: for the metrics."""

    value: float | None
    fault: str = ""
    reason: str = ""


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
        return [Item(None, None, "bad_label")] * size
    return [_item(q, p, label, special_tokens) for q, p, label in zip(queries, lists[0], lists[1], strict=True)]


def _item(query: Any, prompt: Any, label: Any, special_tokens: Sequence[str]) -> Item:
    texts = isinstance(query, str) and isinstance(prompt, str)
    response = response_of_query(query, prompt, special_tokens) if texts else None
    if response is None:
        return Item(None, None, "prompt_mismatch")
    try:
        return Item(response, Row.from_label(label, prompt))
    except InputError:
        return Item(None, None, "bad_label")


def score(settings: RewardFile, item: Item) -> Scored:
    """One item's reward. Never raises, but for the WorkerNeeded of `verifier.inline`."""
    if item.row is None:
        return Scored(None, item.fault, item.fault)
    if settings.reward.needs_label and item.row.label is None:
        return Scored(None, "bad_label", "bad_label")
    try:
        value = settings.reward(item.response, item.row)
    except (ConfigError, InputError) as error:
        _log.warning("row %.80r: %s", item.row.id, error)
        return Scored(None, "bad_label", "bad_label")
    except Exception:  # one pair must not cost the others of its request their rewards
        _log.exception("a reward failed; it counts as unscored")
        return Scored(None, "error", "error")
    if value is None:
        # Its worker's decision, if there was one, is remembered by `inline`: this costs no second one.
        whole = settings.reward
        reason = whole.verdict(item.response, item.row).reason.value if isinstance(whole, GroundTruth) else "unscored"
        return Scored(None, "unscored", reason)
    return Scored(value)


LATE = Scored(None, "unscored", "deadline")
"""Of an item that was not decided in time."""


def reply(found: Sequence[Scored], settings: RewardFile) -> dict[str, Any]:
    """The answer to OpenRLHF: floats only, constant keys."""
    rewards = paid([scored.value for scored in found], settings.unscored)
    rows = [logs(scored.fault or None) for scored in found]
    return {"rewards": rewards, "scores": rewards, "extra_logs": {name: [row[name] for row in rows] for name in LOGS}}
