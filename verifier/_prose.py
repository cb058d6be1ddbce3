r"""Answers in running text: behind a phrase, or as the last formula, number or bold word.

Promises: places of answers in a text, found from the end in time linear in it, within the work limits named
below. It works on characters only; what a formula means is the parser's business. The default extraction
mode needs none of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ._boxes import Found, all_boxes, glue_between, last_marker
from ._quantities import UNIT, UNIT_NAMES, as_answers, from_the_last
from ._rules import Rule

MAX_HITS = 10_000  # times an anchor such as "answer" may stand in the text before the search gives up
MAX_SENTENCE = 2_000  # characters behind a phrase, and of a formula, that are looked at
MAX_WHOLE = 300  # characters of a text that may be an answer as a whole
LOOKS = (4_000, 32_000, 256_000)  # characters from the end that are searched, one after the other

# ----------------------------------------------------------------------------------------- prose or not

_COMMAND = re.compile(r"\\(?:text|mbox|math[a-z]{2}|operatorname|text[a-z]{2}|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_UNIT_WORD = re.compile(UNIT_NAMES)
_UNIT_BEHIND = re.compile(rf"\s?({UNIT})")
_MATH_WORDS = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp sqrt cbrt root pi theta alpha "
    "beta gamma lambda lim max min gcd lcm mod inf infty infinity oo and or frac dfrac times cdot binom "
    "union cup cap re det abs floor ceil deg"
)
_SHORT_WORDS = "is of to in it we so be by an at on as no if he my do us go up am"
_ALLOWED = frozenset(_MATH_WORDS.split())
_PROSE = frozenset(_SHORT_WORDS.split())


def _first_word(text: str) -> int:
    """Where the first word that is neither mathematics nor a unit begins; -1 where there is none.

    >>> _first_word("x = 3 or x = 5"), _first_word(r"AB \\text{ if so}"), _first_word("12 men")
    (-1, -1, 3)
    """
    bare = text[:MAX_SENTENCE]
    if "\\" in bare:
        bare = _COMMAND.sub(lambda match: " " * len(match.group()), bare)
    for match in _WORD.finditer(bare):
        word = match.group()
        if word in _ALLOWED or _UNIT_WORD.fullmatch(word):
            continue
        names = (len(word) == 2 and word not in _PROSE) or (len(word) <= 5 and word.isupper())
        if names and word.isascii():  # products and segments: ab, ABCD
            continue
        return match.start()
    return -1


# --------------------------------------------------------------------------------------------- formulas

# a backslash takes the next one, or a dollar sign, with it
_DELIMITER = re.compile(r"\\(?:[\\$()\[\]]|(?:begin|end)\{[a-zA-Z*]{1,20}\})|\$\$?")
_SPACE = re.compile(r"\s")
_CLOSES = {"\\)": "\\(", "\\]": "\\["}
_OPENS = ("$", "\\(", "\\[", "\\begin{")
_NAME = re.compile(r"\s*\\?[A-Za-z]{1,12}(?:_\{?\w{1,12}\}?)?'{0,3}(?:\([A-Za-z]\))?\s*[.,;:]?\s*")


def formulas(text: str, lo: int, hi: int) -> list[Found]:
    r"""The delimited formulas in text[lo:hi], in order: `$..$`, `$$..$$`, `\(..\)`, `\[..\]`, `\begin..\end`.

    A pair of dollar signs around prose is money, or the end of one formula and the start of another.

    >>> [found.start for found in formulas("pay $5 for $x$", 0, 14)]
    [12]
    """
    found: list[Found] = []
    if text.find("$", lo, hi) < 0 and text.find("\\", lo, hi) < 0:
        return found
    token, start, depth = "", 0, 0  # what is open, and where it began
    for match in _DELIMITER.finditer(text, lo, hi):
        mark, at = match.group(), match.start()
        if mark.startswith(("\\begin{", "\\end{")):
            if not token and mark[1] == "b":
                token, start, depth = "\\begin", at, 0
            if token == "\\begin":
                depth += 1 if mark[1] == "b" else -1
                if depth == 0:
                    found.append(Found(start, match.end(), start, match.end(), "formula"))
                    token = ""
        elif mark in ("\\(", "\\["):
            token, start = mark, at
        elif mark in _CLOSES:
            if token == _CLOSES[mark]:
                found.append(Found(start + 2, at, start, match.end(), "formula"))
                token = ""
        elif mark[0] == "$" and (not token or token[0] == "$"):
            if token and _is_formula(text, start + len(token), at):
                found.append(Found(start + len(token), at, start, match.end(), "formula"))
                token = ""
            else:
                token, start = mark, at
    return found


def _is_formula(text: str, start: int, end: int) -> bool:
    """Whether text[start:end], between dollar signs, can be a formula."""
    if not 0 < end - start <= MAX_SENTENCE:
        return False
    inner = text[start:end]
    if not inner.strip() or "\n\n" in inner or inner.rstrip()[-1] in "=+-*/<>≈":
        return False  # `$21 = $42` is money
    return _first_word(inner) < 0 or _SPACE.search(inner) is None


def _with_unit(text: str, found: Found, hi: int) -> Found:
    """A formula with the unit that stands behind it (``$28$ percent``)."""
    unit = _UNIT_BEHIND.match(text, found.outer_end, hi)
    if unit is None or found.rule != "formula":
        return found
    inner = f"{text[found.start : found.end].strip()} {unit.group(1).strip()}"
    return found._replace(end=unit.end(1), outer_end=unit.end(1), text=inner)


# --------------------------------------------------------------------------------------------- sentences

_STOP = re.compile(r"[.?](?=\s|$|\*|<)|(?<![\d)}])!(?=\s|$)|[。！？\n]|<\||\bI hope it is\b")
_VERB_BEFORE = re.compile(
    r"(?:\b(?:is|are|was|be|equals?|gives?|gets?|have|has|than|about|approximately|it's|there)|[=:≈是为有])[\s*$(\[]*\Z"
)
_CONCLUDES = re.compile(
    r"(?:\A|[.?!:。\n])[\s*]*(?:therefore|thus|hence|so|consequently|finally|in conclusion)\b", re.IGNORECASE
)
_BOLD = re.compile(r"\*\*([^*\n]{1,200}?)[.:]?\*\*")
_BECAUSE = re.compile(r",?\s+(?:because|since)\b|,\s+(?:as|so|which|it)\b")
_CHOICE = re.compile(
    r"\([A-Ja-j]\)|[A-J](?=[.,:;)。，]|\s*$|\s+(?:because|since|as|is\s+(?:the\s+)?(?:correct|right))\b)"
)
_LEAD = " \t\r\n*_:：\"“'`"
_TRAIL = ' \t\r\n*_.,;:。，；"”`'


def _trimmed(text: str, start: int, end: int, rule: str) -> Found | None:
    """text[start:end] without Markdown, quotes and punctuation around it; None where nothing is left."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip(_LEAD))
    end -= len(inner) - len(inner.rstrip(_TRAIL))
    return Found(start, end, start, end, rule) if start < end else None


