r"""Plain mathematics, read in one pass: the commonest answers, `3/4`, `x^2 - 2x + 1`, `\frac{\sqrt{3}}{2}`, `30^\circ`.

Promises: `plain` returns the very node that the grammar builds for a text, or None. It knows numerals, single letters,
`\pi`, signs, `\pm`, `+ - * / ^`, juxtaposition, fractions, mixed numbers, roots, binomials, functions of one argument,
degrees, percents, factorials, parentheses and matrices, nested a few deep; lists, tuples, intervals, their unions and
sets of these; relations between values; a sum of money, and a value with a known unit behind it. Whatever has a second
meaning anywhere in the grammar is None and left to it: a numeral behind an operand, letters side by side, a bare
letter, a second sign, words. A test compares the two on generated texts. It exists for speed alone: without it every
verdict is the same.
"""

from __future__ import annotations

import re

from .config import DEFAULT_CONFIG, Limits
from .nodes import Call, Const, Degree, Div, Mul, Name, Node, Num, Percent, Pow, Unit, product
from .plain_rules import DEEPEST, PlainReader, Refused
from .plain_tokens import KINDS, plain_tokens
from .syntax import TRANSLATION
from .units import UNITS, unit_name

_LONGEST = 120  # characters; no limit of the grammar can be passed by fewer, as `plain` makes sure
_USUAL = DEFAULT_CONFIG.limits

_SPACES = ("\\,", "\\;", "\\:", "\\!")
_UNIT = re.compile(r"(?:text|textrm|mathrm|mbox)\{ ?((?:square |cubic )?([a-zA-Z]+))\}(?:\^(\d|\{\d\}))?")
_MEASURED = (Num, Mul, Div, Pow, Call)


def plain(text: str, limits: Limits) -> Node | None:
    r"""The node of plain mathematics, with spaces, dollar signs and a full stop around it or not; else None.

    >>> from verifier.config import Limits
    >>> plain("$-x$.", Limits())
    Mul(args=(Num(value=-1, decimals=None, digits='', commas=()), Name(name='x')))
    >>> plain(r"3 \text{ apples}", Limits()) is plain("4 2/3", Limits()) is None
    True
    """
    if len(text) > _LONGEST or limits is not _USUAL and not _generous(limits):
        return None
    if not text.isascii():
        text = text.translate(TRANSLATION)
    if text[-1:] in " .$,;:!":
        text = _without_ends(text)
    tokens = plain_tokens(text)
    return _read(tokens) if tokens else _quantity(text)


def _generous(limits: Limits) -> bool:
    """Whether no text that is read here can pass a limit."""
    return limits.depth >= 3 * DEEPEST + 2 and min(limits.tokens, limits.digits, limits.members) >= 2 * _LONGEST


def _without_ends(text: str) -> str:
    """Without the spaces, dollar signs and full stop that may stand around any answer."""
    text = text.strip(" ").removesuffix(".").rstrip(" ")
    if text[:1] == "$" == text[-1:]:
        return _without_ends(text[1:-1])
    if text[-2:] in _SPACES:
        text = text[:-2].rstrip(" ")
    return text[3:].lstrip(" ") if text[:2] in _SPACES and text[2:3] == " " else text


def _read(tokens: list[str]) -> Node | None:
    kinds = [*map(KINDS.get, tokens), "end"]
    if kinds[0] == "(" and kinds[1:3] == ["letter", ")"]:  # may be a choice
        return None
    try:
        node = PlainReader(tokens, kinds).whole()
    except Refused:
        return None
    return None if type(node) is Name or type(node) is Const else node


def _quantity(text: str) -> Node | None:
    r"""One term and a known unit behind it: `2.5 \text{ cents}`, `12\mbox{ cm}^2`."""
    value, _, last = text.rpartition("\\")
    unit = _UNIT.fullmatch(last)
    tokens = plain_tokens(value.rstrip(" ")) if unit and unit[2] in UNITS else []
    node = _read(tokens) if tokens else None
    if unit is None or not isinstance(node, _MEASURED):
        return None
    name = unit_name(f"{unit[1]} ^{unit[3].strip('{}')}" if unit[3] else unit[1])
    return Degree(node) if name == "°" else Percent(node) if name == "%" else product([node, Unit(name)])
