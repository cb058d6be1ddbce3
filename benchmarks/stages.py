"""Where a verification's time goes: the stages alone, one after another, on the MATH-500 workload.

Promises: microseconds of CPU a pair, the least of some rounds, of each stage called by itself with its input at
hand. The stages sum to less than a whole cold verification: the rest is calls, locks and cold caches. This is the one
benchmark that calls internal functions, so it is the one that a change inside the package may break.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import workload


def measure(rounds: int) -> Iterator[tuple[str, str]]:
    """(stage, value) rows."""
    from verifier import answers, extraction, parse, syntax
    from verifier.api import verify
    from verifier.compare import Reader
    from verifier.compare import reader as shared_reader
    from verifier.config import DEFAULT_CONFIG

    limits, policy = DEFAULT_CONFIG.limits, DEFAULT_CONFIG.policy
    settings = answers.settings_of(limits, policy)
    reader = Reader(DEFAULT_CONFIG)

    def kind(gold: str) -> str:
        answer = reader.read(gold).answer
        return "unreadable" if answer is None else answer.kind

    pairs = [pair for group in workload.pairs(workload.read_golds(), kind) for pair in group]
    found = [extraction.extract(pair.response).answer for pair in pairs]
    texts = [candidate.text for candidate in found if candidate is not None]
    plain = [parse.unwrap(syntax.normalise(text)) for text in texts]
    readings = [(reader.read(text), reader.read(pair.gold)) for text, pair in zip(texts, pairs, strict=True)]
    readable = [pair for pair in readings if pair[0].answer is not None and pair[1].answer is not None]
    nodes = [parse.parse(pair[0].text, limits, policy) for pair in readable]

    def compared(pair: Any) -> Any:
        return answers.compare(pair[0].answer, pair[1].answer, answers.context(limits, policy, lenient=True))

    def row(name: str, function: Callable[[Any], Any], items: Sequence[Any]) -> tuple[str, str]:
        return f"stage: {name}", f"{_least(function, items, rounds) / len(pairs):.1f} us"

    yield row("extract the answer from 1,100 characters", lambda pair: extraction.extract(pair.response), pairs)
    yield row("normalise and unwrap", lambda text: parse.unwrap(syntax.normalise(text)), texts)
    yield row("tokenise", lambda text: syntax.tokenize(text, limits), plain)
    yield row("parse, the two above included", lambda text: parse.parse(text, limits, policy), texts)
    yield row("recognise, with the canonical form", lambda node: answers.recognise(node, settings), nodes)
    yield row("compare", compared, readable)
    shared_reader(DEFAULT_CONFIG).forget()
    yield row("all of it again, from the caches", lambda p: verify(response=p.response, gold=p.gold), pairs)
    same = [(workload.response(pair.gold, number), pair.gold) for number, pair in enumerate(pairs)]
    yield row("floor: answer and gold one text, gold read", lambda p: verify(response=p[0], gold=p[1]), same)


def _least(function: Callable[[Any], Any], items: Sequence[Any], rounds: int) -> float:
    """Microseconds of CPU for one pass after a warm-up."""
    least = float("inf")
    for number in range(rounds + 1):
        began = time.process_time_ns()
        for item in items:
            function(item)
        if number:
            least = min(least, (time.process_time_ns() - began) / 1e3)
    return least
