"""Arithmetic on balls at one precision: what `evaluation` works with.

Values are balls (see `balls`); all arithmetic is on integers. Logarithms, exponentials, sines and cosines of
a ball's middle come from mpmath with ten guard bits.

Promises: every result encloses the true one, as far as mpmath's last bits can be trusted; whatever numbers
cannot say raises OutOfReach; every operation is charged to the budget. No float is involved.
"""

from __future__ import annotations

import math
import threading
from fractions import Fraction
from functools import cache
from typing import Any

from .balls import (
    MAX_EXPONENT,
    ONE,
    ZERO,
    Ball,
    Complex,
    Value,
    beyond,
    exponent,
    growth,
    negative,
    parts,
    product,
    radius_exponent,
    straddles,
    total,
)
from .canonical import Budget

_LOCAL = threading.local()
_NOISE = 53  # the extent of a value that may be zero: that of sixteen digits lost
_RADIUS_BITS = 30
_GUARD_BITS = 10
_CONSTANT_BITS = 16_000  # 3,000 digits and the size of an argument
_MOST_BITS = 16  # of an exponent of e
_LARGEST_ANGLE = 2_000  # its binary exponent
MOST_SQUARINGS = 60  # whole powers up to 2^60 are multiplied out


class OutOfReach(Exception):
    """No value here: a pole, a branch cut, a size or a node that numbers cannot say."""


@cache
def libmp() -> Any:
    """mpmath's functions on bare tuples.

    mpmath remembers each constant at the largest precision asked for, in two steps without a lock: between them
    another thread would read a wrong value. So it is asked for more than we ever use before anything is evaluated.
    """
    from mpmath import libmp

    for constant in (libmp.pi_fixed, libmp.e_fixed, libmp.ln2_fixed, libmp.ln10_fixed):
        constant(_CONSTANT_BITS)
    return libmp


def _context(bits: int) -> Any:
    """This thread's mpmath context: the library's global one is not thread-safe."""
    context = getattr(_LOCAL, "context", None)
    if context is None:
        libmp()  # for its constants
        from mpmath import MPContext

        context = _LOCAL.context = MPContext()
    if context.prec != bits:
        context.prec = bits
    return context