def phrase(text: str, lo: int, rows: Mapping[str, Sequence[Rule]]) -> list[Found]:
    """The answer behind the last phrase of text[lo:], with those it is joined to, if any. rows: by their anchors."""
    places = {anchor: at for anchor in rows if (at := text.rfind(anchor, lo)) >= 0}
    for _ in range(MAX_HITS):
        if not places:
            break
        anchor = max(places, key=places.__getitem__)
        at = places[anchor]
        for row in rows[anchor]:
            match = _compiled(row.pattern).match(text, at)
            if match is not None:
                return _behind(text, match.end(), min(len(text), match.end() + MAX_SENTENCE), row.name)
        places[anchor] = text.rfind(anchor, lo, at)
        if places[anchor] < 0:
            del places[anchor]
    return []


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _behind(text: str, start: int, hi: int, rule: str) -> list[Found]:
    """What stands at ``start``, behind a phrase: boxes, formulas, mathematics, a choice, a value, words."""
    while start < hi and (text[start] in _LEAD or text.startswith(('\\"', "\\'"), start)):
        start += 1
    stop = _STOP.search(text, start, hi)
    end = stop.start() if stop else hi
    if (last := last_marker(text, start, hi)) >= 0 and last_marker(text, start, end) >= 0:
        boxes = all_boxes(text, start, last, len(text))
        if boxes:
            return boxes
    if text.startswith(_OPENS, start):
        run = formulas(text, start, hi)
        if run and run[0].outer_start == start:
            return [found._replace(rule=rule) for found in _leading_run(text, run, hi)]
    sentence = text[start:end]
    found = _leading(text, start, sentence, rule)
    if found is not None:
        return [found]
    values = _values(text, start, end)
    if not values and stop and text[end] == "\n":  # "the answer is given by", and then a display
        values = [_with_unit(text, found, hi) for found in formulas(text, end, hi)[:1]]
    if values:
        return [value._replace(rule=rule) for value in values]
    because = _BECAUSE.search(sentence)
    words = _trimmed(text, start, start + because.start() if because else end, rule)
    return [words] if words and words.end - words.start <= MAX_WHOLE else []


