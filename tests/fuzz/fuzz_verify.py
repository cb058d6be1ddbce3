r"""Fuzzing of extraction, reading and the ladder: ``python tests/fuzz/fuzz_verify.py --seconds 600``.

Promises: with atheris installed, coverage-guided; without it (or with ``--engine mutation``), by random mutation of
the same corpus with the same dictionary. Either way every input goes through `check`, which raises where a contract
of the package is broken; the input is then written to ``--crashes`` and the exit status is not zero. A file given as
argument is checked once, so that a crash can be looked at and become a case. Worker processes are never started.
``--target`` checks one of the three alone, which goes faster and further in its code.

An input is text: an answer, then a line ``---`` and a gold; without that line the text is a response and its own gold.
"""

from __future__ import annotations

import argparse
import ast
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SEPARATOR = "\n---\n"
MAX_CHARS = 600
HANG_S = 5  # CPU seconds for one input; a sound one takes far less than one
DICTIONARY = HERE / "latex.dict"
CORPUS = HERE / "corpus"


class BrokenError(AssertionError):
    """A contract of the package does not hold for an input."""


def decode(data: bytes) -> str:
    """Any bytes as text: what is not UTF-8 becomes lone surrogates, which models write as well."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if _escapes_only(text) else "surrogatepass")


def _escapes_only(text: str) -> bool:
    return all("\udc80" <= char <= "\udcff" for char in text if "\ud800" <= char <= "\udfff")


def check(text: str, target: str = "all") -> None:
    """Raise BrokenError, or whatever the package raised, where a contract does not hold."""
    answer, separator, gold = text.partition(SEPARATOR)
    if target in ("all", "extraction"):
        _check_extraction(text)
    if target == "reading":
        _check_readings(text)
    if target in ("all", "ladder"):
        _check_pair(answer, gold if separator else answer)


def _check_extraction(response: str) -> None:
    from verifier import extract
    from verifier.config import EXTRACTION_MODES

    for mode in EXTRACTION_MODES:
        found = extract(response, mode)
        if (found.answer is None) == (found.reason is None):
            raise BrokenError(f"{mode}: an answer and a reason, or neither")
        for candidate in (found.answer, found.joined, *found.boxes):
            if candidate is not None and not 0 <= candidate.span[0] <= candidate.span[1] <= len(response):
                raise BrokenError(f"{mode}: a span outside the response: {candidate}")
        if found.answer is not None and found.answer.rule in ("boxed", "fbox"):
            start, end = found.answer.span
            if response[start:end].strip() != found.answer.text.strip():
                raise BrokenError(f"{mode}: the span is not the answer's: {found.answer}")


def _check_readings(*texts: str) -> tuple[Any, list[Any]]:
    """(the reader, what it read)"""
    from verifier.compare import reader
    from verifier.config import DEFAULT_CONFIG

    source = reader(DEFAULT_CONFIG)
    source.forget()
    readings = [source.read(text) for text in texts]
    for reading in readings:
        if (reading.answer is None) == (reading.fault is None):
            raise BrokenError(f"an answer and a fault, or neither: {reading}")
        _no_accident(reading.fault, reading.text)
        reading.form  # noqa: B018 - rendering must not raise
    return source, readings


def _check_pair(answer: str, gold: str) -> None:
    source, (one, two) = _check_readings(answer, gold)
    if one.answer is None or two.answer is None:
        return
    for reading in (one, two):
        if source.decide(reading, reading, strict=True, workers=False).equal is not True:
            raise BrokenError(f"not equal to itself: {reading.text!r}")
    there = source.decide(one, two, strict=True, workers=False)
    back = source.decide(two, one, strict=True, workers=False)
    # an answer beyond a limit is incorrect, a gold beyond it unscored: only `equal` must agree
    if (there.equal is True) is not (back.equal is True):
        raise BrokenError(f"{there.equal} one way and {back.equal} the other: {answer!r} and {gold!r}")
    lenient = source.decide(one, two, workers=False)
    for decision in (there, back, lenient):
        _no_accident(decision.reason, f"{answer!r} and {gold!r}")
    if there.equal is True and lenient.equal is False:
        raise BrokenError(f"equivalent, but incorrect as an answer: {answer!r} for {gold!r}")


def _no_accident(reason: object, where: str) -> None:
    """The package catches what nobody foresaw, and says so; here it counts."""
    if str(reason) == "internal_error":
        raise BrokenError(f"internal error: {where}")


def _guarded(text: str, target: str = "all") -> None:
    """`check`, given up after HANG_S seconds of CPU time."""

    def hang(*_: object) -> None:
        raise BrokenError(f"worked for more than {HANG_S} s")

    signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        check(text, target)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


# -- engines --------------------------------------------------------------------------------------


def corpus(folder: Path) -> list[str]:
    """The texts of a folder, in the order of their names."""
    return [decode(path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()]


def words() -> list[str]:
    """The entries of the dictionary, which has libFuzzer's format."""
    lines = DICTIONARY.read_bytes().splitlines()
    return [ast.literal_eval(f"b{line.decode()}").decode() for line in lines if line.startswith(b'"')]


