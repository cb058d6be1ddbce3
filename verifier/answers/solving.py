"""What notation means a set of reals: inequalities, interval and set-builder notation, unions.

Promises: linear, absolute-value and quadratic relations in one unknown are solved exactly; others
are left to the symbolic rung.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import numeric
from ..canonical import KNOWN_FUNCTIONS, Sum
from ..nodes import Add, Call, Const, Div, Logic, Mul, Name, NamedSet, Node, Num, Pow, Rel, Seq, SetBuilder, SetOp
from .base import Answer, Settings
from .expression import Expression, Infinity
from .realset import LINE, MINUS, PLUS, End, Piece, RealSet, Unordered, complement, intersection, interval, normal
from .shapes import describe, difference

_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def _points(ends: Sequence[End]) -> list[Piece]:
    return [Piece(e, True, e, True) for e in ends]


def _half_line(op: str, end: End) -> tuple[Piece, ...]:
    """{x : x op end}."""
    if op == "=":
        return tuple(_points([end]))
    if op == "!=":
        return complement(_points([end]))
    if op in ("<", "<="):
        return (Piece(MINUS, False, end, op == "<="),)
    return (Piece(end, op == ">=", PLUS, False),)


def solve(left: Node, op: str, right: Node, unknown: str, settings: Settings) -> tuple[Piece, ...] | None:
    """{unknown : left op right} for linear, absolute-value and quadratic relations, else None."""
    for side, bound, way in ((left, right, op), (right, left, _FLIP[op])):
        if isinstance(side, Call) and side.name == "abs" and not numeric.symbols(bound):
            return _absolute(side.args[0], way, bound, unknown, settings)
    gap = Expression(difference(left, right), settings)
    form = gap.canonical()
    if form is None:
        return None
    coefficients = _coefficients(form[0], unknown)
    if coefficients is None:
        return None
    if len(coefficients) == 2:
        return _linear(coefficients, op, settings)
    return _quadratic(coefficients, op, settings) if len(coefficients) == 3 else None


def _absolute(inner: Node, op: str, bound: Node, unknown: str, settings: Settings) -> tuple[Piece, ...] | None:
    from ..nodes import negate

    while isinstance(inner, Call) and inner.name == "abs":  # ||u|| is |u|
        inner = inner.args[0]
    above = solve(inner, op, bound, unknown, settings)
    below = solve(inner, _FLIP[op], negate(bound), unknown, settings)
    if above is None or below is None:
        return None
    if op in ("<", "<=", "!="):
        return intersection(above, below)
    zero = Expression(bound, settings)
    if op == "=" and zero.rational is not None and zero.rational < 0:
        return ()
    return normal([*above, *below])


def _coefficients(form: Sum, unknown: str) -> list[Node] | None:
    """Coefficients by degree, as nodes; None where the form is no polynomial in the unknown alone."""
    found: dict[int, list[Node]] = {}
    for monomial, coefficient in form.items():
        degree = 0
        factors: list[Node] = [Num(coefficient)]
        for atom, exponent in monomial:
            if atom == "s:" + unknown and isinstance(exponent, int) and 0 < exponent <= 2:
                degree = exponent
            elif atom[0] == "n":
                factors.append(Pow(Num(int(atom[2:])), Num(exponent)))
            elif atom in ("c:pi", "c:e"):
                factors.append(Pow(Const(atom[2:]), Num(exponent)))
            else:
                return None
        found.setdefault(degree, []).append(factors[0] if len(factors) == 1 else Mul(tuple(factors)))
    if not found or max(found) == 0:
        return None
    zero: list[Node] = [Num(0)]
    parts = [found.get(degree, zero) for degree in range(max(found) + 1)]
    return [p[0] if len(p) == 1 else Add(tuple(p)) for p in parts]


def _linear(coefficients: list[Node], op: str, settings: Settings) -> tuple[Piece, ...] | None:
    constant_term, slope = coefficients
    direction = numeric.sign(slope, settings.limits)
    if direction is None:
        return None
    root = _tidy(Div(Mul((Num(-1), constant_term)), slope), settings)
    return _half_line(op if direction > 0 else _FLIP[op], root)


def _tidy(node: Node, settings: Settings) -> Expression:
    found = Expression(node, settings)
    return Expression(Num(found.rational), settings) if found.rational is not None else found


def _quadratic(coefficients: list[Node], op: str, settings: Settings) -> tuple[Piece, ...] | None:
    c, b, a = coefficients
    discriminant = Expression(Add((Mul((b, b)), Mul((Num(-4), a, c)))), settings)
    direction = numeric.sign(a, settings.limits)
    if direction is None:
        return None
    way = op if direction > 0 else _FLIP[op]
    size = 0 if discriminant.rational == 0 else numeric.sign(discriminant.node, settings.limits)
    if size is None:
        return None
    if size < 0:
        return LINE if way in (">", ">=", "!=") else ()
    double = Mul((Num(2), a))
    root = Call("root", (discriminant.node, Num(2)))
    roots = [
        _tidy(Div(Add((Mul((Num(-1), b)), Mul((Num(sign), root)))), double), settings)
        for sign in ((-1, 1) if direction > 0 else (1, -1))
    ]
    if size == 0:
        roots = roots[:1]
    points = _points(roots)
    if way in ("=", "!="):
        return normal(points) if way == "=" else complement(points)
    inside = [Piece(roots[0], False, roots[-1], False)] if size else []
    closed = way in ("<=", ">=")
    below = normal([*inside, *points]) if closed == (way == "<=") and way == "<=" else normal(inside)
    if way in ("<", "<="):
        return below
    return complement(normal(inside) if closed else normal([*inside, *points]))


def of_relation(node: Rel, settings: Settings, *, equations: bool = False) -> RealSet | None:
    """The solution set of a chain of order relations in one unknown."""
    if not all(op in _FLIP for op in node.ops) or not equations and _is_equation(node):
        return None
    node, unknown = _unlabelled(node)
    if not unknown or not all(_evaluable(arg) for arg in node.args):
        return None
    pieces: tuple[Piece, ...] = LINE
    for op, left, right in zip(node.ops, node.args, node.args[1:], strict=False):
        infinite = _infinite_bound(left, op, right, settings)
        if infinite is not None:
            continue
        found = solve(left, op, right, unknown, settings)
        if found is None:
            return None
        pieces = intersection(pieces, found)
    return RealSet(pieces, unknown)


def _unlabelled(node: Rel) -> tuple[Rel, str]:
    """The relation and its one unknown; `f(x)` or `|AB|` between constants counts as one."""
    unknowns = numeric.symbols(node)
    if len(unknowns) == 1 and not any(isinstance(a, Call) and a.name not in KNOWN_FUNCTIONS for a in node.args):
        return node, next(iter(unknowns))
    from .relation import is_label

    labels = [arg for arg in node.args if numeric.symbols(arg)]
    if len(labels) != 1 or not is_label(labels[0]):
        return node, ""
    name = describe(labels[0])
    return Rel(node.ops, tuple(Name(name) if arg is labels[0] else arg for arg in node.args)), name


def _evaluable(node: Node) -> bool:
    return not isinstance(node, (Seq, Rel, Logic, SetBuilder, SetOp, NamedSet))


def _infinite_bound(left: Node, op: str, right: Node, settings: Settings) -> bool | None:
    """True for the empty bound of `-oo < x < oo`; None for an ordinary relation."""
    from .expression import recognise as value

    for side in (left, right):
        if not numeric.symbols(side) and isinstance(value(side, settings), Infinity):
            return True
    return None


def _of_logic(node: Logic, settings: Settings) -> RealSet | None:
    sets = []
    for arg in node.args:
        if isinstance(arg, Rel) and arg.ops != ("in",):
            found = of_relation(arg, settings, equations=True)
        else:
            found = _real_set(arg, settings)
        if found is None:
            return None
        sets.append(found)
    if len({s.variable for s in sets}) != 1:
        return None
    if node.op == "or":
        return RealSet(normal([piece for s in sets for piece in s.pieces]), sets[0].variable)
    pieces = sets[0].pieces
    for other in sets[1:]:
        pieces = intersection(pieces, other.pieces)
    return RealSet(pieces, sets[0].variable)


def _real_set(node: Node, settings: Settings) -> RealSet | None:
    """A node as a set of reals, whatever its notation; None where it is none."""
    if isinstance(node, NamedSet):
        return RealSet(LINE if node.name == "R" else ()) if node.name in ("R", "empty") else None
    if isinstance(node, Seq) and len(node.items) == 2 and node.brackets in ("()", "[]", "(]", "[)"):
        return interval(node.brackets, [settings.recognise(item, settings) for item in node.items])
    if isinstance(node, Seq) and node.brackets == "{}":
        items = [settings.recognise(item, settings) for item in node.items]
        ends = [i for i in items if isinstance(i, Expression)]
        return RealSet(normal(_points(ends))) if len(ends) == len(items) else None
    if isinstance(node, Rel):
        if node.ops == ("in",) and isinstance(node.args[0], Name):
            found = _real_set(node.args[1], settings)
            return None if found is None else RealSet(found.pieces, node.args[0].name)
        return of_relation(node, settings)
    if isinstance(node, Logic):
        return _of_logic(node, settings)
    if isinstance(node, SetBuilder):
        return _of_builder(node, settings)
    if isinstance(node, SetOp):
        sets = [_real_set(arg, settings) for arg in node.args]
        pieces = [s.pieces for s in sets if s is not None]
        if len(pieces) != len(sets):
            return None
        if node.op == "union":
            return RealSet(normal([piece for part in pieces for piece in part]))
        result = pieces[0]
        for other in pieces[1:]:
            result = intersection(result, other if node.op == "intersection" else complement(other))
        return RealSet(result)
    return None


def _of_builder(node: SetBuilder, settings: Settings) -> RealSet | None:
    variable = node.var
    domain = LINE
    if isinstance(variable, Rel) and variable.ops == ("in",):
        inside = _real_set(variable.args[1], settings)
        if inside is None:
            return None
        variable, domain = variable.args[0], inside.pieces
    condition: Node = node.condition
    if isinstance(condition, Seq) and not condition.brackets:
        condition = Logic("and", condition.items)
    found = _real_set(condition, settings)
    if not isinstance(variable, Name) or found is None or found.variable not in ("", variable.name):
        return None
    return RealSet(intersection(domain, found.pieces))


def recognise(node: Node, settings: Settings) -> Answer | None:
    if isinstance(node, Seq):
        if len(node.items) != 2 or node.brackets not in ("()", "[]", "(]", "[)"):
            return None
        items = [settings.recognise(item, settings) for item in node.items]
        if node.brackets == "()" and not any(isinstance(i, Infinity) for i in items):
            return None  # a pair until the other side decides
        return interval(node.brackets, items)
    if isinstance(node, (Rel, Logic, SetBuilder, SetOp)) or isinstance(node, NamedSet) and node.name == "R":
        if isinstance(node, Rel) and node.ops == ("in",):
            return None  # a label; relation keeps it
        if isinstance(node, Logic) and not _says_set(node):
            return None
        try:
            return _real_set(node, settings)
        except Unordered:
            return None
    return None


def _says_set(node: Logic) -> bool:
    """Whether a join of statements is a set of reals: not where all are equations (roots) or pairs."""
    if not all(isinstance(arg, (Rel, Seq, SetOp)) for arg in node.args):
        return False
    return not all(_is_equation(arg) or isinstance(arg, Seq) and arg.brackets in ("()", "{}") for arg in node.args)


def _is_equation(node: Node) -> bool:
    return isinstance(node, Rel) and all(op in ("=", "~") for op in node.ops)
