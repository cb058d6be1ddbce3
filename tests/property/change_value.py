r"""Rewrites that change the value of a number or a formula: each gives an answer that the gold is provably not.

A row is (name, function); the function gives ``(answer, gold)`` texts, or None where the rewrite does not apply or
where the difference is not proven. Values are compared by :mod:`oracle` alone, never by the verifier.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package
oracle = golds.oracle

Pair = tuple[str, str]
Change = Callable[["golds.Gold"], "Pair | None"]
Text = Callable[["golds.Gold"], "str | None"]


def proven(rewrite: Text) -> Change:
    """Kept only where both sides are plain values that differ beyond doubt."""

    def change(gold: golds.Gold) -> Pair | None:
        if gold.value is None:
            return None
        text = rewrite(gold)
        found = None if text is None else oracle.value(text)
        return (text, gold.raw) if found is not None and text and oracle.different(found, gold.value) else None

    return change


def sub(pattern: str, by: str | Callable[[re.Match[str]], str], *, last: bool = False) -> Change:
    """The first (or last) match replaced, where that provably changes the value."""
    find = re.compile(pattern)

    def rewrite(gold: golds.Gold) -> str | None:
        matches = list(find.finditer(gold.bare))
        if not matches:
            return None
        match = matches[-1 if last else 0]
        new = by(match) if callable(by) else match.expand(by)
        return gold.bare[: match.start()] + new + gold.bare[match.end() :]

    return proven(rewrite)


def template(text: str) -> Change:
    return proven(lambda gold: text.replace("@", gold.bare))


def _next_digit(match: re.Match[str]) -> str:
    return str((int(match[0]) + 1) % 10)


def _rounded(places: int) -> Change:
    def rewrite(gold: golds.Gold) -> str | None:
        if not gold.is_number or gold.value.imag or not 1e-3 < abs(gold.value.real) < 1e12:
            return None
        return f"{float(gold.value.real):.{places}f}"

    return proven(rewrite)


def _thirty(step: int) -> Change:
    """A 30-digit integer made of the gold's digits, against its neighbour."""

    def change(gold: golds.Gold) -> Pair | None:
        if gold.integer is None or gold.integer < 1:
            return None
        big = int((str(gold.integer) * 30)[:30])
        return str(big + step), str(big)

    return change


TABLE: list[tuple[str, Change]] = [
    ("negated", template("-(@)")),
    ("plus one", template("@ + 1")),
    ("minus one", template("@ - 1")),
    ("plus 1e-12", template("@ + 10^{-12}")),
    ("minus 1e-12 as a decimal", template("@ - 0.000000000001")),
    ("times one and 1e-12", template("(@) \\cdot 1.000000000001")),
    ("doubled", template("2(@)")),
    ("halved", template("\\frac{@}{2}")),
    ("hundredfold", template("100(@)")),
    ("a hundredth", template("\\frac{@}{100}")),
    ("tenfold", template("10(@)")),
    ("squared", template("(@)^2")),
    ("root of it", template("\\sqrt{@}")),
    ("reciprocal", template("\\frac{1}{@}")),
    ("times pi", template("(@)\\pi")),
    ("plus i", template("@ + i")),
    ("first digit changed", sub(r"\d", _next_digit)),
    ("last digit changed", sub(r"\d", _next_digit, last=True)),
    ("first digit dropped", sub(r"(?<=\D)\d(?=\d)|^\d(?=\d)", "")),
    ("last digit dropped", sub(r"(?<=\d)\d(?!\d)", "", last=True)),
    ("digit appended", sub(r"(\d)(?!\d)", r"\g<1>7", last=True)),
    ("digits swapped", sub(r"(\d)(\d)", r"\2\1")),
    ("sign in front flipped", proven(lambda g: g.bare[1:] if g.bare.startswith("-") else "-" + g.bare)),
    ("inner sign flipped", sub(r"(?<=[\w)}]) ?([+-]) ?", lambda m: " - " if m[1] == "+" else " + ")),
    ("last sign flipped", sub(r"(?<=[\w)}]) ?([+-]) ?", lambda m: " - " if m[1] == "+" else " + ", last=True)),
    ("conjugate of i", sub(r"\+(?=[^+]*i)", "-")),
    ("root dropped", sub(r"\\sqrt ?\{(\w+)\}", r"\1")),
    ("cube root for square root", sub(r"\\sqrt ?\{", r"\\sqrt[3]{")),
    ("pi dropped", sub(r"(?<=\d) ?\\pi", "")),
    ("e for pi", sub(r"\\pi", "e")),
    ("coefficient of the root changed", sub(r"(\d) ?\\sqrt", lambda m: f"{(int(m[1]) + 1) % 10}\\sqrt")),
    ("exponent raised", sub(r"\^(\d)", lambda m: f"^{{{int(m[1]) + 1}}}")),
    ("exponent dropped", sub(r"\^(?:\d|\{-?\d+\})", "")),
    ("fraction turned over", sub(r"\\([dt]?)frac\{([^{}]*)\}\{([^{}]*)\}", r"\\\1frac{\3}{\2}")),
    ("slash turned over", sub(r"(\d+)/(\d+)", r"\2/\1")),
    ("numerator for the fraction", sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"\1")),
    (
        "denominator raised",
        sub(r"\\([dt]?)frac\{([^{}]*)\}\{(\d+)\}", lambda m: f"\\{m[1]}frac{{{m[2]}}}{{{int(m[3]) + 1}}}"),
    ),
    ("decimal point moved", sub(r"(\d)\.(\d)", r".\1\2")),
    ("rounded to an integer", _rounded(0)),
    ("rounded to 2 places", _rounded(2)),
    ("rounded to 4 places", _rounded(4)),
    ("rounded to 12 places", _rounded(12)),
    ("one more at 30 digits", _thirty(1)),
    ("one less at 30 digits", _thirty(-1)),
    ("letter in capitals", sub(r"(?<![\\a-zA-Z])[abcdfghj-z](?![a-zA-Z])", lambda m: m[0].upper())),
    (
        "other letter",
        sub(r"(?<![\\a-zA-Z])[a-dfghj-y](?![a-zA-Z])", lambda m: chr(ord(m[0]) + 1) if m[0] not in "dh" else "m"),
    ),
    ("factorial", proven(lambda g: f"{g.bare} \\cdot 2 \\cdot 3" if g.integer else None)),
]
