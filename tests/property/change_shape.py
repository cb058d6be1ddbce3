r"""Rewrites that change the meaning of a list, tuple, interval, matrix, equation, word, unit ... : one row each.

A row is (name, function); the function gives ``(answer, gold)`` texts, or None where the rewrite does not apply or
the difference is not proven: by the values of members (:mod:`oracle`, never the verifier), or by the construction
(an end opened, another base, an answer that hedges).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package
oracle = golds.oracle

Pair = tuple[str, str]
Change = Callable[["golds.Gold"], "Pair | None"]
Text = Callable[["golds.Gold"], "str | None"]


def shaped(rewrite: Text) -> Change:
    """For shapes whose difference follows from the construction."""

    def change(gold: golds.Gold) -> Pair | None:
        text = rewrite(gold)
        return None if text is None else (text, gold.raw)

    return change


def _on(shape: str, rewrite: Callable[[Any], str | None]) -> Change:
    def text(gold: golds.Gold) -> str | None:
        found = getattr(gold, shape)
        return None if not found else rewrite(found)

    return shaped(text)


def _different(a: str, b: str) -> bool:
    x, y = oracle.value(a), oracle.value(b)
    return x is not None and y is not None and oracle.different(x, y)


def _distinct(members: list[str]) -> bool:
    return all(_different(a, b) for i, a in enumerate(members) for b in members[:i])


def _set(members: list[str]) -> str:
    return "\\{" + ", ".join(members) + "\\}"


def _tuple(members: list[str]) -> str:
    return "(" + ", ".join(members) + ")"


def _swapped(members: list[str]) -> str | None:
    return _tuple([members[1], members[0], *members[2:]]) if _different(members[0], members[1]) else None


def _with(members: list[str], member: str) -> list[str] | None:
    """One more member, of a value that is not among them."""
    return [*members, member] if all(_different(m, member) for m in members) else None


def _flipped(end: str) -> str:
    return {"(": "[", "[": "(", ")": "]", "]": ")"}[end]


def _interval(gold: golds.Gold, which: str) -> str | None:
    """Another interval: an end opened or closed, moved, or the ends' signs changed."""
    if not gold.interval:
        return None
    opening, a, b, closing = gold.interval
    finite_a, finite_b = "\\infty" not in a, "\\infty" not in b
    if which == "left" and finite_a:
        return f"{_flipped(opening)}{a}, {b}{closing}"
    if which == "right" and finite_b:
        return f"{opening}{a}, {b}{_flipped(closing)}"
    if which == "both" and finite_a and finite_b:
        return f"{_flipped(opening)}{a}, {b}{_flipped(closing)}"
    if which == "moved" and finite_b:
        return f"{opening}{a}, {b} + 1{closing}"
    if which == "unbounded" and finite_b:
        return f"{opening}{a}, \\infty)"
    if which == "end" and finite_a:
        return a
    return None


def _bound(strict: bool) -> Callable[[golds.Gold], str | None]:
    r"""An inequality turned round, or its strictness changed; one relation with a letter on one side only."""

    def rewrite(gold: golds.Gold) -> str | None:
        found = re.fullmatch(r"([a-z]) ?(<|>|\\leq?|\\geq?)(?![a-zA-Z]) ?(-?[\d./]+)", gold.bare)
        if not found:
            return None
        sign = {"\\leq": "\\le", "\\geq": "\\ge"}.get(found[2], found[2])
        table = (
            {"<": "\\le", "\\le": "<", ">": "\\ge", "\\ge": ">"}
            if strict
            else {"<": ">", "\\le": "\\ge", ">": "<", "\\ge": "\\le"}
        )
        return f"{found[1]} {table[sign]} {found[3]}"

    return rewrite


def _matrix_text(rows: list[list[str]]) -> str:
    return "\\begin{pmatrix} " + " \\\\ ".join(" & ".join(row) for row in rows) + " \\end{pmatrix}"


