"""Values: numbers and expressions with symbols.

Promises: equal canonical forms are equal; different decisive forms are different; everything else
is left to the numeric rung, and what that cannot say is undecided.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

from .. import numeric
from ..canonical import SIZES, Canoniser, Rational, Sum, TooMuch, constant, decisive, render
from ..config import Policy
from ..nodes import Add, Call, Const, Degree, Mul, Name, Node, Num, decimal_text
from ..syntax import ParseError, UndefinedError
from ..units import canonical_unit, unit_name
from ..verdict import Rung
from . import shapes
from .base import UNDECIDED, Answer, Context, Outcome, Settings
from .shapes import describe, difference

_EQUAL = Outcome(True, Rung.CANONICAL)
EXACTLY_EQUAL = Outcome(True, Rung.EXACT)
EXACTLY_DIFFERENT = Outcome(False, Rung.EXACT)
_METRES = ((("s:m", 2),), (("s:m", 3),))


class Expression(Answer):
    """node: what was read; sum: its canonical form, None where the budget or the grammar of sums ends.

    bare: numerals and operations, without a letter, unit, degree or function.
    """

    __slots__ = ("_form", "approximation", "bare", "canoniser", "node", "over_limit", "rational", "settings", "sum")
    kind: ClassVar[str] = "expression"

    def __init__(self, node: Node, settings: Settings, value: Rational | None = None) -> None:
        """value: that of `bare_value`, where the caller has it."""
        self.node = node
        self.settings = settings
        self.canoniser: Canoniser | None = None
        self.sum: Sum | None = None
        self.rational: Rational | None = node.value if type(node) is Num else value
        self._form: str | None = None
        self.over_limit = False
        self.approximation: Num | None = None  # the decimal behind an `\\approx`
        self.bare = self.rational is not None
        if self.bare:
            return
        self.canoniser = Canoniser(settings.limits, settings.budget)
        try:
            self.sum = self.canoniser.of(node)
            self.rational = constant(self.sum)
        except TooMuch as reason:
            self.sum = None
            self.over_limit = str(reason) in SIZES

    @property
    def form(self) -> str:
        if self._form is None:
            if self.rational is not None:
                self._form = decimal_text(self.rational)
            elif self.sum is not None:
                self._form = render(self.sum)
            else:
                self._form = describe(self.node)
        return self._form

    @property
    def has_one_reading(self) -> bool:
        """Whether `views` has no other reading of this value against another one."""
        return self.approximation is None and (self.bare or shapes.has_one_reading(self.node))

    @property
    def is_decisive(self) -> bool:
        """Whether an unequal form that is decisive as well proves another value."""
        if self.rational is not None:
            return True
        return self.canoniser is not None and self.sum is not None and decisive(self.canoniser, self.sum)

    def canonical(self) -> tuple[Sum, Canoniser] | None:
        if self.canoniser is None:
            self.canoniser = Canoniser(self.settings.limits)
            self.sum = {(): self.rational} if self.rational else {}
        return None if self.sum is None else (self.sum, self.canoniser)

    def equals(self, other: Expression, ctx: Context) -> Outcome:
        exact = self._exactly_equals(other, ctx)
        if exact.equal or not (ctx.lenient and ctx.policy.decimals_at_gold_digits):
            return exact
        return _rounded_equals(self, other, ctx) or exact

    def _exactly_equals(self, other: Expression, ctx: Context) -> Outcome:
        if self.rational is not None and other.rational is not None:
            if self.rational == other.rational:
                return EXACTLY_EQUAL
            return EXACTLY_DIFFERENT
        a, b = self.canonical(), other.canonical()
        if a is not None and b is not None:
            if a[0] == b[0]:
                return _EQUAL
            if decisive(a[1], a[0]) and decisive(b[1], b[0]):
                return EXACTLY_DIFFERENT
            exact = _cross_multiplied(a, b)
            if exact is not None:
                return exact
        elif self.node == other.node:
            return Outcome(True, Rung.IDENTICAL)
        found = numeric.compare(self.node, other.node, ctx.limits, ctx.budget)
        if found is None:
            return UNDECIDED
        return Outcome(found, Rung.NUMERIC)

    def views(self, other: Answer, ctx: Context) -> Iterator[Answer]:
        node = self.node
        if isinstance(node, Num):
            if node.commas and other.kind == "collection":
                from .collection import Collection

                if isinstance(other, Collection) and len(node.commas) == len(other.items):
                    yield Collection("list", tuple(Expression(Num(part), self.settings) for part in node.commas))
        elif isinstance(other, Expression):
            if self.approximation is not None and isinstance(other.node, Num) and other.node.decimals is not None:
                yield from self._approximately(self.approximation, ctx)
            yield from self._other_readings(other, ctx)
        elif other.kind == "quantity":
            found = self._as_quantity()
            if found is not None:
                yield found
        elif isinstance(node, Mul) and other.kind in ("text", "collection"):
            yield from self._as_letters(other)

    def _as_letters(self, other: Answer) -> Iterator[Answer]:
        """`ABC` against a word by its letters; `AC` against a list of choices."""
        from .collection import Collection
        from .text import Choice as ChoiceAnswer
        from .text import Words

        assert isinstance(self.node, Mul)
        letters = [arg.name for arg in self.node.args if isinstance(arg, (Name, Const)) and len(arg.name) == 1]
        if len(letters) != len(self.node.args):
            return
        if other.kind == "text":
            yield Words("".join(letters).casefold())
        elif isinstance(other, Collection) and letters == sorted(set(letters)) and set(letters) <= set("ABCDE"):
            yield Collection("list", tuple(ChoiceAnswer(letter, None) for letter in letters))

    def _approximately(self, decimal: Num, ctx: Context) -> Iterator[Answer]:
        """The decimal of `2\\sqrt{2} \\approx 2.83` against a decimal, where it is right to its last digit."""
        if isinstance(self.node, Num) and self.node.decimals is not None:
            return  # one decimal near another is two answers
        last = Fraction(1, 10 ** (decimal.decimals or 0))
        above = numeric.sign(difference(self.node, Num(decimal.value - last)), ctx.limits, ctx.budget)
        below = numeric.sign(difference(Num(decimal.value + last), self.node), ctx.limits, ctx.budget)
        if above == below == 1:
            yield Expression(decimal, self.settings)

    def _other_readings(self, other: Expression, ctx: Context) -> Iterator[Answer]:
        """`180° - 2a` against `180 - 2a`; `h(a+b)` as a product where the other side has a symbol `h`;
        `12 m²` against 12: a bare square or cubic metre is hardly a symbol's power."""
        form = self.sum if ctx.policy.drop_units and other.rational is not None else None
        if form is not None and len(form) == 1 and next(iter(form)) in _METRES:
            yield Expression(Num(next(iter(form.values()))), self.settings)
        if shapes.is_sum_of_degrees(self.node) and not shapes.has(other.node, Degree):
            yield Expression(
                shapes.changed(self.node, lambda n: n.arg if isinstance(n, Degree) else None), self.settings
            )
        mine, theirs = numeric.symbols(self.node), numeric.symbols(other.node)
        ours, others = mine - theirs, theirs - mine
        numbered = len(ours) == len(others) == 1 and ours | others <= shapes.INTEGERS
        if numbered and shapes.periodic(self.node) and shapes.periodic(other.node):
            letter, (another,) = Name(*ours), others  # `n pi` for `k pi`
            yield Expression(shapes.changed(self.node, lambda n: Name(another) if n == letter else None), self.settings)
        letters = {c.name for c in shapes.calls(self.node) if isinstance(c.args[0], Add)} & numeric.symbols(other.node)
        if letters:

            def factor(n: Node) -> Node | None:
                return Mul((Name(n.name), *n.args)) if isinstance(n, Call) and n.name in letters else None

            yield Expression(shapes.changed(self.node, factor), self.settings)

    def _as_quantity(self) -> Answer | None:
        """`5m` and `9.8 m/s^2`, where every symbol is a unit's letter: read so against a quantity only."""
        from .quantity import Quantity

        form = self.canonical()
        if form is None or len(form[0]) != 1:
            return None
        ((monomial, coefficient),) = form[0].items()
        if not monomial or not all(a[0] == "s" and canonical_unit(a[2:]) and isinstance(e, int) for a, e in monomial):
            return None
        name = unit_name(" ".join(f"{atom[2:]}^{exponent}" for atom, exponent in monomial))
        return Quantity(Expression(Num(coefficient), self.settings), name)

    @property
    def is_symbol(self) -> bool:
        return isinstance(self.node, Name)


