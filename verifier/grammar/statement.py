r"""The grammar of statements: lists, relations, sets, intervals, matrices and words.

    answer     := disjunct { ("," | ";" | "and" | "or") disjunct } [qualifier]
    disjunct   := operand { relation operand }
    operand    := part { ("\cup" | "\cap" | "\setminus") part }
    part       := ratio | bracketed | set | named set
    ratio      := additive { ":" additive } [ "am" | "pm" ]
    bracketed  := ("(" | "[" | "\{" | "<") members (")" | "]" | "\}" | ">")

Promises: a whole answer becomes one node or a ParseError with its position.
"""

from __future__ import annotations

import re

from ..nodes import (
    Call,
    Logic,
    Name,
    NamedSet,
    Node,
    Num,
    Pow,
    Ratio,
    Rel,
    Seq,
    SetOp,
    Where,
)
from ..syntax import LimitError, Token
from .tables import LEADING, RELATIONS, TRANSPARENT
from .wording import BOLD_SETS, WordRules

_SET_OPS = {"cup": "union", "cap": "intersection", "setminus": "difference", "backslash": "difference"}
_ALL = re.compile(r"(?:all|every|any)(?: (?:real|positive|negative|integers?|numbers?|reals|values|of))*$", re.I)
_COUNTED = frozenset("real positive negative nonnegative integer integers number numbers reals values of".split())


