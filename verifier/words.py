"""Which letters are words, and how words are spelt canonically.

Promises: words compare casefolded, single-spaced, without articles' or punctuation's noise
around them; a run of letters is a word or a product of symbols by the same rule everywhere.
"""

from __future__ import annotations

import re
from fractions import Fraction

from .grammar.tables import GREEK

# Short answers that are words, not products of symbols.
_SHORT = frozenset(
    "yes no ans odd even true false none both only all one two six ten red sum dne nan may mon tue wed thu fri "
    "sat sun jan feb mar apr jun jul aug sep oct nov dec up down left east west the is are not it to of at "
    "by on in cat dog pig hen cow cup box car bus man men boy day min max win tie win lie or and".split()
)
_FUNCTIONS = frozenset({"sin", "cos", "tan", "log", "ln", "sec", "csc", "cot"})
_VOWELS = frozenset("aeiouyAEIOUY")
_CONTIGUOUS = "abcdefghijklmnopqrstuvwxyz"
_EMPTY_SET = frozenset(
    {
        "no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set",
        "no such values", "no roots", "no real roots",
    }
)  # fmt: skip


def is_word(run: str) -> bool:
    """True where a run of letters reads as a word rather than a product of symbols.

    >>> [is_word(w) for w in ("odd", "abc", "Monday", "xy", "wxyz", "Tom")]
    [True, False, True, False, False, True]
    """
    lower = run.lower()
    if run.isupper() and (len(set(run)) < len(run) > 2 or len(run) > 1 and set(run) <= set("IVX")):
        return True  # BEE is no B*E^2, and IV no V*I
    if run in GREEK:
        return False
    if lower[:-1] in _FUNCTIONS and lower[-1] in "xyz":
        return False
    if lower in _SHORT and not run.isupper():
        return True
    if len(run) == 3:
        return run[0].isupper() and run[1:].islower() and not _VOWELS.isdisjoint(run[1:])
    return len(run) > 3 and not _VOWELS.isdisjoint(run) and lower not in _CONTIGUOUS and not run.isupper()


_NOISE = re.compile(r"[\"'*_`$~{}\\]|(?<=\d)(?:st|nd|rd|th)\b")
_SPACE = re.compile(r"\s+")
_LEAD_IN = re.compile(r"^(?:so |thus |hence )?(?:the )?(?:final |correct )?answer is (?:that )?")


def canonical_words(text: str) -> str:
    """Casefolded, single-spaced, without quotes, hyphens or outer punctuation.

    >>> canonical_words(' "Infinitely  many." ')
    'infinitely many'
    """
    text = _NOISE.sub("", text.replace("-", " "))
    words = _SPACE.sub(" ", text).strip(" .,;:!()[]").casefold()
    words = _LEAD_IN.sub("", words)
    return words.removeprefix("a ").removeprefix("an ").removeprefix("the ")


_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "twelfth": 12, "sixteenth": 16, "twentieth": 20, "hundredth": 100,
}  # fmt: skip


def spelled_number(words: str) -> Fraction | None:
    """The value of canonical words that spell a number or a fraction of small numbers.

    >>> spelled_number("one hundred and twenty one"), spelled_number("three quarters"), spelled_number("one or two")
    (Fraction(121, 1), Fraction(3, 4), None)
    """
    *front, last = words.split() or [""]
    part = _PARTS.get(last) or _PARTS.get(last.removesuffix("s"))
    if part is None:
        whole = _cardinal([*front, last])
        return None if whole is None else Fraction(whole)
    count = _cardinal(front) if front else 1
    return Fraction(count, part) if count and (count > 1) == (last[-1] == "s") else None


def _cardinal(words: list[str]) -> int | None:
    """`two thousand and sixteen`: each scale follows a number, and each is smaller than the last."""
    total, group, bound, unit_bound = 0, 0, 10**12, 1000
    for index, word in enumerate(words):
        if word == "and" and index and words[index - 1] in ("hundred", *_SCALES) and index + 1 < len(words):
            continue
        if word in _SCALES and group > 0 and _SCALES[word] < bound:
            bound = _SCALES[word]
            total, group, unit_bound = total + group * bound, 0, 1000
        elif word == "hundred" and 0 < group < 10:
            group, unit_bound = group * 100, 100
        elif word in _TENS and unit_bound >= 100:
            group, unit_bound = group + _TENS[word], 10
        elif word in _NUMBERS and _NUMBERS.index(word) < unit_bound and (word != "zero" or len(words) == 1):
            group, unit_bound = group + _NUMBERS.index(word), 1
        else:
            return None
    return total + group if words else None


def means_empty_set(words: str) -> bool:
    return words in _EMPTY_SET
