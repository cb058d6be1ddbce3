"""The constants of a run's ``agent.py``, checked where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from verifier.config import DEFAULT_CONFIG, VerifierConfig
from verifier.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Rule:
    """How a benchmark is sampled. k: engine calls per problem, None: one for each sample; the rest: None keeps
    what OpenRLHF was told."""

    k: int | None = None
    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """What the executor of a run is told.

    reward_file: of the training reward. completions: folder for JSONL. checkpoints: OpenRLHF's --ckpt.path.
    resume: whether the run goes on from a checkpoint. log_share: share of the training groups that are written.
    seed: chooses that share. stop: strings that end a response, and stay in it. evaluation: sampling by benchmark,
    ``*`` for the rest. eval_config: the verifier's, for verdicts against gold.
    """

    reward_file: str
    completions: str
    checkpoints: str
    resume: bool = False
    log_share: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    evaluation: Mapping[str, Rule] = field(default_factory=dict)
    eval_config: VerifierConfig = DEFAULT_CONFIG

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ExecutorSettings:
        """Raises ConfigError naming the key that is unknown, missing or wrong."""
        _check_keys(cls, values, "settings")
        known = dict(values)
        if isinstance(known.get("stop", ()), str):
            raise ConfigError(f"settings of the executor: stop={known['stop']!r} must be a list of texts")
        known["stop"] = tuple(known.get("stop", ()))
        rules = {}
        for name, rule in dict(known.get("evaluation", {})).items():
            _check_keys(Rule, rule, f"evaluation[{name!r}]")
            made = rules[name] = Rule(**rule)
            if made.k is not None and made.k < 1:
                raise ConfigError(f"settings of the executor: evaluation[{name!r}]: k={made.k} must be at least 1")
        known["evaluation"] = rules
        known["eval_config"] = VerifierConfig(**known.get("eval_config", {}))
        if not 0 <= known.get("log_share", 1.0) <= 1:
            raise ConfigError(f"settings of the executor: log_share={known['log_share']} must be from 0 to 1")
        return cls(**known)

    def rule(self, benchmark: str | None) -> Rule:
        """How that benchmark is sampled.

        >>> ExecutorSettings("r", "c", "k", evaluation={"*": Rule(temperature=0.6)}).rule("amc").temperature
        0.6
        """
        return self.evaluation.get(benchmark or "*", self.evaluation.get("*", Rule()))


def _check_keys(kind: type, values: Mapping[str, Any], where: str) -> None:
    known = {item.name: item for item in fields(kind)}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ConfigError(
            f"settings of the executor: {where} has no key {unknown[0]!r}; it may have {', '.join(known)}"
        )
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f"settings of the executor: {where} lacks the key {name!r}")
