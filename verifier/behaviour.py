r"""Traits of a response that say how a model works, not whether it is right: boxes, code, repetition, script, length.

Promises: every trait is a function of the text alone, defined here once for rewards, evaluation and reports; linear
time on ordinary text, and bounded on any. Not promised: that code was run, or that a script tells the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

from ._boxes import read_box
from ._rules import BOXES
from .extraction import _SPACES

_BOX = re.compile("|".join(re.escape(anchor) for rule in BOXES for anchor in rule.anchors))

SHORTEST, LONGEST, TIMES = 10, 256, 10
"""What counts as repetition: the unit's length in characters, and how often it stands in a row (arXiv 2506.10947)."""


def has_box(response: str) -> bool:
    r"""Whether there is a box with something in it, closed or not, anywhere.

    What a box is, extraction says: it need not have braces, and one that is only spoken of ("in \boxed.") is none.
    Linear: a box that is read far has something in it.

    >>> [has_box(r) for r in (r"\boxed{5}", r"\fbox x", r"\boxed{", r"\boxed{ }", r"in \boxed.", "5")]
    [True, True, False, False, False, False]
    """
    for marker in _BOX.finditer(response):
        found = read_box(response, marker.start(), len(response))
        if found and response[found.start : found.end if found.end >= 0 else None].strip(_SPACES):
            return True
    return False


def has_code(response: str) -> bool:
    """The paper's sign of code reasoning: the word "python" in any case (arXiv 2506.10947, section 4).

    >>> has_code("Let's solve this using Python."), has_code("by hand")
    (True, False)
    """
    return has_word(response, "python")


def has_word(response: str, word: str) -> bool:
    """Whether the text contains ``word`` in any case, also within a longer word."""
    return word.lower() in response.lower()


def has_fence(response: str, language: str = "python") -> bool:
    """Whether a fenced block of ``language`` is opened: three backticks and its name, in any case.

    >>> has_fence("```python\\nprint(1)\\n```"), has_fence("python")
    (True, False)
    """
    return has_word(response, f"```{language}")


def repeats(text: str) -> bool:
    r"""Whether some string of 10 to 256 characters, line breaks included, stands 10 or more times in a row.

    Ten copies of a unit of length d are a stretch of 9d places whose character is also the one d places on. Periods
    are looked for by octave, d in P .. 2P - 1: such a stretch contains, from some multiple k of 5P, a block of 4P
    characters, which then stands again d places behind k. Within an octave only the nearest copy matters: by the
    periodicity lemma every other d is a multiple of the block's least period, as the nearest is, and all of them
    are periods of the same stretch, so the nearest needs the shortest one.

    >>> repeats("so we get 5.\n" * 10), repeats("so we get 5.\n" * 9)
    (True, False)
    """
    length, find = len(text), text.find
    octave = SHORTEST
    while octave <= LONGEST and octave * TIMES <= length:
        size = 4 * octave
        reach = min(2 * octave - 1, LONGEST) + size
        for at in range(0, length - size - octave + 1, 5 * octave):
            again = find(text[at : at + size], at + octave, at + reach)
            if again >= 0 and _stretch(text, at, size, again - at) >= (TIMES - 1) * (again - at):
                return True
        octave *= 2
    return False


def _stretch(text: str, at: int, size: int, period: int) -> int:
    """Places in a row around text[at : at + size] that hold the character of ``period`` places on, up to 9 periods."""
    most = (TIMES - 1) * period
    right = _common(text, at + size, period, min(most, len(text) - period - at - size))
    left = _common_before(text, at, period, min(most, at))
    return left + size + right


def _common(text: str, at: int, period: int, most: int) -> int:
    """How many places from ``at`` on agree with those ``period`` further on, at most ``most``."""
    low, high = 0, max(0, most)
    while low < high:  # bisect: comparing slices costs next to nothing per character
        middle = (low + high + 1) // 2
        if text[at + low : at + middle] == text[at + low + period : at + middle + period]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_before(text: str, at: int, period: int, most: int) -> int:
    """How many places before ``at`` agree with those ``period`` further on, at most ``most``."""
    low, high = 0, max(0, most)
    while low < high:
        middle = (low + high + 1) // 2
        if text[at - middle : at - low] == text[at - middle + period : at - low + period]:
            low = middle
        else:
            high = middle - 1
    return low


def scripts(text: str) -> dict[str, int]:
    """Letters by script (``latin``, ``cjk``, ``cyrillic``, ...), the most frequent first.

    >>> scripts("abc, 答案")
    {'latin': 3, 'cjk': 2}
    """
    found: Counter[str] = Counter()
    for char, count in Counter(text).items():
        name = "latin" if char.isascii() and char.isalpha() else _script(char)
        if name:
            found[name] += count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    if not char.isalpha():
        return ""
    return unicodedata.name(char, "").partition(" ")[0].lower()


def main_script(text: str) -> str | None:
    """The script of most letters, None where there is no letter.

    >>> main_script("so 5"), main_script("因此 5"), main_script("5")
    ('latin', 'cjk', None)
    """
    return next(iter(scripts(text)), None)


def length(text: str, unit: str = "characters") -> int:
    """How long a text is, in ``characters`` or in ``words`` (parted by white space)."""
    return len(text.split()) if unit == "words" else len(text)


def traits(response: str | None) -> dict[str, Any]:
    """All of them, under constant keys; None counts as an empty response.

    >>> traits(r"\\boxed{5}")["box"]
    True
    """
    text = response or ""
    return {
        "box": has_box(text),
        "code": has_code(text),
        "fence": has_fence(text),
        "repeats": repeats(text),
        "script": main_script(text),
        "characters": len(text),
        "words": length(text, "words"),
    }
