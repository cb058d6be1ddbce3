"""Brackets and environments: tuples, intervals, sets, set-builders, matrices, systems."""

from __future__ import annotations

from ..nodes import (
    Call,
    Logic,
    Matrix,
    NamedSet,
    Node,
    Ratio,
    Rel,
    Seq,
    SetBuilder,
)
from ..syntax import LimitError
from .labels import LabelRules

_OPENING = {"(": "(", "[": "[", "{": "{", "lbrace": "{", "langle": "<", "lbrack": "["}
_CLOSING = {")": ")", "]": "]", "}": "}", "rbrace": "}", "rangle": ">", "rbrack": "]"}
_MATRICES = frozenset(
    {
        "matrix",
        "pmatrix",
        "bmatrix",
        "Bmatrix",
        "vmatrix",
        "Vmatrix",
        "smallmatrix",
        "array",
        "psmallmatrix",
        "bsmallmatrix",
    }
)
_ALIGNED = frozenset(
    {
        "cases",
        "aligned",
        "align",
        "align*",
        "gathered",
        "split",
        "equation",
        "equation*",
        "gather",
        "gather*",
        "dcases",
        "rcases",
        "eqnarray*",
    }
)


def _system(statements: tuple[Node, ...]) -> Node:
    """Equations one under the other are a list; other relations hold together."""
    equations = all(isinstance(s, Rel) and s.ops == ("=",) for s in statements)
    return Seq("", statements) if equations else Logic("and", statements)


class BracketRules(LabelRules):
    """What stands between an opening bracket and its partner."""

    def bracketed(self) -> Node:
        token = self.tokens[self.at]
        opening = _OPENING[token.value]
        self.at += 1
        self.brackets += 1
        self.braces += opening == "{"
        try:
            if self._at_closing():
                closing = self._closing()
                if opening == "{" and closing == "}":
                    return NamedSet("empty")
                raise self.error("nothing between brackets")
            inner = self._bracket_members(opening)
        finally:
            self.brackets -= 1
            self.braces -= opening == "{"
        if isinstance(inner, SetBuilder):
            self._closing()
            return inner
        closing = self._closing()
        items = inner.items if isinstance(inner, Seq) and not inner.brackets else (inner,)
        if isinstance(inner, Logic) and opening == "{":
            items = inner.args
        return self._bracket_node(opening + closing, items)

    def _bracket_node(self, brackets: str, items: tuple[Node, ...]) -> Node:
        if brackets in ("{}", "<>"):
            return Seq(brackets, items)
        if len(items) == 1:
            if brackets in ("()", "[]"):
                only = items[0]
                if isinstance(only, (Rel, Logic)):
                    return Seq("()", (only,)) if brackets == "[]" else only
                return only
            raise self.error("an interval with one end")
        if brackets == "[]" and all(isinstance(i, Seq) and i.brackets == "[]" for i in items):
            rows = tuple(i.items for i in items if isinstance(i, Seq))
            if len({len(r) for r in rows}) == 1 and len(rows) > 1:
                return Matrix(rows)
        if brackets in ("(]", "[)") and len(items) != 2:
            raise self.error("an interval needs two ends")
        return Seq(brackets, items)

    def _bracket_members(self, opening: str) -> Node:
        node = self.members(top=False)
        if opening == "{" and (
            self.peek("mid", "cmd")
            or self.peek("|")
            or self.peek(":")
            or self.peek("such that", "qualifier")
            or self.peek("vert", "cmd")
        ):
            self.at += 1
            return SetBuilder(node, self.members(top=False))
        if opening == "{" and isinstance(node, Ratio) and len(node.args) == 2:
            raise self.error("a set-builder with a colon")
        return node

    def _at_closing(self) -> bool:
        token = self.tokens[self.at]
        return (
            token.kind in ("op", "cmd") and token.value in _CLOSING and not (token.kind == "op" and token.value == "}")
        )

    def _closing(self) -> str:
        token = self.tokens[self.at]
        if not self._at_closing():
            raise self.error("expected a closing bracket")
        self.at += 1
        return _CLOSING[token.value]

    def environment(self) -> Node:
        name = self._environment_name()
        if name == "array":
            self._skip_group()
        if name not in _MATRICES and name not in _ALIGNED:
            raise self.error(f"unknown environment {name}")
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        self.brackets += 1
        outer, self.aligned = self.aligned, name in _ALIGNED
        while True:
            if self.accept("end", "cmd"):
                break
            if self.accept("\\", "cmd"):
                if row:
                    rows.append(tuple(row))
                row = []
                continue
            if self.accept("&"):
                if self.aligned and rows and not row:
                    self._continue_chain(rows)
                continue
            row.append(self.members(top=False) if name in _ALIGNED else self.disjunct())
            if len(rows) * len(row) > self.limits.members:
                raise LimitError(f"more than {self.limits.members} entries")
            if name in _ALIGNED and self.tokens[self.at].kind == "qualifier":
                self.at += 1
        self.brackets -= 1
        self.aligned = outer
        if row:
            rows.append(tuple(row))
        closing = self._environment_name()
        if closing != name or not rows:
            raise self.error(f"expected \\end{{{name}}}")
        return self._rows(name, rows)

    def _continue_chain(self, rows: list[tuple[Node, ...]]) -> None:
        r"""`x &= 40 + 2 \\ &= 42`: a row that begins with a relation goes on with the row before it."""
        before = rows[-1][0] if len(rows[-1]) == 1 else None
        op = self._relation() if before is not None else None
        while before is not None and op is not None:
            value = self.operand()
            if isinstance(before, Rel):
                before = Rel((*before.ops, op), (*before.args, value))
            else:
                before = Rel((op,), (before, value))
            rows[-1] = (before,)
            op = self._relation()

    def _environment_name(self) -> str:
        return self._raw_script() if self.peek("{") else ""

    def _rows(self, name: str, rows: list[tuple[Node, ...]]) -> Node:
        if name in _ALIGNED:
            if all(len(r) == 1 for r in rows):
                statements = tuple(r[0] for r in rows)
                return statements[0] if len(statements) == 1 else _system(statements)
            return Call("piecewise", tuple(Seq("()", r) for r in rows))
        if name == "array" and all(len(r) == 1 and isinstance(r[0], Rel) for r in rows):
            return _system(tuple(r[0] for r in rows)) if len(rows) > 1 else rows[0][0]
        if len({len(r) for r in rows}) != 1:
            raise self.error("rows of different lengths")
        matrix = Matrix(tuple(rows))
        return Call("det", (matrix,)) if name == "vmatrix" else matrix
