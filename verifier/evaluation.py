"""Numeric evaluation with a running error bound, at any precision.

Promises: each operation adds its rounding and passes its operands' errors on through its derivative
(first order, two guard digits); whatever numbers cannot say raises OutOfReach. No float is involved.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .canonical import Budget
from .nodes import (
    Add,
    Big,
    Call,
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
)

_LOCAL = threading.local()
_MAX_EXPONENT = 40_000  # binary exponent past which a value is out of numeric reach


class OutOfReach(Exception):
    """No value here: a pole, a branch cut, a size or a node that numbers cannot say."""


def _context(digits: int) -> Any:
    """This thread's mpmath context: the library's global one is not thread-safe."""
    context = getattr(_LOCAL, "context", None)
    if context is None:
        from mpmath import MPContext

        context = _LOCAL.context = MPContext()
    context.dps = digits
    return context


class Evaluator:
    """One evaluation at one precision; values are pairs (mpf or mpc, error bound)."""

    def __init__(self, digits: int, point: Mapping[str, Fraction | int], budget: Budget, real: bool) -> None:
        self.mp = _context(digits)
        self.unit = self.mp.mpf(10) ** (2 - digits)
        self.point = dict(point)
        self.real = real
        self.budget = budget
        self.extent = 0  # the largest binary exponent met, of either sign
        self.cost = 1 + digits // 50

    def rounded(self, value: Any, error: Any) -> tuple[Any, Any]:
        size = abs(value)
        if not self.mp.isfinite(size):
            raise OutOfReach("not finite")
        if size:
            extent = abs(self.mp.mag(size))
            if extent > self.extent:
                if extent > _MAX_EXPONENT:
                    raise OutOfReach("size")
                self.extent = extent
        if self.real and isinstance(value, self.mp.mpc):
            raise OutOfReach("complex")
        return value, error + size * self.unit

    def of(self, node: Node) -> tuple[Any, Any]:
        self.budget.steps -= self.cost
        if self.budget.steps < 0:
            raise OutOfReach("steps")
        mp = self.mp
        if isinstance(node, Num):
            return self.exact(node.value)
        if isinstance(node, Name):
            if node.name in self.point:
                return self.exact(self.point[node.name])
            raise OutOfReach(f"the symbol {node.name}")
        if isinstance(node, Const):
            if node.name in self.point:
                return self.exact(self.point[node.name])
            if node.name == "i":
                return mp.mpc(0, 1), mp.mpf(0)
            if node.name in ("pi", "e"):
                return self.rounded(+(mp.pi if node.name == "pi" else mp.e), mp.mpf(0))
            raise OutOfReach(node.name)
        if isinstance(node, Add):
            total, error = self.of(node.args[0])
            for arg in node.args[1:]:
                value, more = self.of(arg)
                total, error = self.rounded(total + value, error + more)
            return total, error
        if isinstance(node, Mul):
            total, error = self.of(node.args[0])
            for arg in node.args[1:]:
                total, error = self.times((total, error), self.of(arg))
            return total, error
        if isinstance(node, Div):
            return self.over(self.of(node.num), self.of(node.den))
        if isinstance(node, Pow):
            return self.raised(self.of(node.base), self.of(node.exp), node.exp)
        if isinstance(node, Percent):
            return self.over(self.of(node.arg), self.exact(100))
        if isinstance(node, Degree):
            return self.times(self.of(node.arg), self.rounded(mp.pi / 180, mp.mpf(0)))
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Big) and node.op in ("sum", "prod"):
            return self.repeated(node)
        if isinstance(node, Unit):
            return self.exact(self.point.get("unit " + node.name, 1))
        raise OutOfReach(type(node).__name__)

    def exact(self, value: Fraction | int) -> tuple[Any, Any]:
        mp = self.mp
        if isinstance(value, Fraction):
            return self.rounded(mp.mpf(value.numerator) / value.denominator, mp.mpf(0))
        return self.rounded(mp.mpf(value), mp.mpf(0))

    def times(self, a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
        return self.rounded(a[0] * b[0], abs(a[0]) * b[1] + abs(b[0]) * a[1] + a[1] * b[1])

    def over(self, a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
        size = abs(b[0])
        if size <= 2 * b[1] or not size:
            raise OutOfReach("a pole")
        value = a[0] / b[0]
        return self.rounded(value, (a[1] + abs(value) * b[1]) / (size - b[1]))

    def spend(self, operations: int) -> None:
        """Charge what a function costs beyond an elementary operation."""
        self.budget.steps -= operations * self.cost

    def raised(self, base: tuple[Any, Any], exponent: tuple[Any, Any], node: Node) -> tuple[Any, Any]:
        self.spend(8)
        mp = self.mp
        value, error = base
        power, power_error = exponent
        if not value:
            if isinstance(power, mp.mpc) or power <= 0:
                raise OutOfReach("zero to a power that is not positive")
            return mp.mpf(0), error
        if abs(value) <= 2 * error:
            raise OutOfReach("a power of a value that may be zero")
        size = abs(mp.log(abs(value))) * abs(power)
        if size > _MAX_EXPONENT:
            raise OutOfReach("size")
        if isinstance(value, mp.mpf) and value < 0 and not mp.isint(power):
            odd = _odd_root(node)
            if odd is not None:  # the real root, as of \sqrt[3]{-8}
                sign = -1 if odd.numerator % 2 else 1
                result = sign * mp.power(-value, power)
                return self.rounded(result, abs(result * power / value) * error)
            if self.real:
                raise OutOfReach("a root of a negative number")
        result = mp.power(value, power)
        bound = abs(result * power / value) * error + abs(result * mp.log(value)) * power_error
        return self.rounded(result, 2 * bound)

    def repeated(self, node: Big) -> tuple[Any, Any]:
        if node.low is None or node.high is None:
            raise OutOfReach("bounds")
        low, high = self.integer(node.low), self.integer(node.high)
        if high - low > 500:
            raise OutOfReach("iterations")
        outer = self.point.get(node.var)
        total, error = self.exact(0 if node.op == "sum" else 1)
        for value in range(low, high + 1):
            self.point[node.var] = value
            member = self.of(node.body)
            if node.op == "sum":
                total, error = self.rounded(total + member[0], error + member[1])
            else:
                total, error = self.times((total, error), member)
        self.point.pop(node.var, None)
        if outer is not None:
            self.point[node.var] = outer
        return total, error

    def integer(self, node: Node) -> int:
        value, error = self.of(node)
        if isinstance(value, self.mp.mpc) or error > 0.01 or not self.mp.isfinite(value):
            raise OutOfReach("an integer bound")
        nearest = int(self.mp.nint(value))
        if value != nearest or not _whole(node) or abs(nearest) > 10**9:
            raise OutOfReach("an integer bound")
        return nearest

    def call(self, node: Call) -> tuple[Any, Any]:
        from .numeric_functions import evaluate

        return evaluate(self, node)


def _whole(node: Node) -> bool:
    """True for arithmetic on integers and symbols alone, which no rounding can pass off as one."""
    if isinstance(node, Num):
        return isinstance(node.value, int)
    if isinstance(node, (Add, Mul)):
        return all(map(_whole, node.args))
    if isinstance(node, Div):
        return _whole(node.num) and _whole(node.den)
    return isinstance(node, Name) or isinstance(node, Pow) and _whole(node.base) and _whole(node.exp)


def _odd_root(node: Node) -> Fraction | None:
    """The exponent p/q with odd q, as written; None for anything else."""
    if isinstance(node, Num):
        value = Fraction(node.value)
    elif isinstance(node, Div) and isinstance(node.num, Num) and isinstance(node.den, Num) and node.den.value:
        value = Fraction(node.num.value) / Fraction(node.den.value)
    else:
        return None
    return value if value.denominator % 2 else None
