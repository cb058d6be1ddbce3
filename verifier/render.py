"""A verdict and an extraction in words, for a terminal.

Promises: what a model wrote cannot move the cursor or colour the screen (control characters are
shown, not sent), and an underline stands below its text also where characters are wide or combine.
Does not promise a stable layout: programs read ``--json``.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from .verdict import Status, Verdict

if TYPE_CHECKING:
    from .extraction import Extraction

LINE_WIDTH = 100
VALUE_WIDTH = 300


def visible(text: str) -> str:
    r"""Control and format characters as escapes.

    >>> visible("a\x1b[31m\n")
    'a\\x1b[31m\\n'
    """
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char
        for char in text
    )


def shortened(text: str, width: int = VALUE_WIDTH) -> str:
    """One line of at most ``width`` characters of text, its full length named where it is cut."""
    if len(text) <= width:
        return visible(text)
    return f"{visible(text[:width])}... ({len(text):,} characters)"


def columns(text: str) -> int:
    """Terminal columns that printed text takes.

    >>> columns("1\u0301\u4e2d")
    3
    """
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def underline(text: str, span: tuple[int, int]) -> list[str]:
    """The line of ``text`` that holds the span's start, and carets below the span.

    A long line is cut around the span; a span that goes on over the line's end says so.
    """
    start, end = span
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    shown = min(end, last, start + LINE_WIDTH)
    left = max(first, start - max(10, (LINE_WIDTH - (shown - start)) // 2))
    right = min(last, max(shown, left + LINE_WIDTH))
    before = ("..." if left > first else "") + visible(text[left:start])
    marked = visible(text[start:shown])
    after = visible(text[shown:right]) + ("..." if right < last else "")
    carets = " " * columns(before) + "^" * max(1, columns(marked))
    more = f"  and {end - shown:,} characters more" if end > shown else ""
    return [(before + marked + after).rstrip(), carets + more]


def verdict_lines(verdict: Verdict) -> list[str]:
    """Every field of a verdict, one a line, the outcome first."""
    answer = "none"
    if verdict.answer is not None:
        place = f"  (characters {verdict.span[0]}-{verdict.span[1]})" if verdict.span else ""
        answer = shortened(verdict.answer) + place
    rows = {
        "answer": answer,
        "answer read as": _form(verdict.answer_form),
        "gold read as": _form(verdict.gold_form),
        "rung": verdict.rung.value if verdict.rung else "none",
        "detail": visible(verdict.detail) or "none",
        "config": verdict.fingerprint,
        "elapsed": f"{1000 * verdict.elapsed_s:.3f} ms",
    }
    return [outcome(verdict), *(f"  {name:<15} {value}" for name, value in rows.items())]


def outcome(verdict: Verdict) -> str:
    """``incorrect: not_equal``; whose fault it is where that is not the response's."""
    fault = f" (the {verdict.reason.fault}'s fault)" if verdict.status is Status.UNSCORED else ""
    return f"{verdict.status}: {verdict.reason}{fault}"


def explanation(*, response: str, gold: str, extraction: Extraction, verdict: Verdict, mode: str) -> list[str]:
    """What was extracted by which rule, how both sides were read, and which rung decided."""
    lines = [
        f"1. Extraction, mode {mode}, from {len(response):,} characters",
        *_extracted(response, extraction),
    ]
    lines += ["2. Reading"]
    if verdict.answer is not None:
        lines.append(f"   answer  {shortened(verdict.answer)}  ->  {_form(verdict.answer_form)}")
    lines += [f"   gold    {shortened(gold)}  ->  {_form(verdict.gold_form)}", "3. Decision"]
    rung = f"by the rung {verdict.rung!s}" if verdict.rung else "before any rung compared the two"
    lines.append(f"   {outcome(verdict)}, {rung}")
    if verdict.detail:
        lines.append(f"   {visible(verdict.detail)}")
    return lines


def _form(form: str | None) -> str:
    return "not read" if form is None else shortened(form)


def _extracted(response: str, extraction: Extraction) -> list[str]:
    candidate = extraction.answer
    if candidate is None:
        return [f"   no answer: {extraction.reason}"]
    out = [f"   rule {candidate.rule}: {_place(response, candidate.span)}"]
    out += [f"     {text}" for text in underline(response, candidate.span)]
    if len(extraction.boxes) > 1:
        out.append(f"   it is the last of {len(extraction.boxes)} boxes")
    if extraction.joined is not None:
        hedged = '; joined by "or", so it hedges' if extraction.hedged else ""
        out.append(f"   it ends a run, read as one list where the gold is one{hedged}:")
        out += [f"     {text}" for text in underline(response, extraction.joined.span)]
    return out


def _place(text: str, span: tuple[int, int]) -> str:
    line = text.count("\n", 0, span[0]) + 1
    return f"line {line}, characters {span[0]}-{span[1]}"
