"""What the adapters share: which rewards a route can serve, what a row must have, and OpenRLHF's logs of a reward.

Promises: every value in ``logs`` is a float and its keys are always LOGS, in that order; OpenRLHF fails on anything
else (a text in its logs, or keys that differ between two responses).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ConfigError, InputError
from ..rewards import NEEDS, GroundTruth, Reward, RewardFile, Unscored, quantise
from ..rows import PROMPT_FIELDS, Prompt, Row, prompt_id

LOGS = ("unscored", "prompt_mismatch", "bad_label", "error")
"""unscored: there was no reward and `Unscored` filled it in, whether for one of the next three or the verifier's own
reasons. prompt_mismatch: the query does not begin with its prompt. bad_label: the label holds no row, or not what
the reward needs. error: a fault of this code, logged with its traceback."""

WHERE = "OpenRLHF's executor (--train.agent_func_path, verifier.adapters.openrlhf.GroupExecutor) or TRL"


def logs(fault: str | None = None) -> dict[str, float]:
    """The logs of one response; fault: which of LOGS keeps it from being scored, None where it was scored.

    >>> logs("bad_label")
    {'unscored': 1.0, 'prompt_mismatch': 0.0, 'bad_label': 1.0, 'error': 0.0}
    """
    return {name: float(fault is not None and name in ("unscored", fault)) for name in LOGS}


def refuse(settings: RewardFile, has: Collection[str], route: str) -> None:
    """Raises ConfigError where the reward needs what ``route`` does not have; ``has`` is a part of NEEDS."""
    missing = [name for name in NEEDS if name in settings.reward.needs and name not in has]
    if missing:
        raise ConfigError(
            f"the reward {settings.reward.kind!r} needs the {' and the '.join(missing)} of each response, which "
            f"{route} does not tell; it works through {WHERE}"
        )
    if settings.unscored.to == "skip":
        raise ConfigError(f"unscored: skip cannot be honoured by {route}; write unscored: {{reward: 0.0}}, or use TRL")
    if settings.unscored.to == "group_mean" and "group" not in has:
        raise ConfigError(
            f"unscored: group_mean needs the group, which {route} does not see; write unscored: {{reward: 0.0}}, "
            f"or use {WHERE}"
        )


def checked(reward: Reward, row: Row) -> Row:
    """The same row, where it has what the reward needs of it.

    Raises InputError where the reward is keyed by the row's id and the row has neither an id nor a prompt to make one
    from: all such rows would get the same draw. Raises ConfigError where the row lacks the label.
    """
    if reward.needs_id and row.id == _NO_ID:
        raise InputError(
            f"the reward {reward.kind!r} needs the row's id; the label has none, and no prompt comes with it for one"
        )
    return reward.checked(row)


def prompt_of(values: Mapping[str, Any], names: Sequence[str] = PROMPT_FIELDS) -> Prompt:
    """The first prompt among the named values, "" where there is none; messages in an array of numpy's as a list."""
    given = (values.get(name) for name in names)
    found = next((value for value in given if value is not None and not (isinstance(value, str) and not value)), "")
    return found.tolist() if hasattr(found, "tolist") else found


_NO_ID = prompt_id("")


def tell(seen: set[str], log: logging.Logger, fault: str, reason: str) -> None:
    """Log the first fault of each kind with its reason, on one line; all are counted. seen: what was told."""
    if fault not in seen:
        seen.add(fault)
        log.warning("unscored, %s: %.500s", fault, " ".join(reason.split()))


def paid(values: Sequence[float | None], unscored: Unscored) -> list[float]:
    """What training gets for these values: unscored ones filled in, all rounded to multiples of 1/1024."""
    filled = unscored.apply(list(values))
    return [quantise(0.0 if value is None else value) for value in filled]


def against_gold(reward: Reward) -> GroundTruth:
    """What tells whether a response is right, whatever training pays for: the reward's own grader where it has one."""
    return replace(reward, against="gold") if isinstance(reward, GroundTruth) else GroundTruth()
