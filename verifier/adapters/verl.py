"""verl 0.9.1: a ``compute_score`` for ``reward.custom_reward_function``.

The file that verl's ``custom_reward_function.path`` names (``name=compute_score``) is three lines::

    from pathlib import Path
    from verifier.adapters.verl import load
    compute_score = load(Path(__file__).with_name("reward.yaml"))

Promises: a dict of Python floats under constant keys, KEYS; ``score`` is a multiple of 1/1024; it never raises for
what a model or a data set wrote, and may be called from any thread; faults are counted in the dict, and the first of
each kind is logged with its reason. verl tells neither visit nor index nor group: rewards that need one of them, and
``unscored: skip | group_mean``, are refused when the file is loaded. Needs no verl.
Does not promise ``acc`` to be the reward: it is the accuracy against the gold, so that verl's validation means
something whatever training pays for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError
from ..rewards import GroundTruth, RewardFile, UnscoredCount, load_reward_file
from ..rows import Row
from ._scored import LOGS, against_gold, checked, logs, paid, prompt_of, refuse, tell

__all__ = ["KEYS", "ComputeScore", "from_settings", "load"]

ROUTE = "verl (reward.custom_reward_function)"
KEYS = ("score", "acc", *(name for name in LOGS if name != "prompt_mismatch"))
"""score: the reward. acc: 1.0 where the response's answer is the row's gold, as graded by the reward's own config where
it is a ground-truth reward. unscored, bad_label, error: see `_scored.LOGS`."""
_log = logging.getLogger(__name__)


def load(reward_file: str | Path) -> ComputeScore:
    """The ``compute_score`` of a reward file (YAML or JSON; see :func:`verifier.rewards.load_reward_file`).

    Raises ConfigError where the file is wrong, or where its reward needs what verl does not tell.
    """
    return from_settings(load_reward_file(Path(reward_file)))


def from_settings(settings: RewardFile) -> ComputeScore:
    """As `load`, from settings that are loaded already."""
    refuse(settings, (), ROUTE)
    return ComputeScore(settings, against_gold(settings.reward), UnscoredCount(settings.reward.kind))


@dataclass(frozen=True, slots=True)
class ComputeScore:
    """What verl calls; picklable."""

    settings: RewardFile
    gold: GroundTruth
    count: UnscoredCount
    seen: set[str] = field(default_factory=set)

    def __call__(
        self,
        data_source: Any = None,
        solution_str: Any = None,
        ground_truth: Any = None,
        extra_info: Any = None,
        **kwargs: Any,
    ) -> dict[str, float]:
        """One response's score.

        ground_truth: a row object, the JSON text of one, or a bare gold; see :meth:`verifier.rows.Row.from_label`.
        extra_info: where it is a mapping with a ``row``, that counts instead; its ``question`` or ``prompt`` is the
            prompt, from which a row without an id gets one. The rest, and ``kwargs``, are verl's own.
        """
        value, acc, fault = None, 0.0, "error"
        try:
            row = self._row(ground_truth, extra_info)
            value = self.settings.reward(solution_str, row)
            fault = "unscored" if value is None else ""
            acc = float(self.gold(solution_str, row) or 0.0)
        except (ConfigError, InputError) as error:
            value, fault = None, "bad_label"
            tell(self.seen, _log, fault, str(error))
        except Exception as error:  # verl would end the run
            value, fault = None, "error"
            tell(self.seen, _log, fault, repr(error))
        self.count.add([value])
        told = logs(fault or None)
        values = {**told, "score": paid([value], self.settings.unscored)[0], "acc": acc}
        return {key: values[key] for key in KEYS}

    def _row(self, ground_truth: Any, extra_info: Any) -> Row:
        extra = extra_info if isinstance(extra_info, Mapping) else {}
        label = ground_truth if extra.get("row") is None else extra["row"]
        return checked(self.settings.reward, Row.from_label(label, prompt_of(extra, ("question", "prompt"))))
