"""Functions of the numeric rung: each encloses its value, or bounds its error to first order.

Promises: an argument outside the domain (or too close to its edge to tell) raises OutOfReach.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

from .canonical import KNOWN_FUNCTIONS
from .evaluation import (
    GUARD_BITS,
    NODES,
    ONE,
    ZERO,
    Ball,
    Complex,
    Evaluator,
    OutOfReach,
    Value,
    beyond,
    growth,
    libmp,
    negative,
    radius_exponent,
    total,
)
from .nodes import Call, Div, Matrix, Num

Function: TypeAlias = "Callable[[Evaluator, list[Value], Call], Value]"

# In elementary operations; every other function counts 8.
_COSTS = {"abs": 1, "max": 1, "min": 1, "floor": 1, "ceil": 1}


def evaluate(e: Evaluator, node: Call) -> Value:
    """The value of a call."""
    if node.name == "det" and isinstance(node.args[0], Matrix):
        return _determinant(e, [list(row) for row in node.args[0].rows])
    e.spend(_COSTS.get(node.name, 8))
    if node.name not in _TABLE:
        if node.name in KNOWN_FUNCTIONS:
            raise OutOfReach(node.name)
        return _generic(e, node.name, [e.of(arg) for arg in node.args])
    args = [e.of(arg) for arg in node.args]
    return _TABLE[node.name](e, args, node)


NODES[Call] = evaluate


def _generic(e: Evaluator, name: str, args: list[Value]) -> Value:
    """An unknown `f`: one smooth function drawn by its name. What differs for it differs."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    angle: Value = e.exact(Fraction(digest[0] + 1, 97))
    for place, value in enumerate(args):
        angle = e.plus(angle, e.times(value, e.exact(Fraction(digest[1 + place % 30] + 256, 367 + place))))
    return e.plus(e.exact(2), _sine(e, [angle], Call(name, ())))


def _real(value: Value) -> Ball:
    """The value where it is real."""
    if isinstance(value, Complex):
        raise OutOfReach("complex")
    return value


def _larger(value: Value, exponent: int) -> bool:
    """Whether a value exceeds a power of two."""
    if isinstance(value, Complex):
        return any(_larger(part, exponent) for part in value)
    return value[0].bit_length() + value[2] > exponent


def _smooth(
    name: str,
    slope: Callable[[Any, Any, Any], Any],
    *,
    large: int = 2000,
    unit: bool = False,
    exponential: bool = False,
) -> Function:
    """A function of one argument with |f'| given by slope(mp, argument, value), by mpmath.

    large: the binary exponent past which an argument is out of reach. unit: whether it may be wrong by a
    unit in the last place of 1 besides. exponential: whether the slope grows like one.
    """

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        key = (name, args[0])
        found: Value | None = e.known.get(key)
        if found is None:
            if _larger(args[0], large):
                raise OutOfReach("size")
            value = e.number(args[0])
            try:
                result = getattr(e.mp, name)(value)
                error = e.spread(args[0], slope(e.mp, value, result))
                if exponential:
                    error = _grown(e, args[0], result, error)
            except (ZeroDivisionError, ValueError):
                raise OutOfReach(f"{name} is undefined here") from None
            found = e.known[key] = e.value(result, error, -e.bits if unit else None)
        return found

    return run


def _grown(e: Evaluator, argument: Value, result: Any, error: int | None) -> int | None:
    """The error of an exponential function where its slope is next to nothing, or its argument is wide."""
    radius = radius_exponent(argument)
    if radius is None:
        return None
    second = radius + (e.spread(argument, result) or radius)
    return growth(radius) + (second if error is None else max(error, second))


def _circle(e: Evaluator, angle: Ball) -> tuple[Ball, Ball]:
    """The cosine and the sine of a real angle, whose slopes are at most one."""
    found: tuple[Ball, Ball] | None = e.known.get(("circle", angle))
    if found is None:
        if _larger(angle, 2000):
            raise OutOfReach("size")
        m, r, x = angle
        point = libmp().mpf_cos_sin(libmp().from_man_exp(m, x), e.bits + GUARD_BITS, "n")
        cosine, sine = (e.settled(*e.ball(raw, r.bit_length() + x if r else None, -e.bits)) for raw in point)
        found = e.known["circle", angle] = cosine, sine
    return found


