"""Functions of the numeric rung: value and first-order error, per function.

Promises: an argument outside the domain (or too close to its edge to tell) raises OutOfReach.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .canonical import KNOWN_FUNCTIONS
from .evaluation import Evaluator, OutOfReach
from .nodes import Add, Call, Div, Matrix, Mul, Name, Node, Num, children

Value = tuple[Any, Any]


# In elementary operations; every other function counts 8.
_COSTS = {"abs": 1, "max": 1, "min": 1, "floor": 1, "ceil": 1}


def evaluate(e: Evaluator, node: Call) -> Value:
    """The value of a call and its error bound."""
    if node.name == "det" and isinstance(node.args[0], Matrix):
        return _determinant(e, [list(row) for row in node.args[0].rows])
    e.spend(_COSTS.get(node.name, 8))
    if node.name not in _TABLE:
        if node.name in KNOWN_FUNCTIONS:
            raise OutOfReach(node.name)
        return _generic(e, node.name, [e.of(arg) for arg in node.args])
    args = [e.of(arg) for arg in node.args]
    return _TABLE[node.name](e, args, node)


def _generic(e: Evaluator, name: str, args: list[Value]) -> Value:
    """An unknown `f`: one smooth function drawn by its name. What differs for it differs."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    angle = e.exact(Fraction(digest[0] + 1, 97))
    for place, (value, error) in enumerate(args):
        weight = e.exact(Fraction(digest[1 + place % 30] + 256, 367 + place))
        part = e.times((value, error), weight)
        angle = e.rounded(angle[0] + part[0], angle[1] + part[1])
    return e.rounded(2 + e.mp.sin(angle[0]), angle[1] * (1 + abs(e.mp.cos(angle[0]))) + e.unit)


def _smooth(name: str, slope: Callable[[Any, Any, Any], Any], *, large: int = 2000) -> Callable[..., Value]:
    """A function of one argument with |f'| given by slope(mp, argument, value)."""

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        value, error = args[0]
        if abs(value) > 2**large:
            raise OutOfReach("size")
        try:
            result = getattr(e.mp, name)(value)
            return e.rounded(result, 2 * abs(slope(e.mp, value, result)) * error)
        except (ZeroDivisionError, ValueError):
            raise OutOfReach(f"{name} is undefined here") from None

    return run


def _trigonometric(name: str, slope: Callable[[Any, Any, Any], Any]) -> Callable[..., Value]:
    inner = _smooth(name, slope)

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        result, error = inner(e, args, node)
        if abs(result) * e.unit * 1e10 > 1 or (name in ("tan", "cot", "sec", "csc") and abs(result) > 1e20):
            raise OutOfReach("a pole")
        return result, error + e.unit

    return run


def _logarithm(e: Evaluator, value: Value) -> Value:
    size = abs(value[0])
    if size <= 4 * value[1] or not size:
        raise OutOfReach("the logarithm of zero")
    if e.real and value[0] < 0:
        raise OutOfReach("the logarithm of a negative number")
    return e.rounded(e.mp.log(value[0]), 2 * value[1] / size + e.unit)


def _log(e: Evaluator, args: list[Value], node: Call) -> Value:
    base = args[1] if len(args) > 1 else e.exact(10)
    return e.over(_logarithm(e, args[0]), _logarithm(e, base))


def _root(e: Evaluator, args: list[Value], node: Call) -> Value:
    from .nodes import Div

    if not args[1][0]:
        raise OutOfReach("a root of order zero")
    return e.raised(args[0], e.over(e.exact(1), args[1]), Div(Num(1), node.args[1]))


def _exp(e: Evaluator, args: list[Value], node: Call) -> Value:
    if abs(args[0][0]) > 20_000:
        raise OutOfReach("size")
    value = e.mp.exp(args[0][0])
    return e.rounded(value, 2 * abs(value) * args[0][1])