class Arithmetic:
    """Balls of `digits` decimal digits, `bits` binary ones. real: a complex value is out of reach."""

    def __init__(self, digits: int, budget: Budget, real: bool) -> None:
        self.bits = (digits + 1) * 10 // 3
        self.precision = (self.bits + _GUARD_BITS, "n")  # of mpmath's functions, and how they round
        self.huge = (digits - 12) * 10 // 3  # the exponent past which a trigonometric value is a pole
        self.real = real
        self.budget = budget
        self.extent = 0  # the largest binary exponent met, of either sign
        self.cost = 1 + digits // 100
        self.constants: dict[str, Ball] = {}
        self.known: dict[tuple[str, Value], Any] = {}  # the values of functions

    @property
    def mp(self) -> Any:
        """mpmath at this precision and some guard bits; its precision holds until the next call."""
        return _context(self.precision[0])

    @property
    def needed(self) -> int:
        """How many digits reach three times as far as the largest or smallest number met."""
        return 30 + 3 * (self.extent * 3 // 10)

    # -- balls ----------------------------------------------------------------------------------

    def settled(self, m: int, r: int, x: int) -> Ball:
        """The ball in as many bits as are worth keeping, as a value met on the way."""
        excess = m.bit_length() - self.bits
        wide = r.bit_length() - _RADIUS_BITS
        if wide > excess:
            excess = wide
        if excess > 0:
            kept = m >> excess
            r = (r >> excess) + 2 if r or kept << excess != m else 0
            m, x = kept, x + excess
        if -r <= m <= r:
            return self._noise(m, r, x)
        extent = m.bit_length() + x
        if extent > self.extent or -extent > self.extent:
            self._met(abs(extent))
        return m, r, x

    def _met(self, extent: int) -> None:
        if extent > MAX_EXPONENT:
            raise OutOfReach("size")
        self.extent = max(self.extent, extent)

    def _noise(self, m: int, r: int, x: int) -> Ball:
        """A ball around zero; one that is exactly zero has no extent."""
        if not r:
            return ZERO
        extent = r.bit_length() + x
        if extent < -MAX_EXPONENT:
            m, r, x = 0, 1, -MAX_EXPONENT
        self._met(extent if extent > MAX_EXPONENT else min(abs(extent), _NOISE))
        return m, r, x

    def joined(self, re: Ball, im: Ball) -> Complex:
        """The complex value of two parts."""
        if self.real:
            raise OutOfReach("complex")
        return Complex(re, im)

    def exact(self, value: Fraction | int) -> Ball:
        if isinstance(value, int):
            return self.settled(value, 0, 0)
        return self._quotient((value.numerator, 0, 0), (value.denominator, 0, 0))

    def plus(self, a: Value, b: Value) -> Value:
        if isinstance(a, Complex) or isinstance(b, Complex):
            (p, q), (s, t) = parts(a), parts(b)
            return self.joined(self.settled(*total(p, s)), self.settled(*total(q, t)))
        return self.settled(*total(a, b))

    def times(self, a: Value, b: Value) -> Value:
        if isinstance(a, Complex) or isinstance(b, Complex):
            (p, q), (s, t) = parts(a), parts(b)
            re, im = total(product(p, s), negative(product(q, t))), total(product(p, t), product(q, s))
            return self.joined(self.settled(*re), self.settled(*im))
        return self.settled(*product(a, b))

    def over(self, a: Value, b: Value) -> Value:
        if isinstance(b, Complex):
            below = total(product(b.re, b.re), product(b.im, b.im))
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

    def raw(self, value: Ball) -> Any:
        """The middle of a ball as mpmath's bare tuple."""
        return libmp().from_man_exp(value[0], value[2])

    def number(self, value: Value) -> Any:
        """The middle of a value as mpmath's number."""
        if isinstance(value, Complex):
            return self.mp.mpc(self.number(value.re), self.number(value.im))
        return self.mp.make_mpf(self.raw(value))

    def value(self, number: Any, *errors: int | None) -> Value:
        """What mpmath computed; errors: the binary exponents of what its arguments' radii make of it."""
        if hasattr(number, "_mpc_"):
            size = max(self.mp.mag(number.real), self.mp.mag(number.imag))
            everywhere = (*errors, int(size) - self.bits if self.mp.isfinite(size) else None)
            return self.joined(*(self.ball(part, *everywhere) for part in number._mpc_))
        return self.ball(number._mpf_, *errors)

    def ball(self, raw: tuple[int, int, int, int], *errors: int | None) -> Ball:
        """The same of one of mpmath's bare tuples."""
        sign, man, exp, size = raw
        if not man and exp:
            raise OutOfReach("not finite")
        largest = max((error for error in errors if error is not None), default=None)
        if not man and largest is None:
            return ZERO
        largest = max(-MAX_EXPONENT, largest or 0) if largest is not None else -MAX_EXPONENT
        if max(exp + size, largest) > MAX_EXPONENT:
            raise OutOfReach("size")
        if not man or exp + size < -MAX_EXPONENT:
            return self.settled(0, 1 + len(errors), largest)
        shift = self.bits - size
        m, x = (man << shift if shift > 0 else man >> -shift), exp - shift
        return self.settled(-m if sign else m, 2 + (len(errors) << max(0, largest - x)), x)

    def constant(self, name: str) -> Ball:
        """pi or e."""
        found = self.constants.get(name)
        if found is None:
            fixed = libmp().pi_fixed if name == "pi" else libmp().e_fixed
            found = self.constants[name] = self.settled(int(fixed(self.bits)), 2, -self.bits)
        return found

    # -- powers and functions --------------------------------------------------------------------

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
        if base is self.constants.get("e"):
            return self.exp(exponent)
        return self.exp(self.times(exponent, self.log(base)))

    # -- elementary functions -------------------------------------------------------------------

    def log(self, a: Value) -> Value:
        """The principal logarithm of a value that is not zero."""
        found: Value | None = self.known.get(("log", a))
        if found is None:
            if isinstance(a, Complex) or a[0] < 0:
                if isinstance(a, Complex) and a.re[0] <= a.re[1] and straddles(a.im):
                    raise OutOfReach("a branch cut")
                number = self.number(a)
                found = self.value(self.mp.log(number), self.spread(a, 1 / number), -self.bits)
            else:
                error = a[1].bit_length() - a[0].bit_length() + 2 if a[1] else None
                found = self.ball(libmp().mpf_log(self.raw(a), *self.precision), error, -self.bits)
            self.known["log", a] = found
        return found

    def exp(self, a: Value) -> Value:
        if isinstance(a, Complex):
            turned = self.joined(*self.circle(a.im))
            return turned if a.re == ZERO else self.times(self.exp(a.re), turned)
        found: Value | None = self.known.get(("exp", a))
        if found is None:
            if exponent(a) > _MOST_BITS:
                raise OutOfReach("size")
            raw = libmp().mpf_exp(self.raw(a), *self.precision)
            found = self.known["exp", a] = self.ball(raw, self.grown(a, raw))
        return found

    def circle(self, a: Ball) -> tuple[Ball, Ball]:
        """The cosine and the sine of an angle; their slopes are at most one."""
        found: tuple[Ball, Ball] | None = self.known.get(("circle", a))
        if found is None:
            if exponent(a) > _LARGEST_ANGLE:
                raise OutOfReach("size")
            cosine, sine = libmp().mpf_cos_sin(self.raw(a), *self.precision)
            error = radius_exponent(a)
            found = self.known["circle", a] = self.ball(cosine, error, -self.bits), self.ball(sine, error, -self.bits)
        return found

    def hyperbola(self, a: Ball) -> tuple[Ball, Ball]:
        """The hyperbolic cosine and sine; the cosine bounds both slopes."""
        if exponent(a) > _MOST_BITS:
            raise OutOfReach("size")
        cosine, sine = libmp().mpf_cosh_sinh(self.raw(a), *self.precision)
        error = self.grown(a, cosine)
        return self.ball(cosine, error), self.ball(sine, error)

    def grown(self, a: Ball, slope: tuple[int, int, int, int]) -> int | None:
        """The binary exponent of an exponential function's error."""
        radius = radius_exponent(a)
        if radius is None:
            return None
        if radius > _MOST_BITS:
            raise OutOfReach("size")
        return radius + 1 + slope[2] + slope[3] + growth(radius)

    def spread(self, argument: Value, slope: Any) -> int | None:
        """The binary exponent of twice the slope times the argument's radius; None for no error."""
        radius = radius_exponent(argument)
        return None if radius is None or not slope else radius + 1 + int(self.mp.mag(slope))
