"""The rules of plain mathematics: a recursive descent over the tokens of `plain_tokens`, for `plain`.

Promises: a node is the one that the grammar builds from the same tokens; what may have a second meaning there, or nests
too deep, is Refused. Each rule is the grammar's rule of that name, or a part of it.
"""

from __future__ import annotations

from collections.abc import Callable

from .grammar.numerals import numeral
from .nodes import (
    Add,
    Call,
    Const,
    Degree,
    Div,
    Matrix,
    Mul,
    Node,
    Num,
    Percent,
    PlusMinus,
    Pow,
    Rel,
    Seq,
    SetOp,
    Unit,
    negate,
    product,
)
from .plain_tokens import FUNCTION_NAMES, KINDS, RELATION_NAMES, SYMBOLS

DEEPEST = 6  # brackets and groups, up to three levels of the grammar each


def _factorial(node: Node) -> Node:
    return Call("factorial", (node,))


_CLOSING = {"(": (")", "]"), "[": (")", "]"), r"\{": (r"\}",)}
_BEFORE_A_LIST = frozenset({"start", ",", "cup", "(", "[", r"\{", "relation"})
_BEHIND_A_LIST = frozenset({"end", ",", "cup", ")", "]", r"\}", "relation"})
_MATRICES = {rf"\begin{{{kind}matrix}}": rf"\end{{{kind}matrix}}" for kind in "pb"}
_ADDED = frozenset({"+", "-", "pm"})
_JUXTAPOSED = frozenset({"letter", "pi", "oo", "(", "sqrt", "frac", "binom", "function", *_MATRICES})
_MULTIPLIED = _JUXTAPOSED | {"*", "/"}
_POSTFIXES: dict[str, Callable[[Node], Node]] = {"degree": Degree, "%": Percent, "!": _factorial}
_MARKS = frozenset({"^", *_POSTFIXES})
_CALLS = frozenset({("letter", "("), ("}", "(")})
_ZERO, _SQUARE = Num(0), Num(2)
_CONSTANTS = {"pi": Const("pi"), "oo": Const("oo")}


class Refused(Exception):
    """The text is the grammar's."""


