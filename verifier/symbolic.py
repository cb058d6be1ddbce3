"""The symbolic rung: SymPy on our own trees, inside a worker process.

Promises: the one module that imports SymPy. SymPy objects are made through constructors from our
nodes, never from text; what a constructor does to its arguments may take any time and memory,
which is why this runs where it can be killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.cache import clear_cache

from .answers import recognise, settings_of
from .answers.base import Answer
from .answers.collection import Collection
from .answers.expression import Expression, Infinity
from .answers.quantity import Quantity
from .answers.realset import RealSet
from .answers.relation import Equation
from .answers.statements import Inequality, Membership, Opaque
from .config import Limits, Policy
from .indexed import has_members
from .nodes import (
    Add,
    Big,
    Call,
    Const,
    Degree,
    Div,
    Logic,
    Mul,
    Name,
    NamedSet,
    Node,
    Num,
    Percent,
    Pow,
    Rel,
    Seq,
    SetBuilder,
    SetOp,
    Unit,
)
from .numeric import symbols
from .parse import parse
from .syntax import LimitError, ParseError, UndefinedError


class Unsupported(Exception):
    """A node or a pair that this rung has no reading for."""


def decide(payload: Mapping[str, Any]) -> dict[str, Any]:
    """{answer, gold, limits} -> {equal: True | False | None, why}."""
    clear_cache()  # so that no answer depends on the pairs before it
    limits, policy = Limits(**payload["limits"]), Policy(**payload["policy"])
    try:
        settings = settings_of(limits, policy)
        answer = recognise(parse(payload["answer"], limits, policy), settings)
        gold = recognise(parse(payload["gold"], limits, policy), settings)
        equal = _equal(answer, gold)
    except (Unsupported, ParseError, LimitError, UndefinedError, NotImplementedError) as error:
        return {"equal": None, "why": f"the symbolic rung cannot say: {error}"}
    except (TypeError, ValueError, AttributeError, ZeroDivisionError, RecursionError) as error:
        # SymPy's own ways to say that it has no answer
        return {"equal": None, "why": f"the symbolic rung cannot say: {type(error).__name__}"}
    return {"equal": equal, "why": ""}


def _equal(a: Answer, b: Answer) -> bool | None:
    a, b = _bare(a), _bare(b)
    if isinstance(a, Expression) and isinstance(b, Expression):
        return _same_value(a.node, b.node)
    if isinstance(a, Collection) and isinstance(b, Collection) and len(a.items) == len(b.items):
        found = [_equal(x, y) for x, y in zip(a.items, b.items, strict=True)]
        return True if all(found) else None
    if isinstance(a, Equation) and isinstance(b, Equation):
        return _proportional(a, b)
    if _is_set(a) and _is_set(b):
        return _same_set(_as_set(a), _as_set(b))
    raise Unsupported(f"{a.kind} against {b.kind}")


def _bare(a: Answer) -> Answer:
    if isinstance(a, Membership):
        return _bare(a.value)
    if isinstance(a, Quantity):
        return a.value
    return a


# -- values -------------------------------------------------------------------------------------

_FUNCTIONS: dict[str, Any] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec, "csc": sympy.csc,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "coth": sympy.coth,
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "arccot": sympy.acot, "arcsec": sympy.asec,
    "arccsc": sympy.acsc, "arcsinh": sympy.asinh, "arccosh": sympy.acosh, "arctanh": sympy.atanh,
    "ln": sympy.log, "exp": sympy.exp, "abs": sympy.Abs, "floor": sympy.floor, "ceil": sympy.ceiling,
    "factorial": sympy.factorial, "factorial2": sympy.factorial2, "binom": sympy.binomial, "max": sympy.Max,
    "min": sympy.Min, "gcd": sympy.gcd, "lcm": sympy.lcm, "mod": sympy.Mod, "re": sympy.re, "im": sympy.im,
    "conj": sympy.conjugate, "arg": sympy.arg, "sign": sympy.sign, "erf": sympy.erf,
}  # fmt: skip
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "oo": sympy.oo}


def to_sympy(node: Node, bound: frozenset[str] = frozenset()) -> Any:
    """The SymPy object of an expression node. Free symbols are real, bound ones are integers."""
    if isinstance(node, Num):
        value = node.value
        return sympy.Integer(value) if isinstance(value, int) else sympy.Rational(value.numerator, value.denominator)
    if isinstance(node, Name):
        return sympy.Symbol(node.name, integer=True) if node.name in bound else sympy.Symbol(node.name, real=True)
    if isinstance(node, Const):
        return sympy.Symbol(node.name, integer=True) if node.name in bound else _CONSTANTS[node.name]
    if isinstance(node, Unit):
        return sympy.Symbol("unit " + node.name, positive=True)

    def sub(child: Node) -> Any:
        return to_sympy(child, bound)

    if isinstance(node, Add):
        return sympy.Add(*map(sub, node.args))
    if isinstance(node, Mul):
        return sympy.Mul(*map(sub, node.args))
    if isinstance(node, Div):
        return sympy.Mul(sub(node.num), sympy.Pow(sub(node.den), -1))
    if isinstance(node, Pow):
        return sympy.Pow(sub(node.base), sub(node.exp))
    if isinstance(node, Percent):
        return sub(node.arg) / 100
    if isinstance(node, Degree):
        return sub(node.arg) * sympy.pi / 180
    if isinstance(node, Big):
        return _big(node, bound)
    if isinstance(node, Call):
        return _call(node, [sub(arg) for arg in node.args])
    raise Unsupported(type(node).__name__.lower())


def _call(node: Call, args: list[Any]) -> Any:
    if node.name == "root":
        return sympy.Pow(args[0], sympy.Pow(args[1], -1)) if args[0].is_negative is not True else sympy.real_root(*args)
    if node.name in ("log", "lg"):
        return sympy.log(args[0], args[1] if len(args) > 1 else 10)
    if node.name == "cis":
        return sympy.cos(args[0]) + sympy.I * sympy.sin(args[0])
    known = _FUNCTIONS.get(node.name)
    if known is not None:
        return known(*args)
    return sympy.Function(node.name, real=True)(*args)


def _big(node: Big, bound: frozenset[str]) -> Any:
    if has_members(node):
        raise Unsupported("members of a sequence")
    low = None if node.low is None else to_sympy(node.low, bound)
    high = None if node.high is None else to_sympy(node.high, bound)
    if node.op in ("sum", "prod"):
        if low is None or high is None:
            raise Unsupported("a sum without bounds")
        body = to_sympy(node.body, bound | {node.var})
        index = sympy.Symbol(node.var, integer=True)
        return (sympy.Sum if node.op == "sum" else sympy.Product)(body, (index, low, high)).doit()
    variable = sympy.Symbol(node.var, real=True)
    body = to_sympy(node.body, bound)
    if node.op == "lim":
        return sympy.limit(body, variable, low)
    if low is None or high is None:
        raise Unsupported("an indefinite integral")
    return sympy.integrate(body, (variable, low, high))


def _same_value(a: Node, b: Node) -> bool | None:
    left, right = to_sympy(a), to_sympy(b)
    gap = sympy.simplify(left - right)
    if gap == 0:
        return True
    if gap.is_zero is False:
        return False
    if gap.is_number:
        found = gap.equals(0)
        return None if found is None else bool(found)
    return None


def _proportional(a: Equation, b: Equation) -> bool | None:
    one = to_sympy(a.left) - to_sympy(a.right)
    two = to_sympy(b.left) - to_sympy(b.right)
    ratio = sympy.simplify(one / two)
    if ratio.is_number and ratio.is_finite and ratio.is_zero is False:
        return True
    return None


# -- sets of reals ------------------------------------------------------------------------------


def _is_set(a: Answer) -> bool:
    return isinstance(a, (RealSet, Inequality, Opaque, Collection))


def _as_set(a: Answer) -> Any:
    if isinstance(a, RealSet):
        return sympy.Union(*(_piece(p) for p in a.pieces)) if a.pieces else sympy.S.EmptySet
    if isinstance(a, Inequality):
        return _solution(_relational(a.left, a.op, a.right))
    if isinstance(a, Opaque):
        return _node_set(a.node)
    if isinstance(a, Collection):
        return sympy.FiniteSet(*(_end(item) for item in a.items))
    raise Unsupported(a.kind)


def _end(item: Answer) -> Any:
    if isinstance(item, Infinity):
        return sympy.oo if item.sign > 0 else -sympy.oo
    if isinstance(item, Expression):
        return to_sympy(item.node)
    raise Unsupported(item.kind)


def _piece(piece: Any) -> Any:
    return sympy.Interval(_end(piece.low), _end(piece.high), not piece.low_closed, not piece.high_closed)


_RELATIONS = {"<": sympy.StrictLessThan, "<=": sympy.LessThan, ">": sympy.StrictGreaterThan, ">=": sympy.GreaterThan,
              "!=": sympy.Unequality, "=": sympy.Equality}  # fmt: skip


def _relational(left: Node, op: str, right: Node) -> Any:
    return _RELATIONS[op](to_sympy(left), to_sympy(right))


def _solution(relation: Any) -> Any:
    if relation in (True, False, sympy.true, sympy.false):
        raise Unsupported("a relation without unknowns")
    unknowns = relation.free_symbols
    if len(unknowns) != 1:
        raise Unsupported("a relation in several unknowns")
    (unknown,) = unknowns
    return sympy.solveset(relation, unknown, sympy.S.Reals)


def _node_set(node: Node) -> Any:
    if len(symbols(node)) > 1:
        raise Unsupported("a statement in several unknowns")
    if isinstance(node, Rel) and all(op in _RELATIONS for op in node.ops):
        steps = zip(node.ops, node.args, node.args[1:], strict=False)
        return sympy.Intersection(*(_solution(_relational(left, op, right)) for op, left, right in steps))
    if isinstance(node, Logic):
        return (sympy.Intersection if node.op == "and" else sympy.Union)(*map(_node_set, node.args))
    if isinstance(node, NamedSet):
        return {
            "R": sympy.S.Reals,
            "empty": sympy.S.EmptySet,
            "Z": sympy.S.Integers,
            "N": sympy.S.Naturals,
            "Q": sympy.S.Rationals,
        }[node.name]
    if isinstance(node, Seq) and node.brackets == "{}":
        return sympy.FiniteSet(*map(to_sympy, node.items))
    if isinstance(node, Seq) and len(node.items) == 2 and node.brackets:
        low, high = map(to_sympy, node.items)
        return sympy.Interval(low, high, node.brackets[0] == "(", node.brackets[1] == ")")
    if isinstance(node, SetOp):
        parts = [_node_set(arg) for arg in node.args]
        if node.op == "difference":
            return sympy.Complement(parts[0], parts[1])
        return (sympy.Union if node.op == "union" else sympy.Intersection)(*parts)
    if isinstance(node, SetBuilder):
        return _node_set(node.condition)
    raise Unsupported(type(node).__name__.lower())


def _same_set(a: Any, b: Any) -> bool | None:
    if a == b:
        return True
    solved = (sympy.Interval, sympy.Union, sympy.FiniteSet)
    if not isinstance(a, solved) or not isinstance(b, solved):
        return None
    gap = sympy.Union(a - b, b - a)
    if gap is sympy.S.EmptySet:
        return True
    return False if isinstance(gap, (sympy.Interval, sympy.FiniteSet)) and gap.is_empty is False else None