def decided(answer: Expression, gold: Expression, lenient: bool, policy: Policy) -> Outcome | None:
    """What `compare` says of two values, without a context, where nothing but their sums counts; else None."""
    both = answer.rational is not None and gold.rational is not None
    if both and answer.rational == gold.rational:
        return EXACTLY_EQUAL
    if not both and answer.sum is not None and answer.sum == gold.sum:
        return _EQUAL
    if lenient and (policy.decimals_at_gold_digits or not (answer.has_one_reading and gold.has_one_reading)):
        return None
    return EXACTLY_DIFFERENT if both or answer.is_decisive and gold.is_decisive else None


class Infinity(Answer):
    """Plus or minus infinity as a whole answer."""

    __slots__ = ("sign",)
    kind: ClassVar[str] = "infinity"

    def __init__(self, sign: int) -> None:
        self.sign = sign

    @property
    def form(self) -> str:
        return "oo" if self.sign > 0 else "-oo"

    def equals(self, other: Infinity, ctx: Context) -> Outcome:
        return EXACTLY_EQUAL if self.sign == other.sign else EXACTLY_DIFFERENT


def _rounded_equals(answer: Expression, gold: Expression, ctx: Context) -> Outcome | None:
    """Whether the answer rounds (half away from zero) to the gold's decimals; None where the gold has none."""
    node = gold.node
    if not isinstance(node, Num) or node.decimals is None:
        return None
    half = Fraction(1, 2 * 10**node.decimals)
    if answer.rational is not None:
        return Outcome(-half <= answer.rational - node.value <= half, Rung.EXACT)
    above = numeric.sign(difference(answer.node, Num(node.value - half)), ctx.limits, ctx.budget)
    below = numeric.sign(difference(Num(node.value + half), answer.node), ctx.limits, ctx.budget)
    return None if above is None or below is None else Outcome(above > 0 and below > 0, Rung.NUMERIC)


