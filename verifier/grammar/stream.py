"""The token stream that every rule of the grammar reads, with its depth limit.

Promises: no rule recurses without passing `nested`, so the depth of the Python stack is bounded by
`Limits.depth`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..config import Limits
from ..nodes import Node
from ..syntax import LimitError, ParseError, Token


class TokenStream:
    """A cursor over one token list; `self.at` is the next token's index."""

    def __init__(self, tokens: list[Token], limits: Limits) -> None:
        self.tokens = tokens
        self.limits = limits
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |...| pairs
        self.brackets = 0  # open ( [ \{ ... where a comma separates members
        self.congruence = False  # on the right of an equivalence sign, where `mod` belongs to the relation
        self.aligned = False  # in an environment whose `&` only aligns
        self.braces = 0  # open \{, where a colon may begin a condition
        self.in_argument = 0  # inside an argument without parentheses: `\sin 2x`

    @cached_property
    def joins_sets(self) -> bool:
        return any(token.value in ("cup", "cap") for token in self.tokens)

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
        found = "the end" if token.kind == "end" else repr(token.value[:40])
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

    def split_token(self, size: int) -> None:
        """Take the first characters of a token; the rest stays, without a leading separator."""
        token = self.tokens[self.at]
        if size == len(token.value):
            self.at += 1
            return
        rest = token.value[size:]
        digits = rest if token.kind != "num" else rest.lstrip("{}~ \\!;:,")
        kind = "op" if digits == "." else token.kind
        tokens = [Token(kind, digits, token.pos + size, False)] if digits else []
        if rest != digits and rest[0] == ",":  # `\\sqrt2,345` is a list
            tokens.insert(0, Token("op", ",", token.pos + size, False))
        self.tokens[self.at : self.at + 1] = tokens

    def flanked(self, at: int) -> bool:
        """Whether a short run of letters touches an operator, so that it is no word: `ax+by`."""
        if len(self.tokens[at].value) > 3:
            return False
        beside = self.tokens[max(at - 1, 0)].value, self.tokens[min(at + 1, len(self.tokens) - 1)].value
        return any(value in ("+", "-", "*", "/", "^", "_") for value in beside)

    # The rules that others call across modules; each is defined once, further down the chain.

    def condition_follows(self) -> bool:
        raise NotImplementedError

    def operand(self) -> Node:
        raise NotImplementedError

    def _relation(self) -> str | None:
        raise NotImplementedError

    def additive(self) -> Node:
        raise NotImplementedError

    def term(self) -> Node:
        raise NotImplementedError

    def unary(self) -> Node:
        raise NotImplementedError

    def power(self) -> Node:
        raise NotImplementedError

    def postfix(self, node: Node) -> Node:
        raise NotImplementedError

    def primary(self) -> Node:
        raise NotImplementedError

    def group(self) -> Node:
        raise NotImplementedError

    def argument(self) -> Node:
        raise NotImplementedError

    def script(self) -> Node:
        raise NotImplementedError

    def bracketed(self) -> Node:
        raise NotImplementedError

    def environment(self) -> Node:
        raise NotImplementedError

    def members(self, *, top: bool) -> Node:
        raise NotImplementedError

    def disjunct(self) -> Node:
        raise NotImplementedError
