"""Labels that are more than a name: `f^{-1}(x) =`, `f'(x) =`, `P(X=2) =`."""

from __future__ import annotations

from ..nodes import (
    Call,
    Name,
    Node,
)
from ..syntax import Token
from .expression import ExpressionParser
from .tables import LETTERS, RELATIONS


class LabelRules(ExpressionParser):
    """Looks ahead for a name, a bracket and an equals sign."""

    def label(self) -> Node | None:
        """`f^{-1}(x) =`, `f'(x) =`, `P(X=2) =`: a name and a bracket before an equals sign, as one label.

        Only where the ordinary grammar would read something else: a mark on the name, or more than
        names and numbers in the bracket. A single letter in the bracket stays an argument.
        """
        tokens, at = self.tokens, self.at
        first = tokens[at]
        if not (first.kind == "word" and len(first.value) == 1 or first.kind == "text" or first.value in LETTERS):
            return None
        at += 1
        while tokens[at].value in ("'", "^", "_") and tokens[at].kind == "op":
            at += 1 if tokens[at].value == "'" else 2
            if at < len(tokens) and tokens[at - 1].value == "{":
                at = self._matching(at - 1) + 1
            if at >= len(tokens):
                return None
        if tokens[at].value != "(" or at >= len(tokens) - 1:
            return None
        end = self._matching(at)
        if end + 1 >= len(tokens) or tokens[end + 1].value != "=":
            return None
        marks, inside = [t.value for t in tokens[self.at + 1 : at]], tokens[at + 1 : end]
        if not self._names_function(marks, inside):
            return None
        name = "".join(t.value for t in tokens[self.at : at] if t.value not in ("{", "}"))
        self.at = end + 1
        if len(inside) == 1 and inside[0].kind == "word":
            return Call(name, (Name(inside[0].value),))
        return Name(name + "".join(t.value for t in tokens[at : end + 1]))

    @staticmethod
    def _names_function(marks: list[str], inside: list[Token]) -> bool:
        """A derivative, an inverse or an index over plain arguments; or a statement in the bracket.

        `x^2(x+1) = 0` and `x(x+1) = 0` are equations.
        """
        plain = all(t.kind == "num" or t.kind == "word" and len(t.value) == 1 or t.value == "," for t in inside)
        if marks:
            power = "^" in marks and marks[-4:] != ["{", "-", "1", "}"] and "(" not in marks
            return plain and bool(inside) and not power
        said = any(t.kind == "text" or t.value in RELATIONS or t.value in ("cup", "cap", "mid", "|") for t in inside)
        return said and not plain

    def _matching(self, at: int) -> int:
        """The index of the bracket that closes the one at an index, or the last index."""
        depth = 0
        for index in range(at, len(self.tokens)):
            value = self.tokens[index].value
            depth += (value in ("(", "{", "[")) - (value in (")", "}", "]"))
            if depth == 0:
                return index
        return len(self.tokens) - 1