def _tanh(e: Evaluator, args: list[Value], node: Call) -> Value:
    """Through exp, so that what separates it from one is seen."""
    value, error = args[0]
    if isinstance(value, e.mp.mpc) or abs(value) > 10_000:
        raise OutOfReach("size")
    small = e.mp.exp(-2 * abs(value))
    part = e.rounded(small, 2 * small * error)
    quotient, bound = e.over((1 - part[0], part[1]), (1 + part[0], part[1]))
    result = (quotient if value >= 0 else -quotient, bound + e.unit)
    return result if node.name == "tanh" else e.over(e.exact(1), result)


def _abs(e: Evaluator, args: list[Value], node: Call) -> Value:
    return e.rounded(abs(args[0][0]), args[0][1])


def _rational(e: Evaluator, node: Node) -> Fraction | None:
    """The exact value of rational arithmetic at the sample point, else None."""
    if isinstance(node, Num):
        return Fraction(node.value)
    if isinstance(node, Name):
        value = e.point.get(node.name)
        return None if value is None else Fraction(value)
    if not isinstance(node, (Add, Mul, Div)):
        return None
    parts = [_rational(e, child) for child in children(node)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if isinstance(node, Add):
        return sum(known, Fraction(0))
    if isinstance(node, Mul):
        return math.prod(known, start=Fraction(1))
    return known[0] / known[1] if known[1] else None


def _step(e: Evaluator, args: list[Value], node: Call) -> Value:
    exact = _rational(e, node.args[0])
    if exact is not None:
        return e.exact(math.floor(exact) if node.name == "floor" else math.ceil(exact))
    value, error = args[0]
    if isinstance(value, e.mp.mpc) or abs(value) > 10**40:
        raise OutOfReach("size")
    if abs(value - e.mp.nint(value)) <= 4 * error + e.unit and not isinstance(node.args[0], Num) and error:
        raise OutOfReach("too close to a jump")
    return e.rounded(e.mp.floor(value) if node.name == "floor" else e.mp.ceil(value), e.mp.mpf(0))


def _sign(e: Evaluator, args: list[Value], node: Call) -> Value:
    value, error = args[0]
    if isinstance(value, e.mp.mpc) or abs(value) <= 4 * error:
        raise OutOfReach("too close to a jump")
    return e.exact(1 if value > 0 else -1)


def _integers(e: Evaluator, node: Call) -> list[int] | None:
    """The arguments, where all are integers of a size that exact arithmetic is cheap for."""
    try:
        found = [e.integer(arg) for arg in node.args]
    except OutOfReach:
        return None
    return found if all(0 <= n <= 1000 for n in found) else None


def _factorial(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = _integers(e, node)
    if whole is not None:
        step = 1 if node.name == "factorial" else 2
        return e.exact(math.prod(range(whole[0], 0, -step)))
    e.spend(200)
    value, error = args[0]
    if isinstance(value, e.mp.mpc) or value < 0 or value > 3000:
        raise OutOfReach("factorial")
    result = e.mp.factorial(value) if node.name == "factorial" else e.mp.fac2(value)
    return e.rounded(result, result * 10 * error + result * e.unit)


def _binom(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = _integers(e, node)
    if whole is not None:
        return e.exact(math.comb(*whole))
    e.spend(400)
    (n, n_error), (k, k_error) = args
    if any(isinstance(v, e.mp.mpc) or abs(v) > 3000 for v in (n, k)):
        raise OutOfReach("binomial")
    try:
        result = e.mp.binomial(n, k)
    except (ValueError, ZeroDivisionError):
        raise OutOfReach("binomial") from None
    return e.rounded(result, (abs(result) + 1) * 100 * (n_error + k_error + e.unit))


def _extreme(e: Evaluator, args: list[Value], node: Call) -> Value:
    if any(isinstance(v, e.mp.mpc) for v, _ in args):
        raise OutOfReach("complex")
    value = (max if node.name == "max" else min)(v for v, _ in args)
    return e.rounded(value, max(error for _, error in args))


def _whole(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = [e.integer(arg) for arg in node.args]
    if node.name == "mod":
        if len(whole) != 2 or not whole[1]:
            raise OutOfReach("a remainder by zero")
        return e.exact(whole[0] % whole[1])
    return e.exact((math.gcd if node.name == "gcd" else math.lcm)(*whole))


def _cis(e: Evaluator, args: list[Value], node: Call) -> Value:
    value, error = args[0]
    if isinstance(value, e.mp.mpc) or abs(value) > 2**2000:
        raise OutOfReach("size")
    return e.rounded(e.mp.mpc(e.mp.cos(value), e.mp.sin(value)), 2 * error + e.unit)


def _part(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = {"re": e.mp.re, "im": e.mp.im, "conj": e.mp.conj}[node.name](args[0][0])
    return e.rounded(value, args[0][1])


def _arg(e: Evaluator, args: list[Value], node: Call) -> Value:
    value, error = args[0]
    if abs(value) <= 4 * error:
        raise OutOfReach("the argument of zero")
    return e.rounded(e.mp.arg(value), 2 * error / abs(value) + e.unit)


def _determinant(e: Evaluator, rows: list[list[Any]]) -> Value:
    if len(rows) > 5 or any(len(r) != len(rows) for r in rows):
        raise OutOfReach("determinant")
    if len(rows) == 1:
        return e.of(rows[0][0])
    total = e.exact(0)
    for column, entry in enumerate(rows[0]):
        part = e.times(e.of(entry), _determinant(e, [r[:column] + r[column + 1 :] for r in rows[1:]]))
        value = total[0] - part[0] if column % 2 else total[0] + part[0]
        total = e.rounded(value, total[1] + part[1])
    return total


def _arc(name: str, slope: Callable[[Any, Any, Any], Any], bounded: bool) -> Callable[..., Value]:
    inner = _smooth(name, slope)

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        value = args[0][0]
        if bounded and not isinstance(value, e.mp.mpc) and abs(value) > 1 and e.real:
            raise OutOfReach(f"{name} is undefined here")
        if bounded and abs(abs(value) - 1) < 4 * args[0][1] and args[0][1]:
            raise OutOfReach("the edge of the domain")
        result, error = inner(e, args, node)
        return result, error + e.unit

    return run


_TABLE: dict[str, Callable[..., Value]] = {
    "sin": _trigonometric("sin", lambda mp, x, y: mp.cos(x)),
    "cos": _trigonometric("cos", lambda mp, x, y: mp.sin(x)),
    "tan": _trigonometric("tan", lambda mp, x, y: 1 + y * y),
    "cot": _trigonometric("cot", lambda mp, x, y: 1 + y * y),
    "sec": _trigonometric("sec", lambda mp, x, y: y * y),
    "csc": _trigonometric("csc", lambda mp, x, y: y * y),
    "sinh": _smooth("sinh", lambda mp, x, y: mp.cosh(x), large=14),
    "cosh": _smooth("cosh", lambda mp, x, y: mp.sinh(x), large=14),
    "tanh": _tanh,
    "coth": _tanh,
    "arcsin": _arc("asin", lambda mp, x, y: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arccos": _arc("acos", lambda mp, x, y: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arctan": _arc("atan", lambda mp, x, y: 1, False),
    "arccot": _arc("acot", lambda mp, x, y: 1, False),
    "arcsec": _arc("asec", lambda mp, x, y: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1)), False),
    "arccsc": _arc("acsc", lambda mp, x, y: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1)), False),
    "arcsinh": _arc("asinh", lambda mp, x, y: 1, False),
    "arctanh": _arc("atanh", lambda mp, x, y: 1 / abs(1 - x * x), True),
    "ln": lambda e, args, node: _logarithm(e, args[0]),
    "log": _log,
    "lg": _log,
    "exp": _exp,
    "root": _root,
    "abs": _abs,
    "floor": _step,
    "ceil": _step,
    "sign": _sign,
    "factorial": _factorial,
    "factorial2": _factorial,
    "binom": _binom,
    "max": _extreme,
    "min": _extreme,
    "gcd": _whole,
    "lcm": _whole,
    "mod": _whole,
    "cis": _cis,
    "re": _part,
    "im": _part,
    "conj": _part,
    "arg": _arg,
}
