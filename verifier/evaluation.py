"""Numeric evaluation by balls, at any precision.

A real value is a ball `(m, r, x)`: it lies between (m - r) 2^x and (m + r) 2^x. A complex value is two
balls. All arithmetic is on integers, so that sums, products, quotients, whole powers and square roots
enclose the true value. Other functions come from mpmath with ten guard bits; they pass an argument's
radius on through twice a bound of their derivative.

Promises: whatever numbers cannot say raises OutOfReach; every operation is charged to the budget. No
float is involved.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from .canonical import Budget
from .nodes import (
    Add,
    Big,
    Const,
    Degree,
    Div,
    Mul,
    Name,
    Node,
    Num,
    Percent,
    Pow,
    Unit,
    children,
)

Ball: TypeAlias = "tuple[int, int, int]"


class Complex(NamedTuple):
    """A complex value by the balls of its parts."""

    re: Ball
    im: Ball


Value: TypeAlias = "Ball | Complex"

ZERO: Ball = (0, 0, 0)
ONE: Ball = (1, 0, 0)
_LOCAL = threading.local()
_MAX_EXPONENT = 40_000  # binary exponent past which a value is out of numeric reach
LOWEST = -4 * _MAX_EXPONENT  # the exponent below which a ball is not told from zero
_NOISE = 53  # the extent of a value that may be zero: that of sixteen digits lost
_RADIUS_BITS = 30
GUARD_BITS = 10
_MOST_SQUARINGS = 60  # whole powers up to 2^60 are multiplied out
_POWER_BITS = 16  # of the largest logarithm of a power


class OutOfReach(Exception):
    """No value here: a pole, a branch cut, a size or a node that numbers cannot say."""


@cache
def libmp() -> Any:
    """mpmath's functions on bare tuples."""
    from mpmath import libmp

    return libmp


def _context(bits: int) -> Any:
    """This thread's mpmath context: the library's global one is not thread-safe."""
    context = getattr(_LOCAL, "context", None)
    if context is None:
        from mpmath import MPContext

        context = _LOCAL.context = MPContext()
    if context.prec != bits:
        context.prec = bits
    return context


