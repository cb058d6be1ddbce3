"""Ray Data and ``datasets``: scoring beyond one process, and beyond one machine.

    scored = rows.map_batches(ScoreBatch, fn_constructor_kwargs={"reward_file": "reward.yaml"}, **RAY)   # Ray Data
    scored = rows.map(scorer("reward.yaml"), batched=True)                                               # datasets

Both add three columns: ``reward`` (a multiple of 1/1024), ``scored`` (False where there was no reward and `Unscored`
filled it in) and ``verdict`` (JSON text: the verdict against the row's gold, or ``{"error": ...}`` where there is no
row). Rows come from a column ``row`` (an object, JSON text or a bare gold), or else from the columns of the schema; a
row without an id gets the one of its prompt.

Promises: what a row gets depends on that row only, never on blocks, their order, retries or processes that die on the
way: a decision whose worker was killed is made again. A Ray actor runs at most one worker process (``workers``).
Rewards that need the group, and ``unscored: skip | group_mean``, are refused at once. A visit stands in the row, an
index in a column ``index``; ConfigError where a reward needs one that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..inline import WorkerNeeded, inline
from ..rewards import Context, GroundTruth, RewardFile, UnscoredCount, load_reward_file
from ..rows import Row
from ..score_reward import index_of
from ..verdict import Reason
from ._scored import against_gold, checked, paid, prompt_of, refuse

T = TypeVar("T")
ROUTE = "scoring by batches (Ray Data or datasets.map, where batches are not groups)"
COLUMNS = {"reward": "float64", "scored": "bool_", "verdict": "string"}
TRIES = 3  # a worker that was killed from outside is no fault of the pair's; one that kills its worker does so again
RAY: dict[str, Any] = {"batch_format": "pyarrow", "batch_size": 256}
"""What ScoreBatch needs of ``map_batches``; small batches, as a slow pair takes a second. Add ``concurrency=``."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """The new columns of a batch; for ``datasets.map(..., batched=True)``. response, row, index: names of columns."""

    settings: RewardFile
    gold: GroundTruth
    response: str = "response"
    row: str = "row"
    index: str = "index"

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """batch: column -> values. Raises InputError where it has no responses, or one of COLUMNS already."""
        if self.response not in batch:
            raise InputError(f"there is no column {self.response!r}; there are {', '.join(batch)}")
        if clash := sorted(COLUMNS.keys() & set(batch)):
            raise InputError(f"there is a column {clash[0]!r} already; rename or drop it")
        names, columns = list(batch), [batch[name] for name in batch]
        found = [self._one(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]
        _count(self.settings.fingerprint(), self.settings.reward.kind).add(value for value, _ in found)
        return {
            "reward": [paid([value], self.settings.unscored)[0] for value, _ in found],
            "scored": [value is not None for value, _ in found],
            "verdict": [json.dumps(verdict, ensure_ascii=False) for _, verdict in found],
        }

    def _one(self, record: dict[str, Any]) -> tuple[float | None, dict[str, Any]]:
        """The reward of one record, None where unscored, and its verdict."""
        response = record[self.response]
        if not (response is None or isinstance(response, str)):
            return None, {"error": f"field {self.response!r} is {response!r:.80}; it must be text"}
        reward, label, prompt = self.settings.reward, record.get(self.row), prompt_of(record)
        try:
            row = checked(reward, Row.from_label({**record, "prompt": prompt} if label is None else label, prompt))
            context = Context(index_of(record.get(self.index)) if "index" in reward.needs else None)
        except InputError as error:
            return None, {"error": str(error)}
        return settled(lambda: (reward(response, row, context), self.gold.verdict(response, row).to_dict()))


def scorer(reward_file: str | Path, **names: str) -> Scorer:
    """A Scorer of a reward file. names: of columns, see Scorer. Raises ConfigError."""
    settings = load_reward_file(Path(reward_file))
    refuse(settings, ("visit", "index"), ROUTE)
    return Scorer(settings, against_gold(settings.reward), **names)


class ScoreBatch:
    """For ``map_batches``: one per Ray actor. workers: verifier processes of this actor, None for one per core."""

    def __init__(self, reward_file: str | Path, *, workers: int | None = 1, **names: str) -> None:
        from ..pool import set_pool_size

        set_pool_size(workers)
        self.scorer = scorer(reward_file, **names)

    def __call__(self, batch: Any) -> Any:
        """batch: a pyarrow Table; the same with COLUMNS added."""
        import pyarrow

        for name, values in self.scorer(batch.to_pydict()).items():
            batch = batch.append_column(name, pyarrow.array(values, getattr(pyarrow, COLUMNS[name])()))
        return batch


def settled(call: Callable[[], T]) -> T:
    """What ``call`` returns, with up to TRIES tries of each decision whose worker died, each decision made once."""
    found: dict[Any, Any] = {}
    while True:
        try:
            with inline(found):
                return call()
        except WorkerNeeded as need:
            for _ in range(TRIES):
                found[need.key] = need.run()
                if getattr(found[need.key], "reason", None) is not Reason.WORKER_CRASHED:
                    break


_count = lru_cache(maxsize=64)(lambda fingerprint, name: UnscoredCount(name))
