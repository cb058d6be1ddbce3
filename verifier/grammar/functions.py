r"""Functions and big operators: `\sin^2 x`, `\log_2 8`, `\sqrt[3]{4}`, `\sum_{k=1}^{n} k`."""

from __future__ import annotations

from ..nodes import Big, Call, Mul, Name, Node, Num, Pow, negate, product
from ..syntax import LimitError, ParseError
from .numerals import numeral
from .quantities import QuantityRules
from .tables import ARITIES, INVERSE, LETTERS


def _differential(body: Node) -> tuple[Node, str]:
    """`f(x) dx` -> (f(x), "x")."""
    if isinstance(body, Mul) and len(body.args) >= 2:
        *front, d, var = body.args
        if isinstance(d, Name) and d.name == "d" and isinstance(var, Name):
            return (product(list(front)) if front else Num(1)), var.name
    raise ParseError("an integral without its differential")


class FunctionRules(QuantityRules):
    """A function's name has been read; its scripts and argument follow."""

    def function(self, name: str) -> Node:
        """A known function's name has been read: its scripts and argument follow."""
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.peek("_"):
                self.at += 1
                base = self._log_base() if name in ("log", "ln", "lg") else Name(self._raw_script())
            elif self.peek("^") or self.peek("**"):
                self.at += 1
                exponent = self.script()
        args = self._function_arguments(name)
        least, most = ARITIES.get(name, (1, 1))
        if not least <= len(args) <= most:
            raise self.error(f"{name} of {len(args)} arguments")
        if name in ("sqrt", "cbrt"):
            node: Node = Call("root", (args[0], Num(2 if name == "sqrt" else 3)))
        elif name == "log" and base is not None:
            node = Call("log", (args[0], base))
        elif name == "root" and len(args) == 1:
            node = Call("root", (args[0], Num(2)))
        elif base is not None and name in ("max", "min"):
            node = Call(name, args)
        elif exponent == Num(-1, None, "") or isinstance(exponent, Num) and exponent.value == -1:
            if name in INVERSE:
                return Call(INVERSE[name], args)
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

    def _root(self, command: str) -> Node:
        r"""`\\sqrt[3]{4}`, and `√10`, whose argument is a whole numeral."""
        index: Node = Num(2)
        if self.accept("[") and not self.accept("]"):
            index = self.nested(self.additive)
            self.expect("]")
        return Call("root", (self.argument() if command == "sqrt" else self.script(), index))

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
        if token.kind == "end":
            raise self.error("expected a variable")
        self.at += 1
        if token.kind == "word" and len(token.value) == 1 or token.kind == "cmd" and token.value in LETTERS:
            if op == "lim":
                if not (self.accept("to", "cmd") or self.accept("rightarrow", "cmd") or self.accept("->")):
                    raise self.error("expected \\to")
            else:
                self.expect("=")
            low = self.nested(self.additive)
            self.expect("}")
            return token.value, low
        raise self.error("expected the variable and its first value")
