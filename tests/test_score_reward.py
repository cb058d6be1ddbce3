"""`verifier score --reward`: the number that training would pay, for every kind of row and after every stop."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from verifier import score
from verifier.cli import main
from verifier.journal import journal_path, manifest_path
from verifier.rewards import Context, Random, load_reward_file, quantise
from verifier.rows import Row

TRUTH = '{"reward": "ground_truth", "unscored": {"reward": -1}}'
MAJORITY = '{"reward": {"kind": "all", "of": ["majority_online", {"kind": "not", "of": "contains"}]}}'
COIN = '{"reward": {"kind": "random", "gamma": 0.5, "seed": 3}}'
INCORRECT = '{"reward": {"kind": "ground_truth", "against": "label"}}'


def write(path: Path, rows: Iterable[dict[str, Any] | str]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def scored(folder: Path, reward: str, rows: Iterable[dict[str, Any] | str], *flags: str, code: int = 0) -> list[Any]:
    """The output's rows."""
    source, file, out = folder / "in.jsonl", folder / "reward.json", folder / "out.jsonl"
    file.write_text(reward)
    write(source, rows)
    command = ["score", str(source), "--out", str(out), "--reward", str(file), "--overwrite", *flags]
    assert main(command) == code
    return lines_of(out)


def test_each_row_is_paid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"response": r"\boxed{1}", "gold": 1.0},
        {"response": r"\boxed{1}", "gold": "2"},
        {"response": r"\boxed{1}", "gold": None},
        {"response": None, "gold": r"\frac{1}{"},
        {"gold": "1"},
    ]
    out = scored(tmp_path, TRUTH, rows, code=4)
    assert [row["reward"] for row in out] == [1.0, 0.0, None, None, None]
    assert list(out[0]) == ["response", "gold", "verdict", "reward"]
    manifest = json.loads(manifest_path(tmp_path / "out.jsonl").read_text())
    assert manifest["reward"] == load_reward_file(tmp_path / "reward.json").describe()
    counted = manifest["summary"]["reward"]
    assert (counted["scored"], counted["unscored"], counted["mean"]) == (2, 2, 0.5)
    assert counted["becomes"] == {"reward": -1.0}
    assert "reward ground_truth: mean 0.5000 over 2 rows; 2 unscored (training pays -1)" in capsys.readouterr().err


def test_rewards_are_rounded_as_for_training(tmp_path: Path) -> None:
    reward = '{"reward": {"kind": "sum", "of": ["format"], "weights": [0.1]}}'
    out = scored(tmp_path, reward, [{"response": r"\boxed{1}", "gold": "1"}])
    assert out[0]["reward"] == quantise(0.1) != 0.1


def test_labels_visits_and_indices_come_from_the_row(tmp_path: Path) -> None:
    row = {"id": "a", "gold": "1", "label": 2, "visit": 4}
    lines = [
        {"response": r"\boxed{2}", "index": 5, **row},
        {"response": r"\boxed{2}", "index": 5, "row": row},
        {"response": r"\boxed{2}", "index": 5, "row": json.dumps(row)},
        {"response": r"\boxed{2}", "index": 5, "id": "a", "visit": 4, "row": json.dumps(row)},
    ]
    lines = [line | {"step": step} for step, line in enumerate(lines)]
    assert [line["reward"] for line in scored(tmp_path, INCORRECT, lines)] == [1.0] * 4
    for index in range(8):
        expected = Random(0.5, 3)("", Row("a", "", "1", visit=4), Context(index))
        paid = scored(tmp_path, COIN, [line | {"index": index} for line in lines])
        assert [line["reward"] for line in paid] == [expected] * 4
    assert [line["verdict"]["reason"] for line in paid] == ["not_equal"] * 4


@pytest.mark.parametrize(
    ("reward", "row", "message"),
    [
        (COIN, {"id": "a", "visit": 0}, "line 1, no field 'index'; the reward 'random' needs it"),
        (COIN, {"id": "a", "index": 0}, "line 1, no field 'visit'; the reward 'random' needs it"),
        (COIN, {"visit": 0, "index": 0}, "line 1, no field 'id'; the reward 'random' needs it"),
        (COIN, {"id": "a", "visit": 0, "index": -1}, "line 1, field 'index' is -1; it must be a whole number from 0"),
        (COIN, {"id": "a", "visit": "x", "index": 1}, "line 1, field 'visit' is 'x'; it must be a whole number from 0"),
        (INCORRECT, {}, "line 1, no field 'label'; the reward 'ground_truth' needs it"),
        (INCORRECT, {"label": ["1"]}, "line 1, field 'label' is ['1']; it must be text or a number"),
        (MAJORITY, {}, "line 1, no field 'id'; the reward 'all' needs it"),
        (TRUTH, {"reward": 1}, "line 1, has a field 'reward' already; name another with --reward-field"),
    ],
)
def test_what_a_row_lacks_is_named(
    reward: str, row: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "in.jsonl", [{"response": "", "gold": "1", **row}])
    (tmp_path / "r.json").write_text(reward)
    assert main(["score", str(source), "--out", str(tmp_path / "o.jsonl"), "--reward", str(tmp_path / "r.json")]) == 2
    assert f"error: {source}, {message} (none of the first" in capsys.readouterr().err


