r"""Reads the golds of the embedded problems into values, apart from the verifier's own parser.

Promises: `read(type, gold)` knows exactly the forms in which the golds of `lm_eval_tasks/demo/problems.jsonl`
are written, one per answer type, and raises `ReadError` on every other text; `same(type, a, b)` compares two
such values exactly. It shares no code with `verifier`, so that a fault there cannot hide a wrong gold here.
It does not read what models write.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp

X, Y = sp.symbols("x y", real=True)


class ReadError(ValueError):
    """The text is not in the form in which golds of this type are written."""


TOKEN = re.compile(r"\s*(\\[a-zA-Z]+|\d+(?:\.\d+)?|[a-z]|[-+*/^_!(){}\[\]])")
NAMES: dict[str, Any] = {"x": X, "y": Y, "i": sp.I, "e": sp.E, "\\pi": sp.pi, "\\infty": sp.oo}
FUNCTIONS: dict[str, Any] = {"\\sin": sp.sin, "\\cos": sp.cos, "\\tan": sp.tan, "\\ln": sp.log}


class ExpressionReader:
    r"""sum := ['-'] product (('+'|'-') product)*; product := power+; power := atom ['!'] ['^' script]."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at, text = 0, text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ReadError(f"unexpected {text[at:]!r} in {text!r}")
            self.tokens.append(match[1])
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise ReadError(f"expected {expected or 'more'}, found {token!r} in {self.tokens}")
        self.at += 1
        return token

    def whole(self) -> Any:
        value = self.sum()
        if self.peek():
            raise ReadError(f"left over: {self.tokens[self.at :]}")
        return value

    def sum(self) -> Any:
        negative = self.peek() == "-" and bool(self.take())
        value = -self.product() if negative else self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value += sign * self.product()
        return value

    def product(self) -> Any:
        value = self.power()
        while self.peek() == "\\times" or self.starts_atom():
            if self.peek() == "\\times":
                self.take()
            value *= self.power()
        return value

    def starts_atom(self) -> bool:
        return bool(re.match(r"[\da-z({]|\\(?!circ|times)", self.peek()))

    def power(self) -> Any:
        value = self.atom()
        if self.peek() == "!":
            self.take()
            value = sp.factorial(value)
        if self.peek() == "^":
            self.take()
            if self.peek() == "\\circ":
                self.take()
                return value * sp.pi / 180
            value **= self.script()
        return value

    def script(self) -> Any:
        """A braced group, or a single digit or letter, as TeX takes it."""
        if self.peek() == "{":
            return self.group("{", "}")
        token = self.take()
        if len(token) != 1 or not (token.isdigit() or token in NAMES):
            raise ReadError(f"ambiguous script {token!r}")
        return sp.Integer(token) if token.isdigit() else NAMES[token]

    def group(self, left: str, right: str) -> Any:
        self.take(left)
        value = self.sum()
        self.take(right)
        return value

    def atom(self) -> Any:
        token = self.peek()
        if token in ("(", "{"):
            return self.group(token, ")" if token == "(" else "}")
        self.take()
        if token[0].isdigit():
            return sp.Rational(token)
        if token in NAMES:
            return NAMES[token]
        if token in FUNCTIONS:  # its argument: one power (`\ln 2`), or a bracket
            return FUNCTIONS[token](self.power())
        if token == "\\frac":
            return self.group("{", "}") / self.group("{", "}")
        if token == "\\binom":
            return sp.binomial(self.group("{", "}"), self.group("{", "}"))
        if token == "\\sqrt":
            index = self.group("[", "]") if self.peek() == "[" else sp.Integer(2)
            return sp.root(self.group("{", "}"), index)
        if token == "\\log":
            self.take("_")
            base = self.script()
            return sp.log(self.power(), base)
        raise ReadError(f"unknown {token!r}")


def expression(text: str) -> Any:
    return ExpressionReader(text).whole()


def matched(pattern: str, text: str) -> re.Match[str]:
    match = re.fullmatch(pattern, text)
    if not match:
        raise ReadError(f"{text!r} is not of the form {pattern}")
    return match