def mutate(text: str, seeds: Sequence[str], vocabulary: Sequence[str], source: random.Random) -> str:
    """A few random edits: words put in, pieces cut, doubled, wrapped or taken from another seed."""
    for _ in range(source.randint(1, 6)):
        here, there = sorted(source.randint(0, len(text)) for _ in range(2))
        there = min(there, here + 40)
        piece = text[here:there]
        edit = source.randrange(7)
        if edit == 0:
            text = text[:here] + source.choice(vocabulary) + text[here:]
        elif edit == 1:
            text = text[:here] + text[there:]
        elif edit == 2:
            text = text[:there] + piece * source.randint(1, 5) + text[there:]
        elif edit == 3:
            opening, closing = source.choice(
                (("{", "}"), ("(", ")"), (r"\frac{", "}{2}"), ("[", ")"), (r"\sqrt{", "}"))
            )
            text = text[:here] + opening + piece + closing + text[there:]
        elif edit == 4:
            other = source.choice(seeds)
            start = source.randint(0, len(other))
            text = text[:here] + other[start : start + 40] + text[there:]
        elif edit == 5:
            text = text[:here] + source.choice(vocabulary) + text[there:]
        elif text:
            at = source.randrange(len(text))
            text = text[:at] + chr(source.choice((source.randrange(128), source.randrange(0x3000)))) + text[at + 1 :]
    return text[:MAX_CHARS]


def _place(error: BaseException) -> str:
    """Type and line of an error; of a broken contract, the beginning of its message."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
    return f"{type(error).__name__} {line} {str(error)[:20] if isinstance(error, BrokenError) else ''}"


def by_mutation(seconds: float, seed: int, folder: Path, crashes: Path, target: str = "all") -> int:
    """Mutate the corpus for a while; the exit status. Of crashes with one message the first is kept."""
    source = random.Random(seed)
    seeds, vocabulary = corpus(folder), words()
    began, count, bad = time.monotonic(), 0, 0
    seen: set[str] = set()
    while time.monotonic() - began < seconds:
        text = mutate(source.choice(seeds), seeds, vocabulary, source)
        count += 1
        try:
            _guarded(text, target)
        except Exception as error:
            bad += 1
            place = _place(error)
            if place in seen:
                continue
            seen.add(place)
            crashes.mkdir(parents=True, exist_ok=True)
            path = crashes / f"mutation-{seed}-{count}"
            path.write_bytes(encode(text))
            print(f"{path}: {type(error).__name__}: {error}"[:400], file=sys.stderr)
    print(f"{count} inputs in {time.monotonic() - began:.0f} s, {bad} broke a contract")
    return int(bad > 0)


def by_atheris(seconds: float, seed: int, folder: Path, crashes: Path, target: str = "all") -> int:
    """Coverage-guided; atheris ends the process itself."""
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["verifier"]):
        import verifier.api
        import verifier.compare  # noqa: F401
        from verifier import _prose  # noqa: F401
    crashes.mkdir(parents=True, exist_ok=True)

    def one(data: bytes) -> None:
        check(decode(data), target)

    found = HERE / ".found"  # what the fuzzer adds; the committed corpus is only read
    found.mkdir(exist_ok=True)
    options = [
        f"-max_total_time={int(seconds)}", f"-seed={seed}", f"-dict={DICTIONARY}", f"-max_len={MAX_CHARS}",
        f"-timeout={HANG_S * 3}", "-rss_limit_mb=1024", f"-artifact_prefix={crashes}/", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(found), str(folder)], one)
    atheris.Fuzz()
    return 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to check once, instead of fuzzing")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("auto", "atheris", "mutation"), default="auto")
    parser.add_argument("--target", choices=("all", "extraction", "reading", "ladder"), default="all")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--crashes", type=Path, default=HERE / ".crashes")
    options: Any = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    if options.files:
        for path in options.files:
            print(repr(decode(path.read_bytes())))
            _guarded(decode(path.read_bytes()))
        return 0
    engine = options.engine
    if engine == "auto":
        from importlib.util import find_spec

        engine = "atheris" if find_spec("atheris") else "mutation"
    run = by_atheris if engine == "atheris" else by_mutation
    return run(options.seconds, options.seed, options.corpus, options.crashes, options.target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
