r"""Rewrites that keep the meaning of a value and change how it is written: order, roots, labels, units.

A row is (name, function); the function gives the rewritten text, or None where the rewrite does not apply.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package
Rewrite = Callable[["golds.Gold"], "str | None"]


def on_number(template: str) -> Rewrite:
    """A template around any number (``@``), in brackets where it is a sum."""
    return lambda gold: template.replace("@", gold.bare) if gold.is_number else None


def on_value(template: str) -> Rewrite:
    """A template around any number or formula with letters."""
    return lambda gold: template.replace("@", gold.bare) if gold.value is not None else None


def on_term(template: str) -> Rewrite:
    """The same, only for one term: nothing needs brackets."""
    return lambda gold: template.replace("@", gold.bare) if gold.value is not None and not gold.terms else None


def _other_order(gold: golds.Gold) -> str | None:
    """The terms in reverse order; not around a mixed number or a trailing slash."""
    if not gold.terms:
        return None
    parts = [f"{sign}{term}" for sign, term in reversed(gold.terms)]
    return " ".join(parts).removeprefix("+")


def _factors(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"\(([^()]*)\) ?\(([^()]*)\)", gold.bare)
    return f"({found[2]})({found[1]})" if found and gold.value is not None else None


def _pi_first(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(\d+) ?\\pi", gold.bare)
    return f"\\pi \\cdot {found[1]}" if found else None


def _root_apart(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(-?)\\frac\{(\d*) ?\\sqrt\{(\d+)\}\}\{(\d+)\}", gold.bare)
    return f"{found[1]}\\frac{{{found[2] or 1}}}{{{found[4]}}}\\sqrt{{{found[3]}}}" if found else None


def _root_joined(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(\d+) ?\\sqrt ?\{(\d+)\}", gold.bare)
    return f"\\sqrt{{{int(found[1]) ** 2 * int(found[2])}}}" if found else None


def _root_below(gold: golds.Gold) -> str | None:
    found = re.fullmatch(r"(\d*) ?\\sqrt ?\{(\d+)\}", gold.bare)
    return f"\\frac{{{int(found[1] or 1) * int(found[2])}}}{{\\sqrt{{{found[2]}}}}}" if found else None


TABLE: list[tuple[str, Rewrite]] = [
    ("terms reversed", _other_order),
    ("factors swapped", _factors),
    ("pi first", _pi_first),
    ("root out of a fraction", _root_apart),
    ("coefficient into the root", _root_joined),
    ("root in the denominator", _root_below),
    ("in brackets", on_value("(@)")),
    ("in sized brackets", on_value(r"\left(@\right)")),
    ("in square groups", on_value("{(@)}")),
    ("plus zero", on_value("@ + 0")),
    ("times one", on_value(r"1 \cdot (@)")),
    ("minus minus", on_value("-(-(@))")),
    ("doubled and halved", on_value(r"\frac{2(@)}{2}")),
    ("squared root", lambda g: f"(\\sqrt{{{g.bare}}})^2" if g.integer and g.integer > 0 else None),
    ("plus and minus seven", on_value("7 + (@) - 7")),
    ("label x", on_number("x = @")),
    ("tight label", on_number("x=@")),
    ("indexed label", on_number("S_{10} = @")),
    ("label on the right", on_number("@ = x")),
    ("primed label", on_number("x' = @")),
    ("function label", on_value("f(x) = @")),
    ("point label", on_number("|AB| = @")),
    ("bare segment label", on_number("AB = @")),
    ("ratio label", on_number(r"\frac{AB}{CD} = @")),
    ("word label", on_number(r"\text{Area} = @")),
    ("angle label", on_number(r"\angle ABC = @")),
    ("chain", on_number(r"x = (@) + 1 - 1 = @")),
    (
        "approximate tail",
        lambda g: (
            f"{g.bare} \\approx {float(g.value.real):.4f}"
            if g.is_number and not g.value.imag and 1e-3 < abs(g.value.real) < 1e9 and not g.terms
            else None
        ),
    ),
    ("approximate label", lambda g: f"x \\approx {g.bare}" if re.fullmatch(r"-?\d+\.\d+", g.bare) else None),
    ("centimetres", lambda g: f"{g.bare} \\text{{ cm}}" if g.is_number and not g.terms else None),
    ("square units", lambda g: f"{g.bare} \\text{{ square units}}" if g.is_number and not g.terms else None),
    ("squared unit", lambda g: f"{g.bare}\\ \\mathrm{{cm}}^2" if g.is_number and not g.terms else None),
    ("compound unit", lambda g: f"{g.bare}\\,\\text{{km/h}}" if g.rational is not None else None),
    ("plain unit", lambda g: f"{g.bare} meters" if g.rational is not None else None),
    ("counted things", lambda g: f"{g.bare} \\text{{ apples}}" if g.integer is not None else None),
    (
        "dollar sign",
        lambda g: f"\\${g.bare}" if g.rational is not None and g.rational >= 0 and not g.fraction else None,
    ),
    ("dollars as a word", lambda g: f"{g.bare} dollars" if g.integer is not None else None),
    ("euro sign", lambda g: f"€{g.bare}" if g.integer is not None and g.integer >= 0 else None),
    ("degrees", lambda g: f"{g.bare}^\\circ" if g.integer is not None else None),
    ("percent", lambda g: f"{g.bare}\\%" if g.integer is not None else None),
]
