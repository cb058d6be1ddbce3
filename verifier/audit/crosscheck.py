"""The last step of an audit, where it is asked for: what math-verify says of the same golds.

Promises: where the two differ is a note, never a finding; a gold that hangs or crashes math-verify costs its own answer
alone. Does not promise the same outcome on every run: a worker may be killed at its limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from .golds import respelt
from .scratch import sha256_of, text_of
from .state import Audit

CROSSCHECK_MB = 1024
CROSSCHECK_S = 5.0  # CPU seconds of a worker for one pair

Opinion: TypeAlias = "bool | str"
"""Whether math-verify takes a pair for equal; ``unread``, or how the worker ended, where it does not say."""
Opinions: TypeAlias = Callable[[Iterable[tuple[str, str]]], Iterator[Opinion]]


def crosscheck(audit: Audit) -> Counter[str]:
    """math-verify on each gold against itself and another spelling, and on the golds of one prompt; its counts."""
    from .. import _worker
    from ..pool import WorkerPool

    pool = WorkerPool(size=audit.job.workers, memory_mb=CROSSCHECK_MB, _preload=(*_worker.PRELOAD, "math_verify"))
    executor = ThreadPoolExecutor(audit.job.workers)
    golds, pairs = (audit.scratch.count(f"SELECT count(*) FROM {table}") for table in ("gold", "pair"))
    counts: Counter[str] = Counter()
    done = 0

    def opinions(asked: Iterable[tuple[str, str]]) -> Iterator[Opinion]:
        def ask(pair: tuple[str, str]) -> Opinion:
            outcome = pool.call("second_opinion", {"answer": pair[0], "gold": pair[1]}, timeout_s=CROSSCHECK_S)
            if outcome.status != "ok":
                return outcome.status
            return "unread" if outcome.value["equal"] is None else bool(outcome.value["equal"])

        return executor.map(ask, asked)

    try:
        for chunk in audit.scratch.golds():
            themselves = opinions((gold, gold) for _, gold in chunk)
            others = opinions((respelt(gold), gold) for _, gold in chunk)
            for (number, gold), itself, other in zip(chunk, themselves, others, strict=True):
                _compare(audit, counts, number, gold, itself, other)
            done += len(chunk)
            audit.say(audit.share, 1, done / (golds + pairs))
        _compare_pairs(audit, counts, opinions)
    finally:
        pool.close()  # first, so that no thread waits for a task in hand
        executor.shutdown(cancel_futures=True)
    return counts


def _compare(audit: Audit, counts: Counter[str], number: int, gold: str, itself: Opinion, other: Opinion) -> None:
    """One gold: math-verify's opinions of the gold itself and of another spelling, against ours."""
    counts["pairs"] += 2
    ours = audit.reader.read(gold).answer is not None
    reason = None
    if itself not in (True, False, "unread"):
        reason = "crosscheck_failed"
    elif not ours:
        reason = "crosscheck_reads" if itself is True else None
    elif itself is not True:
        reason = "crosscheck_refused" if itself is False else "crosscheck_cannot_read"
    elif other is not True:
        reason = "crosscheck_respelling" if other in (False, "unread") else "crosscheck_failed"
    if reason is not None:
        outcome = {"itself": itself, "respelling": other}
        counts[reason] += 1
        audit.scratch.issue_of_gold(number, reason, gold, math_verify=outcome)


def _compare_pairs(audit: Audit, counts: Counter[str], opinions: Opinions) -> None:
    """Golds of one prompt: math-verify's opinions of each pair, both ways, against ours."""
    rows = audit.scratch.ask(
        "SELECT p.file, p.at, p.equal, a.text, b.text FROM pair p JOIN gold a ON a.id = p.a "
        "JOIN gold b ON b.id = p.b ORDER BY p.file, p.at, p.b"
    ).fetchall()
    there = opinions((text_of(a), text_of(b)) for *_, a, b in rows)
    back = opinions((text_of(b), text_of(a)) for *_, a, b in rows)
    for (file, at, equal, a, b), one, two in zip(rows, there, back, strict=True):
        counts["pairs"] += 2
        if {type(one), type(two)} == {bool}:
            reason = None if (one or two) == bool(equal) else "crosscheck_conflict"
        else:
            reason = None if "unread" in (one, two) else "crosscheck_failed"
        if reason is not None:
            counts[reason] += 1
            digests = [sha256_of(text_of(a)), sha256_of(text_of(b))]
            more = {"gold_sha256": digests, "ours": bool(equal), "math_verify": [one, two]}
            audit.scratch.issue((file, at), reason, **more)
