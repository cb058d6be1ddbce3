"""OpenRLHF 0.11.2: a ``reward_func`` for ``--reward.remote_url FILE.py``, and GroupExecutor for the executor route.

A reward file for OpenRLHF is two lines::

    from verifier.adapters.openrlhf import load
    reward_func = load("reward.yaml")

Promises: ``reward_func`` never raises for what stands in its lists (OpenRLHF would turn an error into no reward, and
that into a crash or into other responses' rewards); it returns Python floats under constant keys, rewards as
multiples of 1/1024; a query that does not begin with its prompt is unscored as ``prompt_mismatch``; all faults are
counted in the logs, and the first of each kind is logged with its reason. It may be called from any thread. Rewards
that need the visit, the index or the group are refused when the file is loaded.
Does not promise to find a response behind a prompt that OpenRLHF cut on the left. Only GroupExecutor needs openrlhf.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, InputError
from ..rewards import RewardFile, UnscoredCount, load_reward_file
from ..rows import Row
from ._query import CUT, SPECIAL_TOKENS, response_of_query, strip_special
from ._scored import LOGS, checked, logs, paid, refuse, tell

if TYPE_CHECKING:
    from .openrlhf_group import GroupExecutor

__all__ = ["LOGS", "SPECIAL_TOKENS", "GroupExecutor", "load", "reward_func", "strip_special"]

RewardFunc = Callable[[Sequence[str], Sequence[str], Sequence[Any]], dict[str, Any]]
ROUTE = "a reward_func file of OpenRLHF (--reward.remote_url)"
_log = logging.getLogger(__name__)


def load(reward_file: str | Path, *, special_tokens: Iterable[str] = SPECIAL_TOKENS) -> RewardFunc:
    """The ``reward_func`` of a reward file (YAML or JSON; see :func:`verifier.rewards.load_reward_file`).

    special_tokens: what the tokenizer's ``all_special_tokens`` says, where the model's are not among the defaults.
    Raises ConfigError where the file is wrong, or where its reward needs what this route does not have.
    """
    return reward_func(load_reward_file(Path(reward_file)), special_tokens=special_tokens)


def reward_func(settings: RewardFile, *, special_tokens: Iterable[str] = SPECIAL_TOKENS) -> RewardFunc:
    """As `load`, from settings that are loaded already."""
    refuse(settings, (), ROUTE)
    tokens = tuple(special_tokens)
    seen: set[str] = set()
    count = UnscoredCount(settings.reward.kind)

    def score(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        """OpenRLHF sends one query at a time and wants floats back; several get lists, as over HTTP."""
        triples = zip(queries, prompts, labels, strict=False)
        results = [_score(settings, tokens, seen, count, *triple) for triple in triples]
        if len(results) == 1:
            reward, notes = results[0]
            return {"rewards": reward, "scores": reward, "extra_logs": notes}
        rewards = [reward for reward, _ in results]
        columns = {name: [notes[name] for _, notes in results] for name in LOGS}
        return {"rewards": rewards, "scores": list(rewards), "extra_logs": columns}

    return score


def _score(
    settings: RewardFile, tokens: tuple[str, ...], seen: set[str], count: UnscoredCount,
    query: str, prompt: str, label: Any,
) -> tuple[float, dict[str, float]]:  # fmt: skip
    """The reward of one query, and its logs."""
    value, fault, reason = None, None, ""
    try:
        response = response_of_query(query, prompt, tokens)
        if response is None:
            fault, reason = "prompt_mismatch", CUT
        else:
            value = settings.reward(response, checked(settings.reward, Row.from_label(label, prompt)))
            fault = "unscored" if value is None else None
    except (ConfigError, InputError) as error:
        fault, reason = "bad_label", str(error)
    except Exception as error:  # it would end as no reward at all, or as another response's
        fault, reason = "error", repr(error)
    count.add([value])
    if reason and fault is not None:
        tell(seen, _log, fault, reason)
    return paid([value], settings.unscored)[0], logs(fault)


def __getattr__(name: str) -> Any:
    if name == "GroupExecutor":
        from .openrlhf_group import GroupExecutor

        return GroupExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
