r"""Plausible near-misses of a gold, by answer type: what a slip of the pen or of the head would have given.

Promises: every candidate is another text of the gold's look. Whether it is another *value*, readable and of the same
kind, is proven elsewhere; an operation may offer candidates that are not. The order of the candidates is drawn from
the key. :data:`OPERATIONS` is the one table: a new slip is one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._draws import Draws
from ._members import cut, joined
from ._slips import (
    NUMERIC,
    Candidates,
    Gold,
    conjugate,
    digit_swap,
    digit_wrong,
    factor_of_two,
    off_by_one,
    one_over,
    reciprocal,
    sign,
    ten_fold,
)

CYCLES = (
    ("yes", "no"),
    ("true", "false"),
    ("odd", "even"),
    ("all", "none"),
    ("always", "never"),
    ("increasing", "decreasing"),
    ("convergent", "divergent"),
    ("left", "right"),
    ("acute", "right", "obtuse"),
    ("ellipse", "hyperbola", "parabola", "circle"),
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december"),
    ("red", "blue", "green", "yellow", "white", "black"),
    ("north", "east", "south", "west"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("first", "second", "third", "fourth", "fifth"),
    ("i", "ii", "iii", "iv", "v"),
    ("alice", "bob", "carol", "dave", "eve"),
)  # fmt: skip
"""Words that stand for one another, neighbours in their order; the first row that has a word counts."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of slip. examples: (gold, type, a candidate of it), which a test runs."""

    name: str
    meaning: str
    candidates: Candidates
    example: tuple[str, str, str]


# -- members, ends and relations --------------------------------------------------------------------------


def _swapped_members(gold: Gold, draws: Draws) -> Iterator[str]:
    if gold.type in ("tuple", "ratio", "collection"):
        parts = cut(gold.text)
        for i in draws.shuffled(range(len(parts.members) - 1)):
            members = list(parts.members)
            members[i], members[i + 1] = members[i + 1], members[i]
            yield joined(parts, members)


def _dropped_member(gold: Gold, draws: Draws) -> Iterator[str]:
    if gold.type not in NUMERIC | {"tuple", "interval", "ratio", "matrix"}:
        parts = cut(gold.text)
        if len(parts.members) > 1:
            for i in draws.shuffled(range(len(parts.members))):
                yield joined(parts, [*parts.members[:i], *parts.members[i + 1 :]])
    if "\\pm" in gold.text:
        for sign in draws.shuffled("+-"):
            yield re.sub(r"^\+\s*", "", re.sub(r"\\pm(?![a-zA-Z])", sign, gold.text))


_END = re.compile(r"(?:(?<=\\left)|^|(?<=\\cup)\s*|(?<=\\in)\s*)[(\[]|(?:(?<=\\right))?[)\]](?=\s*(?:$|\\cup))")
_OTHER_END = {"(": "[", "[": "(", ")": "]", "]": ")"}
_WEAK = re.compile(r"\\(?:leqslant|geqslant|leq|geq|le|ge)(?![a-zA-Z])|[<>≤≥]")
_STRICT = {"\\le": "<", "\\leq": "<", "\\leqslant": "<", "≤": "<", "\\ge": ">", "\\geq": ">", "\\geqslant": ">",
           "≥": ">", "<": r"\le ", ">": r"\ge "}  # fmt: skip
_REVERSED = {"\\le": "\\ge", "\\leq": "\\geq", "\\leqslant": "\\geqslant", "≤": "≥", "<": ">"}
_REVERSED |= {there: here for here, there in _REVERSED.items()}


def _open_or_closed(gold: Gold, draws: Draws) -> Iterator[str]:
    text, options = gold.text, []
    if gold.type in ("interval", "real set"):
        ends = list(_END.finditer(text))
        options += [text[: m.end() - 1] + _OTHER_END[m.group()[-1]] + text[m.end() :] for m in ends]
    for found in _WEAK.finditer(text):
        options.append(text[: found.start()] + _STRICT[found.group()] + text[found.end() :].lstrip())
    yield from draws.shuffled(options)


def _swapped_ends(gold: Gold, draws: Draws) -> Iterator[str]:
    r"""`[a,b)` for `(a,b]`: the right numbers, the brackets the other way round."""
    ends = list(_END.finditer(gold.text)) if gold.type == "interval" else []
    if len(ends) == 2:
        first, last = ends
        left, right = first.group()[-1], last.group()[-1]
        mirrored = {"(": ")", "[": "]", ")": "(", "]": "["}
        text = gold.text
        yield (text[: first.end() - 1] + mirrored[right] + text[first.end() : last.end() - 1]
               + mirrored[left] + text[last.end() :])  # fmt: skip


def _reversed(gold: Gold, draws: Draws) -> Iterator[str]:
    found = list(_WEAK.finditer(gold.text))
    if len(found) == 1:
        other = _REVERSED[found[0].group()]
        yield gold.text[: found[0].start()] + other + gold.text[found[0].end() :]


# -- choices and words --------------------------------------------------------------------------------------

_LETTER = re.compile(r"(?<![A-Za-z\\])[A-J](?![A-Za-z])")


