r"""The grammar of expressions: tokens to nodes (values only; statements are `parse`'s).

    additive  := term { ("+" | "-" | "±" | "∓") term }
    term      := unary { ("*" | "/" | juxtaposition) unary }
    unary     := { "+" | "-" } power
    power     := postfix [ "^" script ]
    postfix   := primary { "!" | "'" | "%" | "°" | "_" script }

Promises: one pass, depth and size bounded, no evaluation, no regular expression over the whole
text. What TeX reads, we read (`\frac143` is (1/4)3); what only a person writes, we read where it
has one meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from .config import Limits
from .nodes import (
    Add,
    Based,
    Big,
    Call,
    Const,
    Degree,
    Div,
    Mul,
    Name,
    Node,
    Num,
    Percent,
    PlusMinus,
    Pow,
    Unit,
)
from .syntax import LimitError, ParseError, Token, normalise, tokenize
from .units import BARE_UNITS, CURRENCY_SIGNS, canonical_unit
from .words import is_word

# Spelling of a function -> our name. Each takes one argument unless _ARITY says more.
FUNCTIONS = {
    **{f: f for f in "sin cos tan cot sec csc sinh cosh tanh coth ln log lg exp gcd lcm max min det floor ceil abs".split()},
    **{f"arc{f}": f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()},
    **{f"a{f}": f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()},
    "arg": "arg", "Arg": "arg", "Re": "re", "Im": "im", "re": "re", "im": "im", "sgn": "sign", "sign": "sign",
    "Abs": "abs", "sqrt": "sqrt", "cbrt": "cbrt", "cis": "cis", "ceiling": "ceil", "factorial": "factorial",
    "binomial": "binom", "binom": "binom", "comb": "binom", "tg": "tan", "ctg": "cot", "cosec": "csc",
    "arctg": "arctan", "conjugate": "conj", "Max": "max", "Min": "min", "Mod": "mod", "mod": "mod", "nCr": "binom",
    "root": "root", "logbase": "log", "trace": "tr", "tr": "tr", "deg": "deg", "dim": "dim", "Pr": "Pr", "erf": "erf",
}  # fmt: skip
_SPELT = frozenset(f for f in FUNCTIONS if f not in ("deg", "dim", "re", "im", "mod"))
_INVERSE = {f: f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()}
_CONSTANTS = {"pi": "pi", "infty": "oo", "infin": "oo", "oo": "oo", "inf": "oo", "Infinity": "oo", "infinity": "oo"}
_LETTERS = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma "
    "varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar "
    "ldots dots cdots vdots square Box aleph imath jmath dotsc".split()
)
_ALIASES = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma",
            "dots": "ldots", "cdots": "ldots", "dotsc": "ldots", "Box": "square"}  # fmt: skip
_TRANSPARENT = frozenset(
    "mathbb mathcal mathfrak mathscr boxed fbox underline text textbf mathrm operatorname textrm mbox boldsymbol mathit "
    "textit mathsf hbox emph bm pmb textnormal overset smash vphantom cancel textsc texttt textsf Large large".split()
)
_DECORATED = {"mathbf": "bold", "vec": "vec", "overrightarrow": "vec", "hat": "hat", "widehat": "hat", "tilde": "tilde",
              "overline": "bar", "bar": "bar", "dot": "dot", "ddot": "ddot", "widetilde": "tilde", "overleftrightarrow": "line"}  # fmt: skip
_DROPPED_WITH_GROUP = frozenset("hspace vspace phantom hphantom tag label color textcolor colorbox kern mkern".split())
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac", "flatfrac"})
_BINOMIALS = frozenset({"binom", "dbinom", "tbinom"})
_TIMES = frozenset({"times", "cdot", "ast", "cdotp", "bullet", "star"})
_PREFIX_NAMES = frozenset({"angle", "triangle", "measuredangle", "odot", "bigtriangleup", "Box", "widehat", "overparen", "square"})
_USER_FUNCTIONS = frozenset({"f", "g", "h", "F", "G", "H", "phi", "psi", "Phi", "Psi"})
_IMAGINARY = "i"
_SEPARATORS = re.compile(r"[^\d.]")
_SCIENTIFIC_TAIL = re.compile(r"[eE]$")


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
                text,
            )
    return Num(int(text), None, text, commas)


class ExpressionParser:
    """Recursive descent over one token list. `self.at` is the next token's index."""

    def __init__(self, tokens: list[Token], limits: Limits) -> None:
        self.tokens = tokens
        self.limits = limits
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |...| pairs
        self.brackets = 0  # open ( [ \{ ... where a comma separates members
        self.in_argument = 0  # inside an argument without parentheses: `\sin 2x`

    # -- tokens ---------------------------------------------------------------------------------

    def peek(self, value: str, kind: str = "op") -> bool:
        token = self.tokens[self.at]
        return token.value == value and token.kind == kind

    def accept(self, value: str, kind: str = "op") -> bool:
        if self.peek(value, kind):
            self.at += 1
            return True
        return False

    def expect(self, value: str, kind: str = "op") -> None:
        if not self.accept(value, kind):
            raise self.error(f"expected {value!r}")

    def error(self, message: str) -> ParseError:
        token = self.tokens[self.at]
        found = "the end" if token.kind == "end" else repr(token.value)
        return ParseError(f"{message}, found {found}", token.pos)

    def nested(self, parse: Callable[[], Node]) -> Node:
        """Run a rule one level deeper. Raises LimitError past the depth limit."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise LimitError(f"nesting deeper than {self.limits.depth}")
        bars, self.bars = self.bars, 0
        argument, self.in_argument = self.in_argument, 0
        node = parse()
        self.depth -= 1
        self.bars, self.in_argument = bars, argument
        return node

    # -- sums and products ----------------------------------------------------------------------

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
            if token.kind == "op" and token.value in ("+", "-", "+-"):
                self.at += 1
                term = self.term()
                parts.append(term if token.value == "+" else negate(term))
            elif sign := self._plus_minus(token):
                self.at += 1
                right = self.term()
                parts = [PlusMinus(parts[0] if len(parts) == 1 else Add(tuple(parts)), right, sign)]
            else:
                return parts[0] if len(parts) == 1 else Add(tuple(parts))

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
            if kind == "op" and value == "*" or kind == "cmd" and value in _TIMES:
                if self.in_argument:
                    break
                self.at += 1
                factors.append(self.unary())
            elif kind == "op" and value == "/" or kind == "cmd" and value == "div":
                if self.in_argument:
                    break
                self.at += 1
                factors = [self._quotient(factors)]
            elif kind == "cmd" and value in ("bmod", "mod"):
                self.at += 1
                factors = [Call("mod", (product(factors), self.unary()))]
            elif self._starts_operand(token):
                if self.in_argument and self._starts_function(token):
                    break
                factors.append(self._juxtaposed(factors))
            else:
                break
        return product(factors)

    def _quotient(self, factors: list[Node]) -> Node:
        """`a b/c` is (a b)/c, and `a/b c` is (a/b) c: left to right, as Python reads it."""
        return Div(product(factors), self.unary())

    def _juxtaposed(self, factors: list[Node]) -> Node:
        token = self.tokens[self.at]
        last = factors[-1]
        if token.value in CURRENCY_SIGNS and token.kind == "op" and not self._starts_operand(self.tokens[self.at + 1]):
            self.at += 1
            return Unit(CURRENCY_SIGNS[token.value])  # `18€`
        if token.kind in ("text", "word") and not isinstance(last, Unit):
            unit = self._unit()
            if unit is not None:
                return unit
        return self.power()

    def _starts_operand(self, token: Token) -> bool:
        kind, value = token.kind, token.value
        if kind in ("word", "text") and value in DAY_HALVES and self.tokens[self.at - 1].kind == "num":
            return False
        if kind == "word":
            return True
        if kind == "num":
            return self.tokens[self.at - 1].kind != "num"
        if kind == "text":
            return not self.in_argument
        if kind == "op":
            if value == "|":
                return self.bars == 0
            return value in "({[" and not (value == "[" and self.in_argument) or value in CURRENCY_SIGNS
        if kind == "cmd":
            return value not in _NOT_OPERANDS
        return False

    @staticmethod
    def _starts_function(token: Token) -> bool:
        return token.kind == "cmd" and token.value in _SPELT or token.kind == "word" and token.value in _SPELT

    def unary(self) -> Node:
        """unary := { "+" | "-" } power"""
        negative = False
        while self.tokens[self.at].kind == "op" and self.tokens[self.at].value in "+-":
            negative ^= self.tokens[self.at].value == "-"
            self.at += 1
        node = self.power()
        return negate(node) if negative else node

    # -- powers and postfixes -------------------------------------------------------------------

    def power(self) -> Node:
        """power := postfix [ ("^" | "**") script ] { postfix mark }"""
        base = self.postfix(self.primary())
        while True:
            if self.peek("^"):
                self.at += 1
                if self._accept_degree():
                    base = self._degrees(base)
                    continue
                if self.peek("prime", "cmd") or self.peek("'"):
                    self.at += 1
                    base = _primed(base)
                    continue
                exponent = self.script()
            elif self.accept("**"):
                exponent = self.unary()
            elif self.tokens[self.at].kind == "cmd" and self.tokens[self.at].value in ("circ", "degree"):
                self.at += 1
                base = self._degrees(base)
                continue
            else:
                return base
            base = self.postfix(Unit(f"{base.name}^{_script_text(exponent)}") if isinstance(base, Unit) else raised(base, exponent))

    def _accept_degree(self) -> bool:
        at = self.at
        if self.accept("{"):
            if (self.accept("circ", "cmd") or self.accept("degree", "cmd") or self.accept("o", "word")) and self.accept("}"):
                return True
            self.at = at
            return False
        return self.accept("circ", "cmd") or self.accept("degree", "cmd")

    def _degrees(self, base: Node) -> Node:
        """`30^\\circ`, `60^\\circ 30' 15''`, `20^\\circ C`."""
        token = self.tokens[self.at]
        if token.kind in ("word", "text") and token.value.strip() in ("C", "F", "K"):
            self.at += 1
            return Mul((base, Unit("°" + token.value.strip())))
        node = base
        for marks, scale in ((1, 60), (2, 3600)):
            ahead = self.tokens[self.at : self.at + 1 + marks]
            if len(ahead) == 1 + marks and ahead[0].kind == "num" and all(t.value in ("'", "prime") for t in ahead[1:]):
                node = Add((node, Div(numeral(ahead[0].value), Num(scale))))
                self.at += 1 + marks
        return Degree(node)

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
                    node = _primed(node)
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

    def subscripted(self, node: Node) -> Node:
        """`52_8` is a number in a base; `x_1` a name."""
        at = self.at
        if isinstance(node, (Num, Based)) and isinstance(node, Num) and node.digits:
            digit = self.script()
            if isinstance(digit, Num) and isinstance(digit.value, int) and 2 <= digit.value <= 36:
                if node.decimals is None and all(int(d, 36) < digit.value for d in node.digits):
                    return Based(node.digits.lstrip("0") or "0", digit.value)
                raise ParseError("a digit is too large for the base", self.tokens[at].pos)
            raise ParseError("a numeral with a subscript that is no base", self.tokens[at].pos)
        label = self._raw_script()
        if isinstance(node, Name):
            return Name(f"{node.name}_{label}")
        if isinstance(node, Const):
            return Name(f"{node.name}_{label}")
        raise ParseError("a subscript on something that is no name", self.tokens[at].pos)

    def _raw_script(self) -> str:
        """The text of a subscript, as one label."""
        if not self.accept("{"):
            token = self.tokens[self.at]
            if token.kind == "end":
                raise self.error("expected a subscript")
            self.at += 1
            return token.value
        label: list[str] = []
        depth = 1
        while True:
            token = self.tokens[self.at]
            if token.kind == "end":
                raise self.error("expected '}'")
            self.at += 1
            if token.kind == "op":
                depth += (token.value == "{") - (token.value == "}")
                if depth == 0:
                    return "".join(label)
            label.append(token.value)

    def script(self) -> Node:
        """A superscript or a base: a group, or one signed operand (`x^10` is x to the tenth)."""
        if self.peek("{"):
            return self.group()
        negative = self.accept("-")
        if not negative:
            self.accept("+")
        token = self.tokens[self.at]
        if token.kind == "num":
            self.at += 1
            node: Node = numeral(token.value)
        elif token.kind == "word":
            node = self.one_letter()
        elif token.kind == "cmd" and token.value in ("ast", "star", "dagger"):
            self.at += 1
            node = Name(token.value)
        else:
            node = self.nested(self.primary)
        return negate(node) if negative else node

    def one_letter(self) -> Node:
        """The first symbol of a run of letters; the rest stays for the next operand."""
        token = self.tokens[self.at]
        for size in range(len(token.value), 1, -1):
            if token.value[:size] in _CONSTANTS:
                break
        else:
            size = 1
        self._split_token(size)
        return _symbol(token.value[:size])

    def _split_token(self, size: int) -> None:
        token = self.tokens[self.at]
        if size == len(token.value):
            self.at += 1
        else:
            rest = Token(token.kind, token.value[size:], token.pos + size, False)
            self.tokens[self.at] = rest

    # -- primaries ------------------------------------------------------------------------------

    def primary(self) -> Node:
        token = self.tokens[self.at]
        kind = token.kind
        if kind == "num":
            self.at += 1
            return self._number(token)
        if kind == "word":
            return self._letters(token)
        if kind == "cmd":
            return self._command(token)
        if kind == "text":
            return self._text_operand(token)
        if kind == "op":
            if token.value == "{":
                return self.group()
            if token.value in "([":
                return self.nested(self.bracketed)
            if token.value == "|":
                return self.nested(self._absolute)
            if token.value in CURRENCY_SIGNS:
                self.at += 1
                return Mul((self.power(), Unit(CURRENCY_SIGNS[token.value])))
            if token.value in "+-":
                return self.unary()
        raise self.error("expected a number, a symbol or a bracket")

    def group(self) -> Node:
        """`{ ... }`: transparent, with `\\over` and `\\choose` inside."""
        self.expect("{")
        node = self.nested(self._group_body)
        self.expect("}")
        return node

    def _group_body(self) -> Node:
        if self.peek("}"):
            raise self.error("an empty group")
        node = self.additive()
        token = self.tokens[self.at]
        if token.kind == "cmd" and token.value in ("over", "choose", "atop"):
            self.at += 1
            below = self.additive()
            return Div(node, below) if token.value == "over" else Call("binom", (node, below))
        return node

    def bracketed(self) -> Node:
        """Overridden by the statement grammar, which knows tuples and intervals."""
        raise NotImplementedError

    def _absolute(self) -> Node:
        self.at += 1
        double = self.accept("|")
        self.bars = 1
        node = self.additive()
        self.expect("|")
        if double:
            self.expect("|")
        return Call("abs", (node,))

    def _number(self, token: Token) -> Node:
        node = numeral(token.value)
        after = self.tokens[self.at]
        if "." in token.value and not after.space:
            repeating = self._repeating(token.value, after)
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
        r"""`4\frac23`, `4 2/3`: a whole number directly before a proper fraction of numerals."""
        if whole.decimals is not None or not whole.digits:
            return None
        start, tokens = self.at, self.tokens
        if after.kind == "cmd" and after.value in _FRACTIONS:
            self.at += 1
            try:
                above, below = self.argument(), self.argument()
            except ParseError:
                self.at = start
                return None
        elif after.kind == "num" and after.space and tokens[self.at + 1].value == "/" and tokens[self.at + 2].kind == "num":
            above, below = numeral(after.value), numeral(tokens[self.at + 2].value)
            self.at += 3
        else:
            return None
        if isinstance(above, Num) and isinstance(below, Num) and isinstance(above.value, int) and isinstance(below.value, int) and 0 < above.value < below.value:
            return Add((whole, Div(above, below)))
        self.at = start
        return None

    def _repeating(self, text: str, after: Token) -> Node | None:
        """`0.1\\overline{6}`, `0.\\dot{3}`, `0.(3)`, `0.333...`: exact rationals."""
        at = self.at
        whole, _, fixed = text.partition(".")
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
                if after.value == "dot" and self.peek("dot", "cmd"):
                    raise self.error("a repeating decimal marked by two dots is not read")
        elif after.kind == "op" and after.value == "(":
            token, closing = self.tokens[self.at + 1], self.tokens[min(self.at + 2, len(self.tokens) - 1)]
            if token.kind == "num" and token.value.isdigit() and closing.value == ")":
                self.at += 3
                period = token.value
        elif after.kind == "cmd" and after.value in ("ldots", "dots", "cdots") or (
            after.value == "." and [t.value for t in self.tokens[self.at : self.at + 3]] == ["."] * 3
        ):
            self.at += 3 if after.value == "." else 1
            found = re.search(r"(\d{1,6}?)\1{2,}$|(\d{2,6})\2$", fixed)
            if found is None:
                return Num(Fraction(int(whole + fixed), 10 ** len(fixed)), len(fixed), whole + "." + fixed)
            period = found.group(1) or found.group(2)
            fixed = fixed[: found.start()]
        if not period:
            self.at = at
            return None
        scale = 10 ** len(fixed)
        value = Fraction(int((whole + fixed) or "0"), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
        return Num(value.numerator if value.denominator == 1 else value)

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

    def _text_operand(self, token: Token) -> Node:
        word = token.value.strip(" .")
        if word in FUNCTIONS and len(word) > 1:
            self.at += 1
            return self.function(FUNCTIONS[word])
        if word in _CONSTANTS:
            self.at += 1
            return Const(_CONSTANTS[word])
        if len(word) == 1 and word.isalpha():
            self.at += 1
            return _symbol(word)
        raise self.error("expected mathematics")

    def _letters(self, token: Token) -> Node:
        """A run of letters: a function, a constant, or the first symbol of a product."""
        value = token.value
        if value in FUNCTIONS and (value in _SPELT or self.tokens[self.at + 1].value == "(") and len(value) > 1:
            self.at += 1
            return self.function(FUNCTIONS[value])
        if value in _CONSTANTS:
            self.at += 1
            return Const(_CONSTANTS[value])
        for size in range(min(len(value), 9) - 1, 1, -1):
            head = value[:size]
            if head in _CONSTANTS:
                self._split_token(size)
                return Const(_CONSTANTS[head])
            if head in _SPELT and size > 2:
                self._split_token(size)
                return self.function(FUNCTIONS[head])
        for size in range(1, len(value)):
            if value[size:] in _SPELT and len(value) - size > 2:
                break
        if len(value) > 1 and is_word(value):
            raise self.error("expected mathematics")
        self._split_token(1)
        node = _symbol(value[:1])
        following = self.tokens[self.at]
        if value in _USER_FUNCTIONS and following.kind == "op" and following.value == "(" or self._is_label_call():
            return self._user_call(node)
        return node

    def _is_label_call(self) -> bool:
        """`P(x) =`, `a(n) =`: a letter, one bracketed name or number, then an equals sign."""
        ahead = self.tokens[self.at : self.at + 4]
        return (
            len(ahead) == 4
            and ahead[0].value == "("
            and not ahead[0].space
            and ahead[1].kind in ("word", "num", "cmd")
            and len(ahead[1].value) == 1
            and ahead[2].value == ")"
            and ahead[3].value in ("=", ":=")
        )

    def _user_call(self, name: Node) -> Node:
        assert isinstance(name, (Name, Const))
        return Call(name.name, self._bracketed_arguments())

    def _bracketed_arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        self.brackets += 1
        args = [self.nested(self.additive)]
        while self.accept(",") or self.accept(";"):
            args.append(self.nested(self.additive))
        self.brackets -= 1
        self.expect(")")
        return tuple(args)

    # -- commands -------------------------------------------------------------------------------

    def _command(self, token: Token) -> Node:
        name = token.value
        self.at += 1
        if name in _FRACTIONS:
            top = self.argument()
            return Div(top, self.argument())
        if name == "sqrt":
            return self._root()
        if name in _BINOMIALS:
            top = self.argument()
            return Call("binom", (top, self.argument()))
        if name in FUNCTIONS:
            return self.function(FUNCTIONS[name])
        if name in _CONSTANTS:
            return Const(_CONSTANTS[name])
        if name in _LETTERS:
            node: Node = Name(_ALIASES.get(name, name))
            if node.name in _USER_FUNCTIONS and self.peek("("):  # type: ignore[attr-defined]
                return self._user_call(node)
            return node
        if name in _TRANSPARENT:
            return self._transparent(name)
        if name in _DECORATED:
            return self._decorated(name)
        if name in ("lfloor", "lceil"):
            closing = "r" + name[1:]
            node = self.nested(self.additive)
            self.expect(closing, "cmd")
            return Call("floor" if name == "lfloor" else "ceil", (node,))
        if name in ("lvert", "vert", "|", "lVert", "Vert"):
            node = self.nested(self.additive)
            if not (self.accept("rvert", "cmd") or self.accept("vert", "cmd") or self.accept("|", "cmd") or self.accept("rVert", "cmd")):
                self.expect("Vert", "cmd")
            return Call("abs", (node,))
        if name in ("sum", "prod", "int", "lim"):
            return self._big(name)
        if name in ("$", "pounds", "euro", "yen", "texteuro", "textdollar"):
            return self._money(name)
        if name in _PREFIX_NAMES:
            return Name(f"{name} {self._name_run()}")
        if name in _DROPPED_WITH_GROUP:
            self._skip_group()
            return self.power()
        if name in ("{", "lbrace", "langle", "lbrack"):
            self.at -= 1
            return self.nested(self.bracketed)
        if name == "begin":
            return self.nested(self.environment)
        if name == "pmod":
            return Call("pmod", (self.argument(),))
        raise ParseError(f"unknown command \\{name}", token.pos)

    def environment(self) -> Node:
        """Overridden by the statement grammar, which knows matrices."""
        raise NotImplementedError

    def _money(self, name: str) -> Node:
        sign = {"pounds": "£", "euro": "€", "yen": "¥", "texteuro": "€"}.get(name, "$")
        return Mul((self.power(), Unit(sign)))

    def _name_run(self) -> str:
        token = self.tokens[self.at]
        if token.kind in ("word", "num") or token.kind == "cmd" and token.value in _LETTERS:
            self.at += 1
            return token.value
        if self.accept("{"):
            label = self._name_run()
            self.expect("}")
            return label
        return ""

    def _skip_group(self) -> None:
        if self.accept("{"):
            depth = 1
            while depth and self.tokens[self.at].kind != "end":
                token = self.tokens[self.at]
                if token.kind == "op":
                    depth += (token.value == "{") - (token.value == "}")
                self.at += 1

    def _transparent(self, name: str) -> Node:
        if name == "mathbb":
            return self._blackboard()
        if self.peek("{"):
            return self.postfix(self.group())
        return self.argument()

    def _blackboard(self) -> Node:
        label = self._name_run()
        return Name(f"bb {label}")

    def _decorated(self, name: str) -> Node:
        """`\\mathbf{i}`, `\\overline{AB}`, `\\vec{v}`: a name of its own; bold digits are digits."""
        node = self.argument()
        if name == "mathbf" and not (isinstance(node, (Name, Const))):
            return node
        if name == "mathbf" and isinstance(node, Name) and node.name.isupper():
            return node
        if name in ("overline", "bar") and not _is_name_run(node):
            return Call("conj", (node,))
        return Name(f"{_DECORATED[name]} {_run_text(node)}")

    def argument(self) -> Node:
        """One TeX argument: a group, or a single digit, letter or command."""
        token = self.tokens[self.at]
        if token.kind == "num":
            self._split_token(1)
            return Num(int(token.value[0]), None, token.value[0]) if token.value[0].isdigit() else numeral(token.value)
        if token.kind == "word":
            return self.one_letter()
        if token.kind == "op" and token.value == "{":
            return self.group()
        if token.kind == "op" and token.value == "(":
            return self.nested(self.bracketed)
        if token.kind in ("cmd", "text"):
            return self.nested(self.primary)
        raise self.error("expected an argument")

    def _root(self) -> Node:
        index: Node = Num(2)
        if self.peek("["):
            self.at += 1
            index = self.nested(self.additive)
            self.expect("]")
        return Call("root", (self.argument(), index))

    def function(self, name: str) -> Node:
        """A known function's name has been read: its scripts and argument follow."""
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.peek("_"):
                self.at += 1
                base = self._log_base() if name in ("log", "ln", "lg") else Name(self._raw_script())
            elif self.peek("^"):
                self.at += 1
                exponent = self.script()
        args = self._function_arguments(name)
        if name in ("sqrt", "cbrt"):
            node: Node = Call("root", (args[0], Num(2 if name == "sqrt" else 3)))
        elif name == "log" and base is not None:
            node = Call("log", (args[0], base))
        elif name == "root" and len(args) == 1:
            node = Call("root", (args[0], Num(2)))
        elif base is not None and name in ("max", "min"):
            node = Call(name, args)
        elif exponent == Num(-1, None, "") or isinstance(exponent, Num) and exponent.value == -1:
            if name in _INVERSE:
                return Call(_INVERSE[name], args)
            node = Call(name, args)
        else:
            node = Call(name, args)
        return node if exponent is None else Pow(node, exponent)

    def _log_base(self) -> Node:
        token = self.tokens[self.at]
        if token.kind == "num" and len(token.value) > 1:
            following = self.tokens[self.at + 1]
            if not (following.space or following.value in ("(", "{", "\\")) or following.kind == "end":
                return self.argument()  # \log_28 is the logarithm of 8 to base 2
            self.at += 1
            return numeral(token.value)
        return self.argument()

    def _function_arguments(self, name: str) -> tuple[Node, ...]:
        if self.peek("("):
            return self._bracketed_arguments()
        if self.peek("{", "cmd") and name in ("gcd", "lcm", "max", "min"):
            node = self.nested(self.bracketed)
            return getattr(node, "items", (node,))
        self.depth += 1
        if self.depth > self.limits.depth:
            raise LimitError(f"nesting deeper than {self.limits.depth}")
        self.in_argument += 1
        negative = self.accept("-")
        node = self.term()
        self.in_argument -= 1
        self.depth -= 1
        return (negate(node) if negative else node,)

    def _big(self, op: str) -> Node:
        low = high = None
        var = ""
        for _ in range(2):
            if self.accept("_"):
                var, low = self._big_low(op)
            elif self.accept("^"):
                high = self.script()
        body = self.nested(self.term)
        if op == "int":
            body, var = _differential(body)
        if not var:
            raise self.error(f"\\{op} without its variable")
        return Big(op, var, low, high, body)

    def _big_low(self, op: str) -> tuple[str, Node]:
        if op == "int":
            return "", self.script()
        self.expect("{")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "word" and len(token.value) == 1 or token.kind == "cmd" and token.value in _LETTERS:
            if op == "lim":
                if not (self.accept("to", "cmd") or self.accept("rightarrow", "cmd") or self.accept("->")):
                    raise self.error("expected \\to")
            else:
                self.expect("=")
            low = self.nested(self.additive)
            self.expect("}")
            return token.value, low
        raise self.error("expected the variable and its first value")

    # -- units ----------------------------------------------------------------------------------

    def _unit(self) -> Unit | None:
        """Words beside a value: `cm`, `square units`, `km/h`, `apples`; None where they are symbols."""
        words: list[str] = []
        start = self.at
        while True:
            token = self.tokens[self.at]
            if token.kind == "text" or token.kind == "word" and _bare_unit(token.value):
                words.append(token.value)
                self.at += 1
                if self.peek("^") and not (self.tokens[self.at + 1].value in ("circ",)):
                    self.at += 1
                    words.append("^" + _script_text(self.script()))
            elif words and token.value == "/" and self.tokens[self.at + 1].kind in ("text", "word"):
                follower = self.tokens[self.at + 1]
                if follower.kind == "word" and canonical_unit(follower.value) is None:
                    break
                words += ["/", follower.value]
                self.at += 2
            elif token.kind == "word" and words and len(token.value) == 1 and canonical_unit(token.value) and words[-1] in ("/", "per"):
                words.append(token.value)
                self.at += 1
            elif words and token.kind == "op" and token.value == "." and self.tokens[self.at + 1].kind in ("text", "word", "end"):
                self.at += 1
            else:
                break
        if not words or len(words) == 1 and words[0].strip() in FUNCTIONS:
            self.at = start
            return None
        return Unit(unit_name(" ".join(words)))