def _trigonometric(
    name: str, slope: Callable[[Any, Any, Any], Any], by_circle: Callable[[Evaluator, Ball, Ball], Value]
) -> Function:
    """A trigonometric function: of a real angle by its cosine and sine, of a complex one by mpmath."""
    elsewhere = _smooth(name, slope, unit=True, exponential=True)

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        angle = args[0]
        result = elsewhere(e, args, node) if isinstance(angle, Complex) else by_circle(e, *_circle(e, angle))
        if _larger(result, e.huge) or (name in ("tan", "cot", "sec", "csc") and _larger(result, 66)):
            raise OutOfReach("a pole")
        return result

    return run


def _logarithm(e: Evaluator, value: Value) -> Value:
    if not beyond(value, 4):
        raise OutOfReach("the logarithm of zero")
    if e.real and _real(value)[0] < 0:
        raise OutOfReach("the logarithm of a negative number")
    return _log_of(e, [value], _LN)


_LN = Call("ln", ())
_log_of = _smooth("log", lambda mp, x, y: 1 / x, large=10**6, unit=True)


def _log(e: Evaluator, args: list[Value], node: Call) -> Value:
    base = args[1] if len(args) > 1 else e.exact(10)
    return e.over(_logarithm(e, args[0]), _logarithm(e, base))


def _root(e: Evaluator, args: list[Value], node: Call) -> Value:
    if args[1] == ZERO:
        raise OutOfReach("a root of order zero")
    return e.raised(args[0], e.over(ONE, args[1]), Div(Num(1), node.args[1]))


_exp = _smooth("exp", lambda mp, x, y: y, large=14, exponential=True)


def _tanh(e: Evaluator, args: list[Value], node: Call) -> Value:
    """Through exp, so that what separates it from one is seen."""
    value = _real(args[0])
    if _larger(value, 13):
        raise OutOfReach("size")
    backwards = value[0] < 0
    small = _exp(e, [e.times(value, e.exact(2 if backwards else -2))], node)
    quotient = _real(e.over(e.plus(ONE, negative(_real(small))), e.plus(ONE, small)))
    result = negative(quotient) if backwards else quotient
    return result if node.name == "tanh" else e.over(ONE, result)


