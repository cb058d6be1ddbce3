"""Reward files, YAML or JSON: a reward and what becomes of unscored responses.

Promises: a key given twice, an alias, a tag, a second document or an unknown key is an error that names file and
line; so is whatever is wrong with a reward. Numbers are read as JSON writes them: ``1e-3`` is one, ``1:30`` and
``yes`` are texts. JSON files need no YAML library.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..config import VerifierConfig
from ..errors import ConfigError
from .base import FieldError, Reward
from .spec import reward_from
from .unscored import Unscored, unscored_from

T = TypeVar("T")

KEYS = ("reward", "unscored")
Places: TypeAlias = "dict[str, int]"
"""Path of a key, ``reward.of[1].gamma``, -> its line, from 1."""


@dataclass(frozen=True, slots=True)
class RewardFile:
    """What training pays, and for what it cannot judge."""

    reward: Reward
    unscored: Unscored = field(default_factory=Unscored)

    def describe(self) -> dict[str, Any]:
        """The declarative form, complete with defaults."""
        return {"reward": self.reward.describe(), "unscored": self.unscored.describe()}

    def fingerprint(self) -> str:
        """16 hexadecimal digits over the declarative form."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:16]


def load_reward_file(path: str | Path, config: VerifierConfig | None = None) -> RewardFile:
    """Read ``{reward: {kind: ...}, unscored: {reward: 0.0} | group_mean | skip}``; raises ConfigError.

    config: what the command's flags ask for, None where there are none; see `reward_from`.
    """
    values, places = read_settings(Path(path))
    return located(path, places, lambda: reward_file_from(values, config))


def reward_file_from(values: Any, config: VerifierConfig | None = None) -> RewardFile:
    """A RewardFile from what its file holds; raises ConfigError.

    >>> reward_file_from({"reward": "format"}).unscored
    Unscored(to='reward', value=0.0)
    """
    if values is None:
        raise ConfigError("the reward file is empty; write for example: reward: {kind: ground_truth}")
    if not isinstance(values, Mapping):
        raise ConfigError(f"a reward file is a mapping with the keys {' and '.join(KEYS)}, not {values!r}")
    for key in values:
        if key not in KEYS:
            raise FieldError(str(key), f"unknown key; known are {', '.join(KEYS)}")
    if "reward" not in values:
        raise ConfigError("has no key reward, such as: reward: {kind: ground_truth}")
    unscored = unscored_from(values["unscored"]) if "unscored" in values else Unscored()
    return RewardFile(reward_from(values["reward"], config=config), unscored)


def located(path: str | Path, places: Places, make: Callable[[], T]) -> T:
    """What ``make()`` returns; its ConfigError gets the file before it, and the line of the key that it names."""
    try:
        return make()
    except FieldError as error:
        at = error.path
        while at and at not in places:
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        line = f", line {places[at]}" if at else ""
        raise ConfigError(f"{path}{line}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_settings(path: Path) -> tuple[Any, Places]:
    """The plain values of a YAML or JSON file (``.json``), and the line of each key; raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if not text.strip():
        return None, {}
    return (_json(path, text), {}) if path.suffix == ".json" else _yaml(path, text)


def _json(path: Path, text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                raise ConfigError(f"{path}: the key {key!r} is given twice")
            values[key] = value
        return values

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except (RecursionError, ValueError) as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"{path} cannot be read: {error}") from None


def _yaml(path: Path, text: str) -> tuple[Any, Places]:
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"{path}: YAML needs PyYAML: pip install 'rlvr-verifier[yaml]', or write JSON") from None
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        reading = _Reading(path, yaml)
        return reading.value(node, ""), reading.places
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"{path}{line}: {what}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None


_PLAIN = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class _Reading:
    """YAML's nodes as plain values, with the line of each key."""

    def __init__(self, path: Path, yaml: Any) -> None:
        self.path, self.yaml = path, yaml
        self.places: Places = {}
        self._seen: set[int] = set()

    def value(self, node: Any, at: str) -> Any:
        if node is None:
            return None
        line = node.start_mark.line + 1
        self.places.setdefault(at, line)
        if id(node) in self._seen:
            raise ConfigError(f"{self.path}, line {line}: aliases (&, *) are not read; write it out")
        self._seen.add(id(node))
        if node.tag.rpartition(":")[2] not in ("str", "seq", "map") or not node.tag.startswith("tag:yaml.org,2002:"):
            raise ConfigError(f"{self.path}, line {line}: tags such as {node.tag} are not read")
        if isinstance(node, self.yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, self.yaml.SequenceNode):
            return [self.value(inner, f"{at}[{place}]") for place, inner in enumerate(node.value)]
        return node.value if node.style else _scalar(node.value)

    def _mapping(self, node: Any, at: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, inner in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, self.yaml.ScalarNode):
                raise ConfigError(f"{self.path}, line {line}: a key must be a text")
            if name.value in values:
                raise ConfigError(f"{self.path}, line {line}: the key {name.value!r} is given twice")
            path = f"{at}.{name.value}" if at else name.value
            self.places[path] = line
            values[name.value] = self.value(inner, path)
        return values


def _scalar(text: str) -> Any:
    if text in _PLAIN:
        return _PLAIN[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
