"""Golds that may be meant in two ways.

Promises: each row of the table finds what it names in its own example (the tests hold that), and says which of the
readings the verifier takes. Does not promise that the other reading is wrong, nor that the table is complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .. import nodes
from ..answers.collection import Collection
from ..answers.realset import interval
from ..compare import Reading, reader
from ..config import DEFAULT_CONFIG, VerifierConfig
from ..nodes import Node, children
from ..parse import parse, unwrap


class Ambiguity(NamedTuple):
    """A gold with two readings of different value. ``reading`` is the one that the rulings choose."""

    name: str
    test: Callable[[str, Node, Reading], bool]
    reading: str
    other: str
    example: str


def _walk(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        yield (top := stack.pop())
        stack.extend(children(top))


def _may_be_interval(reading: Reading) -> bool:
    answer = reading.answer
    pair = isinstance(answer, Collection) and answer.brackets == "()" and len(answer.items) == 2
    return pair and isinstance(answer, Collection) and interval("()", answer.items) is not None


def _constant_among_letters(node: Node) -> bool:
    seen = list(_walk(node))
    bound = {part.var for part in seen if isinstance(part, nodes.Big)}
    constants = {part.name for part in seen if isinstance(part, nodes.Const)} & {"e", "i"} - bound
    return bool(constants) and (node == nodes.Const(min(constants)) or any(isinstance(p, nodes.Name) for p in seen))


def _matches(pattern: str) -> Callable[[str, Node, Reading], bool]:
    return lambda text, node, reading: re.search(pattern, text) is not None


AMBIGUITIES = (
    Ambiguity("comma_numeral", lambda text, node, reading: isinstance(node, nodes.Num) and bool(node.commas),
              "one number", "a list", "100,200"),
    Ambiguity("decimal_comma", _matches(r"^[-+]?\d+(?:,(?!\d{3}$)|\{,\}(?!\d{3}$))\d+$"),
              "a list of two", "one decimal", "3,14"),
    Ambiguity("pair_or_interval", lambda text, node, reading: _may_be_interval(reading),
              "whichever of the two the response is", "a tuple only, or an open interval only", "(0,4)"),
    Ambiguity("log_without_base",
              lambda text, node, reading: any(isinstance(p, nodes.Call) and p.name == "log" and len(p.args) == 1
                                              for p in _walk(node)),
              "the verifier's base", "base 10, e or 2", r"\log 5"),
    Ambiguity("e_notation", _matches(r"\d[eE][-+]?\d"), "a power of ten, or e times", "the other", "2e-1"),
    Ambiguity("choice_or_variable", lambda text, node, reading: re.fullmatch(r"\(?[A-Ja-j]\)?", text) is not None,
              "a choice if capital, else a variable", "the other", "A"),
    Ambiguity("constant_or_letter", lambda text, node, reading: _constant_among_letters(node),
              "the constant e or i", "a variable", r"\frac{1}{2}(n+2-ni)"),
    Ambiguity("mixed_or_product", _matches(r"(?:^|[^\w.^{}\\)])\d+\s*\\[dtc]?frac\s*[\d{]|(?:^|[^\w.])\d+ \d+/\d"),
              "a mixed number", "a product", r"2\frac{1}{4}"),
    Ambiguity("unbraced_fraction", _matches(r"\\[dtc]?frac\s*(?:\d{3,}|\{[^{}]*\}\s*\d{2,})"),
              "one digit each above and below", "several", r"\frac143"),
    Ambiguity("slash_product", _matches(r"/\s*\d+\s*(?:[A-Za-z(]|\\(?:pi|sqrt)\b)"),
              "(a/b)c", "a/(bc)", "1/2x"),
    Ambiguity("ratio_or_time", _matches(r"^\d{1,2}:[0-5]\d$"), "a ratio", "a time of day", "11:40"),
    Ambiguity("alternatives",
              lambda text, node, reading: isinstance(node, nodes.Logic) and node.op == "or"
              and reading.answer is not None and reading.answer.kind == "collection",
              "all of them", "any one of them", r"4 \text{ or } 0"),
    Ambiguity("approximation", _matches(r"\\approx|≈"), "the value before the sign", "the value after it",
              r"\sqrt2 \approx 1.41"),
    Ambiguity("ellipsis", _matches(r"\d(?:\.\.\.|…|\s*\\[lc]?dots)$"), "the digits as written", "more digits",
              r"614.519\ldots"),
)  # fmt: skip
"""The table of ambiguities; one that finds nothing in its own example is a defect."""


def ambiguities(gold: str, *, config: VerifierConfig = DEFAULT_CONFIG) -> list[str]:
    r"""Names of the ambiguities of a gold; none where it cannot be read.

    >>> ambiguities("100,200"), ambiguities("12"), ambiguities(r"2\frac14")
    (['comma_numeral'], [], ['mixed_or_product'])
    """
    reading = reader(config).read(gold)
    if reading.answer is None:
        return []
    node = parse(gold, config.limits, config.policy)
    text = unwrap(gold)
    return [rule.name for rule in AMBIGUITIES if rule.test(text, node, reading)]
