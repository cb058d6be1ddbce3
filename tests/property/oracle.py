r"""A second reader of numbers and formulae, independent of the verifier, at 60 decimal digits.

Promises: :func:`value` gives a complex number for plain arithmetic in LaTeX (digits, letters, ``+ - * /``, powers,
roots, fractions, ``\pi``, ``e``, ``i``), each letter standing for a fixed positive number of its own, and None for
everything else: a unit, a word, a list, a relation, anything doubtful (``12\,345``). It is slow and small on purpose;
the rewriting tests use it to prove that a rewrite keeps or changes a value.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import mpmath

DIGITS = 60
_TOKEN = re.compile(r"\d+\.\d+|\.\d+|\d+|\\[a-zA-Z]+|[a-zA-Z]|[-+*/^(){}\[\]]")
_NOISE = re.compile(r"\\(?:left|right|displaystyle|,|;|!|:| )(?![a-zA-Z])|\s+")


class _Doubt(Exception):
    """Not in this reader's small grammar."""


class _Reader:
    """Recursive descent over tokens; every method returns a value and moves on."""

    def __init__(self, text: str) -> None:
        plain = _NOISE.sub(" ", text.replace("dfrac", "frac").replace("tfrac", "frac").replace("cfrac", "frac"))
        if re.search(r"(?<![\\a-zA-Z])(?:pi(?![a-zA-Z])|[a-zA-Z]{3,}|[fghFGHPQ] ?\()", plain):
            raise _Doubt  # words, plain-text names of functions and constants, a function's value
        self.tokens: list[str] = []
        self.glued: list[bool] = []  # whether the token follows the one before without a space
        position = 0
        while position < len(plain):
            if plain[position] == " ":
                position += 1
                continue
            found = _TOKEN.match(plain, position)
            if found is None:
                raise _Doubt
            self.tokens.append(found.group())
            self.glued.append(position > 0 and plain[position - 1] != " ")
            position = found.end()
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, token: str = "") -> str:
        found = self.next
        if not found or (token and found != token):
            raise _Doubt
        self.at += 1
        return found

    def sum(self) -> Any:
        total = self.product()
        while self.next in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self) -> Any:
        if self.next in ("+", "-"):
            return -self.product() if self.take() == "-" else self.product()
        result = self.power()
        while True:
            following = self.next
            if following in ("*", "\\cdot", "\\times"):
                self.take()
                result *= self.signed()
            elif following in ("/", "\\div"):
                self.take()
                result /= self.signed()
                if (
                    self.next
                    and (self.next[0] in "\\({" or self.next.isalnum())
                    and self.next not in ("\\cdot", "\\times")
                ):
                    raise _Doubt  # 1/2x has two readings
            elif following and (following in ("(", "{") or following[0] == "\\" or following.isalpha()):
                if following == "\\frac" and self.tokens[self.at - 1].isdigit():
                    raise _Doubt  # a mixed number, or a product
                result *= self.power()
            elif following and (following[0].isdigit() or following[0] == "."):
                raise _Doubt
            else:
                return result

    def signed(self) -> Any:
        if self.next in ("+", "-"):
            return -self.signed() if self.take() == "-" else self.signed()
        return self.power()

    def power(self) -> Any:
        base = self.atom()
        if self.next == "^":
            self.take()
            exponent = self.argument()
            if abs(exponent) > 400:
                raise _Doubt
            return base**exponent
        return base

    def argument(self) -> Any:
        """What TeX takes as one argument: a group or one token, of a numeral its first digit."""
        token = self.next
        if token == "{":
            return self.atom()
        if token[:1].isdigit():
            self.tokens[self.at] = token[1:]
            if not token[1:]:
                self.at += 1
            elif token[1] == ".":
                raise _Doubt
            return mpmath.mpf(token[0])
        if token[:1] == "\\" or token.isalpha():
            return self.atom()
        raise _Doubt

    def atom(self) -> Any:
        token = self.take()
        if token in ("(", "{"):
            inner = self.sum()
            self.take(")" if token == "(" else "}")
            return inner
        if token[0].isdigit() or token[0] == ".":
            return mpmath.mpf(token)
        if token == "\\frac":
            top = self.argument()
            return top / self.argument()
        if token == "\\sqrt":
            return self.root()
        if token == "\\pi":
            return mpmath.mp.pi + 0
        if token == "e":
            return mpmath.e + 0
        if token == "i":
            return mpmath.mpc(0, 1)
        if len(token) == 1 and token.isalpha():
            return mpmath.log(ord(token))
        raise _Doubt

    def root(self) -> Any:
        index = mpmath.mpf(2)
        if self.next == "[":
            self.take()
            index = self.sum()
            self.take("]")
        body = self.argument()
        if index != 2 and (mpmath.im(body) or body < 0):
            if index % 2 != 1 or mpmath.im(body):
                raise _Doubt
            return -((-body) ** (1 / index))
        return mpmath.sqrt(body) if index == 2 else body ** (1 / index)


@lru_cache(maxsize=100_000)
def value(text: str) -> Any:
    r"""The value, or None.

    >>> value(r"\frac{1}{2}") == value("0.5"), value("5 apples"), value("1,000")
    (True, None, None)
    """
    if len(text) > 2000:
        return None
    with mpmath.workdps(DIGITS):
        try:
            reader = _Reader(text)
            found = reader.sum()
            if reader.next:
                return None
            return mpmath.mpc(found)
        except (_Doubt, ZeroDivisionError, OverflowError, ValueError):
            return None


def symbols(text: str) -> frozenset[str]:
    r"""The letters that stand for variables, without ``e``, ``i`` and those of command names."""
    return frozenset(re.findall(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", text))) - {"e", "i"}


def same(a: Any, b: Any) -> bool:
    """Whether two values agree to 50 digits."""
    with mpmath.workdps(DIGITS):
        return bool(abs(a - b) <= mpmath.mpf(10) ** -50 * max(1, abs(a), abs(b)))


def different(a: Any, b: Any) -> bool:
    """Whether two values differ beyond doubt: by more than 1e-40 of their size."""
    with mpmath.workdps(DIGITS):
        return bool(abs(a - b) > mpmath.mpf(10) ** -40 * max(abs(a), abs(b)))
