r"""Boxes: where they are, where they end, and which of them stand in one run.

Promises: linear time on any text. Braces nest, `\{` and `\}` do not count, a box need not have braces
(`\boxed 7`), and a box inside another one is part of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ._rules import BOXES

# Work limits. Each is far above what an answer may measure (Limits.answer_chars), so that reaching one
# still ends in "over limit" or "no answer", never in a different answer that happens to be right.
MAX_BRACES = 400_000  # closing braces looked at for the end of one box
WINDOW = 200_000  # characters before the last box in which other boxes are looked for
MAX_MENTIONS = 50_000  # times "\boxed" may stand without content before the search gives up
MAX_BARE = 2_000  # characters of an answer without braces, as in `\boxed \frac12`
MAX_GLUE = 160  # characters between two boxes of one run
QUICK = 2_000  # characters of a box whose end is first looked for with little work


class Found(NamedTuple):
    r"""An answer's place: its text, and where that begins and ends with `\boxed{`, `$` and such around it."""

    start: int
    end: int
    outer_start: int
    outer_end: int
    rule: str
    text: str | None = None  # where it is not text[start:end]


_MENTION = ".,;:!?)]}>'\"`*|/、。，"  # behind `\\boxed`: it is spoken of, not used
_SPACES = re.compile(r"\s*")
_RULE = {rule.anchors[0]: rule.name for rule in BOXES}
_MARKER = re.compile("|".join(re.escape(anchor) for anchor in _RULE))


def only_box(text: str, lo: int, at: int, hi: int) -> tuple[int, int] | None:
    r"""(start, end) of the content of a closed `\boxed{..}` that is the only box of text[lo:hi]: nearly every response.

    at: of the last "box". None where a look at it and before it cannot say so; then :func:`last_box` reads the text.
    """
    if at <= lo or text[at - 1 : at + 6] != "\\boxed{" or text.rfind("box", lo, at) >= 0 or "\x08" in text:
        return None
    end = _group_end(text, at + 6, hi)
    return None if end < 0 else (at + 6, end)


def last_marker(text: str, lo: int, hi: int) -> int:
    """The last marker in text[lo:hi], or -1."""
    best = text.rfind("\\boxed", lo, hi)
    framed = text.rfind("\\fbox", max(lo, best), hi)  # only one behind the other marker counts
    if framed > best:
        best = framed
    if "\x08" in text:
        best = max(best, text.rfind("\x08oxed", lo, hi))
    if "\x0c" in text:
        best = max(best, text.rfind("\x0cbox", lo, hi))
    return best


def last_box(text: str, lo: int, hi: int) -> Found | None:
    """The box at the last marker of text[lo:hi] that is no mere mention; its ``end`` is -1 if it never closes."""
    last = last_marker(text, lo, hi)
    if last < 0:
        return None
    found = read_box(text, last, hi)
    if found is None:
        found = _last_but_mentions(text, lo, last, hi)
    if found is not None and found.end < 0 and found.start < hi:
        end = _escaped_end(text, found.start, hi)
        if end >= 0:
            return found._replace(end=end, outer_end=end + 2)
    return found


def _last_but_mentions(text: str, lo: int, last: int, hi: int) -> Found | None:
    """The last box before ``last``; each marker's place is remembered, so that nothing is read twice."""
    places = {marker: text.rfind(marker, lo, last) for marker in _RULE}
    for _ in range(MAX_MENTIONS):
        marker = max(places, key=places.__getitem__)
        if places[marker] < 0:
            return None
        found = read_box(text, places[marker], hi)
        if found is not None:
            return found
        places[marker] = text.rfind(marker, lo, places[marker])
    return None


def read_box(text: str, at: int, hi: int) -> Found | None:
    r"""The box whose marker stands at ``at``; ``end`` is -1 where it never closes.

    None for a mention: another command (`\boxedfoo`), or punctuation behind it ("put it in \boxed.").
    """
    marker = _MARKER.match(text, at)
    assert marker is not None
    pos = marker.end()
    rule = _RULE[marker.group()]
    if pos < hi and text[pos] != "{":
        if text[pos].isascii() and text[pos].isalpha():
            return None
        pos = _space_end(text, pos, hi)
    if pos >= hi:
        return Found(pos, -1, at, hi, rule)
    if text[pos] == "{":
        end = _group_end(text, pos + 1, hi)
        return Found(pos + 1, end, at, end + 1, rule)
    if text[pos] in _MENTION and not text[pos + 1 : pos + 2].isdigit():
        return None
    end = bare_end(text, pos, min(hi, pos + MAX_BARE))
    return Found(pos, end, at, end, rule) if end > pos else None


def _space_end(text: str, pos: int, hi: int) -> int:
    match = _SPACES.match(text, pos, hi)
    return match.end() if match else pos


def _group_end(text: str, pos: int, hi: int) -> int:
    """Index of the brace that closes the group whose content begins at ``pos``; -1 where none does."""
    end = text.find("}", pos, hi)
    if end < 0:
        return -1
    opened = text.count("{", pos, end)
    if not opened and text[end - 1] != "\\":
        return end
    while opened and 0 <= end < pos + QUICK:  # from one closing brace to the next, as if none were escaped
        after = end + 1
        end = text.find("}", after, hi)
        opened += text.count("{", after, end) - 1
    if end >= 0 and not opened and "\\{" not in (inner := text[pos : end + 1]) and "\\}" not in inner:
        return end
    depth = 1
    for seen, match in enumerate(_BRACES.finditer(text, pos, hi)):
        at = match.start()
        if text[at - 1] == "\\" and escaped(text, at, pos):
            continue
        depth += 1 if text[at] == "{" else -1
        if depth == 0 or seen > MAX_BRACES:
            return at
    return -1


