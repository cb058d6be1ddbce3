"""Rows, their ids, and files of them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from verifier.errors import ConfigError, InputError
from verifier.jsontext import NumberText
from verifier.rowfiles import IdRule, RowFields, read_rows, write_rows
from verifier.rows import Row, normal_prompt, prompt_id


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    row = Row.from_dict({"id": numpy.int64(7), "prompt": "p", "gold": numpy.float64(2.5), "visit": numpy.int64(3)})
    assert (row.id, row.gold, row.visit) == ("7", "2.5", 3)
    assert type(row.visit) is int


FULL = Row("a/7", "1+1=", "2", "3", {"method": "perturb", "share": 0.5, "votes": {"n": 64}}, "eval", "MATH-500", 4)


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_row_survives_its_dict_its_label_and_pickle() -> None:
    assert Row.from_dict(FULL.to_dict()) == FULL
    assert Row.from_label(FULL.to_label(), FULL.prompt) == FULL
    assert Row.from_label(json.loads(FULL.to_label()), FULL.prompt) == FULL
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    assert "prompt" not in json.loads(FULL.to_label())


def test_a_bare_gold_is_gold_and_label_and_the_id_is_the_prompts() -> None:
    for bare, text in (("7", "7"), (7, "7"), (0.5, "0.5"), ("{1, 2}", "{1, 2}"), ("{", "{"), ("[1,2)", "[1,2)")):
        row = Row.from_label(bare, "Find $x$.")
        assert (row.gold, row.label, row.id) == (text, text, prompt_id("Find $x$."))


def test_a_label_object_without_id_or_with_its_own_prompt() -> None:
    assert Row.from_label({"answer": 5}, "q").id == prompt_id("q")
    assert Row.from_label({"answer": 5, "prompt": "own", "id": "x"}, "templated").prompt == "own"
    assert Row.from_label({"answer": 5}, [{"role": "user", "content": "q"}]).id == prompt_id("q")


def test_numbers_in_a_labels_json_keep_their_text_where_they_are_golds() -> None:
    row = Row.from_label('{"id": 7, "gold": 142.0, "visit": 3, "label_source": {"share": 0.25, "n": 64}}', "q")
    assert (row.id, row.gold, row.visit) == ("7", "142.0", 3)
    assert row.label_source == {"share": 0.25, "n": 64}
    assert type(row.gold) is str
    assert Row.from_dict({"id": NumberText("9"), "prompt": "p", "gold": NumberText("1e400")}).gold == "1e400"


@pytest.mark.parametrize(
    ("label", "field"),
    [(None, "label"), (True, "label"), ([1], "label"), ({"id": "a"}, "gold"), ({"gold": [1]}, "gold"),
     ({"gold": "1", "visit": -1}, "visit"), ({"gold": "1", "split": 3}, "split"),
     ({"gold": "1", "label_source": 3}, "label_source"), ({"gold": "1", "label_source": "{"}, "label_source")],
)  # fmt: skip
def test_what_is_no_label_is_an_error_that_names_the_field(label: Any, field: str) -> None:
    with pytest.raises(InputError, match=field):
        Row.from_label(label, "q")


@pytest.mark.parametrize(
    ("values", "message"),
    [([1], r"^a row is a list; it must be an object with id, prompt and gold$"), ("a", "^a row is text; "),
     (None, "^a row is null; "), ({"id": "", "prompt": "p", "gold": "1"}, "^field 'id' is empty; ")],
)  # fmt: skip
def test_what_is_no_row_or_has_an_empty_id_is_an_error(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Row.from_dict(values)
    if isinstance(values, dict):
        with pytest.raises(InputError, match=message):
            Row.from_label(json.dumps(values), "q")


def test_a_json_number_is_named_without_quotes(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "in.jsonl", {"id": "a", "prompt": "p", "gold": "1", "visit": -1})
    with pytest.raises(InputError, match=r"field 'visit' is -1; it must be a whole number from 0"):
        list(read_rows([source]))
    with pytest.raises(InputError, match=r"field 'gold' is \[1\.50\]; it must be text or a number"):
        Row.from_label('{"id": "a", "prompt": "p", "gold": [1.50]}', "p")


def test_other_names_of_gold_and_prompt() -> None:
    row = Row.from_dict({"id": "a", "problem": "p", "answer": "5"})
    assert (row.prompt, row.gold, row.label) == ("p", "5", None)
    assert Row.from_dict({"id": "a", "prompt": "p", "answer": "5", "gold": "6"}).gold == "6"


def test_ids_from_prompts_do_not_depend_on_looks_or_templates() -> None:
    one, two = r"Find \( x \) with $\dfrac12x=3$.", "Find  $x$ with $\\frac12x = 3$."
    assert normal_prompt(one) == normal_prompt(two)
    assert prompt_id(one) == prompt_id(two) == prompt_id([{"role": "user", "content": one}])
    assert prompt_id(json.dumps([{"role": "user", "content": one}])) == prompt_id(one)
    assert prompt_id("Find -x.") != prompt_id("Find x.")
    assert len(prompt_id("\ud800")) == 20


def test_files_are_read_with_their_own_ids_or_with_a_prefix(tmp_path: Path) -> None:
    rows = [{"id": 0, "prompt": "p", "answer": "1", "source": "set"}, {"id": 1, "prompt": "q", "answer": 2.50}]
    one = jsonl(tmp_path / "level_1.jsonl", *rows)
    two = jsonl(tmp_path / "level_2.jsonl", *rows[:1])
    assert [row.id for row in read_rows([one])] == ["0", "1"]
    ids = IdRule(prefix="deep/{stem}")
    assert [row.id for row in read_rows([one, two], ids=ids)] == ["deep/level_1/0", "deep/level_1/1", "deep/level_2/0"]
    assert [row.id for row in read_rows([two], ids=ids)] == ["deep/level_2/0"]
    assert [row.id for row in read_rows([two], ids=IdRule(prefix="{source}/{folder}"))] == [f"set/{tmp_path.name}/0"]
    assert [row.gold for row in read_rows([one])] == ["1", "2.5"]


def test_a_repeated_id_names_both_rows(tmp_path: Path) -> None:
    one = jsonl(tmp_path / "a.jsonl", {"id": 0, "prompt": "p", "gold": "1"}, {"id": 1, "prompt": "q", "gold": "1"})
    two = jsonl(tmp_path / "b.jsonl", {"id": "x", "prompt": "r", "gold": "1"}, {"id": "1", "prompt": "s", "gold": "2"})
    with pytest.raises(InputError, match=r"id '1' .*a\.jsonl, line 2 and .*b\.jsonl, line 2; .*--id-from-prompt"):
        list(read_rows([one, two]))
    assert len(list(read_rows([one, two], ids=IdRule(from_prompt=True)))) == 4
    same = jsonl(tmp_path / "c.jsonl", {"prompt": "p $x$", "gold": "1"}, {"prompt": "p  x", "gold": "2"})
    with pytest.raises(InputError, match=r"c\.jsonl, line 1 and .*c\.jsonl, line 2"):
        list(read_rows([same], ids=IdRule(from_prompt=True)))


def test_visits_of_one_problem_share_their_id(tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": "p", "gold": "1", "visit": visit} for visit in (0, 1, 1)]
    assert [row.visit for row in read_rows([jsonl(tmp_path / "a.jsonl", *rows[:2])])] == [0, 1]
    with pytest.raises(InputError, match=r"line 2 and .*line 3"):
        list(read_rows([jsonl(tmp_path / "a.jsonl", *rows)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"id": 1, "prompt": "p"}', "line 1: no field 'gold' or 'answer'.*--gold-field"),
     ('{"id": 1, "gold": "p"}', "line 1: no field 'prompt' or 'problem' or 'question'.*--prompt-field"),
     ('{"prompt": "p", "gold": "1"}', "line 1: no id in field 'id'.*--id-from-prompt"),
     ('{"id": true, "prompt": "p", "gold": "1"}', "line 1: no id"),
     ('{"id": 1, "prompt": "p", "gold": [1]}', "line 1: field 'gold'"),
     ('{"id": 1, ', "line 1: column"), ("[]", "empty|no rows")],
)  # fmt: skip
def test_bad_rows_are_named_by_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(InputError, match=message) as caught:
        list(read_rows([path]))
    assert "bad.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_id_rules_are_config_errors() -> None:
    for rule in ({"prefix": "{nothing}"}, {"prefix": "{"}, {"prefix": "a", "from_prompt": True}):
        with pytest.raises(ConfigError):
            IdRule(**rule)


def test_named_fields_and_written_rows(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "in.jsonl", {"key": "k", "text": "p", "truth": 3, "guess": "4"})
    fields = RowFields("key", ("text",), ("truth",), "guess")
    rows = list(read_rows([source], fields=fields))
    assert rows == [Row("k", "p", "3", "4")]
    out = tmp_path / "out.jsonl"
    assert write_rows(out, [*rows, FULL, Row("s", "\ud800", "1")]) == 3
    assert list(read_rows([out])) == [*rows, FULL, Row("s", "\ud800", "1")]
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Row.from_label(line["row"], line["prompt"]) for line in written] == [*rows, FULL, Row("s", "\ud800", "1")]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_json_array_and_parquet_hold_rows_too(tmp_path: Path) -> None:
    array = tmp_path / "in.json"
    array.write_text(json.dumps([FULL.to_dict()]))
    assert list(read_rows([array])) == [FULL]
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    values = FULL.to_dict() | {"label_source": json.dumps(dict(FULL.label_source or {}))}
    parquet.write_table(pyarrow.table({name: [value] for name, value in values.items()}), tmp_path / "in.parquet")
    assert list(read_rows([tmp_path / "in.parquet"])) == [FULL]
