"""Functions of the numeric rung: each encloses its value, or bounds its error to first order.

Promises: an argument outside the domain (or too close to its edge to tell) raises OutOfReach.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

from .ball_arithmetic import OutOfReach
from .balls import ONE, ZERO, Ball, Complex, Value, beyond, negative, straddles, total
from .canonical import KNOWN_FUNCTIONS
from .evaluation import NODES, Evaluator
from .nodes import Call, Div, Matrix, Num

Function: TypeAlias = "Callable[[Evaluator, list[Value], Call], Value]"

# In elementary operations; every other function counts 8.
_COSTS = {"det": 0, "abs": 1, "max": 1, "min": 1, "floor": 1, "ceil": 1}


def evaluate(e: Evaluator, node: Call) -> Value:
    """The value of a call."""
    name = node.name
    e.spend(_COSTS.get(name, 8))
    function = _TABLE.get(name)
    if function is not None:
        return function(e, [e.of(arg) for arg in node.args], node)
    if name == "det" and isinstance(node.args[0], Matrix):
        return _determinant(e, [list(row) for row in node.args[0].rows])
    if name in KNOWN_FUNCTIONS:
        raise OutOfReach(name)
    return _generic(e, name, [e.of(arg) for arg in node.args])


NODES[Call] = evaluate


def _generic(e: Evaluator, name: str, args: list[Value]) -> Value:
    """An unknown `f`: one smooth function drawn by its name. What differs for it differs."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    angle: Value = e.exact(Fraction(digest[0] + 1, 97))
    for place, value in enumerate(args):
        angle = e.plus(angle, e.times(value, e.exact(Fraction(digest[1 + place % 30] + 256, 367 + place))))
    return e.plus(e.exact(2), _sine(e, [angle], Call(name, ())))


def _ball(value: Value) -> Ball:
    """A value that has to be real."""
    if isinstance(value, Complex):
        raise OutOfReach("complex")
    return value


def _larger(value: Value, exponent: int) -> bool:
    """Whether a value exceeds a power of two."""
    if isinstance(value, Complex):
        return any(_larger(part, exponent) for part in value)
    return value[0].bit_length() + value[2] > exponent


def _circular(by: Callable[[Evaluator, Value, Value], Value], poles: bool = True) -> Function:
    """A trigonometric function by the cosine and the sine; poles: whether it has any."""

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        angle = args[0]
        cosine: Value
        sine: Value
        if isinstance(angle, Complex):
            (c, s), (p, q) = e.circle(angle.re), e.hyperbola(angle.im)
            cosine = e.joined(_ball(e.times(c, p)), negative(_ball(e.times(s, q))))
            sine = e.joined(_ball(e.times(s, p)), _ball(e.times(c, q)))
        else:
            cosine, sine = e.circle(angle)
        result = by(e, cosine, sine)
        if _larger(result, min(e.huge, 66) if poles else e.huge):
            raise OutOfReach("a pole")
        return result

    return run


