r"""Numbers with their signs and units in running text, found from its end.

Promises: the last number of a text and those that it is joined to, just as reading the text from its beginning would
find them, and no more of it is read than they take, in pieces from the end. It works on characters only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from ._boxes import Found, bare_end, glue_between

MAX_RUN = 40  # numbers that may be joined to a list
MAX_TEX = 2_000  # characters of the TeX around a number that are looked at
LAST = (32, 128, 512)  # characters from the end that are read, one piece after the other, before all the rest

UNIT_NAMES = (
    r"(?:percent(?:age)?|pct|degrees?|dollars?|cents?|euros?|pounds?|yuan|hours?|hrs?|minutes?|mins?|seconds?|secs?|"
    r"days?|weeks?|months?|years?|(?:kilo|centi|milli)?(?:meters?|metres?|grams?|lit(?:er|re)s?)|miles?|inch(?:es)?|"
    r"feet|foot|yards?|ounces?|[kcmµ]?m|[km]?g|[mk]?[lL]|ft|yd|mi|oz|lbs?|mph|square|sq|cubic)(?![A-Za-z])"
)
UNIT = (  # what it may begin with stands first, as most numbers have none
    rf"(?=[A-Za-zµ%\\€£¥°])(?:\\?%|\\?[€£¥°]|(?:{UNIT_NAMES}[ ]?){{0,2}}{UNIT_NAMES}"
    rf"(?:\^?\{{?[23²³]\}}?)?(?:[ ]?(?:/|per)[ ]?{UNIT_NAMES})?)"
)
_BEGINS = r"(?=[-+−±\\$€£¥\d.√∛π])"  # says nothing new, but at once where no number begins
_HEAD = r"(?<![A-Za-z\d_\\])(?<!\d[.,:])(?<!\d\{,\})(?<!\d\\[,!])(?<!\d,\\!)"  # not within another number
_SIGN = r"(?:(?<![\w)\]}])[-+−±])?(?:\\?[$€£¥][ ]?)?(?:(?<=[$€£¥])[-−])?"
_DIGITS = r"(?:\d+(?:(?:[.,:]|\{,\}|\\[,!]|,\\!)\d+)*|\.\d+)"
_TAIL = (
    r"(?:[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|[ ]?/[ ]?\d+(?:\.\d+)?|\^\{?[-−]?\d+\}?|[eE][-+−]?\d+|[ ]?(?:\\times|×)[ ]?10\^\{?[-−]?\d+\}?)?"
)
_PLAIN = r"(?:(?:\d+[ ]?)?[√∛]\(?\d+\)?|\d+(?:/\d+)?[ ]?π|π(?=/\d))(?:/\d+)?"  # `5√2`, `√3/2`, `4π`, `π/6`
_NUMBER = re.compile(
    rf"{_BEGINS}{_HEAD}{_SIGN}(?:{_PLAIN}(?![\dA-Za-z]|[.,:]\d)(?:\s?{UNIT})?"
    rf"|(?:\d+[ ](?=\d+/\d))?{_DIGITS}{_TAIL}(?![\dA-Za-z]|[.,:]\d)(?:\s?{UNIT})?"
    rf"|{_DIGITS}{UNIT})"
)
_APART = re.compile(r"""[=<>|&*;?"]|[.,:!]\s""")  # is within no number, so that a piece may begin behind it
_TUPLE = re.compile(r"(?<![\w)\]}])[(\[][ ]?-?\d[\d.,/ −-]{0,80}, ?-?\d[\d./]{0,20}[ ]?[)\]]")


def from_the_last(text: str, lo: int, hi: int) -> Iterator[tuple[int, int]]:
    """The spans of the last :data:`MAX_RUN` numbers of text[lo:hi], the last one first.

    >>> list(from_the_last("5 men, 12.50 percent or $3", 0, 26))
    [(24, 26), (7, 20), (0, 1)]
    """
    room, end = MAX_RUN, hi
    for size in (*LAST, hi - lo):
        start = lo
        if hi - size > lo:
            apart = _APART.search(text, hi - size, end)
            if apart is None:
                continue
            start = apart.end()
        spans = deque((match.span() for match in _NUMBER.finditer(text, start, end)), maxlen=room)
        yield from reversed(spans)
        room, end = room - len(spans), start
        if start == lo or not room:
            break


def as_answers(text: str, lo: int, hi: int, last: tuple[int, int], before: Iterator[tuple[int, int]]) -> list[Found]:
    """The number ``last``, as the pair or interval that it closes, or behind those it is joined to (`2 and 3`)."""
    start, stop = _bare_tex(text, lo, *last)
    if (start, stop) != last:
        return [Found(start, stop, start, stop, "number")]
    tail = text[start : stop + 3]
    if ")" in tail or "]" in tail:
        for match in _TUPLE.finditer(text, max(lo, start - 120), min(hi, stop + 3)):
            if match.start() < start and stop <= match.end():
                return [Found(*match.span(), *match.span(), "number")]
    run = [Found(*last, *last, "number")]
    for span in before:
        if not glue_between(text, span[1], run[0].outer_start):
            break
        run.insert(0, Found(*span, *span, "number"))
    return run


def _bare_tex(text: str, lo: int, start: int, end: int) -> tuple[int, int]:
    r"""A number's span, or that of the TeX around it where no dollar signs are (`(\frac{2}{5})`)."""
    if start == lo or text[start - 1] != "{":
        return start, end
    command = start
    for _ in range(20):
        command = text.rfind("\\", max(lo, start - 200), command)
        if command < 0:
            break
        stop = bare_end(text, command, command + MAX_TEX)
        if stop >= end:
            while command > lo and text[command - 1] in "0123456789.+-*/^_":
                command -= 1
            return command, stop
    return start, end
