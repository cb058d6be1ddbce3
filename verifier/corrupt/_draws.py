"""Keyed draws: the same key gives the same numbers, in any order, process or retry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def digest(*key: str | int) -> int:
    """128 bits over a key; keys that differ anywhere are independent for all that a run can see."""
    text = json.dumps(key)  # ASCII: a lone surrogate is an escape
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


class Draws:
    """A sequence of draws under one key; what is drawn depends on the key and on the draws before.

    >>> Draws(0, "a").below(100) == Draws(0, "a").below(100)
    True
    """

    def __init__(self, *key: str | int) -> None:
        self._key = key
        self._drawn = 0

    def _next(self) -> int:
        self._drawn += 1
        return digest(*self._key, self._drawn)

    def below(self, end: int) -> int:
        """A whole number from 0 to ``end - 1``, each as likely as another but for one part in 2**64 at most."""
        return self._next() % end

    def happens(self, probability: float) -> bool:
        """Whether an event of this probability happens."""
        return self._next() < probability * 2.0**128

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """The items in a drawn order."""
        left = list(items)
        for last in range(len(left) - 1, 0, -1):
            other = self.below(last + 1)
            left[last], left[other] = left[other], left[last]
        return left
