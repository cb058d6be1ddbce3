"""The settings of a training cell: their names, types and bounds, independent of any framework.

Promises: a value that is unknown, of the wrong type or out of bounds is a ConfigError that names where it was given
and its key; settings are frozen and picklable, and ``to_dict`` gives plain JSON-ready values that ``build`` reads back.
Does not: know OpenRLHF's flags (argv.py) or check what depends on the machine (machine.py).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from verifier.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Marks a finite number that must be ``low`` (above it where ``open``) to ``high``."""

    low: float
    high: float = math.inf
    open: bool = False

    def hold(self, value: float) -> bool:
        """Whether the number keeps them."""
        return (self.low < value if self.open else self.low <= value) and value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        low = f"above {self.low}" if self.open else f"at least {self.low}"
        return low if self.high == math.inf else f"{low}, and at most {self.high}"


Count = Annotated[int, Bounds(1)]
Amount = Annotated[float, Bounds(0)]
Share = Annotated[float, Bounds(0, 1)]
Part = Annotated[float, Bounds(0, 1, open=True)]  # a share that must not be nothing


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is sampled in a step. batch_size: prompts; max_new_tokens: tokens of a response at most."""

    batch_size: Count
    samples_per_prompt: Annotated[int, Bounds(2)]  # with one sample a group's advantage is always 0
    micro_batch_size: Count
    max_prompt_tokens: Count
    max_new_tokens: Count
    temperature: Amount
    top_p: Part


@dataclass(frozen=True, slots=True)
class Train:
    """How a step's samples become updates: ``rollout.batch_size * samples_per_prompt / batch_size`` of them."""

    batch_size: Count
    micro_batch_size: Count
    epochs: Count


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Adam. lr: its peak; max_norm: the gradient's clip."""

    lr: Amount
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_min_lr"]
    warmup_ratio: Share
    weight_decay: Amount
    max_norm: Amount


