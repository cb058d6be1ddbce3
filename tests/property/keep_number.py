r"""Rewrites that keep the meaning of an integer or a fraction and write it otherwise.

A row is (name, function); the function gives the rewritten text, or None where the rewrite does not apply.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from fractions import Fraction

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package
Rewrite = Callable[["golds.Gold"], "str | None"]


def on_integer(template: Callable[[int], str | None]) -> Rewrite:
    return lambda gold: None if gold.integer is None else template(gold.integer)


def on_fraction(template: Callable[[str, int, int], str | None]) -> Rewrite:
    return lambda gold: template(*gold.fraction) if gold.fraction else None


# ---------------------------------------------------------------------------------------------- integers


def _grouped(mark: str) -> Rewrite:
    def rewrite(gold: golds.Gold) -> str | None:
        if gold.integer is None or abs(gold.integer) < 1000:
            return None
        return f"{gold.integer:,}".replace(",", mark)

    return rewrite


def _factored(n: int) -> str | None:
    for divisor in (2, 3, 5, 7, 11, 13):
        if n > divisor and n % divisor == 0:
            return f"{divisor} \\cdot {n // divisor}"
    return None


def _powered(n: int) -> str | None:
    root = math.isqrt(n) if n > 3 else 0
    return f"{root}^{{2}}" if root and root * root == n else None


INTEGERS = [
    ("decimal zero", on_integer(lambda n: f"{n}.0")),
    ("two decimal zeros", on_integer(lambda n: f"{n}.00")),
    ("decimal point", on_integer(lambda n: f"{n}.")),
    ("leading zeros", on_integer(lambda n: f"-00{-n}" if n < 0 else f"00{n}")),
    ("plus sign", on_integer(lambda n: f"+{n}" if n > 0 else None)),
    ("bracketed integer", on_integer(lambda n: f"({n})")),
    ("braced integer", on_integer(lambda n: f"{{{n}}}")),
    ("spaced minus", on_integer(lambda n: f"- {-n}" if n < 0 else None)),
    ("minus of brackets", on_integer(lambda n: f"-({-n})" if n < 0 else None)),
    ("over one", on_integer(lambda n: f"\\frac{{{n}}}{{1}}")),
    ("slash one", on_integer(lambda n: f"{n}/1")),
    ("unreduced fraction", on_integer(lambda n: f"\\frac{{{6 * n}}}{{6}}")),
    ("as a sum", on_integer(lambda n: f"{n - 1} + 1")),
    ("as a difference", on_integer(lambda n: f"{n + 10} - 10")),
    ("as a product", on_integer(lambda n: _factored(n))),
    ("as a square", on_integer(lambda n: _powered(n))),
    ("as a root", on_integer(lambda n: f"\\sqrt{{{n * n}}}" if 0 <= n < 10**9 else None)),
    ("in scientific notation", on_integer(lambda n: f"{n // 10} \\times 10^{{1}}" if n % 10 == 0 and n else None)),
    ("with E", on_integer(lambda n: f"{n // 100}e2" if n > 0 and n % 100 == 0 else None)),
    ("comma thousands", _grouped(",")),
    ("braced thousands", _grouped("{,}")),
    ("thin thousands", _grouped("\\,")),
    ("spaced thousands", _grouped(" ")),
    ("pulled thousands", _grouped(",\\!")),
    ("thin Unicode thousands", _grouped("\u202f")),
]

# ---------------------------------------------------------------------------------------------- fractions


def decimal(value: Fraction) -> str | None:
    """The terminating decimal, None where there is none of at most 12 places."""
    for places in range(1, 13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return None


def _repeating(sign: str, a: int, b: int) -> str | None:
    """0.1\\overline{6} and the like, for periods up to six."""
    whole, rest = divmod(a, b)
    digits, seen = "", {}
    while rest and rest not in seen and len(digits) < 8:
        seen[rest] = len(digits)
        rest *= 10
        digits += str(rest // b)
        rest %= b
    if not rest or rest not in seen:
        return None
    start = seen[rest]
    return f"{sign}{whole}.{digits[:start]}\\overline{{{digits[start:]}}}"


def _mixed(form: str) -> Callable[[str, int, int], str | None]:
    def template(sign: str, a: int, b: int) -> str | None:
        if a < b or a % b == 0 or math.gcd(a, b) > 1:
            return None
        return form.format(s=sign, w=a // b, r=a % b, b=b)

    return template


_VULGAR = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾", (1, 5): "⅕", (5, 6): "⅚", (3, 8): "⅜"}

FRACTIONS = [
    ("terminating decimal", on_fraction(lambda s, a, b: decimal(Fraction(-a if s else a, b)))),
    ("decimal with a zero", on_fraction(lambda s, a, b: (d := decimal(Fraction(-a if s else a, b))) and d + "0")),
    (
        "decimal without its zero",
        on_fraction(lambda s, a, b: d[1:] if a < b and not s and (d := decimal(Fraction(a, b))) else None),
    ),
    ("repeating decimal", on_fraction(_repeating)),
    ("slash", on_fraction(lambda s, a, b: f"{s}{a}/{b}")),
    ("spaced slash", on_fraction(lambda s, a, b: f"{s}{a} / {b}")),
    ("slash in brackets", on_fraction(lambda s, a, b: f"({s}{a}/{b})")),
    ("stacked", on_fraction(lambda s, a, b: f"{s}\\frac{{{a}}}{{{b}}}")),
    ("division sign", on_fraction(lambda s, a, b: f"{s}{a} \\div {b}")),
    ("Unicode division sign", on_fraction(lambda s, a, b: f"{s}{a} ÷ {b}")),
    ("fraction slash", on_fraction(lambda s, a, b: f"{s}{a}⁄{b}")),
    ("sign in the numerator", on_fraction(lambda s, a, b: f"\\frac{{-{a}}}{{{b}}}" if s else None)),
    ("sign in the denominator", on_fraction(lambda s, a, b: f"\\frac{{{a}}}{{-{b}}}" if s else None)),
    ("unreduced", on_fraction(lambda s, a, b: f"{s}\\frac{{{2 * a}}}{{{2 * b}}}")),
    ("unreduced by seven", on_fraction(lambda s, a, b: f"{s}{7 * a}/{7 * b}")),
    ("negative power", on_fraction(lambda s, a, b: f"{s}{a} \\cdot {b}^{{-1}}")),
    ("mixed number", on_fraction(_mixed(r"{s}{w}\frac{{{r}}}{{{b}}}"))),
    ("spaced mixed number", on_fraction(_mixed(r"{s}{w} \frac{{{r}}}{{{b}}}"))),
    ("thin mixed number", on_fraction(_mixed(r"{s}{w}\,\frac{{{r}}}{{{b}}}"))),
    ("plain mixed number", on_fraction(_mixed("{s}{w} {r}/{b}"))),
    ("sum of whole and part", on_fraction(_mixed(r"{s}({w} + \frac{{{r}}}{{{b}}})"))),
    ("vulgar fraction", on_fraction(lambda s, a, b: s + _VULGAR[a, b] if (a, b) in _VULGAR else None)),
    (
        "percent of it",
        on_fraction(lambda s, a, b: (d := decimal(Fraction(-100 * a if s else 100 * a, b))) and d + "\\%"),
    ),
    ("quotient of decimals", on_fraction(lambda s, a, b: f"{s}\\frac{{{a}.0}}{{{b}.0}}")),
    ("fraction over a fraction", on_fraction(lambda s, a, b: f"{s}\\frac{{1}}{{\\frac{{{b}}}{{{a}}}}}" if a else None)),
]

TABLE: list[tuple[str, Rewrite]] = [*INTEGERS, *FRACTIONS]