def test_one_bad_row_among_good_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"response": "", "gold": "1", "id": "a", "visit": 0, "index": 1}
    out = scored(tmp_path, COIN, [good, {**good, "index": None}, {**good, "index": 2}], code=4)
    assert out[1]["verdict"] == {"row": 2, "error": "line 2, no field 'index'; the reward 'random' needs it"}
    assert [row["reward"] is None for row in out] == [False, True, False]
    assert "line 2, no field 'index'; the reward 'random' needs it" in capsys.readouterr().err


def test_mistakes_in_the_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in.jsonl", [{"response": "", "gold": "1"}])
    bad = tmp_path / "bad.json"
    bad.write_text('{"reward": {"kind": "random", "gamma": 2}}')
    command = ["score", str(source), "--out", str(tmp_path / "o.jsonl"), "--reward"]
    assert main([*command, str(bad)]) == 2
    assert capsys.readouterr().err == f"verifier: error: {bad}: reward.gamma: 2 must lie in 0 to 1\n"
    assert main([*command, str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read: No such file" in capsys.readouterr().err
    bad.write_text(TRUTH)
    assert main([*command, str(bad), "--reward-field", "verdict"]) == 2
    assert "the reward's field 'verdict' is one of the verdict's" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["ground_truth", "majority_online"])
def test_flags_reach_the_reward(kind: str, tmp_path: Path) -> None:
    rows = samples("a", "1")
    rows[0]["response"] = "The answer is 1."
    deep = json.dumps({"reward": {"kind": "all", "of": [{"kind": "not", "of": {"kind": "not", "of": kind}}]}})
    assert [row["reward"] for row in scored(tmp_path, deep, rows)] == [0.0]
    assert [row["reward"] for row in scored(tmp_path, deep, rows, "--extraction", "any")] == [1.0]
    manifest = json.loads(manifest_path(tmp_path / "out.jsonl").read_text())
    inner = manifest["reward"]["reward"]["of"][0]["of"]["of"]
    assert inner["config"] == manifest["config"]
    config = tmp_path / "config.json"
    config.write_text('{"extraction": "final_answer", "policy": {"drop_units": false}}')
    assert [row["reward"] for row in scored(tmp_path, deep, rows, "--config", str(config))] == [1.0]
    rows[0] |= {"response": r"\boxed{1}", "gold": "1 cm"}
    flags = ["--policy", "drop_units=off", "--timeout", "2"]
    expected = 1.0 if kind == "majority_online" else 0.0  # units are dropped on the gold's side only
    assert [row["reward"] for row in scored(tmp_path, deep, rows, *flags)] == [expected]


def test_a_config_of_the_rewards_own_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = '{"reward": {"kind": "not", "of": {"kind": "ground_truth", "config": {"extraction": "any"}}}}'
    rows = [{"response": "The answer is 1.", "gold": "1"}]
    assert [row["reward"] for row in scored(tmp_path, own, rows)] == [0.0]  # without flags its own counts
    assert [row["reward"] for row in scored(tmp_path, own, rows, "--extraction", "any")] == [0.0]
    capsys.readouterr()
    command = ["score", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "o.jsonl"), "--reward"]
    for flags, told in (
        (["--timeout", "2"], "extraction is 'any' here and 'boxed' there, timeout_s is 0.8 here and 2.0 there"),
        (["--extraction", "boxed"], "extraction is 'any' here and 'boxed' there"),
        (["--extraction", "any", "--policy", "drop_base=off"], "policy.drop_base is True here and False there"),
    ):
        assert main([*command, str(tmp_path / "reward.json"), *flags]) == 2
        assert capsys.readouterr().err == (
            f"verifier: error: {tmp_path / 'reward.json'}: reward.of.config: differs from the settings that the "
            f"command was given: {told}; leave it out here, or the flags there\n"
        )


# --- groups -----------------------------------------------------------------------------------------------