class StatementParser(WordRules):
    """Adds lists, relations, sets and words to the expression grammar."""

    def answer(self) -> Node:
        node = self.members(top=True)
        if isinstance(node, Seq) and isinstance(node.items[0], Rel) and node.items[0].ops == ("equiv",):
            node = self._residues(node.items[0].args[0], node)
        token = self.tokens[self.at]
        if token.kind == "qualifier" and self.at:
            if any(t.value in ("otherwise", "else", "if") for t in self.tokens[self.at + 1 :]):
                raise self.error("expected one case")
            return node
        if token.kind != "end":
            raise self.error("expected the end")
        return node

    def members(self, *, top: bool) -> Node:
        """Comma lists, with `and` and `or`; at the top `or` outranks nothing and keeps its name."""
        items = [self.disjunct()]
        joins: list[str] = []
        while True:
            token = self.tokens[self.at]
            if token.kind == "op" and token.value in ",;" or self._row_ends(token):
                self.at += 1
                if self.tokens[self.at].kind == "logic":
                    joins.append(self.tokens[self.at].value)
                    self.at += 1
                else:
                    joins.append(token.value if token.value == ";" else ",")
            elif token.kind == "logic":
                self.at += 1
                joins.append(token.value)
            elif token.kind == "cmd" and token.value in ("cup", "cap") and isinstance(items[-1], Rel):
                self.at += 1
                joins.append("or" if token.value == "cup" else "and")
            else:
                break
            following = self.tokens[self.at]
            if following.kind in ("end", "qualifier") or following.value in (")", "]", "}", "&", "\\", "end"):
                break  # a trailing comma
            items.append(self.disjunct())
            if len(items) > self.limits.members:
                raise LimitError(f"more than {self.limits.members} members")
        if len(items) > 1 and top and _is_domain(items[-1]):
            items.pop()  # `x = k\pi, k \in \mathbb{Z}`
        if len(items) == 1:
            return items[0]
        if "or" in joins:
            if "," in joins and all(_is_equation(i) for i in items) and _alike(groups := _grouped(items, joins, "or")):
                return groups  # `x=1, y=2 or x=2, y=1`
            return Logic("or", tuple(items))
        if "and" in joins and all(isinstance(i, Rel) for i in items) and not all(_is_equation(i) for i in items):
            return Logic("and", tuple(items))
        if ";" in joins and "," in joins:
            return _grouped(items, joins, ";")
        if "and" in joins and "," in joins and all(_is_equation(i) for i in items):
            groups = _grouped(items, joins, "and")
            if _alike(groups):
                return groups  # `p=5, q=2 and p=7, q=2`
        return Seq("", tuple(items))

    def _row_ends(self, token: Token) -> bool:
        """A line break joins the lines of an answer, and parts the rows of an environment."""
        return token.kind == "cmd" and token.value == "\\" and not self.aligned

    def disjunct(self) -> Node:
        """disjunct := operand { relation operand }"""
        while self.tokens[self.at].kind == "qualifier" or _ALL.match(self.tokens[self.at].value):
            if self.tokens[self.at + 1].kind == "end":
                break
            self.at += 1  # `all x > 2`
            at = self.at
            while self.tokens[at].value in _COUNTED:
                at += 1
            if self.tokens[at].kind == "word" and len(self.tokens[at].value) == 1:
                self.at = at  # `all integers n > 2`
        token = self.tokens[self.at]
        if token.kind in ("op", "cmd") and token.value in LEADING:  # "= 5" continues the question's sentence
            self.at += 1
        elif token.kind == "op" and token.value in RELATIONS:
            raise self.error("expected a value")
        left = self.label() or self.operand()
        ops: list[str] = []
        args: list[Node] = [left]
        while True:
            op = self._relation()
            if op is None:
                break
            ops.append(op)
            self.congruence = op == "equiv"
            args.append(self.ratio() if self._joins_relations(op) else self.operand())
            self.congruence = False
        if not ops:
            return self._conditioned(left)
        modulus = self._modulus()
        if modulus is not None:
            ops.append("mod")
            args.append(Call("pmod", (modulus,)))
        return self._conditioned(Rel(tuple(ops), tuple(args)))

    def _joins_relations(self, op: str) -> bool:
        r"""Whether a `\cup` may follow that joins this order relation to another: `0 < x < 1 \cup 2 < x < 3`."""
        return op in ("<", "<=", ">", ">=") and self.joins_sets

    def _conditioned(self, said: Node) -> Node:
        r"""`x + 1 (x > 0)`, `2k\\pi (k \\in \\mathbb{Z})`: a condition in brackets; a domain or words add nothing."""
        if not self.condition_follows():
            return said
        end = self.matching(self.at)
        self.at += 1
        if any(t.kind == "text" or t.value in ("integer", "integers", "real") for t in self.tokens[self.at : end]):
            self.at = end + 1
            return said
        condition = self.nested(lambda: self.members(top=False))
        self.expect(")")
        return said if _is_domain(condition) else Where(said, condition)

    def _residues(self, left: Node, node: Seq) -> Node:
        """`n = 0, 2 (mod 6)`: one congruence for each residue."""
        modulus = self._modulus()
        if modulus is None:
            return node
        residues = [item.args[1] if isinstance(item, Rel) else item for item in node.items]
        return Seq("", tuple(Rel(("equiv", "mod"), (left, r, Call("pmod", (modulus,)))) for r in residues))

    def _modulus(self) -> Node | None:
        r"""`\pmod 7`, `(\bmod 7)`, `(mod 7)` behind a congruence."""
        token, following = self.tokens[self.at], self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.kind == "cmd" and token.value == "pmod":
            self.at += 1
            return self.argument()
        if token.kind == "op" and token.value == "(" and following.value in ("mod", "bmod"):
            self.at += 2
            node = self.additive()
            self.expect(")")
            return node
        if token.kind in ("word", "cmd") and token.value in ("mod", "bmod"):
            self.at += 1
            return self.additive()
        return None

    def _relation(self) -> str | None:
        if self.aligned and self.peek("&") and self.tokens[self.at + 1].value in RELATIONS:
            self.at += 1
        token = self.tokens[self.at]
        if token.kind == "cmd" and token.value == "not":
            following = self.tokens[self.at + 1]
            op = RELATIONS.get(following.value)
            flipped = {"=": "!=", "in": "notin"}.get(op or "")
            if flipped:
                self.at += 2
            return flipped
        if token.kind in ("op", "cmd") and token.value in RELATIONS:
            self.at += 1
            return RELATIONS[token.value]
        if token.kind == "cmd" and token.value == "mid" and not self.brackets:
            self.at += 1
            return "divides"
        if token.kind == "word" and token.value == "in" and self.tokens[self.at + 1].value in ("[", "(", "{", "mathbb"):
            self.at += 1
            return "in"
        return None

    def operand(self) -> Node:
        """operand := part { set operation part }"""
        node = self.part()
        while True:
            token = self.tokens[self.at]
            if token.kind == "cmd" and token.value in _SET_OPS:
                op = _SET_OPS[token.value]
            elif token.kind == "word" and token.value == "U" and isinstance(node, (Seq, SetOp, NamedSet)):
                op = "union"
            elif token.kind == "op" and token.value == "-" and isinstance(node, (NamedSet, SetOp)):
                op = "difference"
            else:
                return node
            self.at += 1
            right = self.part()
            if isinstance(node, SetOp) and node.op == op == "union":
                node = SetOp(op, (*node.args, right))
            else:
                node = SetOp(op, (node, right))

    def part(self) -> Node:
        token = self.tokens[self.at]
        boxed = token.kind == "cmd" and token.value in TRANSPARENT and token.value != "mathbb"
        if (boxed or token.kind == "op" and token.value == "{") and self._stands_alone(self.at + boxed):
            self.at += 1 + boxed
            inner = self.nested(lambda: self.members(top=False))
            self.expect("}")
            return inner
        if token.kind == "cmd":
            if token.value in ("emptyset", "varnothing"):
                self.at += 1
                return NamedSet("empty")
            if token.value == "pmod":
                self.at += 1
                return Call("pmod", (self.argument(),))
        node = self.ratio()
        if isinstance(node, Name) and node.name in BOLD_SETS:
            return self._named_set(BOLD_SETS[node.name])
        if isinstance(node, Pow) and isinstance(node.base, Name) and node.base.name in BOLD_SETS:
            return Call("power_set", (node.base, node.exp))
        return node

    def _stands_alone(self, start: int) -> bool:
        """Whether a TeX group opens here and is a whole member, so that it may hold a statement."""
        depth = 0
        for index in range(start, len(self.tokens) - 1):
            token = self.tokens[index]
            if depth == 0 and token.value != "{":
                return False
            if token.kind == "op" and token.value in "{}":
                depth += 1 if token.value == "{" else -1
                if depth == 0:
                    after = self.tokens[index + 1]
                    return after.kind in ("end", "logic", "qualifier") or after.kind == "op" and after.value in ",;"
            elif token.kind == "cmd" and token.value in ("over", "choose", "atop") and depth == 1:
                return False
        return False

    def _named_set(self, name: str) -> Node:
        return NamedSet(name)

    def ratio(self) -> Node:
        """ratio := additive { ":" additive } [ "am" | "pm" ]"""
        node = self._value()
        if not self.peek(":") or self.braces and self._condition_follows():  # `\{x : x > 0\}`
            return self._with_suffix(node, (node,))
        args = [node]
        while self.accept(":"):
            args.append(self._value())
        return self._with_suffix(Ratio(tuple(args)), tuple(args))

    def _condition_follows(self) -> bool:
        """Whether a relation stands between the colon and the end of the set."""
        for token in self.tokens[self.at :]:
            if token.kind == "cmd" and token.value in ("}", "rbrace") or token.kind == "end":
                return False
            if token.value in RELATIONS and token.value != ":=":
                return True
        return False

    def _with_suffix(self, node: Node, args: tuple[Node, ...]) -> Node:
        token = self.tokens[self.at]
        if token.kind in ("word", "text") and isinstance(args[0], Num):
            word = token.value.replace(".", "").replace(" ", "").lower()
            if word in ("am", "pm"):
                self.at += 1
                self.accept(".")
                return Ratio(args if len(args) > 1 else (*args, Num(0, None, "00")), word)
        return node


