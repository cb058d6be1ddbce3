r"""A random answer of the gold's type and look: its numerals drawn anew, its choice or word another one.

Promises: as :mod:`.near`: candidates only, in an order drawn from the key, from the gold and the key alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._draws import Draws
from ._numerals import Numeral, numerals
from ._slips import NUMERIC, Gold
from .near import CYCLES

_TRIES = 48
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Z](?![A-Za-z])")
_CHOICES = "ABCDE"


def alike(gold: Gold, draws: Draws) -> Iterator[tuple[str, str]]:
    """(how, candidate): ``numerals``, ``choice``, ``word``, ``letters`` or ``factor``.

    Numerals keep their number of digits; exponents, and the digits of a base or a subscript, stay.
    """
    if gold.type == "choice":
        yield from _choices(gold, draws)
    elif gold.type == "text":
        yield from _words(gold, draws)
    found = [n for n in numerals(gold.text) if not n.subscript and not n.exponent]
    found = found or [n for n in numerals(gold.text) if not n.subscript]
    base = _base(gold)
    for _ in range(_TRIES if found else 0):
        text = gold.text
        for numeral in reversed(found):
            text = numeral.replaced(text, _random_digits(numeral, draws, base))
        yield "numerals", text
    if gold.type in NUMERIC | {"expression"}:
        yield from _factors(gold, draws)
    letters = list(_LETTER.finditer(gold.text))
    for _ in range(_TRIES if letters and not found else 0):
        text = gold.text
        for letter in reversed(letters):
            text = text[: letter.start()] + chr(ord("A") + draws.below(26)) + text[letter.end() :]
        yield "letters", text


def _base(gold: Gold) -> int:
    """The base that the digits are below: 10 but for numerals in a smaller base."""
    bases = [int(n.text) for n in numerals(gold.text) if n.subscript and n.text.isdigit() and len(n.text) < 3]
    return min(10, *bases) if gold.type == "based" and bases and min(bases) > 1 else 10


def _random_digits(numeral: Numeral, draws: Draws, base: int) -> str:
    """As many digits; the first is 0 only where it was (``0.5``, ``007``) or where there is only one."""
    digits = numeral.digits
    free = len(digits) == 1 and not numeral.decimals
    out = []
    for place, digit in enumerate(digits):
        leading = place == 0 and not free
        if leading and digit == "0":
            out.append("0")
        else:
            low = 1 if leading or free and digit != "0" else 0
            out.append(str(low + draws.below(base - low)))
    return "".join(out)


def _choices(gold: Gold, draws: Draws) -> Iterator[tuple[str, str]]:
    found = _LETTER.search(gold.text)
    if found:
        for letter in draws.shuffled(sorted({*_CHOICES, found.group()})):
            yield "choice", gold.text[: found.start()] + letter + gold.text[found.end() :]


def _words(gold: Gold, draws: Draws) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"(?<![\\A-Za-z])[A-Za-z]+", gold.text):
        for cycle in CYCLES:
            if found.group().lower() in cycle:
                for word in draws.shuffled(cycle):
                    yield "word", gold.text[: found.start()] + word + gold.text[found.end() :]
                break


def _factors(gold: Gold, draws: Draws) -> Iterator[tuple[str, str]]:
    r"""`x` and `\pi` have no numeral to draw: a factor or a summand is drawn."""
    if re.search(r"[+\-](?!\})", gold.text[1:]):
        for number in draws.shuffled(range(2, 10)):
            yield "factor", f"{number}({gold.text})"
        return
    for number in draws.shuffled(range(2, 10)):
        if gold.text.startswith("-"):
            yield "factor", f"-{number}{gold.text[1:]}"
        else:
            yield "factor", f"{number}{gold.text}"
