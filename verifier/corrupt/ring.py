r"""The pool of golds that `shuffle` deals out, as rings: one for each type, and one of all.

Every member stands on its ring at a point drawn from (seed, its id). A row stands at the point drawn from (seed, its
own id) and takes the gold of the next member whose prompt is another one and whose gold is proven different. So the
label depends on the row, the seed and the pool alone - not on the pool's order, nor on which other rows are corrupted
- and where the rows are the pool itself, every gold is dealt out once but for the members that are passed over.
Adding a member to the pool changes the labels of the rows just before it, and no other.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..answer_types import type_of
from ..compare import reader
from ..config import VerifierConfig
from ..rows import Row, prompt_id
from ._draws import digest

TRIES = 256  # members of the row's own type that are tried, and then as many of any type


@dataclass(frozen=True, slots=True)
class Member:
    """One gold of the pool. prompt: the digest of its normalised prompt."""

    id: str
    prompt: str
    gold: str


class Ring:
    """The rings of a pool under one seed.

    rows: the pool, in any order; members whose gold cannot be read are left out.
    size: members on the ring. sha256: over ids, prompts and golds of all rows, whatever their order.
    """

    def __init__(self, rows: Iterable[Row], seed: int, config: VerifierConfig) -> None:
        source = reader(config)
        placed: list[tuple[int, Member, str]] = []
        lines: list[bytes] = []
        for row in rows:
            member = Member(row.id, prompt_id(row.prompt), row.gold)
            text = "\0".join((member.id, member.prompt, member.gold))
            lines.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
            reading = source.read(row.gold)
            if reading.answer is not None:
                placed.append((digest("ring", seed, row.id), member, type_of(reading)))
        self.seed = seed
        self.size = len(placed)
        self.sha256 = hashlib.sha256(b"".join(sorted(lines))).hexdigest()
        placed.sort(key=lambda one: (one[0], one[1].id))
        self._all = _Circle([(point, member) for point, member, _ in placed])
        kinds = {kind for _, _, kind in placed}
        self._by_type = {kind: _Circle([(p, m) for p, m, k in placed if k == kind]) for kind in kinds}

    def behind(self, key: str, prompt: str, kind: str) -> Iterator[tuple[Member, bool]]:
        """(member, whether it is of the type), the row's own type first; those with the row's prompt are passed over.

        key: what places the row, its id. prompt: the digest of its normalised prompt.
        """
        point = digest("ring", self.seed, key)
        for circle, same in ((self._by_type.get(kind), True), (self._all, False)):
            for member in circle.behind(point, TRIES) if circle else ():
                if member.prompt != prompt:
                    yield member, same


class _Circle:
    def __init__(self, placed: list[tuple[int, Member]]) -> None:
        self._points = [point for point, _ in placed]
        self._members = [member for _, member in placed]

    def behind(self, point: int, count: int) -> Iterator[Member]:
        start = bisect_right(self._points, point)
        for step in range(min(count, len(self._members))):
            yield self._members[(start + step) % len(self._members)]