def plain_number(text: str) -> Any:
    """An integer or a decimal, its thousands ungrouped or in groups of three."""
    matched(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", text)
    return sp.Rational(text.replace(",", ""))


def lowest_terms(numerator: str, denominator: str) -> Any:
    if int(denominator) == 0 or math.gcd(int(numerator), int(denominator)) != 1:
        raise ReadError(f"{numerator}/{denominator} is not in lowest terms")
    return sp.Rational(int(numerator), int(denominator))


def fraction(text: str) -> Any:
    match = matched(r"(-?)\\frac\{(\d+)\}\{(\d+)\}", text)
    return (-1 if match[1] else 1) * lowest_terms(match[2], match[3])


def mixed_number(text: str) -> Any:
    match = matched(r"(-?)(\d+)\\frac\{(\d+)\}\{(\d+)\}", text)
    part = lowest_terms(match[3], match[4])
    if not 0 < part < 1:
        raise ReadError(f"{text!r} is not a proper mixed number")
    return (-1 if match[1] else 1) * (int(match[2]) + part)


def scientific(text: str) -> Any:
    match = matched(r"-?(\d\.\d+) \\times 10\^(\d|\{-?\d+\})", text)
    if not 1 <= sp.Rational(match[1]) < 10:
        raise ReadError(f"{text!r} is not normalised")
    return expression(text)


def quantity(text: str) -> Any:
    match = matched(r"(\S+) \\text\{ ([a-z/]+)\}(\^\d)?", text)
    return plain_number(match[1]), match[2] + (match[3] or "")


def containing(pattern: str) -> Callable[[str], Any]:
    """An expression that must show `pattern`: a gold `12` is no radical."""

    def read_expression(text: str) -> Any:
        matched(rf".*(?:{pattern}).*", text)
        return expression(text)

    return read_expression


def equation(text: str) -> Any:
    left, right = matched(r"([^=]+)=([^=]+)", text).groups()
    return expression(left) - expression(right)


RELATIONS: dict[str, Any] = {"<": sp.Lt, ">": sp.Gt, "\\le": sp.Le, "\\ge": sp.Ge}


def inequality(text: str) -> Any:
    """A chain of relations in x, as the set of the real numbers that satisfy it."""
    sides = re.split(r"(<|>|\\le|\\ge)", text)
    if len(sides) < 3:
        raise ReadError(f"{text!r} has no relation")
    values = [expression(side) for side in sides[::2]]
    if set().union(*(value.free_symbols for value in values)) != {X}:
        raise ReadError(f"{text!r} is not about x")
    links = [RELATIONS[sign](a, b) for a, sign, b in zip(values[:-1], sides[1::2], values[1:], strict=True)]
    return sp.Intersection(*(link.as_set() for link in links))


def interval(text: str) -> Any:
    match = matched(r"([\[(])([^,]+), ([^,]+)([\])])", text)
    low, high = expression(match[2]), expression(match[3])
    if not low < high or (match[1] == "[" and low == -sp.oo) or (match[4] == "]" and high == sp.oo):
        raise ReadError(f"{text!r} is empty, or closed at infinity")
    return sp.Interval(low, high, match[1] == "(", match[4] == ")")


def union(text: str) -> Any:
    parts = [interval(part.strip()) for part in text.split("\\cup")]
    if len(parts) < 2:
        raise ReadError(f"{text!r} has one part only")
    return sp.Union(*parts)


def listed(text: str) -> list[Any]:
    return [expression(part) for part in text.split(",")]


def matrix(text: str) -> Any:
    match = matched(r"\\begin\{([pb]matrix)\} (.*) \\end\{\1\}", text)
    rows = [[expression(cell) for cell in row.split("&")] for row in match[2].split("\\\\")]
    if len({len(row) for row in rows}) != 1:
        raise ReadError(f"{text!r} has rows of different lengths")
    return sp.Matrix(rows)


def vector(text: str) -> Any:
    value = matrix(text)
    if value.shape[1] != 1 or value.shape[0] < 2:
        raise ReadError(f"{text!r} is not a column")
    return value


def plus_minus(text: str) -> Any:
    match = matched(r"(.*)\\pm (.+)", text)
    centre = expression(match[1]) if match[1] else sp.Integer(0)
    return frozenset({centre + expression(match[2]), centre - expression(match[2])})


def assignment(text: str) -> Any:
    match = matched(r"([a-z]) = (.+)", text)
    return match[1], expression(match[2])


def word(text: str) -> str:
    match = matched(r"\\text\{([A-Za-z]+)\}|([A-Za-z]+)", text)
    return (match[1] or match[2]).casefold()


def time(text: str) -> Any:
    match = matched(r"(\d{1,2}):(\d\d)(?: \\text\{ ([ap])\.m\.\})?", text)
    hours, minutes = int(match[1]), int(match[2])
    if hours > (12 if match[3] else 23) or minutes > 59:
        raise ReadError(f"{text!r} is no time of day")
    return hours, minutes, match[3] or ""


def ratio(text: str) -> Any:
    terms = tuple(int(term) for term in matched(r"\d+(:\d+)+", text)[0].split(":"))
    if math.gcd(*terms) != 1:
        raise ReadError(f"{text!r} is not in lowest terms")
    return terms


def base_n(text: str) -> Any:
    match = matched(r"(\d+)_(\d)", text)
    try:
        return int(match[1], int(match[2])), int(match[2])
    except ValueError as error:
        raise ReadError(f"{text!r} has a digit beyond its base") from error


def infinity(text: str) -> Any:
    return expression(matched(r"-?\\infty", text)[0])


READERS: dict[str, Callable[[str], Any]] = {
    "integer": lambda text: sp.Integer(matched(r"0|-?[1-9]\d*", text)[0]),
    "decimal": lambda text: sp.Rational(matched(r"-?\d+\.\d*[1-9]", text)[0]),
    "fraction": fraction,
    "mixed_number": mixed_number,
    "percent": lambda text: plain_number(matched(r"(.+)\\%", text)[1]) / 100,
    "money": lambda text: plain_number(matched(r"\\\$([\d,]+(\.\d\d)?)", text)[1]),
    "quantity": quantity,
    "scientific": scientific,
    "radical": containing(r"\\sqrt"),
    "complex": containing("i"),
    "constant": containing(r"\\pi|e"),
    "power_factorial_binomial": containing(r"\^|!|\\binom"),
    "logarithm": containing(r"\\log|\\ln"),
    "trigonometric": containing(r"\\sin|\\circ|\\sqrt"),
    "polynomial": containing("x"),
    "rational_function": containing(r"\\frac\{.*x.*\}\{.*x.*\}"),
    "expression": containing("x"),
    "equation": equation,
    "inequality": inequality,
    "interval": interval,
    "union": union,
    "set": lambda text: frozenset(listed(matched(r"\\\{(.+)\\\}", text)[1])),
    "roots": lambda text: tuple(sorted(listed(text), key=sp.default_sort_key)),
    "tuple": lambda text: tuple(listed(matched(r"\((.+,.+)\)", text)[1])),
    "vector": vector,
    "matrix": matrix,
    "plus_minus": plus_minus,
    "assignment": assignment,
    "word": word,
    "choice": lambda text: matched("[A-E]", text)[0],
    "time": time,
    "ratio": ratio,
    "base_n": base_n,
    "infinity": infinity,
    "set_builder": lambda text: inequality(matched(r"\\\{x \\mid (.+)\\\}", text)[1]),
}


def read(kind: str, text: str) -> Any:
    """The value of a gold of the answer type `kind`; `ReadError` where the text is not of its form."""
    return READERS[kind](text)


def same(kind: str, a: Any, b: Any) -> bool:
    """Whether two values of the answer type `kind` are equal; equations up to a nonzero factor."""
    if kind == "equation":
        factor = sp.cancel(a / b)
        return bool(factor.is_number and factor.is_nonzero)
    return _equal(a, b)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, sp.MatrixBase) and isinstance(b, sp.MatrixBase):
        return a.shape == b.shape and all(map(_equal, a, b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return len(a) == len(b) and all(any(_equal(p, q) for q in b) for p in a)
    if isinstance(a, sp.Expr) and isinstance(b, sp.Expr):
        return _equal_expressions(a, b)
    both_sets = isinstance(a, sp.Set) and isinstance(b, sp.Set)
    return (both_sets or type(a) is type(b)) and bool(a == b)


# Points where every gold is defined; a difference seen at one of them is certain.
POINTS: Iterable[dict[Any, Any]] = [
    {X: sp.Rational(a, 7), Y: sp.Rational(b, 11)} for a, b in itertools.product((5, 18, 40), (9, 31))
]


def _equal_expressions(a: Any, b: Any) -> bool:
    if not (a.is_finite and b.is_finite) and not (a.free_symbols | b.free_symbols):
        return bool(a == b)
    for point in POINTS:
        left, right = a.subs(point).n(40), b.subs(point).n(40)
        if abs(left - right) > sp.Float("1e-25") * (abs(left) + abs(right)):
            return False
    return bool(sp.simplify(a - b) == 0)
