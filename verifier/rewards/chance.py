"""Rewards with chance in them: a coin instead of an answer, and a faulty channel over any reward.

Promises: every draw is keyed (see :mod:`._draw`) and no key holds the response, its text's hash, the order, the
batch, the retry or the process: a policy cannot learn which response would be paid. Two of them with one seed and
one key share their draw; give them different seeds to make them independent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..answer_types import UNREADABLE, answer_type, answer_types
from ..rows import Row
from . import _check
from ._draw import happens, sample_key
from .base import NO_CONTEXT, Context, FieldError, Reward

NOISES = ("iid", "problem", "answer_type", "surface")
_SURFACE = ((re.compile(r"[0-9]+"), "9"), (re.compile(r"(?<![\\A-Za-z])[A-Za-z]+"), "a"), (re.compile(r"\s+"), ""))
_PER_SAMPLE = frozenset({"visit", "index"})


@dataclass(frozen=True, slots=True)
class Random(Reward):
    """1 with probability gamma, else 0: a function of (seed, id, visit, index), whatever the response.

    >>> Random(1.0)("anything", Row("a", "?", "1", visit=0), Context(index=3))
    1.0
    """

    kind: ClassVar[str] = "random"
    gamma: float
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", _check.number("gamma", self.gamma, 0, 1))
        _check.whole("seed", self.seed)

    @property
    def needs(self) -> frozenset[str]:
        return _PER_SAMPLE

    @property
    def needs_id(self) -> bool:
        return True

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return float(happens(self.gamma, "random", self.seed, *sample_key(self.kind, row, context)))


def surface(gold: str) -> str:
    r"""The pattern of a gold's text: every numeral as 9, every word or letter as a, no spaces; commands stay.

    >>> surface(r"\frac{17}{4}"), surface("x = -3.50"), surface("12 cm")
    ('\\frac{9}{9}', 'a=-9.9', '9a')
    """
    for pattern, by in _SURFACE:
        gold = pattern.sub(by, gold)
    return gold


def _is_surface(text: str) -> bool:
    """Whether a gold can have this pattern: its numerals are of 9s, its words of a's, and it has no spaces."""
    return all(set(found) <= {by} for pattern, by in _SURFACE for found in pattern.findall(text))


@dataclass(frozen=True, slots=True)
class Noise(Reward):
    """A faulty channel: a 0 of ``of`` becomes 1 at the rate false_positive, a 1 becomes 0 at false_negative.

    by: what one fault holds for. ``iid``: one sample (seed, id, visit, index). ``problem``: every response to a
        problem (seed, id). ``answer_type``, ``surface``: every problem whose gold has that type or that pattern
        (`answer_type`, `surface`), as a grader fails that cannot read fractions.
    only: the types (of `verifier.answer_types`, as for `verifier corrupt --type`), or the patterns, that are prone to
        faults; empty for all. Elsewhere the channel is clean.

    A value between 0 and 1 counts as a 1 above one half, and a fault turns v into 1 - v. None stays None.
    """

    kind: ClassVar[str] = "noise"
    of: Reward
    false_positive: float = 0.0
    false_negative: float = 0.0
    seed: int = 0
    by: str = "iid"
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check.truth("of", self.of)
        for name in ("false_positive", "false_negative"):
            object.__setattr__(self, name, _check.number(name, getattr(self, name), 0, 1))
        _check.whole("seed", self.seed)
        _check.choice("by", self.by, NOISES)
        if not isinstance(self.only, (tuple, list)) or not all(isinstance(name, str) for name in self.only):
            raise FieldError("only", f"{self.only!r} must be a list of texts")
        if self.only and self.by not in ("answer_type", "surface"):
            raise FieldError("only", f"has no meaning by {self.by}; use by: answer_type or by: surface")
        known = (*answer_types(), UNREADABLE) if self.only and self.by == "answer_type" else ()
        for place, name in enumerate(self.only):
            if known:
                _check.choice(f"only[{place}]", name, known)
            elif not _is_surface(name):
                raise FieldError(
                    f"only[{place}]", f"no gold has the pattern {name!r}; that of such a gold is {surface(name)!r}"
                )
        object.__setattr__(self, "only", tuple(self.only))

    @property
    def needs(self) -> frozenset[str]:
        return self.of.needs | _PER_SAMPLE if self.by == "iid" else self.of.needs

    @property
    def needs_id(self) -> bool:
        return self.by in ("iid", "problem") or self.of.needs_id

    @property
    def needs_label(self) -> bool:
        return self.of.needs_label

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return self._through(self.of(response, row, context), row, context)

    def over_group(self, responses: Sequence[str | None], row: Row) -> list[float | None]:
        values = self.of.over_group(responses, row)
        return [self._through(value, row, Context(index)) for index, value in enumerate(values)]

    def _through(self, value: float | None, row: Row, context: Context) -> float | None:
        key = self._key(row, context)
        if value is None or key is None:
            return value
        rate = self.false_negative if value > 0.5 else self.false_positive
        return 1.0 - value if happens(rate, "noise", self.by, self.seed, *key) else value

    def _key(self, row: Row, context: Context) -> tuple[str | int, ...] | None:
        """What the draw hangs on, None where no fault can happen."""
        if self.by == "iid":
            return sample_key(self.kind, row, context)
        if self.by == "problem":
            return (row.id,)
        name = answer_type(row.gold) if self.by == "answer_type" else surface(row.gold)
        return None if self.only and name not in self.only else (name,)
