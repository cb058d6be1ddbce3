r"""Labels that are wrong on purpose, each proven wrong before it is written.

Promises: a label is a function of (seed, id) and the row's own gold - for `shuffle` of a pool too, which has a digest -
and of nothing else: not of the order of the rows, of which others are there, of the process or the machine. What cannot
be corrupted is a result with a reason, never a row that silently keeps its gold. See :mod:`.proof` for what is proven.

    >>> from verifier.rows import Row
    >>> result = Corrupter(Corruption("perturb", seed=1))(Row("a/7", "6 * 7 =", "42"))
    >>> result.row.gold, result.row.label != "42", result.row.label_source["rung"]
    ('42', True, 'exact')
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..answer_types import answer_type, answer_types, type_of
from ..compare import Reading, reader
from ..config import DEFAULT_CONFIG, VerifierConfig
from ..errors import ConfigError
from ..parse import unwrap
from ..rows import Row, prompt_id
from ._draws import Draws
from ._numerals import braced
from ._slips import Gold
from .alike import alike
from .near import OPERATIONS, near_misses
from .proof import REASONS as _PROOF_REASONS
from .proof import Proof, prove_wrong
from .ring import Ring

METHODS = {
    "perturb": "a plausible near-miss of the gold, by answer type",
    "random_same_type": "a random answer of the gold's type and look",
    "shuffle": "the gold of another problem, of the same type where there is one",
    "incorrect_majority": "the majority label, where it is wrong; other problems are left out",
}
REASONS = _PROOF_REASONS | {
    "row_unreadable": "the row cannot be read, or lacks an id, a prompt or a gold",
    "no_candidate": "the method offers nothing for this gold, or nothing that can be read as its type",
    "unproven": "candidates were offered, and none was proven different",
    "golds_differ": "the prompt has several golds, and the label is not proven wrong for each of them",
}
"""Why a row is left out."""

_LOOSE = frozenset({"reciprocal", "one_over", "conjugate", "ten_fold", "dropped_member", "reversed", "open_or_closed"})


@dataclass(frozen=True, slots=True)
class Corruption:
    """How labels are made wrong; raises ConfigError for what cannot be honoured.

    method: one of METHODS. seed: of every draw. rate: the share of rows that are corrupted, each drawn by itself from
    (seed, id); the others keep their gold as label.
    Systematic variants: operations: only these slips (``perturb``); types: only rows whose gold is of these types;
    pattern: only rows whose gold's text has a match; systematic: draws are keyed by the gold's value instead of the id,
    so that one gold always becomes the same wrong label. Rows outside types and pattern keep their gold as label.
    """

    method: str
    seed: int = 0
    rate: float = 1.0
    operations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    pattern: str | None = None
    systematic: bool = False
    config: VerifierConfig = field(default=DEFAULT_CONFIG)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"method={self.method!r} is unknown; choose one of {', '.join(METHODS)}")
        if not (isinstance(self.rate, (int, float)) and math.isfinite(self.rate) and 0 <= self.rate <= 1):
            raise ConfigError(f"rate={self.rate!r} must be a share from 0 to 1")
        known = [operation.name for operation in OPERATIONS]
        for name in self.operations:
            if name not in known:
                raise ConfigError(f"operation {name!r} is unknown; choose from {', '.join(known)}")
        types = answer_types() if self.types else []
        for name in self.types:
            if name not in types:
                raise ConfigError(f"type {name!r} is unknown; choose from {', '.join(types)}")
        if self.operations and self.method != "perturb":
            raise ConfigError(f"operations are slips of `perturb`; {self.method!r} has none")
        if self.method == "incorrect_majority" and (self.rate != 1 or self.systematic):
            raise ConfigError("incorrect_majority draws nothing: leave rate and systematic out")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ConfigError(f"pattern={self.pattern!r} is no regular expression: {error}") from None

    def describe(self) -> dict[str, Any]:
        """Plain values, for manifests; the config apart."""
        return {
            "method": self.method,
            "seed": self.seed,
            "rate": self.rate,
            "operations": list(self.operations),
            "types": list(self.types),
            "pattern": self.pattern,
            "systematic": self.systematic,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """row: with its label, None where it is left out. type: the gold's. reason: a key of REASONS where it is left out.

    corrupted: False where the row was not to be corrupted (rate, types, pattern) and its label is its gold.
    """

    row: Row | None
    type: str
    reason: str | None = None
    detail: str = ""
    corrupted: bool = True


class Corrupter:
    """Corrupts rows, one at a time and each for itself.

    ring: the pool of `shuffle`, with the same seed. workers: whether `incorrect_majority` may ask worker processes
    where the cheap rungs do not decide; the other methods never do.
    """

    def __init__(self, how: Corruption, ring: Ring | None = None, *, workers: bool = True) -> None:
        if (how.method == "shuffle") != (ring is not None):
            raise ConfigError("shuffle needs a pool, and no other method does")
        if ring is not None and ring.seed != how.seed:
            raise ConfigError(f"the pool was made for seed {ring.seed}, not {how.seed}")
        self.how = how
        self._ring = ring
        self._workers = workers
        self._config = replace(how.config, extraction="boxed", second_opinion=False)
        self._reader = reader(self._config)
        self._pattern = re.compile(how.pattern) if how.pattern else None

    def __call__(self, row: Row) -> Result:
        """The row with a label that is proven wrong, or why there is none."""
        reading = self._reader.read(row.gold)
        kind = type_of(reading)
        if not self._wanted(row, kind):
            source = {"method": "ground_truth", "within": self.how.method, "seed": self.how.seed}
            return Result(replace(row, label=row.gold, label_source=source), kind, corrupted=False)
        if reading.answer is None:
            return Result(None, kind, "gold_unreadable", reading.detail)
        if self.how.method == "incorrect_majority":
            return self._majority(row, kind)
        return self._first_proven(row, reading, kind)

    def _wanted(self, row: Row, kind: str) -> bool:
        how = self.how
        if how.types and kind not in how.types or self._pattern and not self._pattern.search(row.gold):
            return False
        return how.rate == 1 or Draws("rate", how.seed, row.id).happens(how.rate)

    def _majority(self, row: Row, kind: str) -> Result:
        if row.label is None or not row.label.strip():
            return Result(None, kind, "label_missing")
        proof = prove_wrong(row.label, row.gold, self._config, workers=self._workers)
        if not proof.wrong:
            return Result(None, kind, proof.reason, proof.detail)
        votes = {"votes": dict(row.label_source)} if row.label_source else {}
        return Result(replace(row, label_source={**self._source(proof, kind), **votes}), kind)

    def _first_proven(self, row: Row, reading: Reading, kind: str) -> Result:
        """The first candidate that is proven wrong and looks like the gold, else the first that is proven."""
        spare: tuple[str, dict[str, Any]] | None = None
        offered, detail = 0, ""
        for text, facts, strict in self._candidates(row, reading, kind):
            other = self._reader.read(text)
            if other.answer is None or strict and other.answer.kind != reading.answer.kind:  # type: ignore[union-attr]
                continue
            offered += 1
            looks = not strict or facts.get("operation") in _LOOSE or type_of(other) == kind
            looks = looks and not _newly_odd(text, row.gold)
            if spare is not None and not looks:
                continue
            proof = prove_wrong(text, row.gold, self._config)
            if not proof.wrong:
                detail = f"{proof.reason}: {proof.detail}" if proof.detail else str(proof.reason)
                continue
            found = (text, {**self._source(proof, kind), **facts})
            if looks:
                spare = found
                break
            spare = found
        if spare is None:
            return Result(None, kind, "unproven" if offered else "no_candidate", detail)
        return Result(replace(row, label=spare[0], label_source=spare[1]), kind)

    def _candidates(self, row: Row, reading: Reading, kind: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """(text, what to record of it, whether it must be of the gold's kind)."""
        key = f"value {reading.form}" if self.how.systematic else row.id
        if self._ring is not None:
            for member, same in self._ring.behind(key, prompt_id(row.prompt), kind):
                yield member.gold, {"from": member.id, "same_type": same, "pool": self._ring.sha256[:16]}, False
            return
        gold = Gold(self._plain(row.gold, reading), kind)
        draws = Draws(self.how.method, self.how.seed, key)
        if self.how.method == "perturb":
            for name, text in near_misses(gold, draws, self.how.operations):
                yield text, {"operation": name}, True
        else:
            for name, text in alike(gold, draws):
                yield text, {"drawn": name}, True

    def _plain(self, gold: str, reading: Reading) -> str:
        """The gold without delimiters and with braced arguments, where that is still the same answer."""
        for text in (braced(unwrap(gold)), unwrap(gold)):
            other = self._reader.read(text)
            same = other.form == reading.form and type_of(other) == type_of(reading)
            if other.answer is not None and same:
                return text
        return gold

    def _source(self, proof: Proof, kind: str) -> dict[str, Any]:
        head: dict[str, Any] = {"method": self.how.method}
        if self.how.method != "incorrect_majority":
            head["seed"] = self.how.seed
        return head | {"type": kind, "rung": proof.rung, "step": proof.step}


_PLAIN_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\d{1,40})\}\s*\{(\d{1,40})\}|(?<![\w.}])(\d{1,40})/(\d{1,40})(?![\w.])")


_IDLE = re.compile(r"(?<![\d.])[01](?:\s*\\sqrt|\s*\\pi|[a-z])|[+-]\s*0(?![\d.])")


def _newly_odd(text: str, gold: str) -> bool:
    """With a fraction not in lowest terms, an idle factor or summand, where the gold has none: no plausible answer."""
    return _odd(text) and not _odd(braced(gold))


def _odd(text: str) -> bool:
    if _IDLE.search(text):
        return True
    for found in _PLAIN_FRACTION.finditer(text):
        top, bottom = (int(part) for part in found.groups() if part is not None)
        if math.gcd(top, bottom) > 1 or bottom == 1:
            return True
    return False


__all__ = [
    "METHODS",
    "OPERATIONS",
    "REASONS",
    "Corrupter",
    "Corruption",
    "Proof",
    "Result",
    "Ring",
    "answer_type",
    "answer_types",
    "prove_wrong",
]