def _escaped_end(text: str, pos: int, hi: int) -> int:
    r"""Index of an unmatched `\}` that must have been meant to close a box nothing else closes; else -1.

    `\boxed{185\}` is such a box, `\boxed{\{1, 2\}` is not: its `\}` has a partner. Asked for the last box
    only: it reads on to the end, which for every one of many boxes would not be linear.
    """
    depth = 1
    for seen, match in enumerate(_BRACES.finditer(text, pos, hi)):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            at = match.start()
            return at - 1 if text[at - 1] == "\\" and escaped(text, at, pos) else -1
        if seen > MAX_BRACES:
            break
    return -1


_BRACES = re.compile(r"[{}]")


def escaped(text: str, at: int, lo: int) -> bool:
    """Whether an odd number of backslashes, not before ``lo``, stands in front of ``at``."""
    size = 16
    while True:
        run = text[max(lo, at - size) : at]
        left = len(run.rstrip("\\"))
        if left or at - size <= lo:
            return (len(run) - left) % 2 == 1
        size *= 8


_BARE = re.compile(r"\\[A-Za-z]+(?:\s+(?=[{\d\\A-Za-z]))?|\\[^\s()\[\]\\]|[^\\]", re.DOTALL)


def bare_end(text: str, pos: int, hi: int) -> int:
    r"""End of an answer without braces: to the next space, `$` or `\)` outside all brackets.

    TeX would box one token (`\boxed 72` is a boxed 7); whoever writes that means the number. Where a bracket
    never closes, the answer ends at the first space.
    """
    depth = 0
    start = pos
    space = -1  # the first one within brackets
    while pos < hi and (match := _BARE.match(text, pos, hi)):
        token = match.group()
        if token in ("{", "(", "[", "\\{"):
            depth += 1
        elif token in ("}", ")", "]", "\\}"):
            if depth == 0:
                break
            depth -= 1
        elif token in '$&`"<>。，；！？':
            break
        elif token.isspace():
            if depth == 0 and not text.startswith("{", match.end()):
                break
            space = pos if space < 0 else space
        pos = match.end()
    if depth > 0 and space >= 0:
        pos = space
    while pos > start and text[pos - 1] in ".,;:!?*' \t\r\n":
        pos -= 1
    return pos


def all_boxes(text: str, lo: int, last: int, hi: int) -> list[Found]:
    """The outermost closed boxes from ``lo`` on; the one at ``last`` is known to close."""
    found: list[Found] = []
    closing: dict[int, int] | None = None
    done = lo
    for match in _MARKER.finditer(text, lo, min(hi, last + 6)):
        at = match.start()
        if at < done:
            continue
        if closing is not None and text.startswith("{", match.end()):
            end = closing.get(match.end(), -1)
            box: Found | None = Found(match.end() + 1, end, at, end + 1, _RULE[match.group()])
        else:
            box = read_box(text, at, hi)
        if box is None:
            continue
        if box.end < 0:
            # Looking for the end of an unclosed box reads everything: from now on one table answers.
            closing = _closing_braces(text, at, hi) if closing is None else closing
            continue
        found.append(box)
        done = box.outer_end
    return found


def _closing_braces(text: str, lo: int, hi: int) -> dict[int, int]:
    """From each opening brace to the one that closes it, over the first braces behind ``lo``."""
    closing: dict[int, int] = {}
    stack: list[int] = []
    for seen, match in enumerate(_BRACES.finditer(text, lo, hi)):
        at = match.start()
        if text[at - 1] == "\\" and escaped(text, at, lo):
            continue
        if text[at] == "{":
            stack.append(at)
        elif stack:
            closing[stack.pop()] = at
        if seen > 2 * MAX_BRACES:
            break
    return closing


_WRAPPED = re.compile(r"\\(?:text|textrm|textbf|mbox|mathrm)\s?\{([^{}]*)\}|\\(?:q?quad|[()\[\],;:! ]|\\)|[$~&*\s]")
_JOIN = re.compile(
    r"\s*[,;，；、.]?\s*(?:(and|or|et|und|&|和|与|或|\\lor|\\vee|\\land|\\wedge)\b[,:]?\s*"
    r"(?:(?:also|maybe|perhaps|possibly|else)\s+)?)?"
    r"(?:(?:\\?[A-Za-z]{1,12}|[α-ω])(?:_\{?[\w,]{1,12}\}?)?'{0,3}(?:\([^()=]{1,20}\))?\s*=)?\s*"
)


def glue_between(text: str, start: int, end: int) -> str | None:
    r"""How text[start:end] joins two answers: "or", "and" or "," - None where it does not.

    >>> glue_between(r"\boxed{1}$ and $y = \boxed{2}", 9, 20)
    'and'
    """
    return None if end - start > MAX_GLUE else _glue(text[start:end])


@lru_cache(maxsize=512)
def _glue(between: str) -> str | None:
    plain = _WRAPPED.sub(lambda match: match.group(1) or " ", between)
    match = _JOIN.fullmatch(plain)
    if match is None or "." in plain:
        return None
    word = match.group(1)
    if word in ("or", "或", "\\lor", "\\vee"):
        return "or"
    if word:
        return "and"
    if "\n" in between and not any(mark in plain for mark in ",;，；、"):
        return None
    return ","
