"""Balls: real numbers known to lie in a range, in integers.

A ball `(m, r, x)` holds a number between (m - r) 2^x and (m + r) 2^x; a complex value is two balls.

Promises: what these functions return encloses the true value; nothing is rounded here.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Ball: TypeAlias = "tuple[int, int, int]"


class Complex(NamedTuple):
    """A complex value by the balls of its parts."""

    re: Ball
    im: Ball


Value: TypeAlias = "Ball | Complex"

ZERO: Ball = (0, 0, 0)
ONE: Ball = (1, 0, 0)
MAX_EXPONENT = 40_000  # binary exponent past which a value is out of numeric reach
LOWEST = -4 * MAX_EXPONENT  # stands for the binary exponent of zero


def total(a: Ball, b: Ball) -> Ball:
    """a + b, not rounded."""
    m, r, x = a
    n, s, y = b
    if x > y:
        return (m << x - y) + n, (r << x - y) + s, y
    return m + (n << y - x), r + (s << y - x), x


def product(a: Ball, b: Ball) -> Ball:
    m, r, x = a
    n, s, y = b
    return m * n, abs(m) * s + abs(n) * r + r * s, x + y


def negative(a: Ball) -> Ball:
    return -a[0], a[1], a[2]


def beyond(a: Value, factor: int) -> bool:
    """Whether a value is further from zero than so many times its radius."""
    return any(abs(m) > factor * r for m, r, _ in parts(a))


def straddles(a: Ball) -> bool:
    """Whether a ball around zero leaves the sign open."""
    m, r, _ = a
    return r > 0 and -r <= m <= r


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
    return 0 if radius < -4 else 4 << max(0, radius)


def twice(a: Value) -> int | None:
    """Twice a number that is exactly a whole or a half one, else None."""
    if isinstance(a, Complex) or a[1]:
        return None
    m, _, x = a
    if x >= -1:
        return m << x + 1
    return None if m & (1 << -x - 1) - 1 else m >> -x - 1