# Written after a time of day; `p.m.` reaches the grammar as `pm`.
DAY_HALVES = frozenset({"am", "pm", "AM", "PM", "a.m.", "p.m.", "a.m", "p.m", "A.M.", "P.M.", "a. m.", "p. m."})

_NOT_OPERANDS = frozenset(
    "cup cap setminus backslash in notin subset subseteq le leq leqslant ge geq geqslant lt gt ne neq approx equiv cong sim "
    "simeq to rightarrow implies iff Rightarrow Leftrightarrow mid rfloor rceil rvert rVert vert Vert | rangle } rbrace rbrack over "
    "choose atop end pm mp times cdot div ast cdotp bullet star bmod mod \\ % circ degree prime not leftarrow parallel perp "
    "Longrightarrow mapsto colon".split()
)


def _bare_unit(word: str) -> bool:
    if len(word) == 1:
        return False
    return word in BARE_UNITS or word.lower() in BARE_UNITS and len(word) > 2 or is_word(word) and word not in FUNCTIONS


_UNIT_PARTS = re.compile(r"\^\s*-?\d+|/|[^\s/^.,;:()!?]+")


def unit_name(text: str) -> str:
    """The canonical name of a unit or label.

    >>> unit_name("square inches"), unit_name("km / hour"), unit_name("red apples")
    ('in^2', 'km/h', 'red apple')
    """
    powers: dict[str, int] = {}
    order: list[str] = []
    sign, pending, last = 1, 1, ""
    for part in _UNIT_PARTS.findall(text):
        lower = part.lower()
        if part == "/" or lower == "per":
            sign = -1
        elif part[0] == "^" or (last and part.isdigit()):
            if last:
                powers[last] *= max(-9, min(9, int(part.lstrip("^ "))))
        elif lower in ("square", "sq", "cubic", "cu"):
            pending = 2 if lower[0] == "s" else 3
        elif lower in ("squared", "cubed") and last:
            powers[last] *= 2 if lower == "squared" else 3
        elif lower not in ("of", "the", "a", "an", "in", "each", "every") or canonical_unit(part) and not order:
            name = canonical_unit(part)
            if name is None:
                name = lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith("ss") else lower
            if name:
                powers[name] = powers.get(name, 0) + sign * pending
                order.append(name)
            last, pending = name, 1
    above = [n if powers[n] == 1 else f"{n}^{powers[n]}" for n in order if powers[n] > 0]
    below = [n if powers[n] == -1 else f"{n}^{-powers[n]}" for n in order if powers[n] < 0]
    return " ".join(above) + ("/" + " ".join(below) if below else "")


