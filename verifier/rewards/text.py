"""Rewards for how a response is written, whatever it says: box, words, repetition, length.

Promises: a function of the response alone, never None; None as a response counts as an empty one. The traits
themselves are defined in :mod:`verifier.behaviour`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .. import behaviour
from ..rows import Row
from . import _check
from .base import NO_CONTEXT, Context, FieldError, Reward

SHAPES = ("linear", "cosine")
UNITS = ("characters", "words")


@dataclass(frozen=True, slots=True)
class Format(Reward):
    r"""1 where there is at least one box with something in it, right or wrong.

    >>> Format()(r"\boxed{?}", Row("a", "1+1=", "2"))
    1.0
    """

    kind: ClassVar[str] = "format"

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return float(behaviour.has_box(response or ""))


@dataclass(frozen=True, slots=True)
class Contains(Reward):
    """1 where the response contains a word, in any case.

    word: by default the paper's ``python``. fenced: the word must open a fenced block (three backticks before it).

    >>> Contains()("Use Python.", Row("a", "1+1=", "2")), Contains(fenced=True)("Python", Row("a", "1+1=", "2"))
    (1.0, 0.0)
    """

    kind: ClassVar[str] = "contains"
    word: str = "python"
    fenced: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.word, str) or not self.word:
            raise FieldError("word", f"{self.word!r} must be a text that is not empty")
        _check.switch("fenced", self.fenced)

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        test = behaviour.has_fence if self.fenced else behaviour.has_word
        return float(test(response or "", self.word))


@dataclass(frozen=True, slots=True)
class NoRepetition(Reward):
    """0 where some string of 10 to 256 characters stands 10 or more times in a row, else 1.

    >>> NoRepetition()("1 + 1 = 2, " * 10, Row("a", "1+1=", "2"))
    0.0
    """

    kind: ClassVar[str] = "no_repetition"

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return float(not behaviour.repeats(response or ""))


@dataclass(frozen=True, slots=True)
class LengthPenalty(Reward):
    """0 up to ``free``, falling to -1 at ``limit`` and beyond; both in ``unit``.

    shape: ``linear`` is DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13) with L_max = limit and
        L_cache = limit - free. ``cosine`` falls on half a cosine, (cos(pi t) - 1) / 2 for t from 0 to 1: the curve
        of the cosine reward of arXiv 2502.03373 without its dependence on the answer.
    unit: ``characters`` or ``words``. The published ones count tokens, which a reward does not see.

    >>> [LengthPenalty(100, free=50)("x" * n, Row("a", "?", "1")) for n in (50, 75, 100, 999)]
    [0.0, -0.5, -1.0, -1.0]
    """

    kind: ClassVar[str] = "length_penalty"
    limit: int
    free: int = 0
    shape: str = "linear"
    unit: str = "characters"

    def __post_init__(self) -> None:
        _check.whole("limit", self.limit, 1)
        _check.whole("free", self.free, 0)
        if self.free >= self.limit:
            raise FieldError("free", f"{self.free} must be less than limit, {self.limit}")
        _check.choice("shape", self.shape, SHAPES)
        _check.choice("unit", self.unit, UNITS)

    @property
    def bounds(self) -> tuple[float, float]:
        return -1.0, 0.0

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        over = behaviour.length(response or "", self.unit) - self.free
        part = min(1.0, max(0.0, over / (self.limit - self.free)))
        if part in (0.0, 1.0):
            return 0.0 - part  # exact at both ends, and never -0.0
        return -part if self.shape == "linear" else (math.cos(math.pi * part) - 1) / 2
