"""Numerals in a base, ratios and times of day.

Promises: a base is part of the value (`52_8` is not `52_9`, and not 42); a ratio is equal to its
multiples; a time of day is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ..nodes import Based, Div, Mul, Node, Num, Ratio
from ..verdict import Rung
from .base import DIFFERENT, EQUAL, Answer, Context, Outcome, Settings, combine
from .expression import Expression


class BasedNumeral(Answer):
    __slots__ = ("base", "digits", "settings")
    kind: ClassVar[str] = "based"

    def __init__(self, digits: str, base: int, settings: Settings) -> None:
        self.digits = digits.upper()
        self.base = base
        self.settings = settings

    @property
    def form(self) -> str:
        return f"{self.digits}_{self.base}"

    def equals(self, other: BasedNumeral, ctx: Context) -> Outcome:
        return Outcome(self.digits == other.digits and self.base == other.base, Rung.EXACT)

    def gold_views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if not ctx.policy.drop_base or isinstance(other, BasedNumeral):
            return
        if self.digits.isdigit():
            yield Expression(Num(int(self.digits)), self.settings)
        elif _as_digits(other) == self.digits:
            yield other  # `3A7` for `3A7_{12}`

    @property
    def strict(self) -> Answer:
        if self.base == 10:
            return Expression(Num(int(self.digits)), self.settings)
        return self


def _as_digits(answer: Answer) -> str:
    """The characters of an answer that is a run of numerals and capital letters; empty for any other."""
    if answer.kind == "text":
        return answer.form.upper() if answer.form.isalnum() else ""
    if not isinstance(answer, Expression) or not isinstance(answer.node, Mul):
        return ""
    runs = [arg.digits if isinstance(arg, Num) else getattr(arg, "name", "") for arg in answer.node.args]
    return "".join(runs) if all(run.isalnum() and run.isupper() or run.isdigit() for run in runs) else ""


class Proportion(Answer):
    """parts: at least two values. clock: written like a time; suffix: am, pm or empty."""

    __slots__ = ("clock", "parts", "settings", "suffix")
    kind: ClassVar[str] = "ratio"

    def __init__(self, parts: tuple[Expression, ...], clock: bool, suffix: str, settings: Settings) -> None:
        self.parts = parts
        self.clock = clock
        self.suffix = suffix
        self.settings = settings

    @property
    def form(self) -> str:
        text = ":".join(part.form for part in self.parts)
        return f"{text} {self.suffix}".rstrip()

    def equals(self, other: Proportion, ctx: Context) -> Outcome:
        if self.suffix != other.suffix and not (ctx.lenient and "" in (self.suffix, other.suffix)):
            return DIFFERENT
        if len(self.parts) != len(other.parts):
            return DIFFERENT
        if self.clock or other.clock or 0 in (self.parts[-1].rational, other.parts[-1].rational):
            return combine(a.equals(b, ctx) for a, b in zip(self.parts, other.parts, strict=True))
        return combine(
            Expression(Div(a.node, self.parts[-1].node), self.settings).equals(
                Expression(Div(b.node, other.parts[-1].node), self.settings), ctx
            )
            for a, b in zip(self.parts[:-1], other.parts[:-1], strict=True)
        )

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if len(self.parts) == 2 and isinstance(other, Expression) and not self.suffix and self.parts[1].rational != 0:
            yield Expression(Div(self.parts[0].node, self.parts[1].node), self.settings)


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, Based):
        return BasedNumeral(node.digits, node.base, settings)
    if isinstance(node, Ratio):
        parts = tuple(Expression(arg, settings) for arg in node.args)
        clock = bool(node.suffix) or _is_clock(node)
        if not clock and all(part.rational == 0 for part in parts):
            from ..syntax import UndefinedError

            raise UndefinedError("a ratio of zeros")
        return Proportion(parts, clock, node.suffix, settings)
    return None


def _is_clock(node: Ratio) -> bool:
    """`4:30`, `12:00`, `1:05:09`: integers, two digits from the second part on, below sixty."""
    for index, arg in enumerate(node.args):
        if not isinstance(arg, Num) or not isinstance(arg.value, int) or arg.decimals is not None:
            return False
        if index and (len(arg.digits) != 2 or arg.value >= 60) or not index and not 0 <= arg.value <= 24:
            return False
    return len(node.args) in (2, 3)


__all__ = ["EQUAL", "BasedNumeral", "Proportion", "recognise"]