def samples(name: str, answers: str, visit: int | None = 0, **more: Any) -> list[dict[str, Any]]:
    """A group, one sample for each digit of ``answers``."""
    return [{"id": name, "visit": visit, "response": f"\\boxed{{{a}}}", "gold": "1", **more} for a in answers]


def test_groups_are_neighbours_of_one_id_and_visit(tmp_path: Path) -> None:
    rows = [
        *samples("a", "112"), *samples("a", "212", visit=1), *samples("b", "3"), *samples("b", "45", visit=None),
        *samples("e", "12", step=10), *samples("e", "22", step=20),
    ]  # fmt: skip
    out = scored(tmp_path, MAJORITY, rows)
    assert [row["reward"] for row in out] == [1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1]


def test_members_count_in_the_order_of_their_index(tmp_path: Path) -> None:
    rows = [{**row, "index": index} for row, index in zip(samples("a", "7788"), (2, 3, 0, 1), strict=True)]
    assert [row["reward"] for row in scored(tmp_path, MAJORITY, rows)] == [0.0, 0.0, 1.0, 1.0]  # the tie goes to 8
    both = '{"reward": {"kind": "all", "of": ["majority_online", {"kind": "random", "gamma": 1}]}}'
    assert [row["reward"] for row in scored(tmp_path, both, rows)] == [0.0, 0.0, 1.0, 1.0]
    problem = scored(tmp_path, both, [{**row, "index": row["index"] + 1} for row in rows], code=4)[0]["verdict"][
        "error"
    ]
    assert "the indices of its group are" in problem


COMPOUND = '{"reward": {"kind": "all", "of": ["majority_online", {"kind": "ground_truth", "against": "label"}]}}'


@pytest.mark.parametrize(
    ("reward", "first", "second", "message"),
    [(MAJORITY, {"index": 0, "prompt": "A"}, {"index": 1, "problem": "B"},
      "id 'a' stands for two prompts: line 1 and line 3; make each id stand for one problem"),
     (MAJORITY, {"index": 0}, {"index": 1, "gold": "2"}, "id 'a' stands for two golds: line 1 and line 3; make each"),
     (COMPOUND, {"label": "1"}, {"label": 2}, "id 'a' stands for two labels: line 1 and line 3; make each"),
     (MAJORITY, {"index": 0}, {"index": 0}, "id 'a' has two samples with index 0 (visit 0): line 1 and line 3; drop"),
     (MAJORITY, {"index": 7}, {"row": {"index": 7}}, "id 'a' has two samples with index 7 (visit 0): line 1")],
)  # fmt: skip
def test_a_group_of_two_problems_or_with_one_sample_twice_is_refused(
    reward: str, first: dict[str, Any], second: dict[str, Any], message: str, tmp_path: Path
) -> None:
    one, two = ({**samples("a", "1", label="1")[0], **more} for more in (first, second))
    out = scored(tmp_path, reward, [one, '{"id": ', two, *samples("b", "12", label="1")], code=4)
    assert [row["reward"] for row in out[:3]] == [None] * 3
    for number in (0, 2):
        assert out[number]["verdict"]["error"].startswith(f"line {number + 1}, {message}")
    assert out[3]["reward"] is not None


def test_one_prompt_in_two_spellings_and_several_visits_are_no_two_problems(tmp_path: Path) -> None:
    rows = [*samples("a", "1", prompt="Find $x$."), *samples("a", "1", prompt="Find  x."), *samples("a", "1")]
    rows += [row | {"visit": 1, "gold": "2"} for row in rows]
    assert [row["reward"] for row in scored(tmp_path, MAJORITY, rows)] == [1.0] * 6


NOISE = '{"reward": {"kind": "noise", "of": "ground_truth", "false_negative": 0.5}}'


@pytest.mark.parametrize("reward", [COIN, NOISE])
def test_two_rows_of_one_sample_are_not_paid_by_one_draw(reward: str, tmp_path: Path) -> None:
    row = samples("a", "1", index=3)[0]
    others = [row | more for more in ({"visit": 1}, {"index": 4}, {"id": "b"}, {"step": 5})]
    out = scored(tmp_path, reward, [row, *others, {**row, "prompt": "another"}], code=4)
    assert all(line["reward"] is not None for line in out[:5])
    assert out[5]["verdict"]["error"].startswith(
        "line 6, id 'a' has two samples with index 3 (visit 0): line 1 and line 6; drop one of the two, or tell them "
        "apart by visit or step"
    )
    out = scored(tmp_path, TRUTH, [row, row])  # nothing is drawn: the same row twice is paid twice
    assert [line["reward"] for line in out] == [1.0, 1.0]
    assert scored(tmp_path, COIN, [{**row, "index": 2**63}, row], code=4)[0]["verdict"]["error"].endswith("808")


