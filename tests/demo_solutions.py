"""Solves every embedded problem again, from the numerals and words of its prompt.

Promises: `solve(row)` computes the expected value of a row of `lm_eval_tasks/demo/problems.jsonl` without
looking at its gold, by brute force where that is short and by SymPy elsewhere, in the value forms of
`demo_reader.read`. A function of `BY_NUMBERS` receives the numerals of the prompt in reading order (a
number of them other than its parameters is an error); one of `BY_TEXT` receives the prompt.
The method is chosen by a person: it does not read the question.
"""

from __future__ import annotations

import calendar
import datetime
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import sympy as sp

X, Y = sp.symbols("x y", real=True)
T = sp.Symbol("t", positive=True)
Z = sp.Symbol("z")
I = sp.I  # noqa: E741 - the imaginary unit
NAMED_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DAYS = list(calendar.day_name)
NUMERAL = re.compile(r"\d+(?:\.\d+)?")
OPTION = re.compile(r"\(([A-E])\) (.+?)(?= \(|$)")


def found(pattern: str, prompt: str) -> str:
    """The one group of `pattern`, casefolded, as word golds are compared."""
    match = re.search(pattern, prompt)
    assert match, f"{pattern!r} is not in {prompt!r}"
    return match[1].casefold()


def option(prompt: str, chosen: Callable[[Any], Any]) -> str:
    """The letter of the only option whose number (or text) is `chosen`."""
    texts: dict[str, str] = dict(OPTION.findall(prompt))
    assert list(texts) == list("ABCDE")
    letters = [
        letter
        for letter, text in texts.items()
        if chosen(sp.Rational(text) if re.fullmatch(r"\d+(/\d+)?", text) else text)
    ]
    assert len(letters) == 1, letters
    return letters[0]


def option_numbers(prompt: str) -> list[Any]:
    return [sp.Rational(text) for _, text in OPTION.findall(prompt)]


def roots(polynomial: Any, *, domain: Any = sp.S.Reals) -> tuple[Any, ...]:
    return tuple(sorted(sp.solveset(polynomial, X, domain), key=sp.default_sort_key))


def region(*conditions: Any) -> Any:
    """The real numbers x that satisfy all conditions."""
    return sp.Intersection(*(sp.solveset(condition, X, sp.S.Reals) for condition in conditions))


def clock(hours: Any, minutes: Any, plus: Any, half: str = "") -> tuple[int, int, str]:
    moment = datetime.datetime(2001, 1, 1, int(hours) + (12 if half == "p" else 0), int(minutes))
    later = moment + datetime.timedelta(minutes=int(plus))
    return (later.hour - 12 if half and later.hour > 12 else later.hour), later.minute, half


def line(x1: Any, y1: Any, x2: Any, y2: Any) -> Any:
    """Zero exactly on the line through two points."""
    return sp.Matrix([[X, Y, 1], [x1, y1, 1], [x2, y2, 1]]).det()


def falling(n: Any, k: Any) -> Any:
    """n choose k by the product formula, apart from SymPy's binomial."""
    return math.prod(range(int(n - k) + 1, int(n) + 1)) / sp.Integer(math.prod(range(1, int(k) + 1)))


def derivative(function: Any) -> Any:
    return sp.diff(function, X)


