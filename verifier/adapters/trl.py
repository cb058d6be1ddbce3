"""TRL 1.16: a reward file as a reward function of ``GRPOTrainer``.

    from verifier.adapters.trl import load
    trainer = GRPOTrainer(model, load("reward.yaml", num_generations=args.num_generations), args, train_dataset=rows)

The data set has a column ``row`` (what ``Row.to_label`` writes, or the object), or the schema's own columns: ``gold``
(or ``answer``) and, where the reward needs them, ``id``, ``visit`` and ``label``; and ``prompt``, which TRL wants.

Promises: one float, a multiple of 1/1024, or None per completion; None only under ``unscored: skip``, and TRL then
leaves that completion out of its group. Completions may be texts or chat messages. All rewards work, also those that
need the visit, the index or the group; where a process does not hold whole groups, these are refused. A label that
holds no row is unscored, told once and counted; a row without what the reward needs raises ConfigError.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError
from ..rewards import Context, RewardFile, UnscoredCount, load_reward_file, quantise
from ..rows import GOLD_FIELDS, Row
from ._scored import checked, tell

_SCHEMA = ("id", "gold", "answer", "label", "label_source", "split", "benchmark", "visit")
_EXTRAS = ("completion_ids", "trainer_state", "log_extra", "log_metric", "environments")  # of TRL, not of the data
_log = logging.getLogger(__name__)


def load(reward_file: str | Path, *, num_generations: int | None = None, name: str | None = None) -> TrlReward:
    """The reward function of a reward file (YAML or JSON); raises ConfigError where the file is wrong."""
    return TrlReward(load_reward_file(Path(reward_file)), num_generations=num_generations, name=name)


class TrlReward:
    """A picklable reward function.

    num_generations: the trainer's; needed where the reward needs the index or the group. name: TRL logs under it.
    """

    def __init__(self, settings: RewardFile, *, num_generations: int | None = None, name: str | None = None) -> None:
        self.settings, self.size = settings, num_generations
        self.__name__ = name or settings.reward.kind
        self.grouped = bool({"index", "group"} & settings.reward.needs) or settings.unscored.to == "group_mean"
        if self.grouped and not num_generations:
            raise ConfigError(f"{self.__name__} needs whole groups: give num_generations, as in GRPOConfig")
        self.count, self._told = UnscoredCount(self.__name__), set[str]()

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """The rewards of a process's part of a batch; columns: the data set's, and TRL's own extras."""
        responses, labels = [response_text(c) for c in completions], _labels(columns, len(prompts))
        rewards, before = list[float | None](), self.count.unscored
        for start, stop in self._groups(prompts, labels):
            row = self._row(labels[start], prompts[start])
            values = self._values(responses[start:stop], row)
            self.count.add(values)
            paid = [None if v is None else quantise(v) for v in self.settings.unscored.apply(values)]
            self.scored(slice(start, stop), row, responses[start:stop], values, paid, columns)
            rewards += paid
        if callable(columns.get("log_metric")) and responses:
            columns["log_metric"](f"unscored/{self.__name__}", (self.count.unscored - before) / len(responses))
        return rewards

    def scored(
        self, place: slice, row: Row | None, responses: Sequence[str], values: Sequence[float | None],
        paid: Sequence[float | None], columns: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Called after each group (or the part of one that is here), for subclasses that keep records."""

    def _values(self, responses: Sequence[str], row: Row | None) -> list[float | None]:
        if row is None:
            return [None] * len(responses)
        if "group" in self.settings.reward.needs:
            return self.settings.reward.over_group(responses, row)
        return [self.settings.reward(text, row, Context(index)) for index, text in enumerate(responses)]

    def _row(self, label: Any, prompt: Any) -> Row | None:
        try:
            return checked(self.settings.reward, Row.from_label(label, prompt))
        except InputError as error:
            tell(self._told, _log, "bad_label", str(error))
            return None

    def _groups(self, prompts: Sequence[Any], labels: Sequence[Any]) -> Iterator[tuple[int, int]]:
        """Start and end of each group: neighbours of one row and prompt, at most ``num_generations`` of them."""
        start = 0
        for stop in range(1, len(prompts) + 1):
            full = stop - start == self.size
            if not full and stop < len(prompts) and (labels[stop], prompts[stop]) == (labels[start], prompts[start]):
                continue
            if self.grouped and not full:
                raise ConfigError(
                    f"{self.__name__} needs whole groups of {self.size}; this process has {stop - start} of one: make "
                    "per_device_train_batch_size x steps_per_generation a multiple of num_generations (in evaluation: "
                    "per_device_eval_batch_size, and num_generations_eval = num_generations)"
                )
            yield start, stop
            start = stop


def _labels(columns: Mapping[str, Any], size: int) -> Sequence[Any]:
    """What stands for the row of each completion: its column ``row``, or the schema's columns as an object."""
    if "row" in columns:
        return list(columns["row"])
    names = [name for name in _SCHEMA if name in columns]
    if not set(GOLD_FIELDS) & set(names):
        found = ", ".join(name for name in columns if name not in _EXTRAS) or "prompt"
        raise ConfigError(f"the data set has neither a column row nor a column gold, only: {found}")
    return [{name: columns[name][place] for name in names} for place in range(size)]


def response_text(completion: Any) -> str:
    """What the model wrote: a text, or the assistant's texts of chat messages, by lines; "" for None and all else."""
    if not isinstance(completion, (list, tuple)):
        return completion if isinstance(completion, str) else ""
    said = [each.get("content") for each in completion if isinstance(each, Mapping) and each.get("role") == "assistant"]
    parts = [part for content in said for part in ([content] if isinstance(content, str) else content or [])]
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)
