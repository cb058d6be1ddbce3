"""Words and multiple-choice letters.

Promises: words compare casefolded and as a whole; a choice is its letter, and what stands beside
the letter matters only against an answer that has no letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from .. import nodes
from ..nodes import Node
from ..units import UNITS
from ..verdict import Rung
from ..words import spelled_number
from .base import Answer, Context, Outcome, Settings
from .expression import Expression


class Words(Answer):
    __slots__ = ("words",)
    kind: ClassVar[str] = "text"

    def __init__(self, words: str) -> None:
        self.words = words

    @property
    def form(self) -> str:
        return self.words

    def equals(self, other: Words, ctx: Context) -> Outcome:
        return Outcome(self.words == other.words, Rung.CANONICAL)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if isinstance(other, Choice) and len(self.words) == 1:
            yield Choice(self.words.upper(), None)
        number = spelled_number(self.words)
        if number is not None and isinstance(other, Expression):
            value = number.numerator if number.denominator == 1 else number
            yield Expression(nodes.Num(value), other.settings)


class Choice(Answer):
    """letter: upper case; content: the answer beside it, or None."""

    __slots__ = ("content", "letter")
    kind: ClassVar[str] = "choice"

    def __init__(self, letter: str, content: Answer | None) -> None:
        self.letter = letter
        self.content = content

    @property
    def form(self) -> str:
        return self.letter if self.content is None else f"{self.letter} {self.content.form}"

    def equals(self, other: Choice, ctx: Context) -> Outcome:
        if self.letter != other.letter:
            return Outcome(False, Rung.CANONICAL)
        if self.content is None or other.content is None:
            # the letter alone is enough for the gold's policy, not for equal meaning
            return Outcome(ctx.lenient or self.content is other.content, Rung.CANONICAL)
        return ctx.compare(self.content, other.content, ctx)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        if self.content is not None and ctx.policy.drop_labels and not isinstance(other, Choice):
            yield self.content

    def gold_views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        """`c` for the choice C; a gold `c` is a symbol, and C is another one."""
        node = other.node if isinstance(other, Expression) else None
        if isinstance(node, (nodes.Name, nodes.Const)) and node.name.upper() == self.letter:
            yield other


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, nodes.Text):
        return Words(node.words)
    if isinstance(node, nodes.Choice):
        content = None if node.content is None else settings.recognise(node.content, settings)
        return Choice(node.letter, content)
    if isinstance(node, nodes.Name) and len(node.name) == 1 and node.name in "ABCDEFGHIJ":
        return Choice(node.name, None)
    if isinstance(node, nodes.Mul) and len(node.args) == 2:  # `C Cecile`
        letter, word = node.args
        if isinstance(letter, nodes.Name) and letter.name in tuple("ABCDEFGHIJ") and isinstance(word, nodes.Unit):
            return Choice(letter.name, Words(word.name)) if word.name not in UNITS.values() else None
    if isinstance(node, nodes.NamedSet) and node.name not in ("R", "empty"):
        return Words("the set " + node.name)
    return None


__all__ = ["Choice", "Expression", "Words", "recognise"]
