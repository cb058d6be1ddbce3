r"""The numerals of an answer's text, and the text with one of them replaced.

Promises: a replaced numeral keeps its look (thousands separators, leading zeros, digits after the point). What the new
text means is the verifier's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SEPARATOR = re.compile(r"\{,\}|\\[,!]|[, ]")
_NUMERAL = re.compile(
    r"(?<![\d.])(?:\d{1,3}(?:(?:\{,\}|,\\!|\\,|,)\d{3})+(?![\d])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)",
)
_SUBSCRIPT = re.compile(r"_\{?\(?\s*$")
_EXPONENT = re.compile(r"\^\{?\(?\s*-?\s*$")
_UNBRACED = (
    (re.compile(r"(\\[dtc]?frac)\s*(\d)"), r"\1{\2}"),
    (re.compile(r"(\\[dtc]?frac\s*\{[^{}]*\})\s*(\d)"), r"\1{\2}"),
    (re.compile(r"(\\sqrt)\s*(\d)"), r"\1{\2}"),
    (re.compile(r"(\^)\s*(\d)"), r"\1{\2}"),
)


def braced(text: str) -> str:
    r"""The text with braces around arguments of one digit, so that a numeral stands alone.

    >>> braced(r"\frac12+\sqrt3^2")
    '\\frac{1}{2}+\\sqrt{3}^{2}'
    """
    for pattern, change in _UNBRACED:
        text = pattern.sub(change, text)
    return text


@dataclass(frozen=True, slots=True)
class Numeral:
    """One numeral of a text. exponent, subscript: whether it stands as one."""

    text: str
    start: int
    end: int
    exponent: bool
    subscript: bool

    @property
    def digits(self) -> str:
        """Its digits without separators and point."""
        return _SEPARATOR.sub("", self.text).replace(".", "")

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        return len(self.text) - self.text.index(".") - 1 if "." in self.text else 0

    def replaced(self, text: str, digits: str) -> str:
        """The whole text with other digits for this numeral, in its look."""
        return text[: self.start] + self._look(digits) + text[self.end :]

    def _look(self, digits: str) -> str:
        digits = digits.rjust(self.decimals + (0 if self.text.startswith(".") else 1), "0")
        whole, part = (digits[: -self.decimals], digits[-self.decimals :]) if self.decimals else (digits, "")
        separator = _SEPARATOR.search(self.text)
        if separator and len(whole) > 3:
            mark = re.search(r"\d((?:\{,\}|,\\!|\\,|,))\d", self.text)
            groups = [whole[max(0, end - 3) : end] for end in range(len(whole), 0, -3)][::-1]
            whole = (mark.group(1) if mark else ",").join(groups)
        return f"{whole}.{part}" if self.decimals else whole


def numerals(text: str) -> Iterator[Numeral]:
    r"""The numerals of a text, in order.

    >>> [(n.text, n.exponent) for n in numerals(r"1,234x^{2}+.5")]
    [('1,234', False), ('2', True), ('.5', False)]
    """
    for found in _NUMERAL.finditer(text):
        before = text[: found.start()]
        exponent, subscript = (pattern.search(before) is not None for pattern in (_EXPONENT, _SUBSCRIPT))
        yield Numeral(found.group(), found.start(), found.end(), exponent, subscript)