def expanded_shares(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[int, ...]:
    """a:b:c from a:b and b:c, by searching the smallest b."""
    b = next(b for b in itertools.count(1) if b * first[0] % first[1] == 0 and b * second[1] % second[0] == 0)
    return int(b * first[0] / first[1]), b, int(b * second[1] / second[0])


def in_base(number: Any, base: Any) -> tuple[int, int]:
    return int(number), int(base)


BY_NUMBERS: dict[str, Callable[..., Any]] = {
    "demo/1/integer/001": lambda a, b: a + b,
    "demo/1/integer/002": lambda a, b: a + b,
    "demo/1/integer/003": lambda a, b: a + b,
    "demo/1/integer/004": lambda a, b: a + b,
    "demo/1/integer/005": lambda a, b, c: a + b + c,
    "demo/1/integer/006": lambda a, b: a - b,
    "demo/1/integer/007": lambda a, b: a * b,
    "demo/1/integer/008": lambda a: 2 * a,
    "demo/1/integer/009": lambda a: a / 2,
    "demo/1/integer/010": lambda a: a + 1,
    "demo/1/integer/011": lambda a: a - 1,
    "demo/1/integer/012": lambda a: a,
    "demo/1/integer/013": lambda a, b: max(a, b),
    "demo/1/integer/014": lambda a, b, c, d: d + (d - c) if b - a == c - b == d - c else None,
    "demo/1/integer/015": lambda a, b: a + b,
    "demo/1/integer/016": lambda legs, cats: legs * cats,
    "demo/1/integer/017": lambda a, b: a - b,
    "demo/1/integer/018": lambda: sp.Integer(len(DAYS)),
    "demo/1/word/006": lambda a, b: "yes" if a > b else "no",
    "demo/1/word/007": lambda a: NAMED_DIGITS[a],
    "demo/1/decimal/001": lambda a: a,
    "demo/1/decimal/002": lambda a, b: a + b,
    "demo/1/fraction/001": lambda top, bottom: top / bottom,
    "demo/1/fraction/002": lambda a, b, c, d: a / b + c / d,
    "demo/1/percent/001": lambda a: a / 100,
    "demo/1/money/001": lambda a, b: a + b,
    "demo/1/quantity/001": lambda a, b: (a + b, "cm"),
    "demo/1/time/001": lambda hours, minutes: clock(hours, minutes, 60),
    "demo/1/ratio/001": lambda cats, dogs: expanded_shares((cats, dogs), (1, 1))[:2],
    "demo/1/assignment/001": lambda x: ("x", x),
    "demo/1/tuple/001": lambda x, y: (x, y),
    "demo/2/integer/001": lambda each, trays, broken: each * trays - broken,
    "demo/2/integer/002": lambda a, b: max(d for d in range(1, a + 1) if a % d == b % d == 0) * sp.Integer(1),
    "demo/3/integer/001": lambda base, exponent, m: base**exponent % m,
    "demo/2/decimal/001": lambda a, b: a * b,
    "demo/3/decimal/001": lambda a, b, c: a / b + c,
    "demo/2/fraction/001": lambda a, b, c, d: a / b + c / d,
    "demo/3/fraction/001": lambda low, high, _top, shift: sum(
        1 / (k * (k + shift)) for k in map(sp.Integer, range(low, high + 1))
    ),
    "demo/2/mixed_number/001": lambda a, b: a / b,
    "demo/2/mixed_number/002": lambda a, b, c, d, e, f: a + b / c + d + e / f,
    "demo/3/mixed_number/001": lambda distance, speed: distance / speed,
    "demo/2/percent/001": lambda whole, part: part / whole,
    "demo/3/percent/001": lambda a, b: 1 - (1 - a / 100) * (1 - b / 100),
    "demo/2/money/001": lambda some, price, more: price / some * more,
    "demo/3/money/001": lambda deposit, rate, years: deposit * (1 + rate / 100) ** years,
    "demo/2/quantity/001": lambda length, width: (length * width, "cm^2"),
    "demo/3/quantity/001": lambda distance, hours, minutes: (distance / (hours + minutes / 60), "km/h"),
    "demo/2/scientific/001": lambda a: a,
    "demo/2/scientific/002": lambda a: a,
    "demo/3/scientific/001": lambda a, ten, m, b, ten_again, n: a * ten**m * b / ten_again**n,
    "demo/2/radical/001": lambda a: sp.sqrt(a),
    "demo/3/radical/001": lambda a, b, c: a / (sp.sqrt(b) - sp.sqrt(c)),
    "demo/3/radical/002": lambda a: sp.cbrt(a),
    "demo/2/complex/001": lambda a, b, c, d: sp.expand((a + b * I) * (c - d * I)),
    "demo/2/complex/002": lambda n: math.prod([I] * int(n)),
    "demo/3/complex/001": lambda a, b, c: sp.expand((a + I) * (b + c * I)) / (b**2 + c**2),
    "demo/2/constant/001": lambda radius: 2 * sp.pi * radius,
    "demo/3/constant/001": lambda low, high: sp.integrate(sp.exp(T), (T, low, high)),
    "demo/3/constant/002": lambda degrees: degrees * 2 * sp.pi / 360,
    "demo/2/power_factorial_binomial/001": lambda a, m, b, n, _base: a**m * b**n,
    "demo/2/power_factorial_binomial/002": lambda n: sp.Integer(math.prod(range(1, n + 1))),
    "demo/3/power_factorial_binomial/001": lambda n, k, m, j: falling(n, k) + falling(m, j),
    "demo/2/logarithm/001": lambda base, value: sp.log(value) / sp.log(base),
    "demo/2/logarithm/002": lambda a, b: sp.log(a) + sp.log(b),
    "demo/3/logarithm/001": lambda growth, _low, times: sp.log(times) / sp.log(growth),
    "demo/2/trigonometric/001": lambda degrees: sp.sin(degrees * sp.pi / 180),
    "demo/2/trigonometric/002": lambda slope: sp.atan(slope),
    "demo/3/trigonometric/001": lambda two, a, b: two * sp.sin(sp.pi * a / 180) * sp.cos(sp.pi * b / 180),
    "demo/2/polynomial/001": lambda a, b: sp.expand((X + a) * (X - b)),
    "demo/3/polynomial/001": lambda k, a, m, b, c, d: sp.quo(X**k - a * X**m + b * X - c, X - d),
    "demo/3/polynomial/002": lambda lead, a, b, c: sp.expand(lead * (X - a) * (X + b) * (X - c)),
    "demo/2/rational_function/001": lambda m, a, n, b: (X**m - a) / (X**n - X - b),
    "demo/3/rational_function/001": lambda a, b, c, d: a / (X - b) + c / (X + d),
    "demo/3/rational_function/002": lambda n, a: derivative(X / (X**n + a)),
    "demo/2/expression/001": lambda a: derivative(sp.sin(a * X)),
    "demo/3/expression/001": lambda n: derivative(X**n * sp.exp(X)),
    "demo/3/expression/002": lambda _low: derivative(X * sp.log(X)),
    "demo/2/equation/001": lambda slope, below: line(0, -below, 1, slope - below),
    "demo/3/equation/001": lambda a, b, radius: (X - a) ** 2 + (Y + b) ** 2 - radius**2,
    "demo/3/equation/002": lambda a, b, c, d: sp.expand(
        (X - a) ** 2 + (Y - b) ** 2 - (X - c) ** 2 - (Y - d) ** 2  # as far from one end as from the other
    ),
    "demo/2/inequality/001": lambda a, b, c: region(a * X - b > c),
    "demo/2/inequality/002": lambda a, b, c: region(a - b * X >= c),
    "demo/3/inequality/001": lambda a, b: region(sp.Abs(X - a) < b),
    "demo/2/interval/001": lambda a, b: region(a <= X, b > X),
    "demo/3/interval/001": lambda a, b, c: region(X - a >= 0, b - c * X >= 0),
    "demo/3/interval/002": lambda n, a: region(X**n - X < a),
    "demo/2/union/001": lambda a: sp.S.Reals - {a},
    "demo/3/union/001": lambda n, a: region(X**n >= a),
    "demo/3/union/002": lambda a, b, c: region((X - a) / (X + b) > c),
    "demo/2/set/001": lambda n: frozenset(d for d in map(sp.Integer, range(1, n + 1)) if n % d == 0),
    "demo/2/set/002": lambda *n: frozenset(n[:4]) & frozenset(n[4:]),
    "demo/3/set/001": lambda m: frozenset(sp.Integer(k * k % m) for k in range(1, m)) - {sp.Integer(0)},
    "demo/2/roots/001": lambda n, a, b, c: roots(X**n - a * X - b - c),
    "demo/2/roots/002": lambda n: tuple(map(sp.Integer, Counter(sp.factorint(n)).elements())),
    "demo/3/roots/001": lambda n, a, b, c: roots(X**n - a * X + b - c),
    "demo/2/tuple/001": lambda total, gap: next(iter(sp.linsolve([X + Y - total, X - Y - gap], X, Y))).args,
    "demo/3/tuple/001": lambda ab, bc, ac: (
        next(iter(sp.linsolve([X + Y - ab, Y + Z - bc, X + Z - ac], X, Y, Z))).args
    ),
    "demo/2/vector/001": lambda a, b, c, d: sp.Matrix([a, -b]) + sp.Matrix([c, d]),
    "demo/3/vector/001": lambda *n: sp.Matrix(n[:3]).cross(sp.Matrix(n[3:])),
    "demo/3/vector/002": lambda *n: sp.Matrix(n[:2]).project(sp.Matrix(n[2:])),
    "demo/2/matrix/001": lambda *n: sp.Matrix(2, 2, n[:4]) * sp.Matrix(2, 2, n[4:]),
    "demo/2/matrix/002": lambda *n: sp.Matrix(2, 3, n).T,
    "demo/3/matrix/001": lambda *n: sp.Matrix(2, 2, n).inv(),
    "demo/2/plus_minus/001": lambda n, a: frozenset(roots(X**n - a)),
    "demo/3/plus_minus/001": lambda n, a, b, c: frozenset(roots(X**n - a * X + b - c)),
    "demo/3/plus_minus/002": lambda n, a, b: frozenset(sp.solveset(Z**n + a - b, Z)),
    "demo/2/assignment/001": lambda a, b, c: ("x", *roots(a * X + b - c)),
    "demo/3/assignment/001": lambda a, b, c: ("x", *roots(sp.sqrt(a * X + b) - c)),
    "demo/2/word/001": lambda days: DAYS[(DAYS.index("Tuesday") + days) % 7].casefold(),
    "demo/3/word/001": lambda a, m, b, n: "odd" if (a**m + b**n) % 2 else "even",
    "demo/2/time/001": lambda hours, minutes, length: clock(hours, minutes, length, "p"),
    "demo/3/time/001": lambda _clock, hours, minutes, h, m: clock(hours, minutes, 60 * h + m),
    "demo/2/ratio/001": lambda a, b: tuple(int(term / sp.gcd(a, b)) for term in (a, b)),
    "demo/3/ratio/001": lambda a, b, c, d: expanded_shares((a, b), (c, d)),
    "demo/2/base_n/001": in_base,
    "demo/2/base_n/002": in_base,
    "demo/3/base_n/001": lambda a, p, b, q, r: (int(str(a), int(p)) + int(str(b), int(q)), int(r)),
    "demo/2/infinity/001": lambda n: sp.limit(T**n, T, sp.oo),
    "demo/3/infinity/001": lambda zero: sp.limit(sp.log(T), T, zero, "+"),
    "demo/3/infinity/002": lambda low, one: sp.summation(one / sp.Symbol("n"), (sp.Symbol("n"), low, sp.oo)),
    "demo/2/set_builder/001": lambda a, b: region(a < X, b >= X),
    "demo/3/set_builder/001": lambda a, b, c: region(a * X + b < c),
    "demo/3/set_builder/002": lambda a: region(X - a > 0),
}

BY_TEXT: dict[str, Callable[[str], Any]] = {
    "demo/1/word/001": lambda prompt: found(r"box is (\w+)\.", prompt),
    "demo/1/word/002": lambda prompt: found(r"word: (\w+)$", prompt),
    "demo/1/word/003": lambda prompt: found(r"(\w+) is tall\.", prompt),
    "demo/1/word/004": lambda prompt: found(r"list: (\w+),", prompt),
    "demo/1/word/005": lambda prompt: DAYS[DAYS.index(found(r"after (\w+)", prompt).title()) + 1].casefold(),
    "demo/1/choice/001": lambda prompt: option(prompt, lambda shown: shown == 5),
    "demo/1/choice/002": lambda prompt: option(prompt, lambda shown: shown == max(option_numbers(prompt))),
    "demo/1/choice/003": lambda prompt: option(prompt, lambda shown: shown == "red"),
    "demo/1/choice/004": lambda prompt: option(prompt, lambda shown: shown == 1 + 1),
    "demo/2/choice/001": lambda prompt: option(prompt, lambda n: all(n % d for d in range(2, n))),
    "demo/3/choice/001": lambda prompt: option(prompt, lambda n: (2**20 - 1) % n == 0),
    "demo/3/integer/002": lambda prompt: sp.Integer(
        len(set(itertools.permutations(found(r"word ([A-Z]+)", prompt))))
    ),
}


def solve(row: dict[str, Any]) -> Any:
    """The expected value of a row; `KeyError` where no solution was written for its id."""
    if row["id"] in BY_TEXT:
        return BY_TEXT[row["id"]](row["prompt"])
    return BY_NUMBERS[row["id"]](*map(sp.Rational, NUMERAL.findall(row["prompt"])))
