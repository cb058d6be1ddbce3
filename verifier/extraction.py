r"""Which text of a response is its answer.

Promises: :func:`extract` never raises on what a model wrote (None, NUL, lone surrogates, any size), takes
time linear in the response, and gives spans that index the response's characters. What counts is one table,
:data:`RULES`; every row carries an example that a test runs, and every candidate names the row that found it.

Not promised: that the text can be read as mathematics (the parser's work), or that the answer is right.
The choice between the last box and a run of boxes (``\boxed{1}, \boxed{2}``) needs the gold, so both are
returned. Very long responses are read within the work limits named below, the same everywhere.
"""

from __future__ import annotations

from ._boxes import WINDOW, Found, all_boxes, escaped, glue_between, last_box, last_marker, only_box
from ._record import record
from ._rules import HOPE_AT, PHRASE_AT, RULES, Rule
from .config import EXTRACTION_MODES
from .errors import ConfigError
from .verdict import Reason

__all__ = ["RULES", "Candidate", "Extraction", "Rule", "after_thinking", "extract"]


@record
class Candidate:
    """A text that stands for an answer.

    text: as written, without outer whitespace. It equals ``response[span]`` but for a run of answers (the
        members, joined by commas) and a formula with its unit behind it (without the dollar signs).
    span: (start, end) in the response, in characters.
    rule: name of the row of :data:`RULES` that found it.
    """

    text: str
    span: tuple[int, int]
    rule: str


@record
class Extraction:
    """What :func:`extract` found.

    answer: the answer under the mode (in mode ``boxed``: the last box), None where there is none.
    joined: the run of answers that ends with ``answer``, joined by nothing but a comma, a semicolon, "and",
        "or" or a label "x =", as one comma list; None where the run has one member.
    boxes: every counted box that was read, in order (those of the last :data:`WINDOW` characters before the
        last box; inside the tag where the answer came from a tag).
    reason: ``NO_ANSWER`` or ``UNCLOSED_BOX`` where ``answer`` is None, else None.
    hedged: the run contains "or" (``\boxed{7} or \boxed{8}``).
    """

    answer: Candidate | None
    joined: Candidate | None
    boxes: tuple[Candidate, ...]
    reason: Reason | None
    hedged: bool


def extract(response: str | None, mode: str = "boxed") -> Extraction:
    r"""The answer of ``response`` under ``mode``, one of :data:`~verifier.config.EXTRACTION_MODES`.

    boxed: the last box after the last ``</think>``. answer_tag: the last ``<answer>``, and in it a box where
    there is one. final_answer: what follows the last "the answer is". any: a box; else a tag; else a phrase;
    else the last formula, number or bold word; else the whole of a short text. A ``<think>`` that never
    closes has no answer; nor has an empty box, or a last box that never closes, whatever came before. In mode
    any a "Final Answer: ... I hope it is correct" behind the last box counts before it.

    Raises ConfigError for an unknown mode, and nothing else.

    >>> extract(r"<think>\boxed{3}?</think> Thus $x = \boxed{\frac{1}{2}}$.").answer
    Candidate(text='\\frac{1}{2}', span=(43, 54), rule='boxed')
    """
    if mode not in EXTRACTION_MODES:
        raise ConfigError(f"extraction={mode!r} is unknown; choose one of {', '.join(EXTRACTION_MODES)}")
    if response is None:
        return _none()
    start = after_thinking(response)
    if start < 0:
        return _none()
    if mode == "boxed":
        return _boxed(response, start, len(response)) or _none()
    if mode == "answer_tag":
        return _tagged(response, start) or _none()
    if mode == "any":
        found = _boxed(response, start, len(response)) or _tagged(response, start)
        if found is not None:
            return _concluded(response, found) or found
    from . import _prose  # here, as its regular expressions cost milliseconds

    run = _prose.phrase(response, start, PHRASE_AT)
    if not run and mode == "any":
        run = _prose.conclusion(response, start, len(response))
    return _from_run(response, run) if run else _none()


def _concluded(text: str, found: Extraction) -> Extraction | None:
    """A "Final Answer: ... I hope it is correct" behind the last box (of an intermediate result); else None."""
    behind = found.answer.span[1] if found.answer is not None else 0
    if not behind or text.find("I hope it is correct", behind) < 0:
        return None
    from . import _prose

    run = _prose.phrase(text, behind, HOPE_AT)
    return _from_run(text, run) if run else None


