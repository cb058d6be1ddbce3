"""Words where a value could stand: answers in words, labels and lead-ins, SymPy's constructors.

Promises: a run of words that only introduces a value is dropped; any other is one Text, as `words` spells it.
"""

from __future__ import annotations

import re

from ..nodes import Add, Const, Div, Mul, Name, NamedSet, Node, Num, Pow, Rel, Seq, SetOp, Text
from ..words import canonical_words, is_word, means_empty_set
from .brackets import BracketRules
from .tables import CONSTRUCTORS, FUNCTIONS

BOLD_SETS = {"bb R": "R", "bb Z": "Z", "bb N": "N", "bb Q": "Q", "bb C": "C"}
_LEADS_IN = re.compile(r"\b(?:is|are|be|equals?)$")
_ALL_BUT = re.compile(r"(?:all )?(?:reals|real numbers|real values)(?: \w)? (?:except|other than)(?: for)?")


class WordRules(BracketRules):
    """A value, which may be words."""

    def _value(self) -> Node:
        token = self.tokens[self.at]
        alone = self.at == 0 and len(self.tokens) == 2
        if token.value in CONSTRUCTORS and self.tokens[self.at + 1].value in ("(", "."):
            return self._constructed(token.value)
        letters = token.kind == "word" and token.value not in FUNCTIONS and not self.flanked(self.at)
        if letters and token.value.lower() in ("a", "an", "the") and self._word_follows():
            self.at += 1  # `an ellipse`
            token = self.tokens[self.at]
        if token.kind == "text" or letters and (is_word(token.value) or alone and is_word(token.value.lower())):
            words = self._words()
            if words is not None:
                return words
        return _point(self.infix(self.additive()))

    def _word_follows(self) -> bool:
        """Whether the answer is an article before words, and nothing else."""
        rest = self.tokens[1:-1]
        return (
            self.at == 0 and bool(rest) and all(t.kind == "word" and t.space for t in rest) and is_word(rest[0].value)
        )

    def _constructed(self, name: str) -> Node:
        """`Rational(3, 4)`, `Matrix([[1, 2], [3, 4]])`, `Interval.open(0, 1)`: as SymPy prints them."""
        self.at += 1
        brackets = CONSTRUCTORS[name]
        if self.accept("."):
            brackets = {"open": "()", "Lopen": "(]", "Ropen": "[)"}.get(self.tokens[self.at].value, "")
            self.at += 1
        self.expect("(")
        self.brackets += 1
        inner = self.nested(lambda: self.members(top=False))
        self.brackets -= 1
        self.expect(")")
        items = inner.items if isinstance(inner, Seq) and not inner.brackets else (inner,)
        if brackets in ("/", "=") and len(items) == 2:
            return Div(*items) if brackets == "/" else Rel(("=",), items)
        if brackets == "union":
            return SetOp("union", items)
        if name == "Matrix" or not brackets or brackets in ("/", "="):
            return items[0] if len(items) == 1 else self._refused()
        return Seq(brackets, items)

    def _refused(self) -> Node:
        raise self.error("not what this constructor takes")

    def _words(self) -> Node | None:
        """A run of words where a value could stand: `\\text{even}`, `no solution`."""
        start = self.at
        parts: list[str] = []
        while True:
            token = self.tokens[self.at]
            if token.kind == "text" or token.kind == "word":
                if token.kind == "text" and token.value in FUNCTIONS:
                    break
                if token.kind == "word" and len(token.value) == 1 and parts and _LEADS_IN.search(parts[-1]):
                    break  # `the only function is f(x) = 2x`
                parts.append(token.value)
            elif not (
                parts
                and token.kind == "op"
                and token.value in "'\"-."
                and self.tokens[self.at + 1].kind in ("text", "word")
            ):
                break
            self.at += 1
        words = canonical_words(" ".join(parts))
        if not words or self.at - start == 1 and len(words) == 1:
            self.at = start
            return None
        token = self.tokens[self.at]
        if token.kind == "op" and token.value == "=" and self.tokens[self.at + 1].kind != "end":
            return Name(words)  # a label: `\text{Area} = 5`
        if self.accept(":"):
            return self._value()  # "Answer: 5"
        lead_in = parts[-1].rstrip().endswith(":") or _LEADS_IN.search(words)
        if lead_in and token.kind not in ("end", "qualifier", "logic"):
            return self._value()  # "the answer is 5"
        if self.peek("_") or self.peek("^"):
            return self.power_of(Name(words))
        if words in ("infinity", "positive infinity"):
            return Const("oo")
        if words == "negative infinity":
            return Mul((Num(-1), Const("oo")))
        if words in ("all real numbers", "all reals", "the real numbers", "real numbers", "all real", "reals"):
            return NamedSet("R")
        if _ALL_BUT.fullmatch(words):
            return self._exception()
        if means_empty_set(words):
            return NamedSet("empty")
        return Text(words)

    def _exception(self) -> Node:
        """The rest of `all real numbers except 2`, `... except x = 2`."""
        node = self.disjunct()
        if isinstance(node, Rel) and node.ops == ("=",) and isinstance(node.args[0], Name):
            node = node.args[1]
        return SetOp("difference", (NamedSet("R"), Seq("{}", (node,))))

    def power_of(self, name: Name) -> Node:
        node: Node = self.postfix(name)
        if self.accept("^"):
            node = Pow(node, self.script())
        return node


def _point(node: Node) -> Node:
    """`P(3,4)` names a point: a label, where a product would be nonsense; a set less a set is a set."""
    if isinstance(node, Mul) and len(node.args) == 2:
        name, point = node.args
        if isinstance(name, Name) and name.name.isupper() and isinstance(point, Seq) and point.brackets == "()":
            return Rel(("=",), (name, point))
    if isinstance(node, Add) and len(node.args) == 2:
        whole, rest = node.args
        removed = rest.args[1] if isinstance(rest, Mul) and rest.args[0] == Num(-1) else None
        if isinstance(whole, Name) and whole.name in BOLD_SETS and isinstance(removed, Seq):
            return SetOp("difference", (NamedSet(BOLD_SETS[whole.name]), removed))
    return node