def _hyperbolic(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = args[0]
    place = 0 if node.name == "cosh" else 1
    if not isinstance(value, Complex):
        return e.hyperbola(value)[place]
    (c, s), pair = e.circle(value.im), e.hyperbola(value.re)
    return e.joined(_ball(e.times(c, pair[place])), _ball(e.times(s, pair[1 - place])))


def _logarithm(e: Evaluator, value: Value) -> Value:
    if not beyond(value, 4):
        raise OutOfReach("the logarithm of zero")
    if e.real and _ball(value)[0] < 0:
        raise OutOfReach("the logarithm of a negative number")
    return e.log(value)


def _log(e: Evaluator, args: list[Value], node: Call) -> Value:
    base = args[1] if len(args) > 1 else e.exact(10)
    return e.over(_logarithm(e, args[0]), _logarithm(e, base))


def _root(e: Evaluator, args: list[Value], node: Call) -> Value:
    if args[1] == ZERO:
        raise OutOfReach("a root of order zero")
    return e.raised(args[0], e.over(ONE, args[1]), Div(Num(1), node.args[1]))


def _tanh(e: Evaluator, args: list[Value], node: Call) -> Value:
    """Through exp, so that what separates it from one is seen."""
    value = _ball(args[0])
    if _larger(value, 13):
        raise OutOfReach("size")
    backwards = value[0] < 0
    small = e.exp(e.times(value, e.exact(2 if backwards else -2)))
    quotient = _ball(e.over(e.plus(ONE, negative(_ball(small))), e.plus(ONE, small)))
    result = negative(quotient) if backwards else quotient
    return result if node.name == "tanh" else e.over(ONE, result)


def _abs(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = args[0]
    if not isinstance(value, Complex):
        return e.settled(abs(value[0]), *value[1:])
    square = e.plus(e.times(value.re, value.re), e.times(value.im, value.im))
    if square != ZERO and not beyond(square, 2):
        raise OutOfReach("the size of a value that may be zero")
    return square if square == ZERO else e.square_root(_ball(square))


def _step(e: Evaluator, args: list[Value], node: Call) -> Value:
    to_integer = math.floor if node.name == "floor" else math.ceil
    exact = e.rational(node.args[0])
    if exact is not None:
        return e.exact(to_integer(exact))
    m, r, x = _ball(args[0])
    if _larger((m, r, x), 133):
        raise OutOfReach("size")
    ends = {to_integer((m + side) * Fraction(2) ** x) for side in (-r, r)}
    if len(ends) > 1:
        raise OutOfReach("too close to a jump")
    return e.exact(ends.pop())


def _sign(e: Evaluator, args: list[Value], node: Call) -> Value:
    value = _ball(args[0])
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
    value = e.number(_ball(args[0]))
    if value < 0 or value > 3000:
        raise OutOfReach("factorial")
    result = e.mp.factorial(value) if node.name == "factorial" else e.mp.fac2(value)
    return e.value(result, e.spread(args[0], 8 * result))


def _binom(e: Evaluator, args: list[Value], node: Call) -> Value:
    whole = _integers(e, node)
    if whole is not None:
        return e.exact(math.comb(*whole))
    e.spend(400)
    n, k = (e.number(_ball(value)) for value in args)
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
    balls = [_ball(value) for value in args]
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
    return e.joined(*e.circle(_ball(args[0])))


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


def _arc(name: str, slope: Callable[[Any, Any], Any], bounded: bool = False) -> Function:
    """An inverse function by mpmath, with |f'| given by slope(mp, argument); bounded: defined up to one."""

    def run(e: Evaluator, args: list[Value], node: Call) -> Value:
        value = args[0]
        if _larger(value, _LARGEST):
            raise OutOfReach("size")
        if (bounded or isinstance(value, Complex)) and beyond(value, 2):
            over = total(_ball(_abs(e, args, node)), (-1, 0, 0))
            if bounded and e.real and over[0] > over[1]:
                raise OutOfReach(f"{name} is undefined here")
            if over[1] and not beyond(over, 4):
                raise OutOfReach("the edge of the domain")
        if isinstance(value, Complex) and (straddles(value.re) or straddles(value.im)):
            raise OutOfReach("a branch cut")
        number = e.number(value)
        try:
            return e.value(getattr(e.mp, name)(number), e.spread(value, slope(e.mp, number)), -e.bits)
        except (ZeroDivisionError, ValueError):
            raise OutOfReach(f"{name} is undefined here") from None

    return run


_LARGEST = 2_000  # binary exponent of an inverse function's argument


_sine = _circular(lambda e, cos, sin: sin, poles=False)

_TABLE: dict[str, Function] = {
    "sin": _sine,
    "cos": _circular(lambda e, cos, sin: cos, poles=False),
    "tan": _circular(lambda e, cos, sin: e.over(sin, cos)),
    "cot": _circular(lambda e, cos, sin: e.over(cos, sin)),
    "sec": _circular(lambda e, cos, sin: e.over(ONE, cos)),
    "csc": _circular(lambda e, cos, sin: e.over(ONE, sin)),
    "sinh": _hyperbolic,
    "cosh": _hyperbolic,
    "tanh": _tanh,
    "coth": _tanh,
    "arcsin": _arc("asin", lambda mp, x: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arccos": _arc("acos", lambda mp, x: 1 / mp.sqrt(abs(1 - x * x) or 1), True),
    "arctan": _arc("atan", lambda mp, x: 1 / (1 + x * x or 1)),
    "arccot": _arc("acot", lambda mp, x: 1 / (1 + x * x or 1)),
    "arcsec": _arc("asec", lambda mp, x: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1))),
    "arccsc": _arc("acsc", lambda mp, x: 1 / (abs(x) * mp.sqrt(abs(x * x - 1) or 1))),
    "arcsinh": _arc("asinh", lambda mp, x: 1 / mp.sqrt(1 + x * x or 1)),
    "arctanh": _arc("atanh", lambda mp, x: 1 / abs(1 - x * x), True),
    "ln": lambda e, args, node: _logarithm(e, args[0]),
    "log": _log,
    "lg": _log,
    "exp": lambda e, args, node: e.exp(args[0]),
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