def _leading_run(text: str, run: list[Found], hi: int) -> list[Found]:
    """The first formula and those joined to it (``$1$ and $2$``)."""
    count = 1
    while count < len(run) and glue_between(text, run[count - 1].outer_end, run[count].outer_start):
        count += 1
    return [*run[: count - 1], _with_unit(text, run[count - 1], hi)]


def _leading(text: str, start: int, sentence: str, rule: str) -> Found | None:
    """A sentence that is mathematics, or begins with it (``5 apples``) or with a choice (``B, because``)."""
    choice = _CHOICE.match(sentence)
    if choice is not None:
        return Found(start, start + choice.end(), start, start + choice.end(), rule)
    word = _first_word(sentence)
    head = sentence if word < 0 else sentence[:word]
    if word >= 0:
        head = re.sub(r"(?:[\s,(]|\b(?:and|or|a)\b)+\Z", "", head)
        if not re.search(r"\d|\\[a-zA-Z]", head) or head.count("$") > 1:
            return None
    return _trimmed(text, start, start + len(head), rule)


def _values(text: str, lo: int, hi: int, run: list[Found] | None = None) -> list[Found]:
    """The last formula or number of text[lo:hi], with the formulas before it; empty where there is none.

    run: the formulas of text[lo:hi] where they are known.
    """
    run = formulas(text, lo, hi) if run is None else run
    named = [found for found in run if not _NAME.fullmatch(text, found.start, found.end)]
    end = (named or run)[-1].outer_end if run else lo
    numbers = from_the_last(text, end, hi)
    last = next(numbers, None)
    if last is None and not named and run:  # nothing but names in formulas: a number before them
        numbers = from_the_last(text, lo, hi)
        last = next(numbers, None)
    if last is not None and (not named or _wins(text, end, last[0])):
        return as_answers(text, lo, hi, last, numbers)
    run = named or run
    return [*run[:-1], _with_unit(text, run[-1], hi)] if run else []


def _wins(text: str, formula_end: int, number: int) -> bool:
    """Whether a number behind the last formula is the conclusion, rather than an aside."""
    between = text[formula_end:number][-MAX_SENTENCE:]
    return _VERB_BEFORE.search(between[-40:]) is not None or _CONCLUDES.search(between) is not None


_CHAT_TOKEN = re.compile(r"<\|\w{1,20}\|>\Z")


def _before_chat_tokens(text: str, lo: int, hi: int) -> int:
    """Where the text ends without the chat tokens and role names behind it; at most ten are peeled off."""
    for _ in range(10):
        end = lo + len(text[lo:hi].rstrip())
        bare = lo + len(text[lo:end].removesuffix("user").removesuffix("assistant").removesuffix("system").rstrip())
        token = _CHAT_TOKEN.search(text, max(lo, bare - 26), bare) if text.endswith("|>", lo, bare) else None
        if token is None:
            break
        hi = token.start()
    return hi


def conclusion(text: str, lo: int, hi: int) -> list[Found]:
    """The answer of a text without box, tag or phrase: last formula or number, bold word, or the whole."""
    hi = _before_chat_tokens(text, lo, hi)
    whole = _trimmed(text, lo, hi, "whole") if hi - lo <= MAX_WHOLE else None
    run = None if whole is None else formulas(text, lo, hi)
    if whole is not None and not run:
        inner = text[whole.start : whole.end]
        one_token = inner.isascii() and "*" not in inner and _SPACE.search(inner) is None
        if one_token or _first_word(inner) < 0:
            return [whole]
    for size in LOOKS:
        values = _values(text, max(lo, hi - size), hi, run)
        if values:
            return values
        if hi - size <= lo:
            break
    if whole is not None and (choice := _CHOICE.match(text, whole.start, whole.end)):
        return [Found(choice.start(), choice.end(), choice.start(), choice.end(), "choice")]
    bold = None
    for bold in _BOLD.finditer(text, max(lo, hi - LOOKS[0]), hi):  # noqa: B007
        pass
    if bold is not None:
        return [Found(bold.start(1), bold.end(1), bold.start(), bold.end(), "bold")]
    return [whole] if whole else []