def _abs(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = args[0]
    if not isinstance(value, Complex):
        return e.settled(abs(value[0]), *value[1:])
    square = e.plus(e.times(value.re, value.re), e.times(value.im, value.im))
    if square != ZERO and not beyond(square, 2):
        raise OutOfReach("the size of a value that may be zero")
    return square if square == ZERO else e.square_root(_real(square))


def _step(e: Evaluator, args: list[Value], node: Call) -> Value:
    to_integer = math.floor if node.name == "floor" else math.ceil
    exact = e.rational(node.args[0])
    if exact is not None:
        return e.exact(to_integer(exact))
    m, r, x = _real(args[0])
    if _larger((m, r, x), 133):
        raise OutOfReach("size")
    ends = {to_integer((m + side) * Fraction(2) ** x) for side in (-r, r)}
    if len(ends) > 1:
        raise OutOfReach("too close to a jump")
    return e.exact(ends.pop())


def _sign(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = _real(args[0])
    if not beyond(value, 4):
        raise OutOfReach("too close to a jump")
    return e.exact(1 if value[0] > 0 else -1)


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
    value = e.number(_real(args[0]))
    if value < 0 or value > 3000:
        raise OutOfReach("factorial")
    result = e.mp.factorial(value) if node.name == "factorial" else e.mp.fac2(value)
    return e.value(result, e.spread(args[0], 8 * result))


def _binom(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = _integers(e, node)
    if whole is not None:
        return e.exact(math.comb(*whole))
    e.spend(400)
    n, k = (e.number(_real(value)) for value in args)
    if abs(n) > 3000 or abs(k) > 3000:
        raise OutOfReach("binomial")
    try:
        result = e.mp.binomial(n, k)
    except (ValueError, ZeroDivisionError):
        raise OutOfReach("binomial") from None
    slope = (abs(result) + 1) * 64
    return e.value(result, *(e.spread(value, slope) for value in args), int(e.mp.mag(slope)) - e.bits)


def _extreme(e: Evaluator, args: list[Value], node: Call) -> Value:
    best = max if node.name == "max" else min
    balls = [_real(value) for value in args]
    lowest = min(x for _, _, x in balls)
    middles = [m << x - lowest for m, _, x in balls]
    return e.settled(best(middles), max(r << x - lowest for _, r, x in balls), lowest)


def _whole(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = [e.integer(arg) for arg in node.args]
    if node.name == "mod":
        if len(whole) != 2 or not whole[1]:
            raise OutOfReach("a remainder by zero")
        return e.exact(whole[0] % whole[1])
    return e.exact((math.gcd if node.name == "gcd" else math.lcm)(*whole))


def _cis(e: Evaluator, args: list[Value], node: Call) -> Value:
    return e.joined(*_circle(e, _real(args[0])))


def _part(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = args[0]
    if not isinstance(value, Complex):
        return ZERO if node.name == "im" else value
    if node.name == "conj":
        return Complex(value.re, negative(value.im))
    return value.re if node.name == "re" else value.im


def _arg(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = args[0]
    if not beyond(value, 4):
        raise OutOfReach("the argument of zero")
    number = e.number(value)
    return e.value(e.mp.arg(number), e.spread(value, 1 / number), -e.bits)


def _determinant(e: Evaluator, rows: list[list[Any]]) -> Value:
    if len(rows) > 5 or any(len(r) != len(rows) for r in rows):
        raise OutOfReach("determinant")
    if len(rows) == 1:
        return e.of(rows[0][0])
    found: Value = ZERO
    for column, entry in enumerate(rows[0]):
        part = e.times(e.of(entry), _determinant(e, [r[:column] + r[column + 1 :] for r in rows[1:]]))
        found = e.plus(found, e.times(part, e.exact(-1 if column % 2 else 1)))
    return found


def _arc(name: str, slope: Callable[[Any, Any, Any], Any], bounded: bool) -> Function:
    inner = _smooth(name, slope, unit=True)

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        value = args[0]
        if (bounded or isinstance(value, Complex)) and beyond(value, 2):
            over = total(_real(_abs(e, args, node)), (-1, 0, 0))
            if bounded and e.real and over[0] > over[1]:
                raise OutOfReach(f"{name} is undefined here")
            if over[1] and not beyond(over, 4):
                raise OutOfReach("the edge of the domain")
        return inner(e, args, node)

    return run


_sine = _trigonometric("sin", lambda mp, x, y: mp.cos(x), lambda e, cos, sin: sin)

_TABLE: dict[str, Function] = {
    "sin": _sine,
    "cos": _trigonometric("cos", lambda mp, x, y: mp.sin(x), lambda e, cos, sin: cos),
    "tan": _trigonometric("tan", lambda mp, x, y: 1 + y * y, lambda e, cos, sin: e.over(sin, cos)),
    "cot": _trigonometric("cot", lambda mp, x, y: 1 + y * y, lambda e, cos, sin: e.over(cos, sin)),
    "sec": _trigonometric("sec", lambda mp, x, y: y * y, lambda e, cos, sin: e.over(ONE, cos)),
    "csc": _trigonometric("csc", lambda mp, x, y: y * y, lambda e, cos, sin: e.over(ONE, sin)),
    "sinh": _smooth("sinh", lambda mp, x, y: mp.cosh(x), large=14, exponential=True),
    "cosh": _smooth("cosh", lambda mp, x, y: mp.sinh(x), large=14, exponential=True),
    "tanh": _tanh,
    "coth": _tanh,
    "arcsin": _arc("asin", lambda mp, x, y: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arccos": _arc("acos", lambda mp, x, y: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arctan": _arc("atan", lambda mp, x, y: 1 / (1 + x * x or 1), False),
    "arccot": _arc("acot", lambda mp, x, y: 1 / (1 + x * x or 1), False),
    "arcsec": _arc("asec", lambda mp, x, y: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1)), False),
    "arccsc": _arc("acsc", lambda mp, x, y: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1)), False),
    "arcsinh": _arc("asinh", lambda mp, x, y: 1 / mp.sqrt(1 + x * x or 1), False),
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
