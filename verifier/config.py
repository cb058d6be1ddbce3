"""Settings and limits, in one place each, and their fingerprint.

Promises: a config is frozen and hashable; a setting of the wrong type or sign is a ConfigError
where it is made; two configs have one fingerprint exactly when every setting that can change a
verdict is equal. Limits on *work* (sizes, steps, precision) decide; limits on *time* and memory
only kill, and a killed verdict is ``unscored``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from .errors import ConfigError

EXTRACTION_MODES = ("boxed", "answer_tag", "final_answer", "any")


@dataclass(frozen=True, slots=True)
class Limits:
    """The one table of work limits. Sizes in characters, digits, nodes, levels or bits as named."""

    response_chars: int = 20_000_000  # a longer response is over_limit without being read
    answer_chars: int = 20_000  # a longer answer or gold is over_limit
    tokens: int = 6_000  # of one answer
    depth: int = 60  # nesting of one answer
    digits: int = 4_000  # of one numeral
    bits: int = 20_000  # of an integer that exact arithmetic may build
    exponent: int = 4_000  # largest integer exponent that exact arithmetic may expand
    terms: int = 600  # of an expanded canonical sum
    work: int = 100_000  # elementary steps of canonical arithmetic for one answer
    steps: int = 40_000  # elementary steps of numeric evaluation for one answer or one comparison
    iterations: int = 2_500  # members of an evaluated sum, product or factorial
    members: int = 400  # of a list, set or matrix
    precision: int = 50  # decimal digits of the first numeric evaluation; the second uses twice as many
    samples: int = 6  # keyed sample points for free symbols

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if type(value) is not int or value < 1:
                raise ConfigError(f"limits.{item.name}={value!r} must be a whole number of 1 or more")


@dataclass(frozen=True, slots=True)
class Policy:
    """Gold-side leniencies of ``verify``; ``equivalent`` uses none of them (PEERS, "Rulings")."""

    drop_units: bool = True  # a unit, currency or degree sign on one side only is ignored
    drop_percent: bool = True  # 15 for 15\%
    drop_labels: bool = True  # 5 for x=5, x^2 for f(x)=x^2
    drop_base: bool = True  # 52 for gold 52_8
    tuple_brackets: bool = True  # a bare list `1,2` for the tuple (1,2)
    decimal_comma: bool = False  # `0,5` is a half
    decimals_at_gold_digits: bool = False  # gold 3.14 accepts what rounds to it
    constants_as_variables: bool = False  # i and e are variables

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if type(value) is not bool:
                raise ConfigError(f"policy.{item.name}={value!r} must be True or False")


@dataclass(frozen=True, slots=True)
class VerifierConfig:
    r"""Everything that can change a verdict.

    extraction: which text counts as the answer: ``boxed`` (default), ``answer_tag``
        (``<answer>..</answer>``), ``final_answer`` ("the answer is ..."), ``any`` (box, tag,
        phrase, then the last formula, number or word).
    timeout_s: CPU seconds that a worker process gets for one pair before it is killed; four times
        as many wall-clock seconds, in case it sleeps.
    memory_mb: address-space limit of a worker process in MiB.
    second_opinion: ask math-verify (extra ``crosscheck``) about text that our parser cannot read.

    >>> VerifierConfig().fingerprint() == VerifierConfig(extraction="boxed").fingerprint()
    True
    """

    extraction: str = "boxed"
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    timeout_s: float = 0.8
    memory_mb: int = 512
    second_opinion: bool = False

    def __post_init__(self) -> None:
        if self.extraction not in EXTRACTION_MODES:
            raise ConfigError(f"extraction={self.extraction!r} is unknown; choose one of {', '.join(EXTRACTION_MODES)}")
        for name, kind in (("limits", Limits), ("policy", Policy)):
            if not isinstance(value := getattr(self, name), kind):
                raise ConfigError(f"{name}={value!r} must be a {kind.__name__}, such as {kind.__name__}()")
        if isinstance(self.timeout_s, bool) or not isinstance(self.timeout_s, (int, float)) or not self.timeout_s > 0:
            raise ConfigError(f"timeout_s={self.timeout_s!r} must be a positive number of seconds")
        if type(self.memory_mb) is not int or self.memory_mb < 128:
            raise ConfigError(f"memory_mb={self.memory_mb!r} must be a whole number of MiB, for SymPy 128 or more")
        if type(self.second_opinion) is not bool:
            raise ConfigError(f"second_opinion={self.second_opinion!r} must be True or False")
        if self.second_opinion and find_spec("math_verify") is None:
            raise ConfigError("second_opinion needs math-verify: pip install the extra `crosscheck`")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for manifests."""
        return asdict(self)

    def fingerprint(self) -> str:
        """16 hexadecimal digits over every setting and the grammar's version."""
        return _fingerprint(self)


# Raise it whenever a change may move a verdict; the changelog says which verdicts.
GRAMMAR_VERSION = 2


@lru_cache(maxsize=256)
def _fingerprint(config: VerifierConfig) -> str:
    text = json.dumps({"grammar": GRAMMAR_VERSION, **config.to_dict()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


DEFAULT_CONFIG = VerifierConfig()
