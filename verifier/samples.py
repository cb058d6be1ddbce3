"""Samples of problems: what tells that two of them do not belong together.

Promises: two samples of one problem that tell different prompts, golds or labels, and two that stand in one place among
its samples, are found, with where the first of them stands, in constant time for each sample. Does not promise
more: without prompts, golds and indices nothing tells two problems of one id apart.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

from .errors import InputError
from .rows import plain, prompt_id, prompt_text

Place: TypeAlias = "tuple[int, int]"
"""(number of the source, number of the record)."""


def told(prompt: Any, gold: Any) -> Iterator[tuple[str, str]]:
    """What a sample says of its problem, in a short form: a digest of the prompt, the gold's text."""
    if prompt is not None:
        with suppress(InputError):  # no text; whoever reads the row says so
            yield "prompt", prompt_id(prompt_text(plain(prompt)))
    if gold is not None:
        yield "gold", str(gold)


def two_problems(id: str, name: str) -> str:
    """What is wrong where two samples of one id tell different prompts, golds or labels (``name``)."""
    return f"id {id!r} stands for two {name}s"


def two_samples(id: str, field: str, index: int) -> str:
    """What is wrong where two samples of one id have one index, which stands in ``field``."""
    return f"id {id!r} has two samples with {field} {index}"


class Facts:
    """What the samples of each problem said first, and where."""

    def __init__(self) -> None:
        self._first: dict[tuple[Hashable, str], tuple[Place, str]] = {}

    def __contains__(self, key: tuple[Hashable, str]) -> bool:
        return key in self._first

    def clash(self, problem: Hashable, name: str, fact: str, place: Place) -> Place | None:
        """Note what a sample says; where the first one is that said something else, None where none did.

        >>> facts = Facts()
        >>> [facts.clash("a", "gold", gold, (0, row)) for row, gold in enumerate(["1", "1", "2"], 1)]
        [None, None, (0, 1)]
        """
        first, before = self._first.setdefault((problem, name), (place, fact))
        return None if before == fact else first


class Samples:
    """The samples of one problem: where each stands among them, and in which source and record it was met.

    orders: of each sample in turn, -1 where it has no place of its own.
    """

    __slots__ = ("_highest", "_known", "_met", "orders")

    def __init__(self) -> None:
        self.orders = array("q")
        self._met = array("q")  # source and record, alternating
        self._highest = -1
        self._known: set[int] | None = None  # made when a sample comes that is not behind all before it

    def clash(self, order: int, place: Place) -> Place | None:
        """Note a sample; where the one is that stands in the same place, None where there is none.

        >>> samples = Samples()
        >>> [samples.clash(order, (0, row)) for row, order in enumerate([3, -1, 0, -1, 3], 1)]
        [None, None, None, None, (0, 1)]
        """
        if order <= self._highest and order >= 0:
            if self._known is None:
                self._known = set(self.orders)
            if order in self._known:
                at = 2 * self.orders.index(order)
                return self._met[at], self._met[at + 1]
        self._highest = max(order, self._highest)
        if self._known is not None:
            self._known.add(order)
        self.orders.append(order)
        self._met.extend(place)
        return None
