r"""Plain arithmetic, read in one pass: the commonest answers, `3/4`, `x^2 - 2x + 1`, `\frac{\sqrt{3}}{2}`.

Promises: `plain` returns the very node that the grammar builds for a text, or None. It knows numerals, lower-case
letters, `\pi`, signs, `+ - * / ^`, juxtaposition, fractions, roots and parentheses, nested a few deep, and lists,
tuples, intervals, their unions and sets of these. Whatever has a second meaning anywhere in the grammar is None and
left to it: a numeral before a fraction or behind an operand, letters side by side, a bare letter, a second sign, a
comma that may part thousands, units, words. A test compares the two on generated texts. It exists for speed alone:
without it every verdict is the same.
"""

from __future__ import annotations

import re

from .config import Limits
from .grammar.numerals import numeral
from .grammar.scripts import symbol
from .nodes import Add, Call, Const, Div, Name, Node, Num, Pow, Seq, SetOp, negate, product

_LONGEST = 80  # characters; no limit of the grammar can be passed by fewer, as `plain` makes sure
_DEEPEST = 6  # brackets and groups, up to three levels of the grammar each
# A space may stand where it has no meaning: around operators, brackets, \pi, before a letter, a root or a fraction.
# `d` may be a differential and `o` a degree.
_TOKEN = re.compile(
    r"\d+(?:\.\d+)?(?![\d.])| ?\\(?:[dt]?frac|sqrt)(?![a-zA-Z])| ?\\(?:pi|cdot|times|infty|cup)(?![a-zA-Z]) ?"
    r"| ?(?:\\left)?[(\[] ?| ?(?:\\right)?[)\]] ?| ?(?:\\left)?\\\{ ?| ?(?:\\right)?\\\} ?"
    r"|(?<![a-z]) ?[abce-np-z](?![a-z])| ?[-+*/,] ?|[{}^]",
    re.ASCII,
)
_THOUSANDS = re.compile(r"\d ?, ?\d{3}", re.ASCII)
_MEANINGS = {
    **dict.fromkeys("abcefghijklmnpqrstuvwxyz", "letter"),
    **{sign: sign for sign in "+-*/^(){}[],"},
    r"\cdot": "*", r"\times": "*", r"\left(": "(", r"\right)": ")", r"\left[": "[", r"\right]": "]",
    r"\{": r"\{", r"\}": r"\}", r"\left\{": r"\{", r"\right\}": r"\}", r"\pi": "pi", r"\infty": "oo", r"\cup": "cup",
    r"\frac": "frac", r"\dfrac": "frac", r"\tfrac": "frac", r"\sqrt": "sqrt",
}  # fmt: skip
_KINDS = {
    f"{before}{token}{after}": kind for token, kind in _MEANINGS.items() for before in ("", " ") for after in ("", " ")
}
_CLOSING = {"(": (")", "]"), "[": (")", "]"), r"\{": (r"\}",)}
_BEFORE_A_LIST = frozenset({"start", ",", "cup", "(", "[", r"\{"})
_BEHIND_A_LIST = frozenset({"end", ",", "cup", ")", "]", r"\}"})
_SQUARE = Num(2)
_CONSTANTS = {"pi": Const("pi"), "oo": Const("oo")}


class _Refused(Exception):
    """The text is the grammar's."""


def plain(text: str, limits: Limits) -> Node | None:
    r"""The node of plain arithmetic, in dollar signs and with a full stop behind it or not; else None.

    >>> from verifier.config import Limits
    >>> plain("$-x$.", Limits())
    Mul(args=(Num(value=-1, decimals=None, digits='', commas=()), Name(name='x')))
    >>> plain(r"3 \text{ cm}", Limits()) is plain("4 2/3", Limits()) is None
    True
    """
    if (
        len(text) > _LONGEST
        or limits.depth < 3 * _DEEPEST + 2
        or min(limits.tokens, limits.digits, limits.members) < 2 * _LONGEST
    ):
        return None
    text = text.strip(" ").removesuffix(".").rstrip(" ")
    if text[:1] == "$" and text[-1:] == "$":
        text = text[1:-1].strip(" ").removesuffix(".").rstrip(" ")
    tokens = _TOKEN.findall(text)
    if not tokens or "".join(tokens) != text or "," in text and _THOUSANDS.search(text):
        return None
    kinds = [_KINDS.get(token, "num") for token in tokens]
    if kinds[0] == "(" and kinds[1:3] == ["letter", ")"]:  # may be a choice
        return None
    kinds.append("end")
    try:
        node = _Plain(tokens, kinds).whole()
    except _Refused:
        return None
    return None if type(node) is Name or type(node) is Const else node


