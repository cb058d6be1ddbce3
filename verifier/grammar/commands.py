"""LaTeX commands and runs of letters as operands."""

from __future__ import annotations

from ..nodes import Call, Const, Div, Mul, Name, Node, Unit
from ..syntax import ParseError, Token
from ..units import canonical_unit, unit_name
from ..words import is_word
from .functions import FunctionRules
from .scripts import symbol
from .tables import (
    ALIASES,
    BINOMIALS,
    CONSTANTS,
    DECORATED,
    DROPPED_WITH_GROUP,
    FRACTIONS,
    FUNCTIONS,
    GREEK,
    LETTERS,
    PREFIX_NAMES,
    SPELT,
    TRANSPARENT,
    USER_FUNCTIONS,
)


def _derivative(top: Node, below: Node) -> Node | None:
    r"""`\frac{d}{dx}` and `\frac{dy}{dx}` are names of their own, not fractions."""
    above = [top] if isinstance(top, Name) else list(top.args) if isinstance(top, Mul) else []
    under = list(below.args) if isinstance(below, Mul) else []
    names = [n.name for n in (*above, *under) if isinstance(n, Name)]
    if (
        len(under) == 2
        and 1 <= len(above) <= 2
        and len(names) == len(above) + 2
        and names[0] == names[len(above)] == "d"
    ):
        return Name(f"{''.join(names[: len(above)])}/{''.join(names[len(above) :])}")
    return None


# However they are decorated, these are the unit vectors along the axes.
_UNIT_VECTORS = frozenset("i j k imath jmath".split())


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


class CommandRules(FunctionRules):
    """An operand that begins with a command or a letter."""

    def command(self, token: Token) -> Node:
        name = token.value
        self.at += 1
        if name in FRACTIONS:
            top = self.argument()
            below = self.argument()
            return _derivative(top, below) or Div(top, below)
        if name in ("sqrt", "surd"):
            return self._root(name)
        if name in BINOMIALS:
            top = self.argument()
            return Call("binom", (top, self.argument()))
        if name in FUNCTIONS:
            return Name(name) if self.peek("=") else self.function(FUNCTIONS[name])  # `\\max = 5`
        if name in CONSTANTS:
            return Const(CONSTANTS[name])
        if name in LETTERS:
            node: Node = Name(ALIASES.get(name, name))
            if node.name in USER_FUNCTIONS and self.peek("("):  # type: ignore[attr-defined]
                return self._user_call(node)
            return node
        if name in TRANSPARENT:
            return self._transparent(name)
        if name in DECORATED:
            return self._decorated(name)
        if name in ("lfloor", "lceil"):
            closing = "r" + name[1:]
            node = self.nested(self.additive)
            self.expect(closing, "cmd")
            return Call("floor" if name == "lfloor" else "ceil", (node,))
        if name in ("lvert", "vert", "|", "lVert", "Vert"):
            node = self.nested(self.additive)
            if not (
                self.accept("rvert", "cmd")
                or self.accept("vert", "cmd")
                or self.accept("|", "cmd")
                or self.accept("rVert", "cmd")
            ):
                self.expect("Vert", "cmd")
            return Call("abs", (node,))
        if name in ("sum", "prod", "int", "lim"):
            return self._big(name)
        if name in ("$", "pounds", "euro", "yen", "texteuro", "textdollar", "mathdollar"):
            return self._money(name)
        if name in PREFIX_NAMES:
            return Name(f"{name} {self._name_run()}")
        if name in DROPPED_WITH_GROUP:
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
        if name in ("hat", "vec", "mathbf", "widehat"):
            inner = _run_text(node).removeprefix("bold ").removeprefix("hat ")
            if inner in _UNIT_VECTORS:
                return Name(f"bold {inner[0]}")
        return Name(f"{DECORATED[name]} {_run_text(node)}")

    def text_operand(self, token: Token) -> Node:
        word = token.value.strip(" .")
        if word in FUNCTIONS and len(word) > 1:
            self.at += 1
            return self.function(FUNCTIONS[word])
        if word in CONSTANTS:
            self.at += 1
            return Const(CONSTANTS[word])
        if len(word) == 1 and word.isalpha():
            self.at += 1
            return symbol(word)
        if canonical_unit(word) is not None:  # `72 \text{ km} \cdot \text{h}^{-1}`
            self.at += 1
            return Unit(unit_name(word))
        raise self.error("expected mathematics")

    def letters(self, token: Token) -> Node:
        """A run of letters: a function, a constant, or the first symbol of a product."""
        value = token.value
        if value in FUNCTIONS and (value in SPELT or self.tokens[self.at + 1].value == "(") and len(value) > 1:
            self.at += 1
            return self.function(FUNCTIONS[value])
        if value in CONSTANTS:
            self.at += 1
            return Const(CONSTANTS[value])
        greek = next((g for g in (value, value[:-1]) if len(g) > 3 and g in GREEK), None)
        if greek is not None:
            self.split_token(len(greek))
            return Name(greek)
        for size in range(min(len(value), 9) - 1, 1, -1):
            head = value[:size]
            if head in CONSTANTS:
                self.split_token(size)
                return Const(CONSTANTS[head])
            if head in SPELT and (size > 2 or value[size:] in ("x", "y", "z")):
                self.split_token(size)
                return self.function(FUNCTIONS[head])
        if len(value) > 1 and is_word(value) and not self.flanked(self.at):
            raise self.error("expected mathematics")
        self.split_token(1)
        if value in ("C", "A", "P") and self.tokens[self.at].value in ("_", "^"):
            found = self.combinations(value)
            if found is not None:
                return found
        node = symbol(value[:1])
        following = self.tokens[self.at]
        if value in USER_FUNCTIONS and following.kind == "op" and following.value == "(" or self._is_label_call():
            return self._user_call(node)
        return node

    def _is_label_call(self) -> bool:
        """`P(x) =`, `a(n) =`: a letter, one bracketed name or number, then an equals sign."""
        ahead = self.tokens[self.at : self.at + 4]
        before = self.tokens[self.at - 2].value if self.at > 1 else ""
        return (
            len(ahead) == 4
            and ahead[0].value == "("
            and not ahead[0].space
            and ahead[1].kind in ("word", "num", "cmd")
            and len(ahead[1].value) == 1
            and ahead[2].value == ")"
            and (ahead[3].value in ("=", ":=") or ahead[3].kind == "end" and before == "=")
        )

    def _user_call(self, name: Node) -> Node:
        assert isinstance(name, (Name, Const))
        return Call(name.name, self._bracketed_arguments())
