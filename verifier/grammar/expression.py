r"""The grammar of expressions: values only; statements are `statement`'s.

    additive  := term { ("+" | "-" | "±" | "∓") term }
    term      := unary { ("*" | "/" | juxtaposition) unary }
    unary     := { "+" | "-" } power
    power     := postfix [ "^" script ]
    postfix   := primary { "!" | "'" | "%" | "°" | "_" script }

Promises: one pass, depth and size bounded, no evaluation. What TeX reads, we read; what only a
person writes, we read where it has one meaning.
"""

from __future__ import annotations

from ..nodes import (
    Add,
    Call,
    Div,
    Matrix,
    Mul,
    Name,
    Node,
    Num,
    Percent,
    PlusMinus,
    Pow,
    Seq,
    Unit,
    negate,
    product,
)
from ..syntax import Token
from ..units import CURRENCY_SIGNS
from .commands import CommandRules
from .scripts import primed, script_text
from .tables import DAY_HALVES, DROPPED_WITH_GROUP, FRACTIONS, NOT_OPERANDS, ORDINALS, SPELT, TIMES

_OPENERS = frozenset({"(", "[", "{", "\\{"})
_ADDED = frozenset({"+", "-", "+-", "+/-", "pm", "mp"})
_ENDS_A_TERM = frozenset("+-,;=)]}")  # among operators


_TRANSPOSED = frozenset({"T", "top", "bold T"})


def _transposed(node: Seq | Matrix) -> Node:
    rows = (node.items,) if isinstance(node, Seq) else node.rows
    return Matrix(tuple(zip(*rows, strict=True)))


def _sum(parts: list[Node]) -> Node:
    r"""A sum; a unit behind its last term alone (`36 - 9\sqrt 3 cm`) belongs to the whole."""
    *front, last = parts
    if isinstance(last, Mul) and isinstance(last.args[-1], Unit) and not any(map(_has_unit, (*front, *last.args[:-1]))):
        value = product(list(last.args[:-1]))
        return Mul((Add((*front, value)), last.args[-1]))
    return Add(tuple(parts))


def _has_unit(node: Node) -> bool:
    return isinstance(node, Unit) or isinstance(node, Mul) and any(map(_has_unit, node.args))


