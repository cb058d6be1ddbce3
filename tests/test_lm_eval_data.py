"""The problem sets: where they are found, what is accepted, and one clear error for what is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lm_eval_tasks import data
from verifier import ConfigError, InputError, verify_batch

ROWS = [{"prompt": f"What is {i}?", "answer": str(i), "id": f"q{i}"} for i in range(3)]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """A set of three problems, answers 0, 1, 2, in place of a benchmark."""
    source = data.Source(
        file="Tiny.json",
        hub_id="nobody/tiny",
        split="test",
        revision="0" * 40,
        count=3,
        digest=data.gold_digest([{"answer": str(i)} for i in range(3)]),
        stems=frozenset({"tiny"}),
    )
    monkeypatch.setitem(data.SOURCES, "tiny", source)
    monkeypatch.setattr(data, "NAMES", (*data.NAMES, "tiny"))
    return "tiny"


def load(folder: Path, **kwargs: Any) -> data.Problems:
    return data.load("tiny", environ={data.ENV: str(folder)}, **kwargs)


def write(path: Path, rows: list[Any]) -> None:
    if path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")


@pytest.mark.parametrize("name", ["Tiny.json", "tiny.jsonl", "TINY.parquet", "t-i_n y.JSON"])
@pytest.mark.parametrize("column", data.PROBLEM_COLUMNS)
def test_formats_and_columns(tiny: str, tmp_path: Path, name: str, column: str) -> None:
    rows = [{column: row["prompt"], "answer": row["answer"], "id": row["id"]} for row in ROWS]
    target = tmp_path / name
    write(target.with_suffix(target.suffix.lower()), rows)
    if target.suffix == ".JSON":
        target.with_suffix(".json").rename(target)
    loaded = load(tmp_path)
    assert loaded.origin.lower() == name.lower()
    assert loaded.rows == [{"id": row["id"], "problem": row["prompt"], "answer": row["answer"]} for row in ROWS]


@pytest.mark.parametrize("golds", [[2.0, 0.0, 1.0], ["002", "0.0", " 1 "], ["+2", "$0$", "1."], [0, 1, 2]])
def test_the_digest_ignores_order_and_formatting(tiny: str, tmp_path: Path, golds: list[Any]) -> None:
    write(tmp_path / "tiny.json", [{"prompt": "?", "answer": gold} for gold in golds])
    loaded = load(tmp_path)
    assert [row["answer"] for row in loaded.rows] == [str(gold) for gold in golds]  # passed on as written


def test_levels_are_read_in_the_hub_s_spellings(tiny: str, tmp_path: Path) -> None:
    levels = [1, "Level 4", "5"]
    write(tmp_path / "tiny.json", [row | {"level": lv} for row, lv in zip(ROWS, levels, strict=True)])
    assert [row["level"] for row in load(tmp_path).rows] == [1, 4, 5]


BAD_ROWS: list[tuple[list[Any], str]] = [
    ([], "no problems"),
    ([*ROWS[:2], "text"], "row 3: expected an object, found str"),
    ([{"answer": "0"}, *ROWS[1:]], "row 1: no column prompt or problem or question; it has answer"),
    ([ROWS[0], {"prompt": "?", "gold": "1"}, ROWS[2]], "row 2: no column answer; it has prompt, gold"),
    ([{"prompt": ["?"], "answer": "0"}, *ROWS[1:]], "row 1: column prompt must hold the problem's text"),
    ([{"prompt": "?", "answer": None}, *ROWS[1:]], "row 1: column answer must hold a text or a number"),
    ([{"prompt": "?", "answer": True}, *ROWS[1:]], "row 1: column answer must hold a text or a number"),
    ([ROWS[0] | {"level": "hard"}, *ROWS[1:]], "row 1: column level must hold a whole number, not 'hard'"),
    (ROWS[:2], "2 problems, but this set has 3; replace it with the complete set"),
    ([*ROWS[:2], ROWS[2] | {"answer": "7"}], "pass --metadata check_golds=false"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_ROWS, ids=[message[:20] for _, message in BAD_ROWS])
def test_bad_rows(tiny: str, tmp_path: Path, rows: list[Any], message: str) -> None:
    write(tmp_path / "tiny.json", rows)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert "tiny.json" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_golds_can_be_accepted_on_purpose(tiny: str, tmp_path: Path) -> None:
    write(tmp_path / "tiny.json", [*ROWS[:2], ROWS[2] | {"answer": "7"}])
    assert load(tmp_path, check_golds=False).digest != data.SOURCES["tiny"].digest


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tiny.json", b'[{"prompt": "?",\n "answer" 3}]', "line 2, column 11"),
        ("tiny.json", b'{"prompt": "?"}', "expected a JSON list of objects, found dict"),
        ("tiny.jsonl", b'{"prompt": "?", "answer": "0"}\n{"prompt"\n', "line 2, column 10"),
        ("tiny.json", b"\xff\xfe\x00", "not UTF-8"),
        ("tiny.parquet", b"no parquet", "not a readable parquet file"),
    ],
)
def test_unreadable_files(tiny: str, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_missing_folder_file_and_two_files(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"RLVR_DATA_DIR=.* is not a folder; set it"):
        load(tmp_path / "absent")
    with pytest.raises(InputError, match=r"holds no Tiny\.json .*unset RLVR_DATA_DIR"):
        load(tmp_path)
    write(tmp_path / "tiny.json", ROWS)
    write(tmp_path / "Tiny.jsonl", ROWS)
    with pytest.raises(InputError, match=r"holds Tiny\.jsonl, tiny\.json; leave one"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="'mathh' is unknown; choose one of math500"):
        data.load("mathh")


def test_the_hub_is_asked_for_the_pinned_revision(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load_dataset(*args: Any, **kwargs: Any) -> list[Any]:
        asked.append((args, kwargs))
        return ROWS

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    assert data.load("tiny", environ={}).origin == "nobody/tiny@" + "0" * 40
    assert asked == [(("nobody/tiny",), {"split": "test", "revision": "0" * 40})]


def test_no_network_says_what_to_set(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*args: Any, **kwargs: Any) -> list[Any]:
        raise ConnectionError("Couldn't reach the Hub\nlong trace")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(InputError) as caught:
        data.load("tiny", environ={})
    text = str(caught.value)
    assert "ConnectionError: Couldn't reach the Hub)" in text
    assert text.endswith("set RLVR_DATA_DIR to a folder that holds Tiny.json")


def test_every_source_is_pinned_to_a_commit() -> None:
    for source in data.SOURCES.values():
        assert len(source.revision) == 40
        assert set(source.revision) <= set("0123456789abcdef")


def test_the_check_command_reports_every_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(data.ENV, str(tmp_path))
    assert data.main(["demo", "amc"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("demo: ")
    assert err.startswith("amc: error: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(("name", "count"), [("math500", 500), ("amc", 83), ("aime24", 30), ("aime25", 30)])
def test_the_four_sets_load_and_every_gold_equals_itself_in_a_box(shared_dir: Path, name: str, count: int) -> None:
    problems = data.load(name, environ={data.ENV: str(shared_dir / "data")})
    golds = [row["answer"] for row in problems.rows]
    assert len(golds) == count
    verdicts = verify_batch(responses=[rf"It is $\boxed{{{gold}}}$." for gold in golds], golds=golds)
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if not verdict.correct] == []


@pytest.mark.parametrize("name", ["amc", "aime24", "aime25"])
def test_a_whole_number_is_accepted_for_floats_and_padded_golds(shared_dir: Path, name: str) -> None:
    problems = data.load(name, environ={data.ENV: str(shared_dir / "data")})
    golds = [row["answer"] for row in problems.rows]
    verdicts = verify_batch(responses=[rf"\boxed{{{int(float(gold))}}}" for gold in golds], golds=golds)
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if not verdict.correct] == []