def _is_domain(node: Node) -> bool:
    """Whether a member only says where a parameter comes from."""
    if not isinstance(node, Rel) or node.ops != ("in",):
        return False
    letter, inside = node.args
    if isinstance(inside, Pow):
        inside = inside.base
    if isinstance(inside, Name):
        plain = (
            isinstance(letter, Name) and letter.name in ("k", "m", "n") and inside.name.partition("_")[0] in ("N", "Z")
        )
        return plain or inside.name.startswith("bb ")
    return isinstance(inside, NamedSet) or isinstance(inside, Call) and inside.name == "power_set"


def _is_equation(node: Node) -> bool:
    return isinstance(node, Rel) and all(op == "=" for op in node.ops)


def _alike(groups: Seq) -> bool:
    """Whether groups of equations have the same labels in the same order, more than one in each."""
    labels = [tuple(e.args[0] for e in g.items if isinstance(e, Rel)) for g in groups.items if isinstance(g, Seq)]
    return len(labels) == len(groups.items) > 1 and len(set(labels)) == 1


def _grouped(items: list[Node], joins: list[str], separator: str) -> Seq:
    """`p=5, q=2; p=7, q=2`: one separator parts groups whose members commas part."""
    groups: list[list[Node]] = [[items[0]]]
    for join, item in zip(joins, items[1:], strict=False):
        if join == separator:
            groups.append([])
        groups[-1].append(item)
    return Seq("", tuple(g[0] if len(g) == 1 else Seq("()", tuple(g)) for g in groups))
