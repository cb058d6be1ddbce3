"""Command-line flags and JSON files -> :class:`VerifierConfig`.

Promises: an unknown or ill-typed setting is an error that names it and lists what is known; a flag
wins over the file. Limits are set in the file only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .config import EXTRACTION_MODES, Limits, Policy, VerifierConfig
from .errors import ConfigError

_POLICIES = tuple(item.name for item in fields(Policy))
_SWITCH = {"on": True, "off": False}


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """The settings that every verifying command shares."""
    group = parser.add_argument_group("settings (they are part of the config's fingerprint)")
    group.add_argument("--config", type=Path, metavar="FILE.json", help="settings by name; flags win over it")
    group.add_argument("--extraction", choices=EXTRACTION_MODES, help="which text counts as the answer")
    group.add_argument("--policy", action="append", default=[], metavar="NAME=on|off", type=_policy,
                       help=f"a leniency towards the gold; repeatable: {', '.join(_POLICIES)}")  # fmt: skip
    group.add_argument("--timeout", type=float, metavar="S", help="seconds a worker gets for one pair")
    group.add_argument("--memory-mb", type=int, metavar="MIB", help="address space of a worker")
    group.add_argument("--second-opinion", action=argparse.BooleanOptionalAction, default=None,
                       help="ask math-verify about what our parser cannot read")  # fmt: skip


def _policy(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if name not in _POLICIES:
        raise argparse.ArgumentTypeError(f"unknown policy {name!r}; known are {', '.join(_POLICIES)}")
    if value not in _SWITCH:
        raise argparse.ArgumentTypeError(f"policy {name} is {value!r}; write {name}=on or {name}=off")
    return name, _SWITCH[value]


def config_from(args: argparse.Namespace) -> VerifierConfig:
    """The config that the flags (and ``--config``) ask for; raises ConfigError, OSError."""
    settings = load_settings(args.config) if args.config else {}
    flags = {
        "extraction": args.extraction,
        "timeout_s": args.timeout,
        "memory_mb": args.memory_mb,
        "second_opinion": args.second_opinion,
    }
    settings |= {name: value for name, value in flags.items() if value is not None}
    settings["policy"] = Policy(**(settings.get("policy", {}) | dict(args.policy)))
    settings["limits"] = Limits(**settings.get("limits", {}))
    return VerifierConfig(**settings)


def config_asked_for(args: argparse.Namespace) -> VerifierConfig | None:
    """The same where a flag says anything about it, else None. Raises ConfigError, OSError."""
    flags = (args.config, args.extraction, args.timeout, args.memory_mb, args.second_opinion)
    return config_from(args) if args.policy or any(flag is not None for flag in flags) else None


def load_settings(path: Path) -> dict[str, Any]:
    """Settings of a JSON file, their names and types checked; raises ConfigError, OSError."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} must hold one JSON object of settings")
    _check(path, "", settings, asdict(VerifierConfig()))
    return settings


def _check(path: Path, prefix: str, settings: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{path}: unknown setting {prefix + name!r}; known are {', '.join(known)}")
        default = known[name]
        if isinstance(default, dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {name!r} must be an object")
            _check(path, f"{name}.", value, default)
        elif isinstance(default, float) and type(value) is int:
            continue
        elif type(value) is not type(default):
            needed = {bool: "true or false", int: "an integer", float: "a number", str: "text"}[type(default)]
            raise ConfigError(f"{path}: {prefix + name!r} is {json.dumps(value)}; it must be {needed}")
