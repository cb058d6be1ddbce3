"""Rewards made of rewards.

Promises: the three-valued logic of Kleene, where None is "unknown": an operator gives a value exactly where every
value that the unknown parts could take leads to it. `Sum` and `Clip` of None are None. Needs are those of the
parts, and over a group each part sees the whole group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..rows import Row
from . import _check
from .base import NO_CONTEXT, Context, FieldError, Reward


class _Of(Reward):
    """Of one reward or several; `_value` makes one value of theirs."""

    __slots__ = ()
    of: Reward | tuple[Reward, ...]

    @property
    def parts(self) -> tuple[Reward, ...]:
        return self.of if isinstance(self.of, tuple) else (self.of,)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(part.needs for part in self.parts))

    @property
    def needs_id(self) -> bool:
        return any(part.needs_id for part in self.parts)

    @property
    def needs_label(self) -> bool:
        return any(part.needs_label for part in self.parts)

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return self._value([part(response, row, context) for part in self.parts])

    def over_group(self, responses: Sequence[str | None], row: Row) -> list[float | None]:
        columns = [part.over_group(responses, row) for part in self.parts]
        return [self._value(values) for values in zip(*columns, strict=True)]

    def _value(self, values: Sequence[float | None]) -> float | None:
        raise NotImplementedError


def _truths(reward: All | Any | Not) -> None:
    if isinstance(reward, Not):
        _check.truth("of", reward.of)
        return
    object.__setattr__(reward, "of", _check.members(reward.of))
    for place, part in enumerate(reward.of):
        _check.truth(f"of[{place}]", part)


def _extreme(values: Sequence[float | None], choose: Callable[..., float], decides: float) -> float | None:
    """The least or greatest value; None where an unknown could still change it."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) and decides not in known:
        return None
    return choose(known)


@dataclass(frozen=True, slots=True)
class All(_Of):
    r"""Every one of ``of``: their least value; 0 where one is 0, whatever the unknown ones are.

    >>> from verifier.rewards import Contains, GroundTruth
    >>> All((GroundTruth(), Not(Contains("python"))))(r"By hand: \boxed{2}", Row("a", "1+1=", "2"))
    1.0
    """

    kind: ClassVar[str] = "all"
    of: tuple[Reward, ...]

    def __post_init__(self) -> None:
        _truths(self)

    def _value(self, values: Sequence[float | None]) -> float | None:
        return _extreme(values, min, 0.0)


@dataclass(frozen=True, slots=True)
class Any(_Of):
    """At least one of ``of``: their greatest value; 1 where one is 1, whatever the unknown ones are."""

    kind: ClassVar[str] = "any"
    of: tuple[Reward, ...]

    def __post_init__(self) -> None:
        _truths(self)

    def _value(self, values: Sequence[float | None]) -> float | None:
        return _extreme(values, max, 1.0)


@dataclass(frozen=True, slots=True)
class Not(_Of):
    """1 minus ``of``; None for None."""

    kind: ClassVar[str] = "not"
    of: Reward

    def __post_init__(self) -> None:
        _truths(self)

    def _value(self, values: Sequence[float | None]) -> float | None:
        return None if values[0] is None else 1.0 - values[0]


@dataclass(frozen=True, slots=True)
class Sum(_Of):
    """The weighted sum of ``of``; None where one of them is None. weights: one for each, by default 1."""

    kind: ClassVar[str] = "sum"
    of: tuple[Reward, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", _check.members(self.of))
        weights = (1.0,) * len(self.of) if self.weights == () else self.weights  # not `or`: 0 is no list of weights
        if not isinstance(weights, (tuple, list)):
            raise FieldError("weights", f"{weights!r} must be a list of numbers")
        if len(weights) != len(self.of):
            raise FieldError("weights", f"{len(weights)} weights for {len(self.of)} rewards; each needs one")
        checked = tuple(_check.number(f"weights[{place}]", weight) for place, weight in enumerate(weights))
        object.__setattr__(self, "weights", checked)
        _check.payable("weights", *self.bounds)

    @property
    def bounds(self) -> tuple[float, float]:
        pairs = [
            sorted(weight * end for end in part.bounds) for part, weight in zip(self.of, self.weights, strict=True)
        ]
        return sum(low for low, _ in pairs), sum(high for _, high in pairs)

    def _value(self, values: Sequence[float | None]) -> float | None:
        total = 0.0
        for value, weight in zip(values, self.weights, strict=True):
            if value is None:
                return None
            total += weight * value
        return total


@dataclass(frozen=True, slots=True)
class Clip(_Of):
    """``of``, but at least ``low`` and at most ``high``; None for None."""

    kind: ClassVar[str] = "clip"
    of: Reward
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check.reward("of", self.of)
        for name in ("low", "high"):
            object.__setattr__(self, name, _check.number(name, getattr(self, name)))
        if self.low > self.high:
            raise FieldError("low", f"{self.low:g} must not be above high, {self.high:g}")
        low, high = self.bounds
        _check.payable("low" if low > 0 else "high", low, high)

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = (min(self.high, max(self.low, end)) for end in self.of.bounds)
        return low, high

    def _value(self, values: Sequence[float | None]) -> float | None:
        return None if values[0] is None else min(self.high, max(self.low, values[0]))
