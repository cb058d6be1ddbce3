"""The fuzzer's corpus holds, its checks can fail, and its engines run.

What fuzzing found is in the corpus as ``found-*``; the searches themselves run outside the tests.
"""

from __future__ import annotations

import importlib.util
import random
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from verifier import Reason
from verifier.compare import Decision, Reader

FOLDER = Path(__file__).resolve().parent / "fuzz"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_verify", FOLDER / "fuzz_verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = _load()


@pytest.mark.parametrize("name", [path.name for path in sorted((FOLDER / "corpus").iterdir())])
def test_an_input_of_the_corpus_breaks_nothing(name: str) -> None:
    fuzz.check(fuzz.decode((FOLDER / "corpus" / name).read_bytes()))


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in (FOLDER / "corpus").iterdir()]
    assert len(sizes) > 50
    assert sum(sizes) < 100_000


def test_bytes_survive_as_text() -> None:
    for data in (b"\\frac12", b"\xff\x00\xed\xa0\x80", "½\u202e".encode()):
        assert fuzz.encode(fuzz.decode(data)) == data


def test_the_dictionary_is_read() -> None:
    assert {r"\frac", r"\begin{pmatrix}", "½", "Final Answer:", " "} - set(fuzz.words()) == {" "}


@pytest.mark.parametrize(("decision", "message"), [
    (Decision(False, Reason.NOT_EQUAL), "not equal to itself"),
    (Decision(None, Reason.INTERNAL_ERROR), "not equal to itself"),
])  # fmt: skip
def test_a_broken_ladder_is_noticed(monkeypatch: pytest.MonkeyPatch, decision: Decision, message: str) -> None:
    monkeypatch.setattr(Reader, "decide", lambda *_, **__: decision)
    with pytest.raises(fuzz.BrokenError, match=message):
        fuzz.check("7")


def test_an_asymmetric_ladder_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(self: Reader, a: Any, b: Any, **_: Any) -> Decision:
        return Decision(a.text <= b.text, Reason.EQUAL)

    monkeypatch.setattr(Reader, "decide", decide)
    with pytest.raises(fuzz.BrokenError, match="True one way and False the other"):
        fuzz.check("7" + fuzz.SEPARATOR + "8")


def test_mutation_runs_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    seen: list[str] = []

    def check(text: str, target: str) -> None:
        assert target == "all"
        seen.append(text)
        if len(seen) == 3:
            raise fuzz.BrokenError("made up")

    seconds = count()  # each look at the clock finds it a second later
    monkeypatch.setattr(fuzz, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(fuzz, "check", check)
    assert fuzz.by_mutation(10, 1, FOLDER / "corpus", tmp_path / "crashes") == 1
    assert len(seen) == 9
    (crash,) = (tmp_path / "crashes").iterdir()
    assert fuzz.decode(crash.read_bytes()) == seen[2]
    assert "1 broke a contract" in capsys.readouterr().out


def test_a_target_checks_its_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("_check_extraction", "_check_readings", "_check_pair"):
        monkeypatch.setattr(fuzz, name, lambda *_, name=name: done.append(name))
    for target in ("extraction", "reading", "ladder", "all"):
        fuzz.check("7", target)
    assert done == ["_check_extraction", "_check_readings", "_check_pair", "_check_extraction", "_check_pair"]


def test_mutation_is_the_same_for_a_seed() -> None:
    seeds, words = fuzz.corpus(FOLDER / "corpus"), fuzz.words()
    first = [fuzz.mutate(seeds[0], seeds, words, random.Random(k)) for k in range(50)]
    assert first == [fuzz.mutate(seeds[0], seeds, words, random.Random(k)) for k in range(50)]
    assert len(set(first)) > 40
