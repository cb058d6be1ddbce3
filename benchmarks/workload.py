"""What the benchmarks verify: MATH-500 golds in other spellings, inside responses of about 1,100 characters.

Promises: deterministic; an `equal` form has the gold's value by construction and an `unequal` form has not;
no form is the gold's own text, and a gold's forms differ from each other as texts. Does not promise: that
the forms are distributed as a model's answers are, only that they exercise every answer type of the set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
MATH_500 = SHARED / "data" / "MATH-500.json"
DEV_CASES = SHARED / "cases" / "dev.jsonl"
RESPONSE_CHARS = 1_100
FORMS = 3  # equal and as many unequal forms per gold

_INTEGER = re.compile(r"-?\d+")
_FRAC = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_NUMBER = re.compile(r"(?<![\d.])\d+(?![\d.])")
_ROOT = re.compile(r"\\sqrt\{(\d+)\}")
_BARE_LIST = re.compile(r"[^()\[\]{}\\]+(?:,[^()\[\]{}\\]+)+")
_WORD = re.compile(r"\\text\{(\(?)([A-Za-z]+)(\)?)\}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One response to verify. equal: whether its answer has the gold's value. kind: the gold's answer type."""

    gold: str
    response: str
    answer: str
    equal: bool
    kind: str


def read_golds() -> list[str]:
    """The 500 golds. Raises FileNotFoundError where ../shared is absent."""
    return [str(row["answer"]) for row in json.loads(MATH_500.read_text(encoding="utf-8"))]


def read_dev() -> list[dict[str, Any]]:
    """The labelled cases, in the file's order. Raises FileNotFoundError where ../shared is absent."""
    return [json.loads(line) for line in DEV_CASES.read_text(encoding="utf-8").splitlines()]


# -- spellings ---------------------------------------------------------------------------------------

Rewrite = Callable[[str, str], "str | None"]


def _decimal_zero(gold: str, kind: str) -> str | None:
    return f"{gold}.0" if _INTEGER.fullmatch(gold) else None


def _as_sum(gold: str, kind: str) -> str | None:
    return f"{int(gold) - 3} + 3" if _INTEGER.fullmatch(gold) else None


def _as_fraction(gold: str, kind: str) -> str | None:
    return rf"\frac{{{2 * int(gold)}}}{{2}}" if _INTEGER.fullmatch(gold) else None


def _unreduced(gold: str, kind: str) -> str | None:
    if _FRAC.search(gold) is None:
        return None
    return _FRAC.sub(lambda m: rf"\dfrac{{{2 * int(m[1])}}}{{{2 * int(m[2])}}}", gold)


def _slash(gold: str, kind: str) -> str | None:
    match = _FRAC.fullmatch(gold)
    return f"{match[1]}/{match[2]}" if match else None


def _terminating(gold: str, kind: str) -> str | None:
    match = _FRAC.fullmatch(gold)
    if match is None:
        return None
    value = Fraction(int(match[1]), int(match[2]))
    scaled = value * 10**6
    return str(int(scaled) / 10**6) if scaled.denominator == 1 else None


def _root_scaled(gold: str, kind: str) -> str | None:
    if _ROOT.search(gold) is None:
        return None
    return _ROOT.sub(lambda m: rf"\frac{{\sqrt{{{4 * int(m[1])}}}}}{{2}}", gold)


def _root_as_power(gold: str, kind: str) -> str | None:
    return _ROOT.sub(r"(\1)^{1/2}", gold) if _ROOT.search(gold) else None


def _times_one(gold: str, kind: str) -> str | None:
    return rf"\frac{{3({gold})}}{{3}}" if kind == "expression" and "," not in gold else None


def _plus_zero(gold: str, kind: str) -> str | None:
    return rf"1 + ({gold}) - 1" if kind == "expression" and "," not in gold else None


def _other_list_order(gold: str, kind: str) -> str | None:
    if kind != "collection" or _BARE_LIST.fullmatch(gold) is None:
        return None
    return ", ".join(reversed([part.strip() for part in gold.split(",")]))


def _other_union_order(gold: str, kind: str) -> str | None:
    parts = gold.split(r"\cup")
    return r" \cup ".join(part.strip() for part in reversed(parts)) if len(parts) == 2 else None


def _swapped_sides(gold: str, kind: str) -> str | None:
    sides = gold.split("=")
    return f"{sides[1].strip()} = {sides[0].strip()}" if kind == "equation" and len(sides) == 2 else None


def _bare_word(gold: str, kind: str) -> str | None:
    match = _WORD.fullmatch(gold)
    return f"{match[1]}{match[2]}{match[3]}" if match else None


def _small_word(gold: str, kind: str) -> str | None:
    match = _WORD.fullmatch(gold)
    return rf"\textbf{{{match[2].lower() if kind == 'text' else match[2]}}}" if match else None


def _replaced(old: str, new: str) -> Rewrite:
    def rewrite(gold: str, kind: str) -> str | None:
        return gold.replace(old, new) if old in gold else None

    return rewrite


def _spaced(gold: str, kind: str) -> str | None:
    return rf"\, {gold} \;"


def _dollars(gold: str, kind: str) -> str | None:
    return None if "$" in gold else f"${gold}$"


