"""The declarative form of rewards: mappings, as YAML and JSON hold them, to objects and back.

Promises: ``reward_from(reward.describe()) == reward``; whatever is wrong is a FieldError that names the key by its
path, ``reward.of[1].gamma: 1.3 must lie in 0 to 1``, and an unknown key lists the known ones. It is a structure:
no string is taken apart, and a text stands only for a kind with its defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any as Anything

from ..config import Limits, Policy, VerifierConfig
from ..errors import ConfigError
from ..journal import flat
from .base import FieldError, Reward
from .chance import Noise, Random
from .compound import All, Any, Clip, Not, Sum
from .text import Contains, Format, LengthPenalty, NoRepetition
from .truth import GroundTruth, MajorityOnline

KINDS: dict[str, type[Reward]] = {
    cls.kind: cls
    for cls in (
        GroundTruth, Format, Random, MajorityOnline, Contains, NoRepetition, LengthPenalty, Noise, All, Any, Not, Sum,
        Clip,
    )
}  # fmt: skip
_SEVERAL = ("all", "any", "sum")
MAX_DEPTH = 50


def reward_from(
    spec: Mapping[str, Anything] | str, where: str = "reward", config: VerifierConfig | None = None
) -> Reward:
    """The reward that ``spec`` describes: ``{"kind": ..., ...}``, or a kind's name for its defaults.

    where: the key under which it stands, for messages. config: what whoever reads it has asked for, such as a command's
    flags: it counts where ``spec`` has no ``config``, and one that differs is an error. Raises ConfigError.

    >>> reward_from({"kind": "all", "of": ["ground_truth", {"kind": "not", "of": "contains"}]}).kind
    'all'
    >>> reward_from({"kind": "sum", "of": ["format", {"kind": "random", "gamma": 1.3}]})
    Traceback (most recent call last):
    verifier.rewards.base.FieldError: reward.of[1].gamma: 1.3 must lie in 0 to 1
    """
    return _reward(spec, where, config, MAX_DEPTH)


def _reward(spec: Anything, where: str, config: VerifierConfig | None, depth: int) -> Reward:
    if depth == 0:
        raise FieldError(where, f"is nested more than {MAX_DEPTH} deep")
    if isinstance(spec, str):
        spec = {"kind": spec}
    if not isinstance(spec, Mapping):
        raise FieldError(where, f"{spec!r} must be a kind of reward or a mapping with one ({', '.join(KINDS)})")
    if "kind" not in spec:
        raise FieldError(where, f"has no kind; it is one of {', '.join(KINDS)}")
    kind = spec["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise FieldError(f"{where}.kind", f"{kind!r} is unknown; it is one of {', '.join(KINDS)}")
    cls = KINDS[kind]
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    for key in spec:
        if key != "kind" and key not in known:
            named = f"{kind} knows {', '.join(known)}" if known else f"{kind} has no settings"
            raise FieldError(f"{where}.{key}", f"unknown key; {named}")
    for name, field in known.items():
        if name not in spec and field.default is MISSING and field.default_factory is MISSING:
            raise FieldError(f"{where}.{name}", f"is missing; {kind} needs it")
    values = {name: _value(kind, name, spec[name], f"{where}.{name}", config, depth) for name in known if name in spec}
    if config is not None and "config" in known:
        own = values.setdefault("config", config)
        if own != config:
            raise FieldError(f"{where}.config", _contradiction(own, config))
    try:
        return cls(**values)
    except FieldError as error:
        raise FieldError(f"{where}.{error.path}", error.text) from None


def _value(kind: str, name: str, value: Anything, where: str, config: VerifierConfig | None, depth: int) -> Anything:
    if name == "config":
        return config_from_spec(value, where)
    if name != "of":
        return value
    if kind not in _SEVERAL:
        return _reward(value, where, config, depth - 1)
    if not isinstance(value, (list, tuple)):
        raise FieldError(where, "must be a list of one or more rewards")
    return tuple(_reward(part, f"{where}[{place}]", config, depth - 1) for place, part in enumerate(value))


def _contradiction(mine: VerifierConfig, asked: VerifierConfig) -> str:
    """What is wrong where a reward's own config is not the one that was asked for."""
    here, there = flat(mine.to_dict()), flat(asked.to_dict())
    told = ", ".join(
        f"{name} is {here[name]!r} here and {there[name]!r} there" for name in here if here[name] != there[name]
    )
    return f"differs from the settings that the command was given: {told}; leave it out here, or the flags there"


def config_from_spec(spec: Anything, where: str = "config") -> VerifierConfig:
    """A VerifierConfig from its settings by name, ``policy`` and ``limits`` as mappings; raises ConfigError.

    >>> config_from_spec({"extraction": "any", "policy": {"drop_units": False}}).policy.drop_units
    False
    """
    settings = _settings(spec, where, asdict(VerifierConfig()))
    try:
        if "policy" in settings:
            settings["policy"] = Policy(**settings["policy"])
        if "limits" in settings:
            settings["limits"] = Limits(**settings["limits"])
        return VerifierConfig(**settings)
    except ConfigError as error:
        raise FieldError(where, str(error)) from None


def _settings(spec: Anything, where: str, known: Mapping[str, Anything]) -> dict[str, Anything]:
    if not isinstance(spec, Mapping):
        raise FieldError(where, f"{spec!r} must be a mapping of settings ({', '.join(known)})")
    settings = {}
    for name, value in spec.items():
        if name not in known:
            raise FieldError(f"{where}.{name}", f"unknown key; known are {', '.join(known)}")
        default = known[name]
        if isinstance(default, dict):
            value = _settings(value, f"{where}.{name}", default)
        elif isinstance(default, float) and type(value) is int:
            value = float(value)
        elif type(value) is not type(default):
            needed = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[type(default)]
            raise FieldError(f"{where}.{name}", f"{value!r} must be {needed}")
        settings[name] = value
    return settings
