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

_CONDITIONS = frozenset(sign for sign, name in RELATIONS.items() if name in ("<", "<=", ">", ">=", "!=", "in"))


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
                at = self.matching(at - 1) + 1
            if at >= len(tokens):
                return None
        if tokens[at].value != "(" or at >= len(tokens) - 1:
            return None
        end = self.matching(at)
        if end + 1 >= len(tokens) or tokens[end + 1].value != "=":
            return None
        marks, inside = [t.value for t in tokens[self.at + 1 : at]], tokens[at + 1 : end]
        named = first.kind == "text" and len(first.value) > 1 and bool(inside) and not marks  # `\text{LCM}(12,18) =`
        if not named and not self._names_function(marks, inside):
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
        if len(inside) > 2 and all(t.value == "," or t.kind == "word" and t.value.isupper() for t in inside):
            return True  # `d(A,B) =`
        said = any(t.kind == "text" or t.value in RELATIONS or t.value in ("cup", "cap", "mid", "|") for t in inside)
        return said and not plain

    def condition_follows(self) -> bool:
        """Whether a bracket opens here that holds a relation and ends a member: `x + 1 (x > 0)`."""
        tokens, at = self.tokens, self.at
        if tokens[at].value != "(" or at == 0 or tokens[at].kind != "op":
            return False
        before = tokens[at - 1]
        letter = before.value[-1:] if before.kind == "word" and not tokens[at].space else ""
        if letter.isupper() or letter and letter in "fghp":
            return False  # `P(X > 2)`
        if before.value in RELATIONS or before.value in ("Pr", "+", "-", "*", "/", "^"):
            return False
        end = self.matching(at)
        if end + 1 >= len(tokens):  # nothing closes it
            return False
        if tokens[end + 1].kind not in ("end", "logic") and tokens[end + 1].value != ",":
            return False
        inside = tokens[at + 1 : end]
        said = any(t.kind in ("op", "cmd") and t.value in _CONDITIONS for t in inside)
        return (
            said
            or bool(inside)
            and inside[0].kind == "qualifier"
            or any(t.kind in ("word", "text") and t.value.endswith(("integer", "integers")) for t in inside)
        )

    def matching(self, at: int) -> int:
        """The index of the bracket that closes the one at an index, or the last index."""
        depth = 0
        for index in range(at, len(self.tokens)):
            value = self.tokens[index].value
            depth += (value in ("(", "{", "[")) - (value in (")", "}", "]"))
            if depth == 0:
                return index
        return len(self.tokens) - 1
