r"""Canonical forms by exact arithmetic: a sum of monomials over the rationals.

Promises: every step is counted against the work budget of `Limits`, integers stay under the bit
limit, nothing is approximated. Two values with equal forms are equal where both are defined; the
converse holds where `decisive` says so (products of distinct roots of primes are linearly
independent over the rationals, Besicovitch 1940; pi is transcendental).
"""

from __future__ import annotations

from fractions import Fraction

from . import functions, indexed
from .monomials import ONE, Monomial, Rational, Sum, constant, is_positive, render, render_monomial
from .nodes import (
    Add,
    Based,
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
from .sums import SIZES, Budget, SumArithmetic, TooMuch
from .syntax import UndefinedError

_SMALL = 2**64  # numerals whose fraction needs no other limit

KNOWN_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh "
    "arctanh arccoth ln log lg exp gcd lcm max min det floor ceil abs arg re im sign cbrt cis factorial "
    "factorial2 binom conj mod root erf piecewise".split()
)


class Canoniser(SumArithmetic):
    """Builds canonical sums; one instance per answer holds its budget and its unexpanded sums."""

    def of(self, node: Node) -> Sum:
        """The canonical sum of an expression node. Raises TooMuch or UndefinedError."""
        self.spend(1)
        if isinstance(node, Num):
            return {ONE: self.checked(node.value)} if node.value else {}
        if isinstance(node, Name):
            return self._letter("s:", node.name) if self.bound else {(("s:" + node.name, 1),): 1}
        if isinstance(node, Add):
            total = self.of(node.args[0])
            for arg in node.args[1:]:
                total = self.add(total, self.of(arg))
            return total
        if isinstance(node, Mul):
            result = self.of(node.args[0])
            for arg in node.args[1:]:
                result = self.mul(result, self.of(arg))
            return result
        if isinstance(node, Div):
            if type(node.num) is Num and type(node.den) is Num and (found := self._quotient(node)) is not None:
                return found
            below = self.of(node.den)
            if not below or self._may_be_zero(below, node.den):
                raise UndefinedError("division by zero")
            return self.mul(self.of(node.num), self.power(below, -1))
        if isinstance(node, Pow):
            return self._raised(self.of(node.base), self.of(node.exp))
        if isinstance(node, Const):
            return self._letter("c:", node.name) if self.bound else {(("c:" + node.name, 1),): 1}
        if isinstance(node, Call):
            return functions.apply(self, node)
        if isinstance(node, Percent):
            return self.scaled(self.of(node.arg), Fraction(1, 100))
        if isinstance(node, Degree):
            return self.mul(self.of(node.arg), {(("c:pi", 1),): Fraction(1, 180)})
        if isinstance(node, Unit):
            return {(("u:" + node.name, 1),): 1}
        if isinstance(node, Big) and node.op in ("sum", "prod"):
            return self._repeated(node)
        if isinstance(node, Based):
            value = int(node.digits, node.base)
            return {ONE: self.checked(value)} if value else {}
        raise TooMuch(type(node).__name__)

    def _quotient(self, node: Div) -> Sum | None:
        """The fraction of two small integers, at the price of the long way; None for other numerals."""
        assert isinstance(node.num, Num)
        assert isinstance(node.den, Num)
        above, below = node.num.value, node.den.value
        if type(above) is not int or type(below) is not int or not below or self.limits.bits < 64:
            return None
        if not -_SMALL < above < _SMALL > below > -_SMALL:
            return None
        self.spend(3 + (above not in (0, 1)))
        if not above:
            return {}
        value = Fraction(above, below)
        return {ONE: value.numerator if value.denominator == 1 else value}

    def _may_be_zero(self, form: Sum, node: Node) -> bool:
        """Whether a denominator without symbols cannot be told from zero."""
        if len(form) == 1 or self.bound or decisive(self, form):
            return False
        from . import numeric

        return not numeric.symbols(node) and numeric.vanishes(node, self.limits, self.budget)

    def _letter(self, kind: str, name: str) -> Sum:
        """A symbol or constant inside a sum: the index, or a name that may have the index in its subscript."""
        value = self.bound.get(name)
        if isinstance(value, int):
            return {ONE: value} if value else {}
        if value is not None:
            return {(("s:" + value, 1),): 1}
        if "_" in name:
            name = indexed.named(name, self.bound)
        return {((kind + name, 1),): 1}

    def _repeated(self, node: Big) -> Sum:
        """A sum or product: member by member between integers, else by its canonical body."""
        if node.low is None or node.high is None:
            raise TooMuch("bounds")
        low, high = self.of(node.low), self.of(node.high)
        first, last = constant(low), constant(high)
        if first is None or last is None:
            return indexed.repeated(self, node, low, high, self._within(node, indexed.index_name(node)))
        if not isinstance(first, int) or not isinstance(last, int):
            raise TooMuch("bounds")
        if last - first >= self.limits.iterations:
            raise TooMuch("iterations")
        total: Sum = {} if node.op == "sum" else {ONE: 1}
        for value in range(first, last + 1):
            member = self._within(node, value)
            total = self.add(total, member) if node.op == "sum" else self.mul(total, member)
        return total

    def _within(self, node: Big, index: int | str) -> Sum:
        """The body of a sum for one value of its index, or for a name of it."""
        outer = self.bound
        self.bound = {**outer, node.var: index}
        try:
            return self.of(node.body)
        finally:
            self.bound = outer

    def _raised(self, base: Sum, exponent: Sum) -> Sum:
        fixed = constant(exponent)
        if fixed is not None:
            return self.power(base, fixed)
        if not base:
            raise TooMuch("zero to an unknown power")
        if len(base) == 1:
            ((monomial, coefficient),) = base.items()
            if coefficient > 0 and all(is_positive(a) or a[0] == "s" for a, _ in monomial):
                return self._exponential(monomial, coefficient, exponent)
        result: Sum = {ONE: 1}
        for term, factor in exponent.items():
            result = self.mul(result, self._exponential_atom(f"({render(base)})", term, factor, base))
        return result

    def _exponential(self, monomial: Monomial, coefficient: Rational, exponent: Sum) -> Sum:
        """A product of primes, constants and symbols to an unknown power: base by base, term by term."""
        result: Sum = {ONE: 1}
        bases: list[tuple[str, Rational, Sum]] = [(a, e, {((a, 1),): 1}) for a, e in monomial]
        for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
            bases += [(f"n:{p}", sign * k, {ONE: p}) for p, k in self.factor(number).items()]
        for atom, multiplicity, base in bases:
            for term, factor in exponent.items():
                scale = factor * multiplicity
                if not term:
                    result = self.mul(result, self.power(base, scale))
                elif atom == "c:e":
                    result = self.mul(result, self._natural(term, scale))
                else:
                    result = self.mul(result, self._exponential_atom(atom[2:], term, scale, base))
        return result

    def _exponential_atom(self, base_text: str, term: Monomial, factor: Rational, base: Sum) -> Sum:
        if not term:
            return self.power(base, factor)
        atom = self.atom("e:", f"{base_text}^({render_monomial(term)})")
        if type(factor) is not int and factor.denominator == 1:
            factor = factor.numerator
        return {((atom, factor),): 1}

    def _natural(self, term: Monomial, factor: Rational) -> Sum:
        """e to the power of one term: logarithms cancel, imaginary multiples of pi turn."""
        if len(term) == 1 and term[0][0].startswith("f:ln(") and term[0][1] == 1:
            return self.power(self.sums[term[0][0]], factor)
        if term == (("c:i", 1), ("c:pi", 1)):
            angle: Sum = {(("c:pi", 1),): factor}
            turned = self.mul({(("c:i", 1),): 1}, functions.circular(self, "sin", angle))
            return self.add(functions.circular(self, "cos", angle), turned)
        return self._exponential_atom("e", term, factor, {(("c:e", 1),): 1})

    def function_atom(self, name: str, *args: Sum) -> Sum:
        """An opaque function of canonical arguments; a user's own `f` is as free as a symbol (`F:`)."""
        free = name not in KNOWN_FUNCTIONS and all(decisive(self, a) for a in args)
        atom = self.atom("F:" if free else "f:", f"{name}({','.join(render(a) for a in args)})")
        if len(args) == 1:
            self.sums[atom] = args[0]
        return {((atom, 1),): 1}


def decisive(canoniser: Canoniser, a: Sum) -> bool:
    """True where a form unequal to another decisive one proves the values different."""
    if not canoniser.resolved:
        return False
    atoms = {atom for monomial in a for atom, _ in monomial}
    if "c:e" in atoms and "c:pi" in atoms:
        return False
    return all(atom[0] in "nsuF" or atom in ("c:i", "c:pi", "c:e") for atom in atoms)


__all__ = [
    "SIZES",
    "Budget",
    "Canoniser",
    "Rational",
    "Sum",
    "TooMuch",
    "constant",
    "decisive",
    "render",
]
