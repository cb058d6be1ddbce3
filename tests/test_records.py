"""Reading rows: numbers by their text, faults by their place, files by their content."""

from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import ConfigError, InputError, records
from verifier.jsontext import NumberText, dump_json, parse_json
from verifier.records import Record, open_records

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rows(path: Path, after: int = 0) -> list[Record]:
    return list(open_records(path).read(after))


@pytest.mark.parametrize("text", ["142.0", "1e400", "-0", "9" * 5000, "0.1000", "1E5", "NaN"])
def test_a_number_keeps_its_text(text: str) -> None:
    value = parse_json(f'{{"gold": {text}}}')["gold"]
    assert isinstance(value, NumberText)
    assert value == text
    assert dump_json({"gold": value}) == f'{{"gold": {text}}}'


@given(JSON)
def test_dumped_json_reads_back_equal(value: object) -> None:
    line = dump_json(parse_json(json.dumps(value)))
    assert "\n" not in line
    line.encode()  # always UTF-8, also with lone surrogates
    assert json.loads(line) == value


def test_what_json_lacks_is_written_in_plain_words() -> None:
    value = {"a": float("nan"), "b": b"\xff", "c": date(2025, 1, 2), "d": Decimal("1.50")}
    assert json.loads(dump_json(value)) == {"a": None, "b": "/w==", "c": "2025-01-02", "d": "1.50"}


def test_jsonl_rows_keep_their_text_and_line_numbers(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1.0}\r\n\n  {"a" :2}  \n{"a": "\\ud800"}'
    source = open_records(write(tmp_path / "in.jsonl", data))
    found = list(source.read())
    assert [(row.number, row.raw, row.error) for row in found] == [
        (1, '{"a": 1.0}', None),
        (3, '{"a" :2}', None),
        (4, '{"a": "\\ud800"}', None),
    ]
    assert found[-1].end == source.total == len(data)
    assert [row.number for row in source.read(after=1)] == [3, 4]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"a": 1,}', "column 9: "),
        (b'  {"a": 1', "column 10: "),
        (b'{"a": "\xff"}', "column 8: byte 0xff is not UTF-8"),
        (b"[1, 2]", "column 1: a list; each line must be one JSON object"),
        (b"12.50", "column 1: a number (12.50); each"),
        (b"null", "column 1: null; each"),
        (b'{"a": ' + b"[" * 100_000, "column 1: nested too deeply"),
        (b'{"a": 1} {"a": 2}', "column 10: extra data; each"),
    ],
)
def test_a_bad_line_is_placed_and_the_others_are_read(tmp_path: Path, line: bytes, error: str) -> None:
    found = rows(write(tmp_path / "in.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 3}\n'))
    assert [row.error is None for row in found] == [True, False, True]
    assert found[1].number == 2
    assert found[1].raw is None
    assert str(found[1].error).startswith(error)


def test_a_line_without_end_is_skipped_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_LINE_BYTES", 16)
    data = b'{"a": 1}\n{"a": "' + b"x" * 100 + b'"}\n{"a": 3}\n{"a": "' + b"y" * 40
    source = open_records(write(tmp_path / "in.jsonl", data))
    found = list(source.read())
    assert [row.fields for row in found] == [{"a": "1"}, {}, {"a": "3"}, {}]
    assert found[1].error == "110 bytes long; fewer than 16 are needed"
    assert found[-1].end == len(data)


def test_reading_does_not_hold_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps({"response": f"{n:09d}" * 1000}) + "\n" for n in range(1500))
    assert path.stat().st_size > 13_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_records(path).read()) == 1500
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_array_is_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    data = '[\n {"a": 142.0,\n  "b": "x\\ny"},\n 7,\n {"a": 3}\n]\n'
    found = rows(write(tmp_path / "in.jsonl", data))
    assert found[0].raw == '{"a": 142.0,   "b": "x\\ny"}'
    assert [row.fields.get("a") for row in found] == ["142.0", None, "3"]
    assert found[1].error == "a number (7) where an object is needed"
    assert [row.number for row in rows(tmp_path / "in.jsonl", after=2)] == [3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"a": 1},\n {"a" 2}]', "line 2, column 7: expecting ':' delimiter"),
        (b'[{"a": 1}\n {"a": 2}]', "line 2, column 2: expecting ',' or ']'"),
        (b'[{"a": 1}', "line 1, column 10: expecting ',' or ']'"),
        (b"[1]\n[2]\n", "line 1, column 4: text after the array"),
        (b'[{"a":\n "\xe9"}]', "line 2, column 3: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_broken_array_is_placed(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / "in.json", data)
    with pytest.raises(InputError) as caught:
        open_records(path)
    assert str(caught.value).startswith(f"{path}, {message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (bytes(range(256)), "is a binary file (byte 0x00 at offset 0)"),
        (b'{"a": "\x00"}\n', "is a binary file (byte 0x00 at offset 7)"),
        (gzip.compress(b"{}"), "is gzip-compressed"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16 text"),
        (b"PAR1 but not really", "cannot be read as parquet"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / "in.jsonl", data)
    with pytest.raises(InputError) as caught:
        open_records(path)
    assert str(caught.value).startswith(f"{path} {message}")


def test_a_pipe_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no regular file"):
        open_records(Path("/dev/null"))
    with pytest.raises(IsADirectoryError):
        open_records(tmp_path)


def test_fields_are_found_by_name_then_by_path() -> None:
    record = Record(1, {"a": {"b": 1}, "c.d": 2, "c": {"d": 3}}, None, None, 0, 0)
    assert records.field(record, "a.b") == 1
    assert records.field(record, "c.d") == 2
    with pytest.raises(InputError, match=r"no field 'a\.x'; the fields are 'a', 'c\.d', 'c'"):
        records.field(record, "a.x")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ("12.5", r"a number \(12\.5\)"),
        ("true", r"a boolean \(true\)"),
        ('["x"]', "a list"),
        ("{}", "an object"),
    ],
)
def test_a_response_is_text_or_null(response: str, kind: str) -> None:
    record = Record(1, parse_json(f'{{"r": {response}}}'), None, None, 0, 0)
    with pytest.raises(InputError, match=f"field 'r' is {kind}"):
        records.response_of(record, "r")


def test_golds_are_text_or_numbers() -> None:
    fields = parse_json('{"a": 142.0, "b": "x", "c": null, "d": false, "e": []}') | {"f": Decimal("0.5")}
    record = Record(1, fields, None, None, 0, 0)
    assert [records.gold_of(record, name) for name in "abcf"] == ["142.0", "x", None, Decimal("0.5")]
    assert type(records.gold_of(record, "a")) is str
    for name in "de":
        with pytest.raises(InputError, match="a gold is text or a number"):
            records.gold_of(record, name)


def test_parquet_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.data"
    numbers = list(range(200))
    parquet.write_table(pyarrow.table({"n": numbers, "gold": [n / 2 for n in numbers]}), path)
    source = open_records(path)
    assert source.total == 200
    assert [row.fields["n"] for row in source.read(after=130)] == numbers[130:]
    assert next(source.read(after=199)).number == 200
    parquet.write_table(pyarrow.table({"n": pyarrow.array([], pyarrow.int64())}), path)
    with pytest.raises(InputError, match="is empty"):
        open_records(path)


def test_parquet_without_pyarrow_says_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigError, match=r"pip install 'rlvr-verifier\[parquet\]'"):
        open_records(write(tmp_path / "in.parquet", b"PAR1...."))
