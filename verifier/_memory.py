"""A bounded memory for results that can be worked out again."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Remembers the last ``size // 2`` keys at least and ``size`` at most, in two generations.

    Safe for threads without a lock: each step is one operation on a dict, and what a race drops is only
    worked out again. A value is never false.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, or None."""
        return self._young.get(key) or self._old.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember a value; once a generation is full, the one before it is forgotten."""
        young = self._young
        if len(young) >= self._half:
            self._old = young
            self._young = young = {}
        young[key] = value

    def clear(self) -> None:
        """Forget all."""
        self._young, self._old = {}, {}