@dataclass(frozen=True, slots=True)
class Algorithm:
    """GRPO is ``group_norm``. clip_low, clip_high: the ratio is clipped to [1 - low, 1 + high]; 1e9 is no clipping."""

    estimator: Literal["group_norm", "dr_grpo", "rloo", "reinforce_baseline"]
    kl: Amount
    clip_low: Amount
    clip_high: Amount
    loss: Literal["token-mean", "seq-mean-token-mean"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What trades speed for memory."""

    zero_stage: Annotated[int, Bounds(0, 3)]
    dtype: Literal["bf16", "fp16"]
    offload_optimizer: bool
    gradient_checkpointing: bool
    packing: bool
    attention: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where it runs.

    layout: ``split`` (half of the GPUs train, half generate), ``colocate`` (all do both in turn), or ``auto``
    (split where the GPUs can be halved). vllm_memory: share of a GPU that vLLM takes when it is not split off.
    cpus_per_gpu: for Slurm and for Ray's resources.
    """

    nodes: Count
    gpus_per_node: Count
    layout: Literal["auto", "split", "colocate"]
    tensor_parallel: Count
    vllm_memory: Part
    enforce_eager: bool
    sync_backend: Literal["nccl", "gloo"]
    cpus_per_gpu: Count
    gpu_hours: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluation during training, ground truth against ``gold`` whatever the training reward.

    samples, temperature: of all sets but those in ``greedy``, which get one greedy response that the group shares.
    """

    every_steps: Annotated[int, Bounds(0)]  # 0: never
    samples: Count
    temperature: Amount
    greedy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """save_every: steps. keep: of the resumable ones. weights: also save plain checkpoints, all kept."""

    save_every: Count
    keep: Count
    resumable: bool
    weights: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Files, relative to the working directory. labels: the folder of label sets. log_share: of training responses."""

    train: str
    eval: str
    labels: str
    log_share: Share


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in ``base.yaml``, after the overrides."""

    steps: Count
    rollout: Rollout
    train: Train
    optimizer: Optimizer
    algorithm: Algorithm
    memory: Memory
    hardware: Hardware
    evaluation: Evaluation
    checkpoint: Checkpoint
    data: Data


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    hub_id: on the hub, or a folder. template: ``chat`` (the model's own) or ``r1`` (the base prompt of lm_eval_tasks).
    system_prompt: None leaves it to the chat template. bos: text before an ``r1`` prompt, because OpenRLHF adds no
    special tokens. stop: strings that end a response, and stay in it. extraction: where its answers stand.
    """

    hub_id: str
    revision: str | None
    family: str
    template: Literal["chat", "r1"]
    system_prompt: str | None
    bos: str
    stop: tuple[str, ...]
    extraction: Literal["boxed", "answer_tag", "any"]
    billions: Amount


def build(cls: type[T], values: Any, where: str, prefix: str = "") -> T:
    """``cls`` from plain values, every field given. Raises ConfigError: unknown, missing, wrong type, out of bounds."""
    check(cls, values, where, prefix)
    out: dict[str, Any] = {}
    for name, kind in get_type_hints(cls).items():
        if name not in values:
            raise ConfigError(f"{where}: {prefix}{name} is missing")
        value = values[name]
        if is_dataclass(kind):
            value = build(cast(type[Any], kind), value, where, f"{prefix}{name}.")
        elif get_origin(kind) is tuple:
            value = tuple(value)
        elif float in (kind, *get_args(kind)) and value is not None:
            value = float(value)
        out[name] = value
    return cls(**out)


def check(cls: type[Any], values: Any, where: str, prefix: str = "") -> None:
    """Whether ``values``, which may be a part only, are fit for ``cls``; ConfigError that names file and key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: {prefix.rstrip('.') or 'the file'} must be a mapping of settings, not {values!r}")
    hints = get_type_hints(cls, include_extras=True)
    for name, value in values.items():
        key = f"{prefix}{name}"
        if name not in hints:
            near = difflib.get_close_matches(str(name), hints, n=1)
            hint = f"did you mean {prefix}{near[0]}? " if near else ""
            raise ConfigError(f"{where}: unknown key {key}; {hint}known here are {', '.join(hints)}")
        if is_dataclass(hints[name]):
            check(cast(type[Any], hints[name]), value, where, key + ".")
        else:
            _check_value(hints[name], value, where, key)


_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _check_value(kind: Any, value: Any, where: str, key: str) -> None:
    bounds = None
    if get_origin(kind) is Annotated:
        kind, bounds = get_args(kind)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(f"{where}: {key} is {value!r}; it must be one of {', '.join(get_args(kind))}")
        return
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{where}: {key} must be a list of texts, not {value!r}")
        return
    options = get_args(kind) or (kind,)
    if value is None and type(None) in options:
        return
    plain = options[0]
    good = isinstance(value, (int, float) if plain is float else plain)
    if not good or (isinstance(value, bool) and plain is not bool):
        hint = " (YAML reads 1e9 as text: write 1.0e+9)" if plain is float and isinstance(value, str) else ""
        raise ConfigError(f"{where}: {key} must be {_WORDS[plain]}, not {value!r}{hint}")
    if bounds is not None and not bounds.hold(value):
        wanted = bounds if math.isfinite(value) else "a finite number"
        raise ConfigError(f"{where}: {key} is {value}; it must be {wanted}")


def merge(values: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with the leaves of ``patch`` in their place.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    out = dict(values)
    for name, value in patch.items():
        nested = isinstance(value, Mapping) and isinstance(out.get(name), Mapping)
        out[name] = merge(out[name], value) if nested else value
    return out


def to_dict(settings: Any) -> Any:
    """Plain JSON-ready values of a settings object."""
    if is_dataclass(settings) and not isinstance(settings, type):
        return {item.name: to_dict(getattr(settings, item.name)) for item in fields(settings)}
    if isinstance(settings, Mapping):
        return {name: to_dict(value) for name, value in settings.items()}
    return [to_dict(item) for item in settings] if isinstance(settings, (list, tuple)) else settings