def _script_text(node: Node) -> str:
    return str(node.value) if isinstance(node, Num) else "?"


def _symbol(letter: str) -> Node:
    if letter in ("i", "e"):
        return Const(letter)
    return Name(letter)


def _primed(node: Node) -> Node:
    if isinstance(node, Name):
        return Name(node.name + "'")
    if isinstance(node, Num):
        return Mul((node, Unit("'")))
    return Call("prime", (node,))


def _is_name_run(node: Node) -> bool:
    if isinstance(node, Mul):
        return all(isinstance(a, Name) and a.name.isupper() for a in node.args)
    return isinstance(node, Name) and node.name.isupper()


def _run_text(node: Node) -> str:
    if isinstance(node, (Name, Const)):
        return node.name
    if isinstance(node, Mul):
        return "".join(_run_text(a) for a in node.args)
    return repr(node)


def negate(node: Node) -> Node:
    """The negative, with signs of numerals folded.

    >>> negate(Num(3, None, "3"))
    Num(value=-3, decimals=None, digits='', commas=())
    """
    if isinstance(node, Num):
        return Num(-node.value, node.decimals)
    if isinstance(node, Percent):
        return Percent(negate(node.arg))
    if isinstance(node, Degree):
        return Degree(negate(node.arg))
    if isinstance(node, Mul):
        return Mul((negate(node.args[0]), *node.args[1:]))
    return Mul((Num(-1), node))


def product(factors: list[Node]) -> Node:
    if len(factors) == 1:
        return factors[0]
    flat: list[Node] = []
    for factor in factors:
        flat.extend(factor.args if isinstance(factor, Mul) else (factor,))
    return Mul(tuple(flat))


def raised(base: Node, exponent: Node) -> Node:
    """`base ^ exponent`; `-` binds weaker than `^`, which `unary` sees to."""
    return Pow(base, exponent)


def _differential(body: Node) -> tuple[Node, str]:
    """`f(x) dx` -> (f(x), "x")."""
    if isinstance(body, Mul) and len(body.args) >= 2:
        *front, d, var = body.args
        if isinstance(d, Name) and d.name == "d" and isinstance(var, Name):
            return (product(list(front)) if front else Num(1)), var.name
    raise ParseError("an integral without its differential")


def parse_numeral_tokens(text: str, limits: Limits) -> list[Token]:
    """Tokens of raw text, normalised first."""
    return tokenize(normalise(text), limits)
