r"""Superscripts, subscripts and single TeX arguments.

Promises: a superscript without braces takes a whole numeral (`x^10`) or one symbol; an argument
without braces takes one digit, as TeX does (`\frac143` is (1/4)3).
"""

from __future__ import annotations

from ..nodes import Based, Call, Const, Mul, Name, Node, Num, Unit, negate
from ..syntax import ParseError, Token
from .numerals import NumeralRules, numeral
from .tables import CONSTANTS, LETTERS


def symbol(letter: str) -> Node:
    if letter in ("i", "e"):
        return Const(letter)
    return Name(letter)


def script_text(node: Node) -> str:
    return str(node.value) if isinstance(node, Num) else "?"


def primed(node: Node) -> Node:
    if isinstance(node, Name):
        return Name(node.name + "'")
    if isinstance(node, Num):
        return Mul((node, Unit("'")))
    if isinstance(node, Mul) and node.args[-1] == Unit("'"):
        return Mul((*node.args[:-1], Unit("''")))
    return Call("prime", (node,))


class ScriptRules(NumeralRules):
    """Scripts and arguments."""

    def script(self) -> Node:
        """A superscript or a base: a group, or one signed operand (`x^10` is x to the tenth)."""
        if self.peek("{"):
            return self.group()
        if self._is_mark(self.tokens[self.at]):
            self.at += 1
            return Name(self.tokens[self.at - 1].value)
        negative = self.accept("-")
        if not negative:
            self.accept("+")
        token = self.tokens[self.at]
        if token.kind == "num":
            comma = token.value.find(",")
            if comma > 0 and "\\" not in token.value:  # `995^2,994^2` is a list
                self.split_token(comma)
                node: Node = numeral(token.value[:comma])
            else:
                self.at += 1
                node = numeral(token.value)
        elif token.kind == "word":
            node = self.one_letter()
        elif token.kind == "cmd" and token.value in ("ast", "star", "dagger"):
            self.at += 1
            node = Name(token.value)
        else:
            node = self.nested(self.primary)
        return negate(node) if negative else node

    def _is_mark(self, token: Token) -> bool:
        r"""`\\mathbb{N}^*`, `\\mathbb{Z}^+`: a sign as the whole script."""
        after = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        return token.kind == "op" and token.value in "*+" and (after.kind == "end" or after.value in (")", ",", "}"))

    def subscripted(self, node: Node) -> Node:
        """`52_8` is a number in a base; `x_1` a name."""
        at = self.at
        if isinstance(node, (Num, Based)) and isinstance(node, Num) and node.digits:
            digit = self.script()
            if isinstance(digit, Num) and isinstance(digit.value, int) and 2 <= digit.value <= 36:
                if node.digits.isdigit() and all(int(d, 36) < digit.value for d in node.digits):
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

    def one_letter(self) -> Node:
        """The first symbol of a run of letters; the rest stays for the next operand."""
        token = self.tokens[self.at]
        for size in range(len(token.value), 1, -1):
            if token.value[:size] in CONSTANTS:
                break
        else:
            size = 1
        self.split_token(size)
        return symbol(token.value[:size])

    def argument(self) -> Node:
        """One TeX argument: a group, or a single digit, letter or command."""
        token = self.tokens[self.at]
        if token.kind == "num":
            self.split_token(1)
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

    def _skip_group(self) -> None:
        if self.accept("{"):
            depth = 1
            while depth and self.tokens[self.at].kind != "end":
                token = self.tokens[self.at]
                if token.kind == "op":
                    depth += (token.value == "{") - (token.value == "}")
                self.at += 1

    def _name_run(self) -> str:
        token = self.tokens[self.at]
        if token.kind in ("word", "num") or token.kind == "cmd" and token.value in LETTERS:
            self.at += 1
            return token.value
        if self.accept("{"):
            label = self._name_run()
            self.expect("}")
            return label
        return ""

    def _bracketed_arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        self.brackets += 1
        args = [self.nested(self.additive)]
        while self.accept(",") or self.accept(";"):
            args.append(self.nested(self.additive))
        self.brackets -= 1
        self.expect(")")
        return tuple(args)

    def left_scripted(self) -> Node:
        """`{}_5C_2`, `_5C_2`, `{}^5P_2`: an index, then `C` or `P`, then the other index."""
        if not (self.accept("_") or self.accept("^")):
            raise self.error("an empty group")
        above = self.script()
        token = self.tokens[self.at]
        if token.value not in ("C", "P"):
            raise self.error("expected C or P")
        self.at += 1
        if not self.accept("_"):
            raise self.error("expected an index")
        return _combinations(token.value, above, self.script())

    def combinations(self, letter: str) -> Node | None:
        """`C_5^2`, `C_{n+1}^{2}`, `A_5^2`: both indices follow; None (nothing read) where one is missing."""
        start = self.at
        tokens = list(self.tokens)  # scripts may split a token
        indices: dict[str, Node] = {}
        try:
            for _ in range(2):
                mark = "_" if self.peek("_") else "^"
                if mark in indices or not self.accept(mark):
                    break
                indices[mark] = self.script()
        except ParseError:
            indices.clear()
        whole = all(isinstance(i, Num) for i in indices.values())
        if len(indices) == 2 and (whole or letter == "C"):
            return _combinations(letter, indices["_"], indices["^"])
        self.at = start
        self.tokens[:] = tokens
        return None


def _combinations(letter: str, above: Node, below: Node) -> Node:
    chosen = Call("binom", (above, below))
    return chosen if letter == "C" else Mul((chosen, Call("factorial", (below,))))
