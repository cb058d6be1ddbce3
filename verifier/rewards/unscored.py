"""What training makes of a response that has no reward, in one setting for every framework; and how rewards travel.

Promises: `Unscored` maps None and nothing else; `UnscoredCount` counts what was mapped and logs it, so that a
broken gold or a hanging checker is never a quiet zero.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _check
from .base import PARTS, FieldError

WAYS = ("reward", "group_mean", "skip")
_log = logging.getLogger(__name__)


def quantise(value: float) -> float:
    """The nearest multiple of 1/1024, as a Python float.

    Group-normalised advantages are (r - mean) / (std + 1e-9) in 32 bits: a group of equal rewards of 0.1 gets
    advantages near 1 by rounding alone, while the mean of equal multiples of 1/1024 is exact and they get 0.

    >>> quantise(0.1), quantise(-1.0), quantise(0)
    (0.099609375, -1.0, 0.0)
    """
    return round(value * PARTS) / PARTS + 0.0


@dataclass(frozen=True, slots=True)
class Unscored:
    """to: ``reward`` puts ``value`` in, ``group_mean`` the mean of the group's scored ones (``value`` where there is
    none), ``skip`` leaves None to a framework that masks it (TRL only).

    >>> Unscored().apply([1.0, None]), Unscored("group_mean").apply([1.0, None, 0.0])
    ([1.0, 0.0], [1.0, 0.5, 0.0])
    """

    to: str = "reward"
    value: float = 0.0

    def __post_init__(self) -> None:
        _check.choice("to", self.to, WAYS)
        object.__setattr__(self, "value", _check.number("value", self.value))
        _check.payable("value", self.value, self.value)

    def apply(self, values: Sequence[float | None]) -> list[float | None]:
        """The values of one group with None mapped; only ``skip`` leaves any."""
        if self.to == "skip":
            return list(values)
        fill = self.value
        if self.to == "group_mean":
            scored = [value for value in values if value is not None]
            fill = sum(scored) / len(scored) if scored else self.value
        return [fill if value is None else value for value in values]

    def describe(self) -> dict[str, float] | str:
        """The declarative form, read by `unscored_from`."""
        return {"reward": self.value} if self.to == "reward" else self.to


def unscored_from(spec: Any, where: str = "unscored") -> Unscored:
    """From ``{reward: VALUE}``, ``group_mean`` or ``skip``; raises ConfigError naming the key.

    >>> unscored_from({"reward": -1}), unscored_from("skip").to
    (Unscored(to='reward', value=-1.0), 'skip')
    """
    if isinstance(spec, Mapping):
        for key in spec:
            if key != "reward":
                raise FieldError(f"{where}.{key}", "unknown key; write {reward: VALUE}, group_mean or skip")
        if "reward" not in spec:
            raise FieldError(where, "is empty; write {reward: VALUE}, group_mean or skip")
        value = _check.number(f"{where}.reward", spec["reward"])
        _check.payable(f"{where}.reward", value, value)
        return Unscored("reward", value)
    if spec not in ("group_mean", "skip"):
        raise FieldError(where, f"{spec!r} is unknown; write {{reward: VALUE}}, group_mean or skip")
    return Unscored(spec)


class UnscoredCount:
    """Counts rewards and how many of them were None; logs the 1st, 10th, 100th, ... Thread-safe.

    >>> count = UnscoredCount("ground_truth")
    >>> count.add([1.0, 0.0]), count.seen, count.unscored
    (None, 2, 0)
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = self.unscored = 0
        self._next = 1
        self._lock = threading.Lock()

    def add(self, values: Iterable[float | None]) -> None:
        """Count the values that a reward gave, before they are mapped."""
        found = list(values)
        with self._lock:
            self.seen += len(found)
            self.unscored += found.count(None)
            if self.unscored < self._next:
                return
            while self._next <= self.unscored:
                self._next *= 10
            seen, unscored = self.seen, self.unscored
        _log.warning("%s: %d of %d responses so far are unscored", self.name, unscored, seen)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
