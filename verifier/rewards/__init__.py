"""Reward signals: what training pays for, from one grader.

    >>> from verifier.rewards import reward_from
    >>> from verifier.rows import Row
    >>> reward_from({"kind": "ground_truth"})(r"so it is \\boxed{0.5}", Row("a", "1/2 = ?", "1/2"))
    1.0

docs/rewards.md has a table of them. None means unscored; :class:`Unscored` says what training makes of it.
"""

from __future__ import annotations

from .base import NEEDS, NO_CONTEXT, Context, FieldError, Reward
from .chance import Noise, Random
from .compound import All, Any, Clip, Not, Sum
from .files import RewardFile, load_reward_file, reward_file_from
from .spec import KINDS, config_from_spec, reward_from
from .text import Contains, Format, LengthPenalty, NoRepetition
from .truth import GroundTruth, MajorityOnline
from .unscored import Unscored, UnscoredCount, quantise, unscored_from

__all__ = [
    "KINDS",
    "NEEDS",
    "NO_CONTEXT",
    "All",
    "Any",
    "Clip",
    "Contains",
    "Context",
    "FieldError",
    "Format",
    "GroundTruth",
    "LengthPenalty",
    "MajorityOnline",
    "NoRepetition",
    "Noise",
    "Not",
    "Random",
    "Reward",
    "RewardFile",
    "Sum",
    "Unscored",
    "UnscoredCount",
    "config_from_spec",
    "load_reward_file",
    "quantise",
    "reward_file_from",
    "reward_from",
    "unscored_from",
]