class Evaluator:
    """One evaluation at one precision: `digits` decimal digits, `bits` binary ones."""

    def __init__(self, digits: int, point: Mapping[str, Fraction | int], budget: Budget, real: bool) -> None:
        self.bits = (digits + 1) * 10 // 3
        self.huge = (digits - 12) * 10 // 3  # the exponent past which a trigonometric value is a pole
        self.point = dict(point)
        self.real = real
        self.budget = budget
        self.extent = 0  # the largest binary exponent met, of either sign
        self.cost = 1 + digits // 50
        self.symbols: dict[str, Ball] = {}  # the values of symbols
        self.constants: dict[str, Ball] = {}
        self.known: dict[tuple[str, Value], Any] = {}  # the values of functions

    @property
    def mp(self) -> Any:
        """mpmath at this precision and some guard bits; its precision holds until the next call."""
        return _context(self.bits + GUARD_BITS)

    # -- balls ----------------------------------------------------------------------------------

    def fitted(self, m: int, r: int, x: int) -> Ball:
        """The ball in as many bits as are worth keeping."""
        excess = m.bit_length() - self.bits
        wide = r.bit_length() - _RADIUS_BITS
        if wide > excess:
            excess = wide
        if excess > 0:
            kept = m >> excess
            r = (r >> excess) + 2 if r or kept << excess != m else 0
            m, x = kept, x + excess
        if x < LOWEST and (m or r):
            return 0, 1, -_MAX_EXPONENT
        return m, r, x

    def settled(self, m: int, r: int, x: int) -> Ball:
        """The ball, rounded, as a value met on the way."""
        m, r, x = self.fitted(m, r, x)
        if -r <= m <= r:
            return self._noise(m, r, x)
        extent = m.bit_length() + x
        if extent > self.extent or -extent > self.extent:
            self._met(abs(extent))
        return m, r, x

    def _met(self, extent: int) -> None:
        if extent > _MAX_EXPONENT:
            raise OutOfReach("size")
        self.extent = max(self.extent, extent)

    def _noise(self, m: int, r: int, x: int) -> Ball:
        """A ball around zero; one that is exactly zero has no extent."""
        if not r:
            return ZERO
        extent = r.bit_length() + x
        if extent < -_MAX_EXPONENT:
            m, r, x = 0, 1, -_MAX_EXPONENT
        self._met(extent if extent > _MAX_EXPONENT else min(abs(extent), _NOISE))
        return m, r, x

    def joined(self, re: Ball, im: Ball) -> Complex:
        """The complex value of two parts."""
        if self.real:
            raise OutOfReach("complex")
        larger = max(re, im, key=exponent)
        self.settled(*larger)
        return Complex(re, im)

    def exact(self, value: Fraction | int) -> Ball:
        if isinstance(value, int):
            return self.settled(value, 0, 0)
        return self._quotient((value.numerator, 0, 0), (value.denominator, 0, 0))

    def plus(self, a: Value, b: Value) -> Value:
        if isinstance(a, Complex) or isinstance(b, Complex):
            (p, q), (s, t) = parts(a), parts(b)
            return self.joined(self.fitted(*total(p, s)), self.fitted(*total(q, t)))
        return self.settled(*total(a, b))

    def times(self, a: Value, b: Value) -> Value:
        if isinstance(a, Complex) or isinstance(b, Complex):
            (p, q), (s, t) = parts(a), parts(b)
            re = total(_product(p, s), negative(_product(q, t)))
            return self.joined(self.fitted(*re), self.fitted(*total(_product(p, t), _product(q, s))))
        return self.settled(*_product(a, b))

    def over(self, a: Value, b: Value) -> Value:
        if isinstance(b, Complex):
            below = total(_product(b.re, b.re), _product(b.im, b.im))
            above = self.times(a, Complex(b.re, negative(b.im)))
            return self.over(above, self.settled(*below))
        if abs(b[0]) <= 2 * b[1]:
            raise OutOfReach("a pole")
        if isinstance(a, Complex):
            return self.joined(self._quotient(a.re, b), self._quotient(a.im, b))
        return self._quotient(a, b)

    def _quotient(self, a: Ball, b: Ball) -> Ball:
        """a / b for a b that is not zero."""
        m, r, x = a
        n, s, y = b
        shift = max(0, self.bits + 2 + n.bit_length() - m.bit_length())
        value, rest = divmod(m << shift, n)
        radius = ((r << shift) + abs(value) * s) // (abs(n) - s) + 2 if rest or r or s else 0
        return self.settled(value, radius, x - y - shift)

    def spend(self, operations: int) -> None:
        """Charge what a function costs beyond an elementary operation."""
        self.budget.steps -= operations * self.cost

    # -- mpmath ---------------------------------------------------------------------------------

    def number(self, value: Value) -> Any:
        """The middle of a value as mpmath's number."""
        if isinstance(value, Complex):
            return self.mp.mpc(self.number(value.re), self.number(value.im))
        return self.mp.make_mpf(libmp().from_man_exp(value[0], value[2]))

    def value(self, number: Any, *errors: int | None) -> Value:
        """What mpmath computed; errors: the binary exponents of what its arguments' radii make of it."""
        if hasattr(number, "_mpc_"):
            size = max(self.mp.mag(number.real), self.mp.mag(number.imag))
            everywhere = (*errors, int(size) - self.bits if self.mp.isfinite(size) else None)
            return self.joined(*(self.ball(part, *everywhere) for part in number._mpc_))
        return self.settled(*self.ball(number._mpf_, *errors))

    def ball(self, raw: tuple[int, int, int, int], *errors: int | None) -> Ball:
        """The same of one of mpmath's bare tuples."""
        sign, man, exp, size = raw
        if not man and exp:
            raise OutOfReach("not finite")
        largest = max((error for error in errors if error is not None), default=None)
        if not man and largest is None:
            return ZERO
        largest = max(-_MAX_EXPONENT, largest or 0) if largest is not None else -_MAX_EXPONENT
        if max(exp + size, largest) > _MAX_EXPONENT:
            raise OutOfReach("size")
        if not man or exp + size < -_MAX_EXPONENT:
            return 0, 1 + len(errors), largest
        shift = self.bits - size
        m, x = (man << shift if shift > 0 else man >> -shift), exp - shift
        return (-m if sign else m), 2 + (len(errors) << max(0, largest - x)), x

    # -- nodes ----------------------------------------------------------------------------------

    def of(self, node: Node) -> Value:
        self.budget.steps -= self.cost
        if self.budget.steps < 0:
            raise OutOfReach("steps")
        evaluate = NODES.get(type(node))
        if evaluate is None:
            raise OutOfReach(type(node).__name__)
        return evaluate(self, node)

    def _num(self, node: Num) -> Value:
        return self.exact(node.value)

    def _name(self, node: Name | Const) -> Value:
        found = self.symbols.get(node.name)
        if found is None:
            found = self.symbols[node.name] = self.exact(self.point[node.name])
        return found

    def _symbol(self, node: Name) -> Value:
        if node.name not in self.point:
            raise OutOfReach(f"the symbol {node.name}")
        return self._name(node)

    def _constant(self, node: Const) -> Value:
        if node.name in self.point:
            return self._name(node)
        if node.name == "i":
            return self.joined(ZERO, ONE)
        if node.name not in ("pi", "e"):
            raise OutOfReach(node.name)
        return self.constant(node.name)

    def constant(self, name: str) -> Ball:
        """pi or e."""
        found = self.constants.get(name)
        if found is None:
            fixed = libmp().pi_fixed if name == "pi" else libmp().e_fixed
            found = self.constants[name] = self.settled(int(fixed(self.bits)), 2, -self.bits)
        return found

    def _add(self, node: Add) -> Value:
        found = self.of(node.args[0])
        for arg in node.args[1:]:
            found = self.plus(found, self.of(arg))
        return found

    def _mul(self, node: Mul) -> Value:
        found = self.of(node.args[0])
        for arg in node.args[1:]:
            found = self.times(found, self.of(arg))
        return found

    def _div(self, node: Div) -> Value:
        return self.over(self.of(node.num), self.of(node.den))

    def _pow(self, node: Pow) -> Value:
        return self.raised(self.of(node.base), self.of(node.exp), node.exp)

    def _percent(self, node: Percent) -> Value:
        return self.over(self.of(node.arg), self.exact(100))

    def _degree(self, node: Degree) -> Value:
        return self.times(self.of(node.arg), self.over(self.constant("pi"), self.exact(180)))

    def _unit(self, node: Unit) -> Value:
        return self.exact(self.point.get("unit " + node.name, 1))

    # -- powers ---------------------------------------------------------------------------------

    def raised(self, base: Value, exponent: Value, node: Node) -> Value:
        """base to an exponent, which is written as `node`."""
        self.spend(8)
        doubled = _doubled(exponent)
        if doubled is not None and not doubled % 2 and abs(doubled) >> _MOST_SQUARINGS + 1 == 0:
            return self._whole_power(base, doubled // 2)
        if base == ZERO:
            if isinstance(exponent, Complex) or exponent[0] <= exponent[1]:
                raise OutOfReach("zero to a power that is not positive")
            return ZERO
        if not beyond(base, 2):
            raise OutOfReach("a power of a value that may be zero")
        if not isinstance(base, Complex):
            if doubled == 1 and base[0] > 0:
                return self.square_root(base)
            if base[0] < 0 and not isinstance(exponent, Complex):
                odd = _odd_root(node)
                if odd is not None:  # the real root, as of \sqrt[3]{-8}
                    root = self._power(negative(base), exponent)
                    assert not isinstance(root, Complex)
                    return negative(root) if odd.numerator % 2 else root
                if self.real:
                    raise OutOfReach("a root of a negative number")
        return self._power(base, exponent)

    def _whole_power(self, base: Value, exponent: int) -> Value:
        """By squaring."""
        if exponent <= 0 and not beyond(base, 2):
            raise OutOfReach("zero to a power that is not positive")
        found: Value | None = None
        left = abs(exponent)
        while left:
            if left & 1:
                found = base if found is None else self.times(found, base)
            left >>= 1
            if left:
                base = self.times(base, base)
        if found is None:
            return ONE
        return self.over(ONE, found) if exponent < 0 else found

    def square_root(self, a: Ball) -> Ball:
        """Of a ball above zero."""
        m, r, x = a
        shift = max(0, 2 * self.bits + 2 - m.bit_length())
        shift += (x - shift) % 2
        whole = m << shift
        value = math.isqrt(whole)
        radius = 0 if not r and value * value == whole else (r << shift) // value + 2
        return self.settled(value, radius, (x - shift) // 2)

    def _power(self, base: Value, exponent: Value) -> Value:
        """exp(exponent * log(base)) for a base that is not zero."""
        mp = _context(self.bits + GUARD_BITS + _POWER_BITS)
        value, power = self.number(base), self.number(exponent)
        log = mp.one if base is self.constants.get("e") else mp.log(value)
        if abs(power * log) > _MAX_EXPONENT:
            raise OutOfReach("size")
        result = mp.exp(power * log)
        errors = [self.spread(base, result * power / value), self.spread(exponent, result * log)]
        largest = max((error for error in errors if error is not None), default=None)
        if largest is None:
            return self.value(result)
        return self.value(result, largest + 1 + growth(largest + 1 - int(mp.mag(result))))

    def spread(self, argument: Value, slope: Any) -> int | None:
        """The binary exponent of twice the slope times the argument's radius; None for no error."""
        radius = radius_exponent(argument)
        return None if radius is None or not slope else radius + 1 + int(self.mp.mag(slope))

    # -- sums -----------------------------------------------------------------------------------

    def _repeated(self, node: Big) -> Value:
        if node.op not in ("sum", "prod"):
            raise OutOfReach(node.op)
        if node.low is None or node.high is None:
            raise OutOfReach("bounds")
        low, high = self.integer(node.low), self.integer(node.high)
        if high - low > 500:
            raise OutOfReach("iterations")
        outer, known = self.point.get(node.var), self.symbols.pop(node.var, None)
        found: Value = ZERO if node.op == "sum" else ONE
        join = self.plus if node.op == "sum" else self.times
        for value in range(low, high + 1):
            self.point[node.var] = value
            self.symbols[node.var] = (value, 0, 0)
            found = join(found, self.of(node.body))
        self.point.pop(node.var, None)
        self.symbols.pop(node.var, None)
        if outer is not None:
            self.point[node.var] = outer
        if known is not None:
            self.symbols[node.var] = known
        return found

    def integer(self, node: Node) -> int:
        """The value of a bound or an index, by exact arithmetic."""
        value = self.rational(node)
        if value is None or value.denominator != 1 or abs(value) > 10**9:
            raise OutOfReach("an integer bound")
        return int(value)

    def rational(self, node: Node) -> Fraction | None:
        """The exact value of rational arithmetic at the point, else None."""
        self.budget.steps -= self.cost
        if self.budget.steps < 0:
            raise OutOfReach("steps")
        if isinstance(node, Num):
            return Fraction(node.value)
        if isinstance(node, (Name, Const)):
            value = self.point.get(node.name)
            return None if value is None else Fraction(value)
        if not isinstance(node, (Add, Mul, Div, Pow)):
            return None
        parts = [self.rational(child) for child in children(node)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if isinstance(node, Add):
            return sum(known, Fraction(0))
        if isinstance(node, Mul):
            return math.prod(known, start=Fraction(1))
        first, second = known
        if isinstance(node, Div):
            return first / second if second else None
        if second.denominator != 1 or not 0 < second <= 64 or first.denominator != 1 or abs(first) > 10**20:
            return None
        return first**second.numerator


# `numeric_functions` adds calls.
NODES: dict[type[Node], Callable[[Any, Any], Value]] = {
    Num: Evaluator._num,
    Name: Evaluator._symbol,
    Const: Evaluator._constant,
    Add: Evaluator._add,
    Mul: Evaluator._mul,
    Div: Evaluator._div,
    Pow: Evaluator._pow,
    Percent: Evaluator._percent,
    Degree: Evaluator._degree,
    Unit: Evaluator._unit,
    Big: Evaluator._repeated,
}


def total(a: Ball, b: Ball) -> Ball:
    """a + b, not rounded."""
    m, r, x = a
    n, s, y = b
    if x > y:
        return (m << x - y) + n, (r << x - y) + s, y
    return m + (n << y - x), r + (s << y - x), x


def _product(a: Ball, b: Ball) -> Ball:
    m, r, x = a
    n, s, y = b
    return m * n, abs(m) * s + abs(n) * r + r * s, x + y


def negative(a: Ball) -> Ball:
    return -a[0], a[1], a[2]


def beyond(a: Value, factor: int) -> bool:
    """Whether a value is further from zero than so many times its radius."""
    return any(abs(m) > factor * r for m, r, _ in parts(a))


def parts(a: Value) -> tuple[Ball, Ball]:
    return a if isinstance(a, Complex) else (a, ZERO)


def exponent(a: Ball) -> int:
    """The binary exponent of a ball's middle; that of zero is below all others."""
    return a[0].bit_length() + a[2] if a[0] else LOWEST


def radius_exponent(a: Value) -> int | None:
    """The binary exponent of a value's radius, None for that of an exact one."""
    if isinstance(a, Complex):
        return max((r.bit_length() + x + 1 for _, r, x in a if r), default=None)
    return a[1].bit_length() + a[2] if a[1] else None


def growth(radius: int) -> int:
    """How many bits an exponential function grows by, at most, over a radius of this binary exponent."""
    if radius > 16:
        raise OutOfReach("size")
    return 0 if radius < -4 else 4 << max(0, radius)


def _doubled(a: Value) -> int | None:
    """Twice a number that is exactly a whole or a half one, else None."""
    if isinstance(a, Complex) or a[1]:
        return None
    m, _, x = a
    if x >= -1:
        return m << x + 1
    return None if m & (1 << -x - 1) - 1 else m >> -x - 1


def _odd_root(node: Node) -> Fraction | None:
    """The exponent p/q with odd q, as written; None for anything else."""
    if isinstance(node, Num):
        value = Fraction(node.value)
    elif isinstance(node, Div) and isinstance(node.num, Num) and isinstance(node.den, Num) and node.den.value:
        value = Fraction(node.num.value) / Fraction(node.den.value)
    else:
        return None
    return value if value.denominator % 2 else None
