r"""Rewrites that keep the meaning of a list, tuple, interval, matrix, equation, word, base, percent, unit ...

A row is (name, function); the function gives the rewritten text, or None where the rewrite does not apply.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from fractions import Fraction

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package
Rewrite = Callable[["golds.Gold"], "str | None"]
decimal = golds.load("keep_number").decimal


def on_members(template: Callable[[list[str]], str | None]) -> Rewrite:
    return lambda gold: template(gold.members) if gold.members else None


def on_set(template: Callable[[list[str]], str | None]) -> Rewrite:
    return lambda gold: template(gold.set_members) if gold.set_members else None


def on_coordinates(template: Callable[[list[str]], str | None]) -> Rewrite:
    return lambda gold: template(gold.coordinates) if gold.coordinates else None


def _distinct(members: list[str]) -> bool:
    values = [golds.oracle.value(m) for m in members]
    return all(golds.oracle.different(a, b) for i, a in enumerate(values) for b in values[:i])


def _solution(word: str) -> Rewrite:
    return on_members(
        lambda m: word.join(f"x = {p}" for p in m) if _distinct(m) and not golds.oracle.symbols("".join(m)) else None
    )


def _unpercent(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?\\?%", gold.bare)
    return decimal(Fraction(found[1]) / 100) or str(int(Fraction(found[1]) / 100)) if found else None


def _bounds(gold: golds.Gold, form: str) -> str | None:
    """An interval with two finite ends as inequalities."""
    if not gold.interval or "\\infty" in gold.interval[1] + gold.interval[2]:
        return None
    opening, a, b, closing = gold.interval
    return form.format(a=a, b=b, l="\\le" if opening == "[" else "<", r="\\le" if closing == "]" else "<")


def _ray(gold: golds.Gold) -> str | None:
    if not gold.interval:
        return None
    opening, a, b, closing = gold.interval
    if "\\infty" in a and "\\infty" not in b:
        return f"x < {b}" if closing == ")" else f"x \\le {b}"
    if "\\infty" in b and "\\infty" not in a:
        return f"x > {a}" if opening == "(" else f"x \\ge {a}"
    return None


def _matrix(environment: str) -> Rewrite:
    def rewrite(gold: golds.Gold) -> str | None:
        if not gold.matrix:
            return None
        body = r" \\ ".join(" & ".join(row) for row in gold.matrix)
        return f"\\begin{{{environment}}} {body} \\end{{{environment}}}"

    return rewrite


TABLE: list[tuple[str, Rewrite]] = [
    ("list reversed", on_members(lambda m: ", ".join(reversed(m)))),
    ("list rotated", on_members(lambda m: ", ".join(m[1:] + m[:1]) if len(m) > 2 else None)),
    ("list with and", on_members(lambda m: f"{', '.join(m[:-1])} \\text{{ and }} {m[-1]}")),
    ("list with comma and", on_members(lambda m: f"{', '.join(m[:-1])}, \\text{{ and }} {m[-1]}")),
    ("list with plain and", on_members(lambda m: f"{', '.join(m[:-1])} and {m[-1]}")),
    ("list with semicolons", on_members("; ".join)),
    ("list as a set", on_members(lambda m: f"\\{{{', '.join(m)}\\}}" if _distinct(m) else None)),
    ("list with or", _solution(r" \text{ or } ")),
    ("list of equations", _solution(", ")),
    ("list label", on_members(lambda m: "x = " + ", ".join(m) if not golds.oracle.symbols("".join(m)) else None)),
    ("list with thin spaces", on_members(lambda m: ", \\; ".join(m))),
    ("list in dollars", on_members(lambda m: ", ".join(f"${p}$" for p in m))),
    ("boxed members", on_members(lambda m: "}, \\boxed{".join(m))),
    ("set reversed", on_set(lambda m: f"\\{{{', '.join(reversed(m))}\\}}")),
    ("set repeating a member", on_set(lambda m: f"\\{{{', '.join([*m, m[0]])}\\}}")),
    ("sized set", on_set(lambda m: f"\\left\\{{ {', '.join(m)} \\right\\}}")),
    ("set as a list", on_set(lambda m: ", ".join(m) if len(m) > 1 and _distinct(m) else None)),
    ("set label", on_set(lambda m: f"S = \\{{{', '.join(m)}\\}}")),
    ("set membership", on_set(lambda m: f"x \\in \\{{{', '.join(m)}\\}}")),
    (
        "tight tuple",
        on_coordinates(lambda m: f"({','.join(m)})" if not any(re.fullmatch(r"\d{3}", p) for p in m) else None),
    ),
    ("spaced tuple", on_coordinates(lambda m: f"( {' , '.join(m)} )")),
    ("thin tuple", on_coordinates(lambda m: "\\left(" + ",\\,".join(m) + "\\right)")),
    ("tuple label", on_coordinates(lambda m: f"(x,y) = ({', '.join(m)})" if len(m) == 2 else None)),
    ("point label of a tuple", on_coordinates(lambda m: f"P = ({', '.join(m)})")),
    (
        "coordinates by name",
        on_coordinates(
            lambda m: (
                ", ".join(f"{n} = {p}" for n, p in zip("xyzw", m, strict=False))
                if len(m) < 5 and not golds.oracle.symbols("".join(m))
                else None
            )
        ),
    ),
    (
        "coordinates in fractions over one",
        on_coordinates(lambda m: "(" + ", ".join(f"\\frac{{{p}}}{{1}}" for p in m) + ")"),
    ),
    (
        "tuple as a column",
        on_coordinates(lambda m: "\\begin{pmatrix} " + r" \\ ".join(m) + " \\end{pmatrix}" if len(m) > 2 else None),
    ),
    ("interval as bounds", lambda g: _bounds(g, "{a} {l} x {r} {b}")),
    ("interval as two bounds", lambda g: _bounds(g, r"x {r} {b} \text{{ and }} {a} {l} x")),
    ("interval as a set", lambda g: _bounds(g, r"\{{x : {a} {l} x {r} {b}\}}")),
    ("interval with membership", lambda g: f"x \\in {g.bare}" if g.interval else None),
    ("ray as a bound", _ray),
    (
        "union swapped",
        lambda g: (
            f"{p[1].strip()} \\cup {p[0].strip()}"
            if len(p := g.bare.split("\\cup")) == 2
            and "=" not in g.bare
            and "\\in " not in g.bare
            and "\\text" not in g.bare
            else None
        ),
    ),
    ("union as U", lambda g: g.bare.replace("\\cup", " U ") if "\\cup" in g.bare else None),
    ("matrix with square brackets", _matrix("bmatrix")),
    ("bare matrix", _matrix("matrix")),
    ("matrix label", lambda g: f"A = {g.bare}" if g.matrix else None),
    ("equation swapped", lambda g: f"{g.equation[1]} = {g.equation[0]}" if g.equation else None),
    (
        "equation doubled",
        lambda g: (
            f"2({g.equation[0]}) = 2({g.equation[1]})" if g.equation and golds.oracle.symbols(g.equation[1]) else None
        ),
    ),
    (
        "equation to zero",
        lambda g: (
            f"{g.equation[0]} - ({g.equation[1]}) = 0"
            if g.equation and golds.oracle.symbols(g.equation[1]) and "(" not in g.equation[0]
            else None
        ),
    ),
    ("bare word", lambda g: g.word if g.word != g.bare else None),
    ("word as text", lambda g: f"\\text{{{g.word}}}" if g.word else None),
    ("word in capitals", lambda g: f"\\text{{{g.word.upper()}}}" if g.word else None),
    ("word in small letters", lambda g: f"\\text{{{g.word.lower()}}}" if g.word else None),
    ("bold word", lambda g: f"\\textbf{{{g.word}}}" if g.word else None),
    ("word with a period", lambda g: f"\\text{{{g.word}.}}" if g.word else None),
    ("bracketed choice", lambda g: f"({g.choice})" if g.choice else None),
    ("choice as text", lambda g: f"\\text{{{g.choice}}}" if g.choice else None),
    ("bracketed choice as text", lambda g: f"\\textbf{{({g.choice})}}" if g.choice else None),
    ("small choice", lambda g: f"({g.choice.lower()})" if g.choice else None),
    ("base in braces", lambda g: "{}_{{{}}}".format(*g.based) if g.based else None),
    ("base in brackets", lambda g: "{}_{{({})}}".format(*g.based) if g.based else None),
    ("base as text", lambda g: "{}_{{\\text{{{}}}}}".format(*g.based) if g.based else None),
    ("numeral in brackets with its base", lambda g: "({})_{{{}}}".format(*g.based) if g.based else None),
    ("base dropped", lambda g: g.based[0] if g.based else None),
    ("percent as its value", _unpercent),
    ("percent sign dropped", lambda g: m[1] if (m := re.fullmatch(r"(\d+(?:\.\d+)?) ?\\?%", g.bare)) else None),
    (
        "degree sign dropped",
        lambda g: m[1] if (m := re.fullmatch(r"(\d+(?:\.\d+)?) ?\^ ?\{?\\circ\}?", g.bare)) else None,
    ),
    ("dollar sign dropped", lambda g: m[1] if (m := re.fullmatch(r"\\\$ ?(\d+(?:\.\d+)?)", g.bare)) else None),
    ("dollar sign behind", lambda g: m[1] + "\\$" if (m := re.fullmatch(r"\\\$ ?(\d+(?:\.\d+)?)", g.bare)) else None),
    (
        "unit dropped",
        lambda g: m[1] if (m := re.fullmatch(r"(-?\d+(?:\.\d+)?)[\\ ]*\\text\{ ?[a-z ]+\}", g.bare)) else None,
    ),
    (
        "unit without text",
        lambda g: (
            f"{m[1]} {m[2]}"
            if (m := re.fullmatch(r"(-?\d+(?:\.\d+)?)[\\ ]*\\text\{ ?([a-z]{3,}) ?\}", g.bare))
            else None
        ),
    ),
    (
        "unit upright",
        lambda g: (
            f"{m[1]}\\,\\mathrm{{{m[2]}}}"
            if (m := re.fullmatch(r"(-?\d+(?:\.\d+)?)[\\ ]*\\text\{ ?([a-z]+) ?\}", g.bare))
            else None
        ),
    ),
]
