r"""Numerals: thousands, decimals, repeating decimals, mixed numbers, powers of ten.

Promises: every numeral is an exact rational; a separator is dropped only where it is a well-formed
one (the tokenizer's work), and what a comma means at the top level stays open in `Num.commas`.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ..nodes import Add, Div, Mul, Node, Num, Pow
from ..syntax import Token
from .stream import TokenStream
from .tables import FRACTIONS

_SEPARATORS = re.compile(r"[^\d.]")


def numeral(text: str) -> Num:
    """The node of a numeral token, thousands separators and all.

    >>> numeral("12{,}345").value, numeral("0.50").value, numeral("100,200").commas
    (12345, Fraction(1, 2), (100, 200))
    """
    commas: tuple[int, ...] = ()
    if not text.isdigit():
        if "," in text and "\\" not in text and "{" not in text and "." not in text:
            commas = tuple(int(part) for part in text.split(","))
        text = _SEPARATORS.sub("", text)
        whole, point, digits = text.partition(".")
        if point:
            value = Fraction(int(whole + digits or "0"), 10 ** len(digits)) if digits else int(whole)
            return Num(
                value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value,
                len(digits) or None,
                text if digits else whole,
            )
    return Num(int(text), None, text, commas)


class NumeralRules(TokenStream):
    """What may follow a numeral token and still belong to it."""

    def number(self, token: Token) -> Node:
        node = numeral(token.value)
        after = self.tokens[self.at]
        if "." in token.value and (not after.space or after.value in ("ldots", "dots", "cdots")):
            repeating = self.repeating(token.value, after)
            if repeating is not None:
                return repeating
        if after.kind == "word" and not after.space and after.value in ("e", "E"):
            return self._scientific(node, token, after)
        if node.commas and self.brackets:
            # inside brackets a bare comma separates: (1,234) is a pair; the token is split again
            parts = token.value.split(",")
            rest = [Token("num", parts[0], token.pos, token.space)]
            for part in parts[1:]:
                rest += [Token("op", ",", token.pos, False), Token("num", part, token.pos, False)]
            self.tokens[self.at - 1 : self.at] = rest
            return numeral(parts[0])
        return self._mixed(node, after) or node

    def _mixed(self, whole: Num, after: Token) -> Node | None:
        r"""`4\\frac23`, `4 2/3`: a whole number directly before a proper fraction of numerals."""
        if whole.decimals is not None or not whole.digits:
            return None
        found = self._plain_fraction(after)
        if found is None:
            return None
        above, below, end = found
        if not (above.isdigit() and below.isdigit() and 0 < int(above) < int(below)):
            return None
        self.at = end
        return Add((whole, Div(numeral(above), numeral(below))))

    def _plain_fraction(self, first: Token) -> tuple[str, str, int] | None:
        """Two numerals that make a fraction from here on, and where it ends; nothing is consumed."""
        if first.kind != "num" and first.value != "{" and first.value not in FRACTIONS:
            return None
        values = [t.value for t in self.tokens[self.at : self.at + 7]] + [""] * 7
        if first.kind == "num":
            if first.space and values[1] == "/":
                return values[0], values[2], self.at + 3
            return None
        if first.value == "{" and values[2] == "over" and values[4] == "}":
            return values[1], values[3], self.at + 5
        if first.kind != "cmd" or first.value not in FRACTIONS:
            return None
        if values[1] == "{" and values[3] == "}":
            if values[4] == "{" and values[6] == "}":
                return values[2], values[5], self.at + 7
            return (values[2], values[4], self.at + 5) if len(values[4]) == 1 else None
        if len(values[1]) == 2:
            return values[1][0], values[1][1], self.at + 2
        if len(values[1]) == 1 and values[2] == "{" and values[4] == "}":
            return values[1], values[3], self.at + 5
        return None

    def repeating(self, text: str, after: Token) -> Node | None:
        """`0.1\\overline{6}`, `0.\\dot{3}`, `0.(3)`, `0.333...`: exact rationals."""
        at = self.at
        whole, _, fixed = _SEPARATORS.sub("", text).partition(".")
        period = ""
        if after.kind == "cmd" and after.value in ("overline", "bar", "dot"):
            self.at += 1
            braced = self.accept("{")
            token = self.tokens[self.at]
            if token.kind == "num" and token.value.isdigit():
                self.at += 1
                period = token.value if braced or after.value != "dot" else token.value[:1]
                if braced:
                    self.expect("}")
                if after.value == "dot":
                    period += self._last_dotted()
        elif after.kind == "op" and after.value == "(":
            token, closing = self.tokens[self.at + 1], self.tokens[min(self.at + 2, len(self.tokens) - 1)]
            if token.kind == "num" and token.value.isdigit() and closing.value == ")":
                self.at += 3
                period = token.value
        elif (
            after.kind == "cmd"
            and after.value in ("ldots", "dots", "cdots")
            or (after.value == "." and [t.value for t in self.tokens[self.at : self.at + 3]] == ["."] * 3)
        ):
            self.at += 3 if after.value == "." else 1
            found = re.search(r"(\d{1,6}?)\1{2,}$|(\d{2,6})\2$", fixed[-40:])
            if found is None:
                return Num(Fraction(int(whole + fixed), 10 ** len(fixed)), len(fixed), whole + "." + fixed)
            period = found.group(1) or found.group(2)
            fixed = fixed[: -len(found.group())]
        if not period:
            self.at = at
            return None
        scale = 10 ** len(fixed)
        value = Fraction(int((whole + fixed) or "0"), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
        return Num(value.numerator if value.denominator == 1 else value)

    def _last_dotted(self) -> str:
        r"""`1\\dot{7}` behind `0.\\dot{3}`: the period ends at the second dot; empty where there is none."""
        at, between = self.at, ""
        token = self.tokens[at]
        if token.kind == "num" and token.value.isdigit() and not token.space:
            between = token.value
            self.at += 1
        if self.accept("dot", "cmd"):
            braced = self.accept("{")
            token = self.tokens[self.at]
            if token.kind == "num" and token.value.isdigit() and (len(token.value) == 1 or not braced):
                self.split_token(1)
                if braced:
                    self.expect("}")
                return between + token.value[0]
            raise self.error("expected the last digit of a period")
        self.at = at
        return ""

    def _scientific(self, node: Num, token: Token, after: Token) -> Node:
        """`1.2E5`, `1e-12`: a power of ten, unless `2e-1` may mean 2e - 1."""
        sign = self.tokens[self.at + 1]
        signed = sign.kind == "op" and sign.value in "+-" and not sign.space
        digits = self.tokens[min(self.at + 1 + signed, len(self.tokens) - 1)]
        plain = digits.kind == "num" and digits.value.isdigit() and not digits.space
        if not plain or (signed and after.value == "e" and len(digits.value) < 2 and "." not in token.value):
            return node
        self.at += 2 + signed
        exponent = int(digits.value) if len(digits.value) < 7 else 10**7
        exponent = -exponent if signed and sign.value == "-" else exponent
        return Mul((node, Pow(Num(10), Num(exponent))))
