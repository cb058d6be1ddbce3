r"""Golds taken apart, independently of the verifier: which shape, which members, which delimiters.

Promises: a shape is claimed only where it is plain (a comma list whose commas might be thousands has none), so that
a rewrite of that shape is sure to keep, or to change, the meaning.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any


def load(name: str) -> ModuleType:
    """A module beside this one, as ``rewrites_<name>``; the tests are no package."""
    full = f"rewrites_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


oracle = load("oracle")

_DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"))
_RELATION = re.compile(
    r"=|<|>|\\(?:leq?|geq?|leqslant|geqslant|lt|gt|neq?|in|approx|equiv|sim|cong|mid|to)(?![a-zA-Z])|≤|≥|:"
)
_WORDS = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm|operatorname)|[A-Za-z]{2,}")
_WORDY = re.compile(r"[A-Za-z]{3,}|\bor\b|\d +[a-z]{2}$")
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:,(?:\\!)?\d{3})+(?![\d])")


@dataclass(frozen=True)
class Gold:
    """raw: as the data set has it; bare: without delimiters and outer space."""

    raw: str
    bare: str = field(init=False)

    def __post_init__(self) -> None:
        text = self.raw.strip()
        for opening, closing in _DELIMITERS:
            if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening + closing):
                inner = text[len(opening) : -len(closing)]
                if opening not in inner and closing not in inner:
                    text = inner.strip()
        object.__setattr__(self, "bare", text)

    @cached_property
    def plain(self) -> bool:
        """No delimiters, boxes or environments inside: safe to wrap as one formula."""
        return not re.search(r"(?<!\\)\$|\\[()\[\]]|\\boxed|\\begin|\\\\", self.bare) and self.bare != ""

    @cached_property
    def wordless(self) -> bool:
        return not _WORDS.search(_COMMAND.sub(lambda m: m.group() if _WORDS.match(m.group()) else " ", self.bare))

    @cached_property
    def value(self) -> Any:
        """The bare text's number, letters at their keyed points; None where unsure."""
        if len(self.bare) == 1 and self.bare.isalpha() or _WORDY.search(_COMMAND.sub(" ", self.bare)):
            return None  # perhaps a letter to choose; words
        if re.search(r"\(-[^()]*\) ?\^", self.bare) and oracle.symbols(self.bare):
            return None  # means an integer exponent, which the keyed points are not
        return oracle.value(self.bare)

    @cached_property
    def is_number(self) -> bool:
        return self.value is not None and not oracle.symbols(self.bare)

    @cached_property
    def integer(self) -> int | None:
        return int(self.bare) if re.fullmatch(r"-?\d{1,40}", self.bare) else None

    @cached_property
    def fraction(self) -> tuple[str, int, int] | None:
        r"""(sign, numerator, denominator) of a bare ``\frac{a}{b}`` or ``a/b``."""
        found = re.fullmatch(r"(-?)\s*(?:\\[dtc]?frac\s*\{(\d+)\}\s*\{(\d+)\}|(\d+)\s*/\s*(\d+))", self.bare)
        if not found or int(found[3] or found[5]) == 0:
            return None
        return found[1], int(found[2] or found[4]), int(found[3] or found[5])

    @cached_property
    def rational(self) -> Fraction | None:
        if self.fraction:
            sign, top, bottom = self.fraction
            return Fraction(-top if sign else top, bottom)
        return Fraction(self.bare) if re.fullmatch(r"-?\d+(?:\.\d+)?", self.bare) else None

    @cached_property
    def has_relation(self) -> bool:
        return bool(_RELATION.search(self.bare))

    @cached_property
    def members(self) -> list[str] | None:
        """Members of a bare comma list of plain values, at least two; None where unsure."""
        if self.has_relation or not self.plain or _THOUSANDS.search(self.bare.replace(" ", "")):
            return None
        parts = split(self.bare)
        if parts is None or len(parts) < 2 or any(oracle.value(p) is None for p in parts):
            return None
        return parts

    @cached_property
    def set_members(self) -> list[str] | None:
        r"""Members of a ``\{...\}`` of plain values."""
        found = re.fullmatch(r"\\(?:left)?\s*\\?\{(.*?)\\?(?:right)?\\\}", self.bare, re.S)
        if not found or not self.plain or _THOUSANDS.search(self.bare.replace(" ", "")):
            return None
        parts = split(found[1].removesuffix("\\right").strip())
        return parts if parts and all(oracle.value(p) is not None for p in parts) else None

    @cached_property
    def coordinates(self) -> list[str] | None:
        """Coordinates of one bracketed tuple of plain values (a pair may also be an open interval)."""
        found = re.fullmatch(r"(?:\\left)?\s*\((.*?)(?:\\right)?\s*\)", self.bare, re.S)
        if not found or not self.plain:
            return None
        parts = split(found[1])
        return parts if parts and len(parts) > 1 and all(oracle.value(p) is not None for p in parts) else None

    @cached_property
    def interval(self) -> tuple[str, str, str, str] | None:
        """(opening, left, right, closing) of one interval with plain ends or infinities."""
        found = re.fullmatch(r"(?:\\left)?\s*([(\[])(.*?)(?:\\right)?\s*([)\]])", self.bare, re.S)
        if not found or not self.plain:
            return None
        parts = split(found[2])
        if not parts or len(parts) != 2:
            return None
        ends = [oracle.value(p) for p in parts]
        infinite = [bool(re.fullmatch(r"[+-]?\s*\\infty", p)) for p in parts]
        if any(e is None and not f for e, f in zip(ends, infinite, strict=True)) or oracle.symbols("".join(parts)):
            return None
        if not any(infinite) and (ends[0].imag or ends[1].imag or not ends[0].real < ends[1].real):
            return None
        if infinite[0] and not parts[0].startswith("-"):
            return None
        if (found[1], found[3]) == ("(", ")") and not any(infinite):
            return None  # a point as well as an interval
        return found[1], parts[0], parts[1], found[3]

    @cached_property
    def matrix(self) -> list[list[str]] | None:
        """Entries of one matrix of plain values."""
        found = re.fullmatch(r"\\begin\{([pbBvV]?)matrix\}(.*)\\end\{\1matrix\}", self.bare, re.S)
        if not found or found[1] in "vV":
            return None
        rows = [[cell.strip() for cell in row.split("&")] for row in re.split(r"\\\\", found[2]) if row.strip()]
        if any(oracle.value(cell) is None for row in rows for cell in row) or len({len(row) for row in rows}) != 1:
            return None
        return rows

    @cached_property
    def equation(self) -> tuple[str, str] | None:
        """The sides of one equation between plain expressions."""
        sides = self.bare.split("=")
        if len(sides) != 2 or not self.plain or any(oracle.value(s) is None for s in sides):
            return None
        return sides[0].strip(), sides[1].strip()

    @cached_property
    def terms(self) -> list[tuple[str, str]] | None:
        """(sign, term) of a top-level sum of at least two terms, signs explicit."""
        if self.value is None:
            return None
        parts: list[tuple[str, str]] = []
        depth, start, sign = 0, 0, "+"
        text = re.sub(r"\s+", " ", self.bare)
        for index, char in enumerate(text):
            if char in "({[":
                depth += 1
            elif char in ")}]":
                depth -= 1
            elif char in "+-" and depth == 0:
                before = text[:index].rstrip()
                if before and before[-1] in "^*/_" or re.search(r"\\(?:cdot|times|div|frac|sqrt)$", before):
                    return None
                if text[start:index].strip():
                    parts.append((sign, text[start:index].strip()))
                elif start:
                    return None
                sign, start = char, index + 1
        parts.append((sign, text[start:].strip()))
        return parts if len(parts) > 1 and all(term for _, term in parts) else None

    @cached_property
    def word(self) -> str | None:
        r"""The word of a bare or ``\text``-wrapped gold of letters only, at least three of them."""
        found = re.fullmatch(r"(?:\\text(?:bf)?\{\s*)?([A-Z][a-z]{2,}|[a-z]{3,})\s*\}?", self.bare)
        return found[1] if found and "{" not in found[1] else None

    @cached_property
    def choice(self) -> str | None:
        r"""The letter of a multiple-choice gold: ``C``, ``(C)``, ``\text{(C)}``."""
        found = re.fullmatch(r"(?:\\text(?:bf)?\{\s*)?\(?([A-E])\)?\s*\}?", self.bare)
        return found[1] if found else None

    @cached_property
    def based(self) -> tuple[str, int] | None:
        found = re.fullmatch(r"(\d+)_\{?\(?(\d+)\)?\}?", self.bare)
        if not found or not 2 <= int(found[2]) <= 10 or any(int(d) >= int(found[2]) for d in found[1]):
            return None
        return found[1], int(found[2])


def split(text: str) -> list[str] | None:
    """Parts at top-level commas, stripped; None where brackets do not nest or a part is empty."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in "({[":
            depth += 1
        elif char in ")}]":
            depth -= 1
            if depth < 0:
                return None
        elif char == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return parts if depth == 0 and all(parts) else None
