r"""What an answer is: the one vocabulary of types in which labels, noise and summaries are told and chosen.

Promises: finer than the verifier's own kinds (`integer`, `fraction`, `real` are all expressions), a function of the
text and the config alone. Does not decide whether two answers may be compared: :mod:`verifier.answers` does.
"""

from __future__ import annotations

from . import numeric
from .answers.base import Answer
from .answers.collection import Collection
from .answers.expression import Expression
from .answers.realset import RealSet
from .compare import Reading, reader
from .config import DEFAULT_CONFIG, VerifierConfig
from .nodes import Const, Node, children

UNREADABLE = "unreadable"


def answer_types() -> list[str]:
    """Every type that `answer_type` may give, but for ``UNREADABLE``."""
    kinds, waiting = set(), [Answer]
    while waiting:
        below = waiting.pop().__subclasses__()
        kinds |= {kind for one in below if (kind := getattr(one, "kind", None))}
        waiting += below
    kinds -= {"collection"}
    return [*_FINER, *sorted(kinds - set(_FINER))]


_FINER = ("integer", "decimal", "fraction", "real", "complex", "expression", "list", "tuple", "set", "interval")


def answer_type(text: str, config: VerifierConfig = DEFAULT_CONFIG) -> str:
    r"""What an answer is; ``UNREADABLE`` where it cannot be read.

    >>> [answer_type(t) for t in ("7", "0.5", "1/2", r"\sqrt2", "1+i", "x^2", "(1,2)", "[1,2)", "B")]
    ['integer', 'decimal', 'fraction', 'real', 'complex', 'expression', 'tuple', 'interval', 'choice']
    """
    return type_of(reader(config).read(text))


def type_of(reading: Reading) -> str:
    """The same of what was read."""
    answer = reading.answer
    if answer is None:
        return UNREADABLE
    if isinstance(answer, Expression):
        if answer.rational is not None:
            if "." in reading.text.strip(" .$"):
                return "decimal"
            return "integer" if answer.rational.denominator == 1 else "fraction"
        if numeric.symbols(answer.node):
            return "expression"
        return "complex" if _has_i(answer.node) else "real"
    if isinstance(answer, Collection):
        return "interval" if answer.brackets in ("[]", "(]", "[)") and len(answer.items) == 2 else answer.order
    if isinstance(answer, RealSet) and len(answer.pieces) == 1:
        return "interval"
    return answer.kind


def _has_i(node: Node) -> bool:
    return node == Const("i") or any(map(_has_i, children(node)))