def _neighbouring_choice(gold: Gold, draws: Draws) -> Iterator[str]:
    found = _LETTER.search(gold.text) if gold.type == "choice" else None
    if found:
        for step in draws.shuffled((1, -1)):
            other = chr(ord(found.group()) + step)
            if "A" <= other <= max("E", found.group()):
                yield gold.text[: found.start()] + other + gold.text[found.end() :]


def _neighbouring_word(gold: Gold, draws: Draws) -> Iterator[str]:
    for found in re.finditer(r"(?<![\\A-Za-z])[A-Za-z]+", gold.text):
        word = found.group().lower()
        for cycle in CYCLES:
            if gold.type == "text" and word in cycle:
                at = cycle.index(word)
                for step in draws.shuffled((1, -1)):
                    other = _cased(cycle[(at + step) % len(cycle)], found.group())
                    yield gold.text[: found.start()] + other + gold.text[found.end() :]
                break


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() else word.capitalize() if like[:1].isupper() else word


def _neighbouring_letter(gold: Gold, draws: Draws) -> Iterator[str]:
    r"""Another letter for a bare one: a symbol, or a point of a figure. Only where nothing else can slip."""
    letters = list(re.finditer(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])", gold.text))
    for found in draws.shuffled(letters):
        letter = found.group()
        low, high = ("a", "z") if letter.islower() else ("A", "Z")
        for step in draws.shuffled((1, -1)):
            other = chr(ord(letter) + step)
            if low <= other <= high:
                yield gold.text[: found.start()] + other + gold.text[found.end() :]


OPERATIONS: Sequence[Operation] = (
    Operation("off_by_one", "a numeral one too large or too small", off_by_one, ("12", "integer", "13")),
    Operation("digit_swap", "two neighbouring digits exchanged", digit_swap, ("120", "integer", "210")),
    Operation("digit_wrong", "one digit, not the first, is another", digit_wrong, ("12", "integer", "15")),
    Operation("ten_fold", "a power of ten lost or gained", ten_fold, ("0.5", "decimal", "0.05")),
    Operation("factor_of_two", "twice or half of a numeral", factor_of_two, (r"\pi", "real", r"2\pi")),
    Operation("sign", "a sign turned", sign, ("(1,-2)", "tuple", "(1,2)")),
    Operation("conjugate", "the sign before a radical or an imaginary part turned", conjugate,
              (r"1+\sqrt{2}", "real", r"1-\sqrt{2}")),
    Operation("reciprocal", "a fraction upside down", reciprocal,
              (r"\frac{2}{3}", "fraction", r"\frac{3}{2}")),
    Operation("swapped_members", "two members of a tuple or ratio exchanged", _swapped_members,
              ("(1,2)", "tuple", "(2,1)")),
    Operation("dropped_member", "a member of a list, a set or a union left out", _dropped_member,
              ("1, 2, 3", "list", "1, 3")),
    Operation("swapped_ends", "an interval's brackets the other way round", _swapped_ends,
              ("[1,2)", "interval", "(1,2]")),
    Operation("open_or_closed", "an end, or an inequality, closed for open or the reverse", _open_or_closed,
              (r"x \ge 2", "interval", "x >2")),
    Operation("reversed", "an inequality the other way round", _reversed, ("x < 2", "interval", "x > 2")),
    Operation("neighbouring_choice", "the letter before or behind", _neighbouring_choice, ("A", "choice", "B")),
    Operation("neighbouring_word", "a word that stands beside it in its list", _neighbouring_word,
              (r"\text{Yes}", "text", r"\text{No}")),
    Operation("one_over", "one over an integer, where nothing else can slip", one_over,
              ("12", "integer", r"\frac{1}{12}")),
    Operation("neighbouring_letter", "another letter, where nothing else can slip", _neighbouring_letter,
              ("P and S", "list", "P and T")),
)  # fmt: skip
LAST_RESORTS = frozenset({"neighbouring_letter", "one_over"})
"""Operations that are tried where no other gives a proven label."""
RARER = frozenset({"sign", "ten_fold"})
"""Slips that apply almost everywhere and are seldom plausible (a negative count): half as often as the others."""


def near_misses(
    gold: Gold, draws: Draws, names: Sequence[str] = (), rounds: Sequence[int] = (3, 24)
) -> Iterator[tuple[str, str]]:
    """(operation, candidate), in a drawn order of operations; without the gold's own text and repeats.

    names: only these operations; all by default. rounds: how many candidates of each operation are offered before
    the others have their turn again.
    """
    chosen = [op for op in OPERATIONS if not names or op.name in names]
    late = {op.name: (op.name in LAST_RESORTS, op.name in RARER and draws.below(2) == 0) for op in chosen}
    ordered = sorted(draws.shuffled(chosen), key=lambda op: late[op.name])
    streams = [(op.name, op.candidates(gold, draws)) for op in ordered]
    met = {gold.text}
    for count in rounds:
        for name, stream in streams:
            for _ in range(count):
                candidate = next(stream, None)
                if candidate is None:
                    break
                if candidate not in met:
                    met.add(candidate)
                    yield name, candidate