def recognise(node: Node, settings: Settings) -> Answer | None:
    """Any node that is a value. Raises UndefinedError for 0/0 and the like."""
    if isinstance(node, Const) and node.name == "oo":
        return Infinity(1)
    if isinstance(node, Mul) and len(node.args) == 2 and node.args[1] == Const("oo") and isinstance(node.args[0], Num):
        if not node.args[0].value:
            raise UndefinedError("zero times infinity")
        return Infinity(1 if node.args[0].value > 0 else -1)
    if shapes.mentions_infinity(node):
        raise UndefinedError("arithmetic with infinity")
    if not shapes.is_arithmetic(node):
        raise ParseError("a list, a set or a statement inside an expression")
    return Expression(node, settings)


def _cross_multiplied(a: tuple[Sum, Canoniser], b: tuple[Sum, Canoniser]) -> Outcome | None:
    """a - b without denominators: zero is equal, another decisive form is different."""
    canoniser = Canoniser(a[1].limits)
    canoniser.sums = {**a[1].sums, **b[1].sums}
    canoniser.resolved = a[1].resolved and b[1].resolved
    try:
        difference = canoniser.add(a[0], b[0], -1)
        for _ in range(6):
            if not difference:
                return _EQUAL
            below: dict[str, Rational] = {}
            for monomial in difference:
                for atom, exponent in monomial:
                    if atom[0] == "b" and exponent < below.get(atom, 0):
                        below[atom] = exponent
            if not below:
                break
            for atom, exponent in below.items():
                difference = canoniser.mul(difference, {((atom, -exponent),): 1})
        if not difference:
            return _EQUAL
        return EXACTLY_DIFFERENT if decisive(canoniser, difference) else None
    except (TooMuch, UndefinedError):
        return None