def after_thinking(response: str) -> int:
    """Where the text behind the last ``</think>`` begins; -1 where a ``<think>`` never closes.

    >>> after_thinking("<think>a</think>b"), after_thinking("b"), after_thinking("<think>a")
    (16, 0, -1)
    """
    if "<" not in response:  # one character is found 20 times as fast as a word
        return 0
    closing = response.rfind("</think>")
    start = 0 if closing < 0 else closing + 8
    return -1 if response.find("<think>", start) >= 0 else start


# ---------------------------------------------------------------------------------------------- boxes


def _boxed(text: str, lo: int, hi: int) -> Extraction | None:
    """The boxes of text[lo:hi]; None where there is none (an empty or unclosed last one is a result)."""
    at = text.rfind("box", lo, hi)  # is in every marker but the one with a backspace
    if at < 0 and "\x08" not in text:
        return None
    place = only_box(text, lo, at, hi)
    if place is not None:
        single = _cut(text, *place, "boxed")
        return Extraction(single, None, (single,), None, False) if single.text else _none()
    found = last_box(text, lo, hi)
    if found is None:
        return None
    if found.end < 0:
        return _none(Reason.UNCLOSED_BOX)
    last = found.outer_start
    if last_marker(text, lo, last) < 0:  # the only one: nearly every response
        single = _candidate(text, found)
        return Extraction(single, None, (single,), None, False) if single.text else _none()
    first = max(lo, last - WINDOW)
    boxes = all_boxes(text, first, last, hi)
    if not boxes or boxes[-1].outer_end <= last:  # beyond the work limit: the last box as it was read
        boxes.append(found)
    return _from_run(text, boxes, boxes=True)


# ------------------------------------------------------------------------------------- tags and results


def _tagged(text: str, lo: int) -> Extraction | None:
    """The last ``<answer>`` after ``lo``: a box in it, else its text."""
    start = text.rfind("<answer>", lo)
    if start < 0:
        return None
    end = text.find("</answer>", start)
    rule = "answer_tag" if end >= 0 else "answer_tag_open"
    hi = end if end >= 0 else len(text)
    boxed = _boxed(text, start + 8, hi)
    if boxed is not None:
        return boxed
    answer = _candidate(text, Found(start + 8, hi, start, hi, rule))
    return Extraction(answer, None, (), None, False) if answer.text else _none()


_SPACES = " \n\t\r\v\u00a0\u2002\u2003\u2009\u202f\u3000\u200b\ufeff"
# `\text` whose backslash was read as part of a tab, at the very beginning of an answer
_TAB_COMMANDS = ("\text", "\tfrac", "\theta", "\times", "\tan", "\tau", "\triangle")


def _candidate(text: str, found: Found) -> Candidate:
    if found.text is not None:
        return Candidate(found.text, (found.start, found.end), found.rule)
    return _cut(text, found.start, found.end, found.rule)


def _cut(text: str, start: int, end: int, rule: str) -> Candidate:
    """text[start:end] as a candidate, without outer whitespace; a form feed is not one (`\f` of `\frac`)."""
    inner = text[start:end]
    if inner and (inner[0] in _SPACES or inner[-1] in _SPACES):
        begin, left = start, inner.lstrip(_SPACES)
        start = end - len(left)
        if start > begin and text.startswith(_TAB_COMMANDS, start - 1):
            start -= 1
        right = text[start:end].rstrip(_SPACES)
        if right.endswith("\\") and len(right) < end - start and escaped(right, len(right), 0):
            right = text[start : start + len(right) + 1]  # a control space, `\ `, belongs to the answer
        inner, end = right, start + len(right)
    return Candidate(inner, (start, end), rule)


def _from_run(text: str, found: list[Found], *, boxes: bool = False) -> Extraction:
    """The last of ``found`` as the answer, with the run that it ends."""
    candidates = tuple(_candidate(text, place) for place in found)
    answer = candidates[-1]
    if not answer.text:
        return _none()
    first = len(found) - 1
    hedged = False
    while first > 0 and candidates[first - 1].text:
        glue = glue_between(text, found[first - 1].outer_end, found[first].outer_start)
        if glue is None:
            break
        hedged = hedged or glue == "or"
        first -= 1
    joined = None
    if first < len(found) - 1:
        members = candidates[first:]
        span = (members[0].span[0], answer.span[1])
        joined = Candidate(", ".join(member.text for member in members), span, answer.rule)
    return Extraction(answer, joined, candidates if boxes else (), None, hedged)


def _none(reason: Reason = Reason.NO_ANSWER) -> Extraction:
    return Extraction(None, None, (), reason, False)  # a new one each time: a caller may keep it
