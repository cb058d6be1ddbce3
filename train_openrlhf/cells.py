"""A cell of the grid, ``MODEL/REWARD/sSEED``, resolved from the files under ``configs/``.

    cell = load_cell("qwen2.5-math-7b/random-0.5/s0", ["rollout.batch_size=32"])

Promises: a model or a reward is one file; what is wrong in a file or an override is one ConfigError that names it and
its key; a resolved cell is frozen, picklable and complete (``Cell.from_dict(cell.to_dict()) == cell``), so nothing
else has to read a configuration. Later wins: base.yaml, the model's ``set``, the reward's ``set``, smoke.yaml, --set.
Does not: look at data, GPUs or installed packages (checks.py and machine.py do), or import a framework.
"""

from __future__ import annotations

import copy
import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError

from .schema import Model, Settings, build, check, merge, to_dict

CONFIGS = Path(__file__).resolve().parent / "configs"
LABEL_SETS = ("none", "majority", "incorrect")
_REWARD_KEYS = {"about", "reward", "unscored", "extraction", "labels", "one_shot", "set"}
_READING = ("ground_truth", "majority_online")  # kinds that read an answer, and know the paper's extraction
_SEEDED = ("random", "noise")


@dataclass(frozen=True, slots=True)
class Cell:
    """One training run.

    name: ``MODEL/REWARD/sSEED``. reward: the declarative form, complete with extraction and seed. unscored: what
    training makes of an unscored response. labels: ``none``, ``majority`` or ``incorrect``; labels_of: the model whose
    label set it is. one_shot: train on a single problem; example: its id. smoke: a tiny model on a CPU.
    """

    name: str
    model_name: str
    reward_name: str
    seed: int
    model: Model
    settings: Settings
    reward: Mapping[str, Any]
    unscored: Any
    extraction: str
    labels: str
    labels_of: str
    one_shot: bool = False
    example: str | None = None
    smoke: bool = False

    @property
    def updates_per_step(self) -> int:
        """Optimiser updates of one rollout; more than one is what makes the clip act."""
        rollout = self.settings.rollout
        return max(1, rollout.batch_size * rollout.samples_per_prompt // self.settings.train.batch_size)

    @property
    def prompts(self) -> int:
        """Training rows that the run consumes: one a prompt of every rollout."""
        return self.settings.steps * self.settings.rollout.batch_size

    @property
    def labels_file(self) -> Path | None:
        """The label set that the cell needs, None where it trains on golds."""
        if self.labels == "none":
            return None
        suffix = "" if self.labels == "majority" else f".{self.labels}"
        return Path(self.settings.data.labels) / f"{self.labels_of}{suffix}.jsonl"

    @property
    def prompt_template(self) -> str | None:
        """OpenRLHF's input template with one ``{}``, None where the chat template applies."""
        return None if self.model.template == "chat" else self.model.bos + base_prompt()

    def folder(self, runs: Path = Path("runs")) -> Path:
        """Where the run's files go: ``runs/MODEL/REWARD/sSEED``."""
        return runs / self.model_name / self.reward_name / f"s{self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values."""
        return {name: to_dict(getattr(self, name)) for name in Cell.__slots__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "cell.json") -> Cell:
        """The cell that ``to_dict`` described. Raises ConfigError naming the key."""
        out = dict(values)
        missing = [name for name in cls.__slots__ if name not in out]
        if missing:
            raise ConfigError(f"{where}: {missing[0]} is missing; it was written by another version")
        out["model"] = build(Model, out["model"], where, "model.")
        out["settings"] = build(Settings, out["settings"], where, "settings.")
        return cls(**{name: out[name] for name in cls.__slots__})


def load_cell(
    name: str,
    overrides: Iterable[str | tuple[str, Any]] = (),
    *,
    example: str | None = None,
    labels_of: str | None = None,
    smoke: bool = False,
    configs: Path = CONFIGS,
) -> Cell:
    """The cell ``MODEL/REWARD/sSEED``.

    overrides: ``key=value`` texts (the value in YAML) or (key, value) pairs. example: the problem of a one-shot cell.
    labels_of: use the label set of another model. Raises ConfigError.
    """
    model_name, reward_name, seed = split_name(name)
    raw_model = read_yaml(named_file(configs / "models", model_name, "model"))
    raw_reward = read_yaml(named_file(configs / "rewards", reward_name, "reward"))
    model_file, reward_file = _short(configs, "models", model_name), _short(configs, "rewards", reward_name)
    model = build(Model, {k: v for k, v in raw_model.items() if k != "set"}, model_file)
    values = read_yaml(configs / "base.yaml")
    build(Settings, values, "configs/base.yaml")
    patches = [(model_file, raw_model.get("set", {})), (reward_file, raw_reward.get("set", {}))]
    if smoke:
        model = replace(model, hub_id="smoke", template="chat", bos="", stop=(), extraction="boxed")
        patches.append(("configs/smoke.yaml", read_yaml(configs / "smoke.yaml")))
    patches += [parse_override(item) for item in overrides]
    reward = _reward(raw_reward, reward_file, model, seed)
    for where, patch in patches:
        check(Settings, patch, where)
        values = merge(values, patch)
    if labels_of is not None:
        if reward["labels"] == "none":
            raise ConfigError(f"--labels-of {labels_of}: the reward {reward_name} trains on golds, not on a label set")
        named_file(configs / "models", labels_of, "model")
    if example is not None and not reward["one_shot"]:
        raise ConfigError(f"--example {example}: the reward {reward_name} is not a one-shot one (one_shot: true)")
    return Cell(
        name=f"{model_name}/{reward_name}/s{seed}",
        model_name=model_name,
        reward_name=reward_name,
        seed=seed,
        model=model,
        settings=build(Settings, values, name),
        labels_of=labels_of or model_name,
        example=example,
        smoke=smoke,
        **reward,
    )


def split_name(name: str) -> tuple[str, str, int]:
    """Model, reward and seed of ``MODEL/REWARD/sSEED``.

    >>> split_name("qwen2.5-math-7b/random-0.5/s3")
    ('qwen2.5-math-7b', 'random-0.5', 3)
    """
    found = re.fullmatch(r"([\w.-]+)/([\w.-]+)/s(\d+)", name)
    if not found:
        raise ConfigError(f"cell {name!r}: write MODEL/REWARD/sSEED, such as qwen2.5-math-7b/random-0.5/s0")
    return found[1], found[2], int(found[3])


def names(kind: str, configs: Path = CONFIGS) -> list[str]:
    """The names of all ``models`` or ``rewards``."""
    return sorted(path.name.removesuffix(".yaml") for path in (configs / kind).glob("*.yaml"))


def named_file(folder: Path, name: str, kind: str) -> Path:
    """``folder/name.yaml``; ConfigError with the nearest name where there is none."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.name.removesuffix(".yaml") for p in folder.glob("*.yaml"))
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"unknown {kind} {name!r}: {hint}there are {', '.join(known)}; a new one is one file there")
    return path


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds one mapping; ConfigError that names file, line and column."""
    try:
        import yaml
    except ImportError:
        raise ConfigError("the configurations are YAML: pip install 'rlvr-verifier[yaml]'") from None
    try:
        value = copy.deepcopy(_parse(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(value).__name__}")
    return value


@functools.lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    import yaml

    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # the C one is ten times faster


def parse_override(item: str | tuple[str, Any]) -> tuple[str, dict[str, Any]]:
    """Where it was said, and the nested patch, of ``key=value``.

    >>> parse_override("rollout.batch_size=32")
    ('--set rollout.batch_size=32', {'rollout': {'batch_size': 32}})
    """
    if isinstance(item, str):
        import yaml

        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {item}: write KEY=VALUE, such as rollout.batch_size=32")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {item}: the value is not readable as YAML") from None
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
            value = float(value)  # 1e-6 is a number to everyone but YAML
        where = f"--set {item}"
    else:
        key, value = item
        where = f"override {key}"
    patch: Any = value
    for part in reversed(key.strip().split(".")):
        patch = {part: patch}
    return where, patch


def base_prompt() -> str:
    """The R1-style prompt with ``{}`` for the problem, from its one home, the lm-eval base tasks."""
    from lm_eval_tasks import TASKS_DIR

    path = TASKS_DIR / "_base.yaml"
    text = read_yaml(path).get("doc_to_text")
    if not isinstance(text, str) or text.count("{{problem}}") != 1:
        raise ConfigError(f"{path}: doc_to_text must hold {{{{problem}}}} once")
    before, after = text.split("{{problem}}")
    return before.replace("{", "{{").replace("}", "}}") + "{}" + after.replace("{", "{{").replace("}", "}}")


def _short(configs: Path, folder: str, name: str) -> str:
    return f"{configs.name}/{folder}/{name}.yaml"


def _reward(values: Mapping[str, Any], where: str, model: Model, seed: int) -> dict[str, Any]:
    """The reward part of a cell, checked."""
    for key in values:
        if key not in _REWARD_KEYS:
            known = ", ".join(sorted(_REWARD_KEYS))
            raise ConfigError(f"{where}: unknown key {key}; known here are {known}")
    for key in ("reward", "extraction"):
        if key not in values:
            raise ConfigError(f"{where}: {key} is missing")
    extraction, labels = values["extraction"], values.get("labels", "none")
    if extraction not in ("ours", "paper"):
        raise ConfigError(f"{where}: extraction is {extraction!r}; it must be ours or paper")
    if labels not in LABEL_SETS:
        raise ConfigError(f"{where}: labels is {labels!r}; it must be one of {', '.join(LABEL_SETS)}")
    if not isinstance(values.get("one_shot", False), bool):
        raise ConfigError(f"{where}: one_shot must be true or false, not {values['one_shot']!r}")
    spec = _complete(values["reward"], f"{where}: reward", extraction, model, seed)
    return {
        "reward": spec,
        "unscored": values.get("unscored", {"reward": 0.0}),
        "extraction": extraction,
        "labels": labels,
        "one_shot": values.get("one_shot", False),
    }


def _complete(spec: Any, where: str, extraction: str, model: Model, seed: int) -> Any:
    """The declarative reward with the cell's extraction and seed where they were left open."""
    if isinstance(spec, list):
        return [_complete(part, f"{where}[{i}]", extraction, model, seed) for i, part in enumerate(spec)]
    if isinstance(spec, str):
        spec = {"kind": spec}
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where}: must be a mapping with a kind, not {spec!r}")
    out = dict(spec)
    if out.get("kind") in _READING:
        out.setdefault("extraction", extraction)
    if out.get("kind") in _READING and model.extraction != "boxed":
        out["config"] = {"extraction": model.extraction} | dict(out.get("config") or {})
    if out.get("kind") in _SEEDED:
        out.setdefault("seed", seed)
    if "of" in out:
        out["of"] = _complete(out["of"], f"{where}.of", extraction, model, seed)
    return out