@pytest.mark.parametrize("kept", [0, 30, 60, 90])
def test_a_repeated_sample_is_found_across_a_stop(kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "CHUNK_ROWS", 3)
    rows = [samples(f"p{n % 7}", "1", index=n % 3)[0] for n in range(24)]
    whole = scored(tmp_path, COIN, rows, code=4)
    assert [row["reward"] is None for row in whole] == [n >= 21 for n in range(24)]
    _cut(tmp_path, kept)
    command = ["score", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    assert main([*command, "--reward", str(tmp_path / "reward.json")]) == 4
    assert _timeless(lines_of(tmp_path / "out.jsonl")) == _timeless(whole)


def test_a_group_that_goes_on_later_is_an_error_of_its_later_rows(tmp_path: Path) -> None:
    out = scored(tmp_path, MAJORITY, [*samples("a", "1"), *samples("b", "1"), *samples("a", "12")], code=4)
    assert [row["reward"] for row in out] == [1.0, 1.0, None, None]
    assert out[3]["verdict"]["error"] == (
        "line 4, the group of id 'a', visit 0, ended before; its rows must follow one another"
    )


def test_unreadable_rows_do_not_part_a_group(tmp_path: Path) -> None:
    rows = [*samples("a", "12"), '{"id": ', *samples("a", "2"), *samples("b", "2")]
    assert [row["reward"] for row in scored(tmp_path, MAJORITY, rows, code=4)] == [0.0, 1.0, None, 1.0, 1.0]


def _cut(folder: Path, kept: int) -> str:
    """Make of a whole run one that was stopped with ``kept`` percent of its bytes written; the whole one's manifest."""
    out = folder / "out.jsonl"
    data = out.read_bytes()
    out.unlink()
    manifest = manifest_path(out).read_text()
    manifest_path(out).write_text(manifest.replace('"complete"', '"running"'))
    journal_path(out).write_bytes(data[: len(data) * kept // 100])
    return manifest


def _timeless(rows: list[Any]) -> list[Any]:
    for row in rows:
        row["verdict"].pop("elapsed_s", None)
    return rows


@pytest.mark.parametrize("kept", range(0, 101, 9))
def test_a_stopped_run_goes_on_within_a_group(kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "CHUNK_ROWS", 4)
    rows = [row for n in range(12) for row in samples(f"p{n}", f"{n}12221{n}"[: 3 + n % 5])]
    whole = scored(tmp_path, MAJORITY, rows)
    out, file = tmp_path / "out.jsonl", tmp_path / "reward.json"
    manifest = _cut(tmp_path, kept)
    assert main(["score", str(tmp_path / "in.jsonl"), "--out", str(out), "--reward", str(file)]) == 0
    assert _timeless(lines_of(out)) == _timeless(whole)
    assert manifest_path(out).read_text() == manifest


def test_another_reward_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored(tmp_path, TRUTH, [{"response": "", "gold": "1"}])
    source, out, file = (str(tmp_path / name) for name in ("in.jsonl", "out.jsonl", "reward.json"))
    assert main(["score", source, "--out", out, "--reward", file]) == 0
    said = capsys.readouterr().err
    assert "is complete already" in said
    assert "reward ground_truth: mean 0.0000 over 1 rows" in said
    Path(file).write_text(TRUTH.replace("-1", "0"))
    assert main(["score", source, "--out", out, "--reward", file]) == 2
    assert "was begun with another reward: " in capsys.readouterr().err
    assert main(["score", source, "--out", out]) == 2
    assert "was begun with another reward: " in capsys.readouterr().err


def test_parquet_gets_a_column(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`")
    scored(tmp_path, MAJORITY, [*samples("a", "112"), '{"id": 1', *samples("b", "2")], code=4)
    source, first, second = tmp_path / "in.jsonl", tmp_path / "a.parquet", tmp_path / "b.parquet"
    flags = ["--reward", str(tmp_path / "reward.json")]
    assert main(["score", str(source), "--out", str(first), *flags]) == 4
    expected = [1.0, 1.0, 0.0, None, 1.0]
    assert parquet.read_table(first)["reward"].to_pylist() == expected
    assert str(parquet.read_table(first).schema.field("reward").type) == "double"
    more = ["--verdict-field", "v2", "--reward-field", "r2", "--keep", "id"]
    assert main(["score", str(first), "--out", str(second), *flags, *more]) == 4
    assert parquet.read_table(second)["r2"].to_pylist() == expected
    assert parquet.read_table(second).schema.names[:2] == ["id", "v2_row"]
