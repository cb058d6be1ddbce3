r"""Sums and products over an index whose bounds are no two integers: `\sum_{k=1}^n a_k b_{n-k}`.

The index gets a name of its own, `#1`, whatever its letter was, so that the canonical arithmetic of the
body decides: the order of factors and the letter do not matter. A nested sum's index has a smaller number
than the index around it, so that neither catches the other's.

Promises: what the index does not occur in stands outside, and a power of the index between bounds that count
upwards is summed in closed form; all else is an opaque atom (`S:`), which proves equality only. A name that
may or may not mean the index (`x_{min}` beside an index `i`) has no canonical form here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from .monomials import ONE, Monomial, Rational, Sum, render
from .nodes import Big, Call, Name, Node, Unit, children
from .sums import TooMuch

if TYPE_CHECKING:
    from .canonical import Canoniser

_MARK = "#"
_LARGEST_POWER = 12  # summed in closed form


def index_name(node: Big) -> str:
    """The name of a sum's index: `#` and a number above those of all sums inside."""
    return f"{_MARK}{_nesting(node)}"


def _nesting(node: Node) -> int:
    """The depth of sums and products in a tree; TooMuch where a name could be taken for one of ours."""
    if isinstance(node, (Name, Unit, Call)) and (_MARK in node.name or ";" in node.name):
        raise TooMuch("a name with a mark")
    inner = max(map(_nesting, children(node)), default=0)
    return inner + isinstance(node, Big)


def named(name: str, bound: dict[str, int | str]) -> str:
    """A symbol's name with the index in its subscript replaced: `F_{n-k-1}` as `F_{n-[#1]-1}`, `x_i` as `x_3`.

    >>> named("F_n-k-1", {"k": "#1"}), named("x_i", {"i": 3})
    ('F_n-[#1]-1', 'x_3')
    """
    base, _, script = name.partition("_")
    for letter, value in bound.items():
        if letter not in script:
            continue
        if isinstance(value, int):
            if script != letter:
                raise TooMuch("an index in a subscript")
            return f"{base}_{value}"
        runs = re.findall(r"[^\W\d_]+", script)
        if any(letter in run and run != letter and len(run) > 2 for run in runs):
            raise TooMuch("an index in a subscript")
        script = script.replace(letter, f"[{value}]")
    return f"{base}_{script}"


_LINEAR = re.compile(r"[+-]?(?:\d*[^\W\d_]|\d+)(?:[+-](?:\d*[^\W\d_]|\d+))*")
_TERM = re.compile(r"([+-]?)(\d*)([^\W\d_]?)")


def has_members(node: Node) -> bool:
    r"""Whether an index occurs in a subscript under its sum, integral or limit: `\sum_{i=1}^n x_i` is no `n x_i`."""
    if isinstance(node, Big) and _in_a_subscript(node.var, node.body):
        return True
    return any(map(has_members, children(node)))


def _in_a_subscript(index: str, node: Node) -> bool:
    if isinstance(node, Name):
        return index in node.name.partition("_")[2]
    return any(_in_a_subscript(index, child) for child in children(node))


def member(name: str, values: Mapping[str, int]) -> str:
    """The member of a sequence that a name means at values of the indices in its subscript; TooMuch for no number.

    >>> member("F_n-k-1", {"n": 7, "k": 2}), member("a_ij", {"i": 1, "j": 2}), member("x_0", {"i": 1})
    ('F_4', 'a_1,2', 'x_0')
    """
    base, _, script = name.partition("_")
    if not any(letter in script for letter in values):
        return name
    places: list[int] = []
    for part in script.split(","):
        if len(part) == 2 and all(letter in values for letter in part):
            places += [values[letter] for letter in part]
        elif not _LINEAR.fullmatch(part):
            raise TooMuch("an index in a subscript")
        else:
            place = 0
            for sign, factor, letter in _TERM.findall(part):
                if letter and letter not in values:
                    raise TooMuch("an index in a subscript")
                if factor or letter:
                    place += (-1 if sign == "-" else 1) * int(factor or 1) * (values[letter] if letter else 1)
            places.append(place)
    return f"{base}_{','.join(map(str, places))}"


def repeated(c: Canoniser, node: Big, low: Sum, high: Sum, body: Sum) -> Sum:
    """The sum or product of a canonical body, in which the index is `index_name(node)`."""
    index = index_name(node)
    if node.op != "sum":
        return _atom(c, node.op, index, low, high, body)
    total: Sum = {}
    counts_up = _counts_up(low, high)
    for monomial, coefficient in body.items():
        outside = tuple(power for power in monomial if not _occurs(index, power[0]))
        inside = tuple(power for power in monomial if _occurs(index, power[0]))
        power = _power_of(index, inside)
        if counts_up and power is not None:
            summed = c.add(_of_powers(c, power, high), _of_powers(c, power, c.add(low, {ONE: 1}, -1)), -1)
        else:
            summed = _atom(c, node.op, index, low, high, {inside: 1})
        total = c.add(total, c.mul({outside: coefficient}, summed))
    return total


def _occurs(index: str, atom: str) -> bool:
    """Whether an index occurs in an atom, or may behind the digest of a long one."""
    return _MARK in atom and (f"...{_MARK}" in atom or re.search(rf"{index}(?!\d)", atom) is not None)


def _atom(c: Canoniser, op: str, index: str, low: Sum, high: Sum, body: Sum) -> Sum:
    return {((c.atom("S:", f"{op}({index};{render(low)};{render(high)};{render(body)})"), 1),): 1}


def _counts_up(low: Sum, high: Sum) -> bool:
    """Whether the bounds are an integer and a polynomial that grows with each of its symbols, such as n - 1.

    Another sum's index is no such symbol: beside it, a sum may have members too few for the closed form.
    """
    if any(low) or not all(isinstance(value, int) for value in (*low.values(), *high.values())):
        return False
    return all(
        coefficient > 0 and all(_is_symbol(atom) and isinstance(e, int) and e > 0 for atom, e in monomial)
        for monomial, coefficient in high.items()
        if monomial
    )


def _is_symbol(atom: str) -> bool:
    return atom[0] == "s" and _MARK not in atom


def _power_of(index: str, monomial: Monomial) -> int | None:
    """p for the monomial index^p, where its sum has a closed form."""
    if not monomial:
        return 0
    exponent: Rational = monomial[0][1]
    if len(monomial) > 1 or monomial[0][0] != f"s:{index}" or not isinstance(exponent, int):
        return None
    return exponent if 0 < exponent <= _LARGEST_POWER else None


def _of_powers(c: Canoniser, power: int, last: Sum) -> Sum:
    """1^p + 2^p + ... + last^p, by Faulhaber's formula; for last below 0 the polynomial's value."""
    total: Sum = {}
    for step in range(power + 1):
        factor = math.comb(power + 1, step) * _bernoulli(step) / (power + 1)
        if factor:
            total = c.add(total, c.scaled(c.power(last, power + 1 - step) if last else {}, c.checked(factor)))
    return total


@cache
def _bernoulli(n: int) -> Fraction:
    """The Bernoulli numbers, with B_1 = 1/2."""
    lower = sum((math.comb(n, k) * _bernoulli(k) / (n - k + 1) for k in range(n)), Fraction(0))
    return 1 - lower
