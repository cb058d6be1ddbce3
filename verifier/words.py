"""Which letters are words, and how words are spelt canonically.

Promises: words compare casefolded, single-spaced, without articles' or punctuation's noise
around them; a run of letters is a word or a product of symbols by the same rule everywhere.
"""

from __future__ import annotations

import re

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


def canonical_words(text: str) -> str:
    """Casefolded, single-spaced, without quotes, hyphens or outer punctuation.

    >>> canonical_words(' "Infinitely  many." ')
    'infinitely many'
    """
    text = re.sub(r"[\"'*_`$~{}\\]", "", text.replace("-", " "))
    words = re.sub(r"\s+", " ", text).strip(" .,;:!()[]").casefold()
    words = re.sub(r"^(?:so |thus |hence )?(?:the )?(?:final |correct )?answer is (?:that )?", "", words)
    return words.removeprefix("a ").removeprefix("an ").removeprefix("the ")


_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()


def spelled_number(words: str) -> int | None:
    """The value of a number word up to twelve.

    >>> spelled_number("seven")
    7
    """
    return _NUMBERS.index(words) if words in _NUMBERS else None


def means_empty_set(words: str) -> bool:
    return words in _EMPTY_SET