class PlainReader:
    """A cursor over the tokens and their kinds, None for a numeral's; the rules are those of the grammar's classes."""

    __slots__ = ("at", "brackets", "depth", "kinds", "tokens")

    def __init__(self, tokens: list[str], kinds: list[str | None]) -> None:
        self.tokens = tokens
        self.kinds = kinds
        self.at = 0
        self.depth = 0  # of brackets and groups
        self.brackets = 0  # in which a comma separates members

    def whole(self) -> Node:
        node = self.sum()
        if self.kinds[self.at] == "end":
            return node
        items = [self.statement(node)]
        while self.kinds[self.at] == ",":
            self.at += 1
            items.append(self.statement(self.sum()))
        if self.kinds[self.at] != "end":
            raise Refused
        return items[0] if len(items) == 1 else Seq("", tuple(items))

    def statement(self, first: Node) -> Node:
        """A member of a list, of which the first value has been read: unions of values with relations between them."""
        args = [self.union(first)]
        ops: list[str] = []
        while self.kinds[self.at] == "relation":
            ops.append(RELATION_NAMES[self.tokens[self.at]])
            self.at += 1
            args.append(self.union(self.sum()))
            if ops[-1] == "in" and not isinstance(args[-1], (Seq, SetOp)):
                raise Refused  # a parameter's domain
        if not ops:
            return args[0]
        if not _CALLS.isdisjoint(zip(self.kinds, self.kinds[1:], strict=False)):
            raise Refused  # `f(x) =`, whatever the name
        if "cup" in self.kinds and not {"=", "in"}.issuperset(ops):
            raise Refused  # it may join relations
        return Rel(tuple(ops), tuple(args))

    def union(self, node: Node) -> Node:
        while self.kinds[self.at] == "cup":
            self.at += 1
            right = self.sum()
            node = SetOp("union", (*node.args, right) if type(node) is SetOp else (node, right))
        return node

    def sum(self) -> Node:
        kinds = self.kinds
        node = _ZERO if kinds[self.at] == "pm" else self.factor()
        kind = kinds[self.at]
        if kind in _MULTIPLIED:
            node = self.term(node)
            kind = kinds[self.at]
        if kind not in _ADDED:
            return node
        parts = [node]
        while kind in _ADDED:
            self.at += 1
            term = self.power()
            if kinds[self.at] in _MULTIPLIED:
                term = self.term(term)
            if kind == "pm":
                parts = [PlusMinus(parts[0] if len(parts) == 1 else Add(tuple(parts)), term, 1)]
            else:
                parts.append(term if kind == "+" else negate(term))
            kind = kinds[self.at]
        return parts[0] if len(parts) == 1 else Add(tuple(parts))

    def term(self, first: Node) -> Node:
        """A product, whose first factor has been read."""
        kinds = self.kinds
        factors = [first]
        while (kind := kinds[self.at]) in _MULTIPLIED:
            if kind == "*":
                self.at += 1
                factors.append(self.factor())
            elif kind == "/":
                self.at += 1
                factors = [Div(product(factors), self.factor())]
            else:
                if kinds[self.at - 1] is None and (
                    self.tokens[self.at][-1] == "e" or kind == "(" and "." in self.tokens[self.at - 1]
                ):
                    raise Refused  # 2e3, 0.(3)
                factors.append(self.power())
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
        kind = self.kinds[self.at]
        self.at += 1
        if kind is None:
            token = self.tokens[self.at - 1]
            number = Num(int(token), None, token) if token.isdigit() else self.parted(token)
            base = self.mixed(number) if self.kinds[self.at] == "frac" else number
        elif kind == "letter":
            token = self.tokens[self.at - 1]
            if self.kinds[self.at] == "(" and token[-1] in "fgh":
                raise Refused  # a function
            base = SYMBOLS[token]
        else:
            base = self.compound(kind)
        mark = self.kinds[self.at]
        if mark not in _MARKS:
            return base
        self.at += 1
        base = Pow(base, self.exponent()) if mark == "^" else _POSTFIXES[mark](base)
        if self.kinds[self.at] in _MARKS:
            raise Refused
        return base

    def exponent(self) -> Node:
        """A group, or a numeral, a letter or a bracket with a sign or none."""
        if self.kinds[self.at] == "{":
            return self.group()
        negative = self.tokens[self.at : self.at + 1] == ["-"]
        self.at += negative
        kind = self.kinds[self.at]
        self.at += 1
        if kind is None and "," not in self.tokens[self.at - 1]:
            node: Node = numeral(self.tokens[self.at - 1])
        elif kind == "letter":
            node = SYMBOLS[self.tokens[self.at - 1]]
        elif kind == "(":
            node = self.bracketed(kind)
        else:
            raise Refused
        return negate(node) if negative else node

    def parted(self, token: str) -> Num:
        """A decimal, or a numeral with its thousands parted."""
        node = numeral(token)
        if node.commas and self.brackets:  # (1,234) is a pair
            parts = token.replace(",", " , ").split()
            self.tokens[self.at - 1 : self.at] = parts
            self.kinds[self.at - 1 : self.at] = map(KINDS.get, parts)
            return numeral(parts[0])
        return node

    def mixed(self, whole: Num) -> Node:
        r"""`4\frac23`, a whole number before a proper fraction of numerals; another fraction is the next factor."""
        start = self.at
        self.at += 1
        part = self.fraction()
        above, below = part.num, part.den
        if (
            whole.decimals is None
            and all(token in "{}" or token.isdigit() for token in self.tokens[start + 1 : self.at])
            and isinstance(above, Num)
            and isinstance(below, Num)
            and 0 < above.value < below.value
        ):
            return Add((whole, part))
        self.at = start
        return whole

    def compound(self, kind: str) -> Node:
        """What begins with a command or a bracket, which has been read."""
        if kind == "frac":
            return self.fraction()
        if kind == "sqrt":
            index: Node = _SQUARE
            if self.kinds[self.at] == "[":
                self.at += 1
                index = self.enclosed("]")
            return Call("root", (self.argument(), index))
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "binom":
            return Call("binom", (self.argument(), self.argument()))
        if kind in _CLOSING:
            return self.bracketed(kind)
        if kind == "function":
            return Call(FUNCTION_NAMES[self.tokens[self.at - 1]], (self.operand(),))
        if kind in _MATRICES:
            return self.matrix(_MATRICES[kind])
        if kind == "$" and self.at == 1:
            return Mul((self.power(), Unit("$")))
        raise Refused

    def fraction(self) -> Div:
        token = self.tokens[self.at] if self.kinds[self.at] is None else ""
        if len(token) == 2 and token.isdigit():  # \frac12
            self.at += 1
            return Div(numeral(token[0]), numeral(token[1]))
        above = self.argument()
        return Div(above, self.argument())

    def argument(self) -> Node:
        """A group or a single digit."""
        if self.kinds[self.at] == "{":
            return self.group()
        token = self.tokens[self.at] if self.kinds[self.at] is None else ""
        if len(token) != 1:
            raise Refused
        self.at += 1
        return numeral(token)

    def operand(self) -> Node:
        """A function's argument: in parentheses, or one power with nothing beside it."""
        if self.kinds[self.at] == "(":
            self.at += 1
            self.brackets += 1
            node = self.enclosed(")")
            self.brackets -= 1
            return node
        self.deeper()
        node = self.power()
        self.depth -= 1
        if self.kinds[self.at] in _JUXTAPOSED:
            raise Refused
        return node

    def group(self) -> Node:
        if self.kinds[self.at] != "{":
            raise Refused
        self.at += 1
        return self.enclosed("}")

    def enclosed(self, closing: str) -> Node:
        """One value, whose bracket has been read, and the bracket behind it."""
        self.deeper()
        node = self.sum()
        if self.kinds[self.at] != closing:
            raise Refused
        self.at += 1
        self.depth -= 1
        return node

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused

    def bracketed(self, opening: str) -> Node:
        """A value in parentheses; a tuple, an interval or a set where nothing but a list is around it."""
        start = self.at - 2
        self.deeper()
        self.brackets += 1
        items = [self.sum()]
        while self.kinds[self.at] == ",":
            self.at += 1
            items.append(self.sum())
        closing = self.kinds[self.at]
        if closing not in _CLOSING[opening]:
            raise Refused
        self.at += 1
        self.depth -= 1
        self.brackets -= 1
        brackets = opening + closing
        if len(items) == 1 and brackets == "()":
            return items[0]
        before = self.kinds[start] if start >= 0 else "start"
        if before not in _BEFORE_A_LIST or self.kinds[self.at] not in _BEHIND_A_LIST:
            raise Refused
        if opening == r"\{":
            return Seq("{}", tuple(items))
        if len(items) == 1 or len(items) != 2 and brackets != "()" or brackets == "[]" and _has_list(items):
            raise Refused  # no interval, or the rows of a matrix
        return Seq(brackets, tuple(items))

    def matrix(self, closing: str) -> Node:
        self.deeper()
        self.brackets += 1
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        kind: str | None = ""
        while kind != closing:
            row.append(self.sum())
            kind = self.kinds[self.at]
            self.at += 1
            if kind in (r"\\", closing):
                rows.append(tuple(row))
                row = []
            elif kind != "&":
                raise Refused
        if len(set(map(len, rows))) != 1:
            raise Refused
        self.depth -= 1
        self.brackets -= 1
        return Matrix(tuple(rows))


def _has_list(items: list[Node]) -> bool:
    return any(type(item) is Seq for item in items)