class _Plain:
    """A cursor over the tokens and their kinds; the rules are those of `grammar.expression`."""

    __slots__ = ("at", "depth", "kinds", "tokens")

    def __init__(self, tokens: list[str], kinds: list[str]) -> None:
        self.tokens = tokens
        self.kinds = kinds
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        items = [self.operand()]
        while self.kinds[self.at] == ",":
            self.at += 1
            items.append(self.operand())
        if self.kinds[self.at] != "end":
            raise _Refused
        return items[0] if len(items) == 1 else Seq("", tuple(items))

    def operand(self) -> Node:
        node = self.sum()
        while self.kinds[self.at] == "cup":
            self.at += 1
            right = self.sum()
            node = SetOp("union", (*node.args, right) if type(node) is SetOp else (node, right))
        return node

    def sum(self) -> Node:
        parts = [self.term(signed=True)]
        kinds = self.kinds
        while (kind := kinds[self.at]) == "+" or kind == "-":
            self.at += 1
            term = self.term(signed=False)
            parts.append(term if kind == "+" else negate(term))
        return parts[0] if len(parts) == 1 else Add(tuple(parts))

    def term(self, *, signed: bool) -> Node:
        kinds = self.kinds
        factors = [self.factor() if signed else self.power()]
        while True:
            kind = kinds[self.at]
            if kind == "*":
                self.at += 1
                factors.append(self.factor())
            elif kind == "/":
                self.at += 1
                factors = [Div(product(factors), self.factor())]
            elif kind in ("letter", "pi", "oo", "(", "sqrt", "frac"):
                if kinds[self.at - 1] == "num":
                    before = self.tokens[self.at - 1]  # no mixed number, 2e3 or 0.(3)
                    if kind == "frac" or self.tokens[self.at][-1:] == "e" or kind == "(" and "." in before:
                        raise _Refused
                factors.append(self.power())
            else:
                return product(factors)

    def factor(self) -> Node:
        kind = self.kinds[self.at]
        if kind == "-":
            self.at += 1
            return negate(self.power())
        if kind == "+":
            self.at += 1
        return self.power()

    def power(self) -> Node:
        base = self.primary()
        if self.kinds[self.at] != "^":
            return base
        self.at += 1
        kind = self.kinds[self.at]
        negative = kind == "-" and len(self.tokens[self.at]) == 1
        if negative:
            self.at += 1
            kind = self.kinds[self.at]
        if kind == "{" and not negative:
            exponent = self.group()
        elif kind in ("num", "letter", "("):
            exponent = self.primary()
        else:
            raise _Refused
        if self.kinds[self.at] == "^":
            raise _Refused
        return Pow(base, negate(exponent) if negative else exponent)

    def primary(self) -> Node:
        token, kind = self.tokens[self.at] if self.at < len(self.tokens) else "", self.kinds[self.at]
        self.at += 1
        if kind == "num":
            return Num(int(token), None, token) if "." not in token else numeral(token)
        if kind == "letter":
            token = token.lstrip(" ")
            if token in "fgh" and self.kinds[self.at] == "(":
                raise _Refused  # a function
            return symbol(token)
        if kind == "frac":
            return self.fraction()
        if kind == "sqrt":
            return Call("root", (self.group() if self.kinds[self.at] == "{" else self.digit(), _SQUARE))
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _CLOSING:
            return self.bracketed(kind)
        raise _Refused

    def fraction(self) -> Node:
        if self.kinds[self.at] == "{":
            above = self.group()
            return Div(above, self.group())
        token = self.tokens[self.at] if self.kinds[self.at] == "num" else ""
        if len(token) != 2:
            raise _Refused
        self.at += 1
        return Div(Num(int(token[0]), None, token[0]), Num(int(token[1]), None, token[1]))  # \frac12

    def digit(self) -> Node:
        token = self.tokens[self.at] if self.kinds[self.at] == "num" else ""
        if len(token) != 1:
            raise _Refused
        self.at += 1
        return Num(int(token), None, token)

    def group(self) -> Node:
        if self.kinds[self.at] != "{":
            raise _Refused
        self.at += 1
        self.deeper()
        node = self.sum()
        if self.kinds[self.at] != "}":
            raise _Refused
        self.at += 1
        self.depth -= 1
        return node

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Refused

    def bracketed(self, opening: str) -> Node:
        """A value in parentheses; a tuple, an interval or a set where nothing but a list is around it."""
        start = self.at - 2
        self.deeper()
        items = [self.sum()]
        while self.kinds[self.at] == ",":
            self.at += 1
            items.append(self.sum())
        closing = self.kinds[self.at]
        if closing not in _CLOSING[opening]:
            raise _Refused
        self.at += 1
        self.depth -= 1
        if len(items) == 1 and opening + closing == "()":
            return items[0]
        before = self.kinds[start] if start >= 0 else "start"
        if before not in _BEFORE_A_LIST or self.kinds[self.at] not in _BEHIND_A_LIST:
            raise _Refused
        if opening == r"\{":
            return Seq("{}", tuple(items))
        brackets = opening + closing
        if len(items) == 1 or len(items) != 2 and brackets != "()" or brackets == "[]" and _has_list(items):
            raise _Refused  # no interval, or the rows of a matrix
        return Seq(brackets, tuple(items))


def _has_list(items: list[Node]) -> bool:
    return any(type(item) is Seq for item in items)
