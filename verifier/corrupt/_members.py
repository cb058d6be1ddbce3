r"""The members of a list, tuple, set, ratio or union as text, cut at the separators outside all brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = r"\\text\s*\{\s*(?:,?\s*and|,?\s*or)\s*\}|\\mathrm\s*\{\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])"
_SIGN = r"\\(?:cup|vee|lor)(?![a-zA-Z])"
_SEPARATOR = re.compile(rf"(?:[,;:]|{_SIGN})?\s*(?:{_WORD})|[,;:]|{_SIGN}")
_OPENING = re.compile(r"(?:\\left\s*)?(?:\\\{|[(\[])\s*|\\(?:left\s*)?langle\s*")
_CLOSING = re.compile(r"\s*(?:\\right\s*)?(?:\\\}|[)\]])|\s*\\(?:right\s*)?rangle")


@dataclass(frozen=True, slots=True)
class Parts:
    """opening and closing: the brackets around everything, or empty. separators: one fewer than the members."""

    opening: str
    members: tuple[str, ...]
    separators: tuple[str, ...]
    closing: str


def cut(text: str) -> Parts:
    r"""The members of a text.

    >>> cut(r"\left\{ 1, (2,3) \right\}")
    Parts(opening='\\left\\{ ', members=('1', '(2,3)'), separators=(', ',), closing=' \\right\\}')
    """
    opening, inner, closing = _outer(text)
    members, separators, start, at, depth = [], [], 0, 0, 0
    while at < len(inner):
        found = _SEPARATOR.match(inner, at) if depth == 0 else None
        if found and inner[at - 1 : at] != "{":
            end = found.end()
            while end < len(inner) and inner[end] == " ":
                end += 1
            begin = len(inner[:at].rstrip())
            if begin > start:
                members.append(inner[start:begin])
                separators.append(inner[begin:end])
                start = end
            at = end
            continue
        if inner[at] == "\\" and inner[at + 1 : at + 2] not in ("{", "}"):
            at += 2
            continue
        depth += (inner[at] in "([{") - (inner[at] in ")]}")
        at += 1
    members.append(inner[start:])
    return Parts(opening, tuple(members), tuple(separators), closing)


def _outer(text: str) -> tuple[str, str, str]:
    """(opening, inside, closing) where one pair of brackets stands around everything."""
    opening = _OPENING.match(text)
    if not opening:
        return "", text, ""
    depth, at = 0, 0
    while at < len(text):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0:
                break
        at += 1
    tail = next((found for found in _CLOSING.finditer(text) if found.end() == len(text)), None)
    if tail is None or at < len(text) - 1:
        return "", text, ""
    return text[: opening.end()], text[opening.end() : tail.start()], text[tail.start() :]


def joined(parts: Parts, members: Sequence[str]) -> str:
    """The text with other members, or fewer of them."""
    if not members:
        return parts.opening + parts.closing
    separators = parts.separators[: len(members) - 1]
    if len(members) < len(parts.members) and separators:
        separators = (*separators[:-1], parts.separators[-1])  # the last one may be "and"
    body = members[0] + "".join(mark + member for mark, member in zip(separators, members[1:], strict=True))
    return parts.opening + body + parts.closing