class ExpressionParser(CommandRules):
    """Recursive descent from sums down to primaries."""

    def additive(self) -> Node:
        """additive := term { ("+" | "-" | "±" | "∓") term }"""
        parts: list[Node] = []
        token = self.tokens[self.at]
        if self._plus_minus(token):
            left: Node = Num(0)
        else:
            left = self.term()
        parts.append(left)
        while True:
            token = self.tokens[self.at]
            if token.value not in _ADDED:
                return parts[0] if len(parts) == 1 else _sum(parts)
            leads = token.value == "+-" and parts == [Num(0)]  # `+-2` where nothing stands before it
            if token.kind == "op" and token.value in ("+", "-", "+-") and not leads:
                self.at += 1
                term = self.term()
                parts.append(term if token.value == "+" else negate(term))
            elif sign := self._plus_minus(token):
                self.at += 1
                right = self.term()
                parts = [PlusMinus(parts[0] if len(parts) == 1 else Add(tuple(parts)), right, sign)]
            else:
                return parts[0] if len(parts) == 1 else _sum(parts)

    @staticmethod
    def _plus_minus(token: Token) -> int:
        if token.value == "pm" and token.kind == "cmd" or token.value in ("+-", "+/-") and token.kind == "op":
            return 1
        return -1 if token.value == "mp" and token.kind == "cmd" else 0

    def term(self) -> Node:
        """term := unary { ("*" | "/" | juxtaposition) unary }"""
        factors: list[Node] = [self.unary()]
        while True:
            token = self.tokens[self.at]
            kind, value = token.kind, token.value
            if kind == "op" and value in _ENDS_A_TERM or kind == "end":
                break
            if kind == "op" and value == "*" or kind == "cmd" and value in TIMES:
                if self.in_argument:
                    break
                self.at += 1
                unit = self.unit() if isinstance(factors[-1], Unit) and self.tokens[self.at].kind == "text" else None
                factors.append(unit or self.unary())
            elif kind == "op" and value == "/" or kind == "cmd" and value == "div":
                if self.in_argument:
                    break
                self.at += 1
                factors = [self._quotient(factors)]
            elif kind == "cmd" and value in DROPPED_WITH_GROUP:
                self.at += 1
                self._skip_group()
            elif kind == "word" and value in ORDINALS and isinstance(factors[-1], Num):
                self.at += 1
            elif kind in ("cmd", "word") and value in ("bmod", "mod"):
                if self.congruence:
                    break
                self.at += 1
                factors = [Call("mod", (product(factors), self.unary()))]
            elif kind == "num" and isinstance(factors[-1], Unit):  # `5 feet 3 inches`
                return self.compound(factors)
            elif self._starts_operand(token):
                if self.in_argument and self._starts_function(token):
                    break
                found = self._juxtaposed(factors)
                if found == Unit("°"):  # `30 degrees`
                    factors = [self._degrees(product(factors))]
                elif found == Unit("%"):  # `30 percent`
                    factors = [Percent(product(factors))]
                else:
                    factors.append(found)
            else:
                break
        return product(factors)

    def _quotient(self, factors: list[Node]) -> Node:
        """`a b/c` is (a b)/c, and `a/b c` is (a/b) c: left to right, as Python reads it; `AB/CD` is of segments."""
        token, run = self.tokens[self.at], 0
        while run < len(factors) and isinstance(factors[-1 - run], Name) and factors[-1 - run].name.isupper():  # type: ignore[attr-defined]
            run += 1
        if run > 1 and run == len(factors) and token.kind == "word" and token.value.isupper() and len(token.value) == 2:
            self.at += 1
            return Div(product(factors), Mul(tuple(Name(letter) for letter in token.value)))
        return Div(product(factors), self.unary())

    def _juxtaposed(self, factors: list[Node]) -> Node:
        token = self.tokens[self.at]
        last = factors[-1]
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.value in CURRENCY_SIGNS and token.kind != "word" and not self._starts_operand(following):
            self.at += 1
            return Unit(CURRENCY_SIGNS[token.value])  # `18€`
        if token.kind in ("text", "word") and isinstance(last, Num):
            scale = self.scale()
            if scale is not None:
                return scale
        if (token.kind in ("text", "word") or token.value in FRACTIONS) and (
            not isinstance(last, Unit) or token.value.lstrip().startswith("per ") or token.value == "per"
        ):
            unit = self.unit()
            if unit is not None:
                return unit
        return self.power()

    def _starts_operand(self, token: Token) -> bool:
        kind, value = token.kind, token.value
        if kind in ("word", "text") and value in DAY_HALVES and self.tokens[self.at - 1].kind == "num":
            return False
        if kind == "word":
            return not (value == "U" and self.tokens[self.at + 1].value in _OPENERS)  # a union
        if kind == "num":
            return self.tokens[self.at - 1].kind != "num"
        if kind == "text":
            return not self.in_argument
        if kind == "op":
            if value == "|":
                return self.bars == 0 and not (self.braces and self._bar_divides())
            if value == "(" and (self.tokens[self.at + 1].value in ("mod", "bmod") or self.condition_follows()):
                return False
            return value in "({[" and not (value == "[" and self.in_argument) or value in CURRENCY_SIGNS
        if kind == "cmd":
            return value not in NOT_OPERANDS
        return False

    @staticmethod
    def _starts_function(token: Token) -> bool:
        return token.kind == "cmd" and token.value in SPELT or token.kind == "word" and token.value in SPELT

    def unary(self) -> Node:
        """unary := { "+" | "-" } power"""
        negative = False
        while self.tokens[self.at].kind == "op" and self.tokens[self.at].value in "+-":
            negative ^= self.tokens[self.at].value == "-"
            self.at += 1
        node = self.power()
        return negate(node) if negative else node

    def power(self) -> Node:
        """power := postfix [ ("^" | "**") script ] { postfix mark }"""
        base = self.postfix(self.primary())
        while True:
            token = self.tokens[self.at]
            if token.kind == "op" and token.value == "^":
                self.at += 1
                if self._accept_degree(letter=isinstance(base, Num)):
                    base = self._degrees(base)
                    continue
                if isinstance(base, Num) and self._accept_ordinal():
                    continue
                if self.peek("prime", "cmd") or self.peek("'"):
                    self.at += 1
                    base = primed(base)
                    continue
                exponent = self._tower(self.script())
                if isinstance(base, (Seq, Matrix)) and isinstance(exponent, Name) and exponent.name in _TRANSPOSED:
                    base = _transposed(base)
                    continue
            elif token.kind == "op" and token.value == "**":
                self.at += 1
                exponent = self._tower(self.script())
            elif token.kind == "cmd" and token.value in ("circ", "degree"):
                self.at += 1
                base = self._degrees(base)
                continue
            else:
                return base
            base = self.postfix(
                Unit(f"{base.name}^{script_text(exponent)}") if isinstance(base, Unit) else Pow(base, exponent)
            )

    def _accept_ordinal(self) -> bool:
        ahead = self.tokens[self.at : self.at + 3]
        braced = len(ahead) == 3 and ahead[0].value == "{" and ahead[2].value == "}"
        token = ahead[1] if braced else ahead[0]
        if token.kind not in ("word", "text") or token.value not in ORDINALS:
            return False
        self.at += 3 if braced else 1
        return True

    def _bar_divides(self) -> bool:
        """Whether a bar inside set braces stands alone, so that a condition follows."""
        bars = 0
        for token in self.tokens[self.at :]:
            if token.value == "}" and token.kind == "cmd" or token.kind == "end":
                break
            bars += token.value == "|"
        return bars % 2 == 1

    def _tower(self, exponent: Node) -> Node:
        """`2^3^2` and `2**3**2` are 2^(3^2)."""
        if self.accept("^") or self.accept("**"):
            return Pow(exponent, self.nested(lambda: self._tower(self.script())))
        return exponent

    def postfix(self, node: Node) -> Node:
        while True:
            token = self.tokens[self.at]
            if token.kind == "op":
                if token.value == "!":
                    self.at += 1
                    double = self.tokens[self.at]
                    if double.kind == "op" and double.value == "!" and not double.space:
                        self.at += 1
                        node = Call("factorial2", (node,))
                    else:
                        node = Call("factorial", (node,))
                    continue
                if token.value == "%":
                    self.at += 1
                    node = Percent(node)
                    continue
                if token.value == "'":
                    self.at += 1
                    node = primed(node)
                    continue
                if token.value == "_":
                    self.at += 1
                    node = self.subscripted(node)
                    continue
            elif token.kind == "cmd" and token.value == "%":
                self.at += 1
                node = Percent(node)
                continue
            return node

    def primary(self) -> Node:
        token = self.tokens[self.at]
        kind = token.kind
        if kind == "num":
            self.at += 1
            return self.number(token)
        if kind == "word":
            return self.letters(token)
        if kind == "cmd":
            return self.command(token)
        if kind == "text":
            return self.text_operand(token)
        if kind == "op":
            if token.value == "{":
                return self.group()
            if token.value in "([":
                return self.nested(self.bracketed)
            if token.value == "|":
                return self.nested(self._absolute)
            if token.value in CURRENCY_SIGNS:
                self.at += 1
                return self.money(CURRENCY_SIGNS[token.value])
            if token.value in "+-":
                return self.unary()
            if token.value == "_":
                return self.left_scripted()
            if token.value == "." and self.tokens[self.at + 1].value in ("overline", "dot", "bar"):
                self.at += 1
                repeating = self.repeating("0.", self.tokens[self.at])
                if repeating is not None:
                    return repeating
        raise self.error("expected a number, a symbol or a bracket")

    def group(self) -> Node:
        """`{ ... }`: transparent, with `\\over` and `\\choose` inside."""
        self.expect("{")
        if self.accept("}"):  # `{}_5C_2`
            return self.left_scripted()
        node = self.nested(self._group_body)
        self.expect("}")
        return node

    def _group_body(self) -> Node:
        return self.infix(self.additive())

    def infix(self, above: Node) -> Node:
        r"""What `\over` and `\choose` make of the node before them, and of what follows."""
        token = self.tokens[self.at]
        if token.kind != "cmd" or token.value not in ("over", "choose", "atop"):
            return above
        self.at += 1
        below = self.additive()
        return Div(above, below) if token.value == "over" else Call("binom", (above, below))

    def _absolute(self) -> Node:
        self.at += 1
        double = self.accept("|")
        self.bars = 1
        node = self.additive()
        self.expect("|")
        if double:
            self.expect("|")
        return Call("abs", (node,))