def _full_stop(gold: str, kind: str) -> str | None:
    return f"{gold}."


# In the order of choice: what changes the value's make-up first, spacing last.
EQUAL: tuple[Rewrite, ...] = (
    _as_fraction, _as_sum, _unreduced, _terminating, _slash, _root_scaled, _times_one, _root_as_power,
    _other_list_order, _other_union_order, _swapped_sides, _bare_word, _small_word,
    _replaced("pmatrix", "bmatrix"), _replaced(r"^\circ", "°"), _replaced(r"\pi", "π"), _replaced(r"\mbox", r"\text"),
    _replaced(r"\infty", "∞"), _replaced(r",\!", ""), _replaced(r"\left", ""), _plus_zero, _decimal_zero,
    _spaced, _dollars, _full_stop,
)  # fmt: skip


def _last_number_up(gold: str, kind: str) -> str | None:
    if kind == "based":  # the last number is the base; the first is a numeral that must stay one
        return gold.replace("_", "0_", 1)
    numbers = list(_NUMBER.finditer(gold))
    if not numbers:
        return None
    last = numbers[-1]
    return f"{gold[: last.start()]}{int(last[0]) + 1}{gold[last.end() :]}"


def _first_number_longer(gold: str, kind: str) -> str | None:
    match = re.search(r"[1-9]", gold)
    return f"{gold[: match.start()]}1{gold[match.start() :]}" if match else None


def _negated(gold: str, kind: str) -> str | None:
    return f"-({gold})" if kind == "expression" and gold != "0" and "," not in gold else None


def _off_by_little(gold: str, kind: str) -> str | None:
    return rf"{gold} + 10^{{-9}}" if kind == "expression" and "," not in gold else None


def _other_word(gold: str, kind: str) -> str | None:
    return r"\text{sideways}" if kind in ("text", "choice") else None


def _other_choice(gold: str, kind: str) -> str | None:
    return r"\text{(A)}" if kind in ("text", "choice") else None


def _one_more(gold: str, kind: str) -> str | None:
    return f"{gold}, 97" if kind in ("collection", "expression") else None


def _another_value(gold: str, kind: str) -> str | None:
    return r"\frac{97}{89}"


UNEQUAL: tuple[Rewrite, ...] = (
    _last_number_up, _negated, _first_number_longer, _other_word, _other_choice, _off_by_little, _one_more,
    _another_value,
)  # fmt: skip


def forms(gold: str, kind: str, rewrites: tuple[Rewrite, ...], count: int = FORMS) -> list[str]:
    """The first `count` different spellings that apply."""
    found: dict[str, None] = {}
    for rewrite in rewrites:
        text = rewrite(gold, kind)
        if text is not None and text.strip() != gold.strip():
            found.setdefault(text)
        if len(found) == count:
            break
    return list(found)


# -- responses ---------------------------------------------------------------------------------------

_STEPS = (
    "Let us write down what is given and name the unknown quantities, say $x$ and $y$, before any calculation.",
    "Adding the two relations, we see that $2x + 3y = {n}$, and so one of the unknowns can be taken out.",
    "Now the remaining terms are grouped in pairs, which leaves $x^2 - {n}x + 6 = 0$ as the condition.",
    "This step deserves a check: for $x = {n}$ both sides give \\( {n} + 1 \\), as they should.",
    "By symmetry it is enough to look at the first case; the second one follows with the roles exchanged.",
    "The product of the two roots is $\\frac{{{n}}}{{4}}$, and neither of them can be negative here.",
    "Collecting everything, no other possibility is left, and the bound found above is reached.",
    "Hence the expression takes the value that we look for, which can also be confirmed by inserting it.",
)

_FILLER = "The details of this last step are routine and so they are left to the reader, who may wish to redo them "


def response(answer: str, number: int, chars: int = RESPONSE_CHARS) -> str:
    """About `chars` characters of prose with formulas, different for each number, that end in a box."""
    ending = f" Therefore the final answer is $\\boxed{{{answer}}}$."
    parts: list[str] = []
    room = chars - len(ending)
    while True:
        step = number + len(parts)
        sentence = _STEPS[step % len(_STEPS)].format(n=2 + (number + step) % 9973)
        if len(sentence) + 1 > room:
            break
        parts.append(sentence)
        room -= len(sentence) + 1
    return " ".join(parts) + " " + _FILLER[:room] + ending


def pairs(golds: list[str], kind_of: Callable[[str], str], count: int = FORMS) -> list[list[Pair]]:
    """One list per gold: its equal forms, then its unequal ones."""
    number = 0
    work = []
    for gold in golds:
        kind = kind_of(gold)
        group = []
        for equal, rewrites in ((True, EQUAL), (False, UNEQUAL)):
            for text in forms(gold, kind, rewrites, count):
                group.append(Pair(gold, response(text, number), text, equal, kind))
                number += 1
        work.append(group)
    return work


def training_batch(work: list[list[Pair]], per_problem: int, limit: int) -> Iterator[tuple[str, str]]:
    """(response, gold) as a training step has them: per problem, the group's forms over and over, unlike prose."""
    number = 0
    while number < limit:
        for group in work:
            for index in range(per_problem):
                if number == limit:
                    return
                pair = group[index % len(group)]
                yield response(pair.answer, number), pair.gold
                number += 1
