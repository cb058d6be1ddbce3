r"""Slips in numerals, signs and fractions; see :mod:`.near` for what they promise and the table that names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ._draws import Draws
from ._numerals import Numeral, numerals

NUMERIC = frozenset({"integer", "decimal", "fraction", "real", "complex"})


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold as the operations see it. text: unwrapped, arguments braced. type: of :func:`~.proof.answer_type`."""

    text: str
    type: str


Candidates = Callable[[Gold, Draws], Iterator[str]]


# -- numerals -------------------------------------------------------------------------------------------


def _numerals(gold: Gold, draws: Draws) -> list[Numeral]:
    """Those that may change, in a drawn order; exponents last, as a slip there is rarer."""
    found = draws.shuffled(n for n in numerals(gold.text) if not n.subscript)
    return sorted(found, key=lambda numeral: numeral.exponent)


def _same_width(number: int, numeral: Numeral) -> str:
    digits = str(number)
    return digits.zfill(len(numeral.digits)) if numeral.digits.startswith("0") else digits


def off_by_one(gold: Gold, draws: Draws) -> Iterator[str]:
    for numeral in _numerals(gold, draws):
        if len(numeral.digits) > 4000:  # Python refuses to convert more
            continue
        number = int(numeral.digits)
        for step in draws.shuffled((1, -1)):
            if number + step >= 0:
                yield numeral.replaced(gold.text, _same_width(number + step, numeral))
    if gold.type == "expression":
        for tail in draws.shuffled(("+1", "-1")):
            yield gold.text + tail


def digit_swap(gold: Gold, draws: Draws) -> Iterator[str]:
    for numeral in _numerals(gold, draws):
        digits = numeral.digits
        places = [i for i in range(len(digits) - 1) if digits[i] != digits[i + 1] and (i or digits[1] != "0")]
        for i in draws.shuffled(places)[:3]:
            yield numeral.replaced(gold.text, digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :])


def digit_wrong(gold: Gold, draws: Draws) -> Iterator[str]:
    for numeral in _numerals(gold, draws):
        digits = numeral.digits
        if len(digits) > 1:
            i = 1 + draws.below(len(digits) - 1)
            other = str((int(digits[i]) + 1 + draws.below(9)) % 10)
            yield numeral.replaced(gold.text, digits[:i] + other + digits[i + 1 :])


def ten_fold(gold: Gold, draws: Draws) -> Iterator[str]:
    for numeral in _numerals(gold, draws):
        digits, places = numeral.digits, numeral.decimals
        if not digits.strip("0") or numeral.exponent:
            continue
        if places:
            for other in draws.shuffled((places - 1, places + 1)):
                yield gold.text[: numeral.start] + _with_point(digits, other) + gold.text[numeral.end :]
        else:
            yield numeral.replaced(gold.text, digits + "0")
            if digits.endswith("0"):
                yield numeral.replaced(gold.text, digits[:-1])


def _with_point(digits: str, places: int) -> str:
    """The digits with so many of them behind the point."""
    digits = digits.rjust(places + 1, "0")
    whole = digits[: len(digits) - places].lstrip("0") or "0"
    return f"{whole}.{digits[len(digits) - places :]}" if places else whole


def factor_of_two(gold: Gold, draws: Draws) -> Iterator[str]:
    for numeral in _numerals(gold, draws):
        number = int(numeral.digits[-4000:])
        if numeral.exponent or len(numeral.digits) > 4000 or not number:
            continue
        yield numeral.replaced(gold.text, _same_width(2 * number, numeral))
        if number % 2 == 0:
            yield numeral.replaced(gold.text, _same_width(number // 2, numeral))
    if re.match(r"(?!\\(?:pm|text|mbox|left|begin))[A-Za-z\\]", gold.text) and gold.type in NUMERIC | {"expression"}:
        yield f"2{gold.text}"


# -- signs ----------------------------------------------------------------------------------------------

_INNER_SIGN = re.compile(r"(?<=[\w})\]])\s*([+-])\s*(?=[\w\\({\[.])")
_TURNED = {"+": "-", "-": "+"}
_UNSIGNED = frozenset({"ratio", "text", "choice", "based", "statement", "congruence", "ordering"})
# Where a member of a list, an entry of a matrix or a side of a relation begins, and its sign.
_MEMBER = re.compile(
    r"((?:^|[(\[,&=;<>]|\\\{|\\\\|\\(?:leqslant|geqslant|leq|geq|le|ge|neq|in)(?![a-zA-Z])|pmatrix\}|text\s*\{[^{}]*\})"
    r"\s*)(-?)\s*(?=\d|\.\d|\\[dtc]?frac|\\sqrt|\\pi)"
)


def sign(gold: Gold, draws: Draws) -> Iterator[str]:
    text, options = gold.text, []
    if gold.type in _UNSIGNED:
        return
    inner = list(_INNER_SIGN.finditer(text))
    if gold.type in NUMERIC | {"expression", "quantity"}:
        if not inner:
            options.append(text[1:].lstrip() if text.startswith("-") else f"-{text}")
    else:
        for found in _MEMBER.finditer(text):
            sign = "" if found.group(2) else "-"
            options.append(text[: found.start(2)] + sign + text[found.end() :])
    options += [text[: m.start(1)] + _TURNED[m.group(1)] + text[m.end(1) :] for m in inner]
    yield from draws.shuffled(options)


def conjugate(gold: Gold, draws: Draws) -> Iterator[str]:
    r"""The sign before a radical or an imaginary part turned."""
    options = []
    for found in _INNER_SIGN.finditer(gold.text):
        behind = re.match(r"[^+\-]*", gold.text[found.end() :])
        if behind and re.search(r"\\sqrt|(?<![A-Za-z\\])i(?![A-Za-z])", behind.group()):
            options.append(gold.text[: found.start(1)] + _TURNED[found.group(1)] + gold.text[found.end(1) :])
    yield from draws.shuffled(options)


# -- fractions and ratios -------------------------------------------------------------------------------

_FRACTION = re.compile(r"(-?\s*)(\\[dtc]?frac)\s*\{(.+)\}\s*\{(.+)\}")
_SLASH = re.compile(r"(-?\s*)([\w.]+)\s*/\s*([\w.]+)")


def reciprocal(gold: Gold, draws: Draws) -> Iterator[str]:
    if found := _FRACTION.fullmatch(gold.text):
        sign, command, top, bottom = found.groups()
        yield f"{sign}{command}{{{bottom}}}{{{top}}}" if top.strip() != "1" else sign + bottom
    elif found := _SLASH.fullmatch(gold.text):
        sign, top, bottom = found.groups()
        yield f"{sign}{bottom}/{top}" if top != "1" else sign + bottom


def one_over(gold: Gold, draws: Draws) -> Iterator[str]:
    if re.fullmatch(r"-?\d{1,6}", gold.text):
        yield re.sub(r"\d+", lambda m: rf"\frac{{1}}{{{m.group()}}}", gold.text)