def _transposed(rows: list[list[str]]) -> str | None:
    """Another shape, or an entry off the diagonal that differs from its mirror image."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    square = len(rows) == len(rows[0])
    if square and not any(
        _different(a, b) for x, y in zip(rows, turned, strict=True) for a, b in zip(x, y, strict=True)
    ):
        return None
    return _matrix_text(turned) if len(rows) * len(rows[0]) > 1 else None


def _equation(form: str) -> Change:
    """Both sides with letters, so that none is a label; the right side changed."""

    def rewrite(gold: golds.Gold) -> str | None:
        if not gold.equation or not oracle.symbols(gold.equation[1]):
            return None
        left, right = gold.equation
        if re.fullmatch(r"[A-Za-z]\([A-Za-z]\)", left):
            return None
        return form.replace("L", left).replace("R", right) if _different(left, right) else None

    return shaped(rewrite)


def _unit(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)[\\ ]*\\text\{ ?([a-z]+) ?\}", gold.bare)
    other = {
        "cm": "m",
        "m": "cm",
        "km": "m",
        "feet": "inches",
        "inches": "feet",
        "dollars": "cents",
        "hours": "minutes",
        "minutes": "hours",
    }
    return f"{found[1]} \\text{{ {other[found[2]]}}}" if found and found[2] in other else None


def _percent(text: str) -> Change:
    def rewrite(gold: golds.Gold) -> str | None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?\\?%", gold.bare)
        return text.replace("@", found[1]) if found and float(found[1]) else None

    return shaped(rewrite)


def _hedge(form: str) -> Change:
    return shaped(
        lambda g: form.replace("@", g.bare).replace("#", str(g.integer + 1)) if g.integer is not None else None
    )


TABLE: list[tuple[str, Change]] = [
    ("list without its last", _on("members", lambda m: ", ".join(m[:-1]) if len(m) > 1 else None)),
    ("list without its first", _on("members", lambda m: ", ".join(m[1:]) if len(m) > 1 else None)),
    ("list with one more", _on("members", lambda m: ", ".join(n) if (n := _with(m, "1234567")) else None)),
    ("list with a repeated member", _on("members", lambda m: ", ".join([*m, m[0]]))),
    (
        "list with a member changed",
        _on("members", lambda m: ", ".join([*m[:-1], f"{m[-1]} + 1"]) if _distinct(m) else None),
    ),
    (
        "list with a member negated",
        _on(
            "members",
            lambda m: ", ".join([f"-({m[0]})", *m[1:]]) if all(_different(f"-({m[0]})", p) for p in m) else None,
        ),
    ),
    ("one member of a list", _on("members", lambda m: m[-1])),
    ("set without its last", _on("set_members", lambda m: _set(m[:-1]) if len(m) > 1 and _distinct(m) else None)),
    ("set with one more", _on("set_members", lambda m: _set(n) if (n := _with(m, "1234567")) else None)),
    (
        "set with a member changed",
        _on(
            "set_members",
            lambda m: (
                _set([*m[:-1], f"{m[-1]} + 1"])
                if _distinct(m) and all(_different(f"{m[-1]} + 1", p) for p in m)
                else None
            ),
        ),
    ),
    ("coordinates swapped", _on("coordinates", _swapped)),
    ("coordinates reversed", _on("coordinates", lambda m: _tuple(m[::-1]) if _different(m[0], m[-1]) else None)),
    ("coordinate dropped", _on("coordinates", lambda m: _tuple(m[:-1]) if len(m) > 2 else None)),
    ("coordinate added", _on("coordinates", lambda m: _tuple([*m, "0"]))),
    (
        "coordinate negated",
        _on("coordinates", lambda m: _tuple([f"-({m[0]})", *m[1:]]) if _different(m[0], f"-({m[0]})") else None),
    ),
    ("coordinate off by 1e-12", _on("coordinates", lambda m: _tuple([*m[:-1], f"{m[-1]} + 10^{{-12}}"]))),
    ("one coordinate", _on("coordinates", lambda m: m[0])),
    ("sum of coordinates", _on("coordinates", lambda m: " + ".join(m))),
    (
        "coordinates by the wrong name",
        _on(
            "coordinates",
            lambda m: (
                f"x = {m[1]}, y = {m[0]}"
                if len(m) == 2 and _different(m[0], m[1]) and not oracle.symbols("".join(m))
                else None
            ),
        ),
    ),
    ("left end opened or closed", shaped(lambda g: _interval(g, "left"))),
    ("right end opened or closed", shaped(lambda g: _interval(g, "right"))),
    ("both ends opened or closed", shaped(lambda g: _interval(g, "both"))),
    ("end moved", shaped(lambda g: _interval(g, "moved"))),
    ("end at infinity", shaped(lambda g: _interval(g, "unbounded"))),
    ("only the left end", shaped(lambda g: _interval(g, "end"))),
    (
        "a piece of the union dropped",
        shaped(
            lambda g: (
                g.bare.split("\\cup")[0].strip()
                if "\\cup" in g.bare and "=" not in g.bare and "text" not in g.bare
                else None
            )
        ),
    ),
    (
        "intersection for union",
        shaped(
            lambda g: (
                g.bare.replace("\\cup", "\\cap")
                if "\\cup" in g.bare and "=" not in g.bare and "text" not in g.bare
                else None
            )
        ),
    ),
    ("bound's strictness", shaped(_bound(True))),
    ("bound turned round", shaped(_bound(False))),
    ("matrix transposed", _on("matrix", _transposed)),
    (
        "matrix entry changed",
        _on("matrix", lambda rows: _matrix_text([[f"{rows[0][0]} + 1", *rows[0][1:]], *rows[1:]])),
    ),
    (
        "matrix entry negated",
        _on(
            "matrix",
            lambda rows: (
                _matrix_text([*rows[:-1], [*rows[-1][:-1], f"-({rows[-1][-1]})"]])
                if _different(rows[-1][-1], f"-({rows[-1][-1]})")
                else None
            ),
        ),
    ),
    ("matrix row dropped", _on("matrix", lambda rows: _matrix_text(rows[:-1]) if len(rows) > 1 else None)),
    ("equation moved by one", _equation("L = R + 1")),
    ("equation negated on one side", _equation("L = -(R)")),
    ("equation as an inequality", _equation("L < R")),
    (
        "equation's letters in capitals",
        shaped(
            lambda g: (
                re.sub(r"(?<![\\a-zA-Z])[xyz]", lambda m: m[0].upper(), g.bare)
                if g.equation
                and oracle.symbols(g.equation[1])
                and re.search(r"(?<![\\a-zA-Z])[xyz]", g.equation[1])
                and "(" not in g.equation[0]
                else None
            )
        ),
    ),
    (
        "another word",
        shaped(lambda g: f"\\text{{{g.word[::-1]}}}" if g.word and g.word.lower() != g.word[::-1].lower() else None),
    ),
    ("word negated", shaped(lambda g: f"\\text{{not {g.word}}}" if g.word else None)),
    ("word with another", shaped(lambda g: f"\\text{{{g.word} or nobody}}" if g.word else None)),
    ("next choice", shaped(lambda g: f"\\text{{({chr(ord(g.choice) + 1)})}}" if g.choice else None)),
    ("two choices", shaped(lambda g: f"{g.choice} \\text{{ or }} {chr(ord(g.choice) + 1)}" if g.choice else None)),
    ("other base", _on("based", lambda b: f"{b[0]}_{{{b[1] + 1}}}")),
    ("other numeral in the base", _on("based", lambda b: f"{b[0]}0_{{{b[1]}}}" if int(b[0]) else None)),
    ("value of the numeral", _on("based", lambda b: str(int(b[0], b[1])) if int(b[0], b[1]) != int(b[0]) else None)),
    ("other unit", shaped(_unit)),
    ("percent, a hundredfold", _percent("100 \\cdot @\\%")),
    ("percent, a hundredth", _percent("\\frac{@}{100}\\%")),
    ("percent, ten thousandth", _percent("\\frac{@}{10000}")),
    ("hedged with or", _hedge("@ \\text{ or } #")),
    ("hedged with a comma", _hedge("@, #")),
    ("hedged with and", _hedge("@ \\text{ and } #")),
    ("hedged by two boxes", _hedge("@} or \\boxed{#")),
    ("right box before the last", _hedge("@}, no: \\boxed{#")),
    ("false chain", _hedge("# = @")),
    ("chain that ends elsewhere", _hedge("x = @ = #")),
    ("not equal", _hedge("x \\ne @")),
    ("bounded by it", _hedge("x < @")),
    ("equation with arithmetic", _hedge("2x + z = @")),
    ("plus-minus", shaped(lambda g: f"\\pm {g.bare}" if g.integer else None)),
]
