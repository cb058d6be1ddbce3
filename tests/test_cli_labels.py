"""``verifier vote`` and ``verifier corrupt`` on files: formats, going on after a kill, and a user's mistakes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from verifier import rowjob, vote_rows
from verifier.cli import main
from verifier.cli_labels import METHODS
from verifier.corrupt import METHODS as KNOWN_METHODS
from verifier.journal import journal_path, manifest_path
from verifier.rowfiles import read_rows
from verifier.rows import prompt_id

BOX = "so it is \\boxed{%s}."


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(manifest_path(out).read_text())["summary"]
    return found


def problems(count: int) -> list[dict[str, Any]]:
    made = ["12", r"\frac{1}{2}", "(1,2)", r"2\sqrt{3}", "x^2-1", "A"]
    return [{"id": n, "problem": f"Problem {n}?", "answer": made[n % 6]} for n in range(count)]


def prompts(count: int) -> list[dict[str, Any]]:
    rng = random.Random(0)
    return [
        {"id": n, "prompt": f"P{n}", "gold": "3",
         "responses": [None if rng.random() < 0.1 else BOX % rng.choice(["3", "3.0", "6/2", "4", "5"])
                       for _ in range(8)]}
        for n in range(count)
    ]  # fmt: skip


# --- vote --------------------------------------------------------------------------------------------


def test_a_vote_over_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": "a", "prompt": "p", "answer": 0.5, "responses": [BOX % "1/2", BOX % "0.5", BOX % "7", None]},
        {"id": "b", "prompt": "q", "answer": "1", "responses": [BOX % "2", "no box"]},
        {"id": "c", "prompt": "r", "responses": ["no box", None, BOX % "))"]},
        {"id": "d", "prompt": "s", "responses": BOX % "2"},
        {"id": "e", "prompt": "t", "responses": [7]},
        "{",
    ]
    source, out = jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    assert main(["vote", str(source), "--out", str(out), "--model", "m", "--seed", "3"]) == 4
    made = lines(out)
    assert [(row["id"], row["gold"], row["label"]) for row in made] == [("a", "0.5", "0.5"), ("b", "1", "2")]
    assert made[0]["label_source"] == {
        "method": "majority_vote", "rule": "classes", "model": "m", "seed": 3, "samples": 4, "votes": 2, "share": 0.5,
        "empty_share": 0.25, "classes": 2,
    }  # fmt: skip
    left = lines(tmp_path / "out.jsonl.left_out.jsonl")
    assert [(row["id"], row["reason"]) for row in left] == [
        ("c", "no_vote"), ("d", "row_unreadable"), ("e", "row_unreadable"), (None, "row_unreadable")]  # fmt: skip
    assert "in.jsonl, line 6" in left[3]["where"]
    counts = summary(out)
    assert (counts["rows"], counts["written"], counts["accuracy_against_gold"]) == (6, 2, 0.5)
    assert counts["against_gold"] == {"correct": 1, "incorrect": 1}
    assert "accuracy of the labels against gold: 50.00 %" in capsys.readouterr().err
    assert [row.label for row in read_rows([out])] == ["0.5", "2"]


def test_single_samples_in_any_order_give_the_same_labels(tmp_path: Path) -> None:
    rows = prompts(30)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert main(["vote", str(jsonl(tmp_path / "in.jsonl", rows)), "--out", str(whole)]) == 0
    samples = [
        {"id": row["id"], "prompt": row["prompt"], "gold": row["gold"], "index": index, "response": response}
        for row in rows
        for index, response in enumerate(row["responses"])
    ]
    random.Random(1).shuffle(samples)
    assert main(["vote", str(jsonl(tmp_path / "samples.jsonl", [*samples, "{"])), "--out", str(out)]) == 4
    assert sorted(lines(out), key=lambda row: int(row["id"])) == lines(whole)
    assert not list(tmp_path.glob("*.answers.jsonl"))
    assert [row["reason"] for row in lines(tmp_path / "out.jsonl.left_out.jsonl")] == ["row_unreadable"]


def test_choices_rules_and_extraction(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "responses": [BOX % "1", BOX % "1", BOX % "2", None, None, None]},
        {"id": "b", "responses": [BOX % "1", "The answer is 5."]},
    ]
    source = str(jsonl(tmp_path / "in.jsonl", rows))

    def labels(*flags: str) -> list[tuple[str, str]]:
        out = tmp_path / "out.jsonl"
        main(["vote", source, "--out", str(out), "--overwrite", *flags])
        left = [(row["id"], row["reason"]) for row in lines(tmp_path / "out.jsonl.left_out.jsonl")]
        return [(row["id"], row["label"]) for row in lines(out)] + left

    assert labels() == [("a", "1"), ("b", "1")]
    assert labels("--choice", "2") == [("a", "2"), ("b", "no_choice")]
    assert labels("--minority") == [("a", "2"), ("b", "no_choice")]
    assert labels("--rule", "paper-strings") == [("b", "1"), ("a", "empty_wins")]
    assert labels("--extraction", "final_answer") == [("b", "5"), ("a", "no_vote")]


# --- corrupt -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["perturb", "random_same_type", "shuffle"])
def test_corrupted_files_hold_wrong_labels_and_list_the_rest(method: str, tmp_path: Path) -> None:
    rows = [*problems(60), {"id": "bad", "problem": "?", "answer": "))"}, {"id": "none", "problem": "?"}]
    source, out = jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    flags = ["--out", str(out), "--id-prefix", "set/{stem}", "--seed", "5"]
    assert main(["corrupt", method, str(source), *flags]) == 4
    made = list(read_rows([out]))
    assert [row.id for row in made] == [f"set/in/{n}" for n in range(60)]
    assert all(row.label != row.gold and row.label_source and row.label_source["seed"] == 5 for row in made)
    left = lines(tmp_path / "out.jsonl.left_out.jsonl")
    assert [(row["id"], row["reason"]) for row in left] == [
        ("set/in/bad", "gold_unreadable"), ("set/in/none", "row_unreadable")]  # fmt: skip
    counts = summary(out)
    assert (counts["accuracy_against_gold"], counts["against_gold"]) == (0.0, {"incorrect": 60})
    assert counts["by_type"]["integer"] == {"written": 10, "left_out": 0}


def test_a_subset_with_the_pool_kept_has_the_same_labels(tmp_path: Path) -> None:
    rows = problems(60)
    source, some = jsonl(tmp_path / "in.jsonl", rows), jsonl(tmp_path / "some.jsonl", rows[40:10:-3])
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    assert main(["corrupt", "shuffle", str(source), "--out", str(whole)]) == 0
    assert main(["corrupt", "shuffle", str(some), "--pool", str(source), "--out", str(part)]) == 0
    labels = {row["id"]: (row["label"], row["label_source"]) for row in lines(whole)}
    assert {row["id"]: (row["label"], row["label_source"]) for row in lines(part)}.items() <= labels.items()
    assert json.loads(manifest_path(part).read_text())["settings"]["pool_size"] == 60


def test_wrong_majorities_find_their_golds_by_prompt(tmp_path: Path) -> None:
    golds = [{"id": 0, "prompt": "P $x$", "answer": "1"}, {"id": 1, "prompt": "Q", "answer": "2"},
             {"id": 2, "prompt": "Q", "answer": "3"}, {"id": 3, "prompt": "R", "answer": "4"}]  # fmt: skip
    votes = [{"id": 5, "prompt": "P x", "answer": "9"}, {"id": 6, "prompt": "Q", "answer": "3"},
             {"id": 7, "prompt": "R", "answer": "4.0"}, {"id": 8, "prompt": "?", "answer": "4"},
             {"id": 9, "prompt": "R", "answer": ""}]  # fmt: skip
    out = tmp_path / "out.jsonl"
    flags = ["--golds", str(jsonl(tmp_path / "golds.jsonl", golds)), "--match", "prompt", "--label-field", "answer"]
    assert main(["corrupt", "incorrect_majority", str(jsonl(tmp_path / "votes.jsonl", votes)), *flags,
                 "--out", str(out)]) == 4  # fmt: skip
    (row,) = lines(out)
    assert (row["id"], row["gold"], row["label"]) == ("5", "1", "9")
    assert row["label_source"]["votes"] == {"gold_from": "golds/0"}
    left = [(row["id"], row["reason"]) for row in lines(tmp_path / "out.jsonl.left_out.jsonl")]
    assert left == [("6", "golds_differ"), ("7", "label_right"), ("8", "row_unreadable"), ("9", "label_missing")]


@pytest.mark.parametrize("flags", [[], ["--id-from-prompt"]])
def test_golds_that_are_found_by_prompt_need_no_id(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golds = jsonl(tmp_path / "golds.jsonl", [{"prompt": "P $x$", "gold": "1"}, {"id": "", "prompt": "Q", "gold": "2"}])
    rows = [{"prompt": "P x", "label": "9"}, {"prompt": "Q", "label": "8"}]
    votes = jsonl(tmp_path / "votes.jsonl", rows if flags else [row | {"id": n} for n, row in enumerate(rows)])
    out = tmp_path / "out.jsonl"
    command = ["corrupt", "incorrect_majority", str(votes), "--out", str(out), "--golds", str(golds), "--match"]
    assert main([*command, "prompt", *flags]) == 0
    ids = [prompt_id("P x"), prompt_id("Q")]
    assert [row["id"] for row in lines(out)] == (ids if flags else ["0", "1"])
    assert [row["label_source"]["votes"]["gold_from"] for row in lines(out)] == ids
    capsys.readouterr()
    if not flags:
        assert main([*command, "id", "--overwrite"]) == 2
        assert f"{golds}, line 1: no id in field 'id'; " in (error := capsys.readouterr().err)
        assert error.endswith("; golds are found without ids by --match prompt\n")


def test_votes_then_wrong_majorities(tmp_path: Path) -> None:
    votes, out = tmp_path / "votes.jsonl", tmp_path / "out.jsonl"
    assert main(["vote", str(jsonl(tmp_path / "in.jsonl", prompts(40))), "--out", str(votes)]) == 0
    assert main(["corrupt", "incorrect_majority", str(votes), "--out", str(out)]) == 0
    wrong = [row["id"] for row in lines(votes) if row["label"] not in ("3", "3.0", "6/2")]
    assert [row["id"] for row in lines(out)] == wrong
    assert wrong
    assert summary(out)["left_out"] == {"label_right": 40 - len(wrong)}


def test_a_rate_and_the_accuracy_of_its_labels(tmp_path: Path) -> None:
    source, out = jsonl(tmp_path / "in.jsonl", problems(300)), tmp_path / "out.jsonl"
    assert main(["corrupt", "perturb", str(source), "--out", str(out), "--rate", "0.4", "--type", "integer"]) == 0
    counts = summary(out)
    assert counts["accuracy_against_gold"] == (300 - counts["total_corrupted"]) / 300
    assert 8 <= counts["total_corrupted"] <= 32


# --- formats -----------------------------------------------------------------------------------------------


def test_arrays_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    rows = [{name: str(value) for name, value in row.items()} for row in problems(20)]
    sources = [jsonl(tmp_path / "in.jsonl", rows), tmp_path / "in.json", tmp_path / "in.parquet"]
    sources[1].write_text(json.dumps(rows))
    parquet.write_table(pyarrow.Table.from_pylist(rows), sources[2])
    made = []
    for number, source in enumerate(sources):
        for suffix in ("jsonl", "parquet"):
            out = tmp_path / f"out{number}.{suffix}"
            assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 0
            made.append(list(read_rows([out])))
    assert all(one == made[0] for one in made)
    assert len(made[0]) == 20


@pytest.mark.parametrize("command", ["vote", "corrupt"])
def test_hub_data_sets_are_read_by_their_name(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Fake:
        @staticmethod
        def load_dataset(name: str, subset: str | None, **more: Any) -> list[dict[str, Any]]:
            asked.append((name, subset, more))
            return [{**row, "responses": [BOX % "3"]} for row in problems(6)]

    monkeypatch.setitem(sys.modules, "datasets", Fake)
    monkeypatch.setattr("verifier.sources.find_spec", lambda name: True)
    out = tmp_path / "out.jsonl"
    method = ["perturb"] if command == "corrupt" else []
    flags = ["--split", "test", "--subset", "main", "--revision", "abc", "--out", str(out), "--id-prefix", "{stem}"]
    assert main([command, *method, "hub:owner/name", *flags]) == 0
    assert asked[-1] == ("owner/name", "main", {"split": "test", "revision": "abc"})
    assert lines(out)[0]["id"] == "owner/name/0"


# --- stopping and going on ---------------------------------------------------------------------------------

BLOCKING = """
import time
import verifier.rowjob, verifier.vote_job
from verifier.cli import main
verifier.rowjob.CHUNK_ROWS = 8
real = verifier.rowjob.Entry.to_dict
calls = []
def blocking(self):
    calls.append(1)
    if len(calls) == 21:
        print("ready", flush=True)
        time.sleep(300)
    return real(self)
verifier.rowjob.Entry.to_dict = blocking
raise SystemExit(main())
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
@pytest.mark.parametrize("command", ["vote", "samples", "corrupt"])
def test_a_killed_run_goes_on_to_the_same_bytes(
    command: str, sent: signal.Signals, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Any] = problems(40) if command == "corrupt" else prompts(40)
    if command == "samples":
        rows = [{"id": row["id"], "gold": "3", "response": text} for row in rows for text in row["responses"]]
    source = jsonl(tmp_path / "in.jsonl", rows)
    words = ["corrupt", "shuffle"] if command == "corrupt" else ["vote"]
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert main([*words, str(source), "--out", str(whole)]) == 0
    process = subprocess.Popen(
        [sys.executable, "-c", BLOCKING, *words, str(source), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, sent)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert not out.exists()
    assert len(lines(journal_path(out))) == 16
    capsys.readouterr()
    assert main([*words, str(source), "--out", str(out)]) == 0
    assert "going on: 16 rows were done before" in capsys.readouterr().err
    assert out.read_bytes() == whole.read_bytes()
    assert summary(out) == summary(whole)
    assert not journal_path(out).exists()
    assert main([*words, str(source), "--out", str(out)]) == 0
    assert "complete already" in capsys.readouterr().err


def test_a_stop_while_samples_are_read_costs_a_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vote_rows, "CHUNK_ROWS", 1)
    rows = [{"id": row["id"], "response": text} for row in prompts(10) for text in row["responses"]]
    source = jsonl(tmp_path / "in.jsonl", rows)
    whole, out, real, calls = tmp_path / "whole.jsonl", tmp_path / "out.jsonl", vote_rows.extract, []
    assert main(["vote", str(source), "--out", str(whole)]) == 0

    def stopping(*words: Any) -> Any:
        calls.append(1)
        if len(calls) == 45:
            raise KeyboardInterrupt
        return real(*words)

    monkeypatch.setattr(vote_rows, "extract", stopping)
    assert main(["vote", str(source), "--out", str(out)]) == 130
    capsys.readouterr()
    assert main(["vote", str(source), "--out", str(out)]) == 0
    assert "the answers of 40 samples were extracted before" in capsys.readouterr().err
    assert len(calls) == 45 + 40
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [({"prompt": "a?"}, {"prompt": "b?"}, "id '0' stands for two prompts"),
     ({"gold": "1"}, {"gold": "2"}, "id '0' stands for two golds"),
     ({}, {}, "id '0' has two samples with index 3"),
     ({"visit": 1, "prompt": "a?"}, {"visit": 1, "prompt": "a ?"}, "id '0' has two samples with index 3")],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1, 128])
def test_samples_of_two_problems_or_of_one_place_are_not_merged(
    chunk: int, first: dict[str, Any], second: dict[str, Any], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(vote_rows, "CHUNK_ROWS", chunk)
    row = {"id": 0, "index": 3, "response": BOX % "1"}
    others: list[Any] = [{"id": f"x{n}", "index": 3, "response": BOX % "1"} for n in range(20)]
    one, two = jsonl(tmp_path / "one.jsonl", [row | first, *others]), jsonl(tmp_path / "two.jsonl", [row | second])
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        assert main(["vote", str(one), str(two), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert f"{message}: {one}, line 1 and {two}, line 1; " in error
        assert "going on" not in error
        assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "two.jsonl"]
    out = tmp_path / "apart.jsonl"
    assert main(["vote", str(one), str(two), "--out", str(out), "--id-prefix", "{stem}"]) == 0
    assert {"one/0", "two/0"} <= {made["id"] for made in lines(out)}


@pytest.mark.parametrize("shuffled", [False, True])
def test_many_samples_of_one_problem_cost_no_more_each(shuffled: bool, tmp_path: Path) -> None:
    indices = list(range(40_000))
    if shuffled:
        random.Random(2).shuffle(indices)
    row = {"id": "a", "prompt": "p", "response": BOX % "1"}
    source, out = jsonl(tmp_path / "in.jsonl", [row | {"index": n} for n in indices]), tmp_path / "out.jsonl"
    begun = time.process_time()
    assert main(["vote", str(source), "--out", str(out)]) == 0
    assert time.process_time() - begun < 7  # 1 to 2 seconds; 15 where each is compared with all before it
    assert summary(out)["total_samples"] == 40_000


def test_visits_and_samples_without_an_index_are_counted_together(tmp_path: Path) -> None:
    visits = [{"id": 0, "prompt": "p", "visit": n, "index": 0, "response": BOX % "1"} for n in range(3)]
    bare: list[Any] = [{"id": 1, "response": BOX % "2"}] * 2
    out = tmp_path / "out.jsonl"
    assert main(["vote", str(jsonl(tmp_path / "in.jsonl", [*visits, *bare])), "--out", str(out)]) == 0
    assert [row["label_source"]["samples"] for row in lines(out)] == [3, 2]


def test_answers_that_another_run_left_behind_are_not_used(tmp_path: Path) -> None:
    source, out = jsonl(tmp_path / "in.jsonl", [{"id": 1, "response": BOX % "2"}]), tmp_path / "out.jsonl"
    stale = {"last": [0, 1], "new": [[[0, 1], "x", "1", None, None]], "facts": [], "samples": [["1", "9", -1, 0, 1]],
             "bad": []}  # fmt: skip
    jsonl(tmp_path / "out.jsonl.answers.jsonl", [stale])
    assert main(["vote", str(source), "--out", str(out)]) == 0
    assert [row["label"] for row in lines(out)] == ["2"]


def test_a_repeated_id_is_found_across_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowjob, "CHUNK_ROWS", 4)
    rows = [*problems(10), problems(1)[0]]
    source, out = jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 2
    assert len(lines(journal_path(out))) == 8
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 2


@pytest.mark.parametrize("words", ["corrupt perturb", "corrupt shuffle", "vote", "vote samples", "score"])
@pytest.mark.parametrize("fault", ["repeated", "empty"])
def test_the_same_command_works_once_the_input_is_mended(
    words: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Any] = [{"prompt": f"p{n}", "gold": "1"} | row for n, row in enumerate(problems(6))]
    for row in rows:
        row |= {"response": BOX % "1", "index": 0, "visit": 0} if words in ("vote samples", "score") else {}
        row |= {"responses": [BOX % "1"]} if words == "vote" else {}
    source, second, out = tmp_path / "in.jsonl", tmp_path / "more.jsonl", tmp_path / "out.jsonl"
    jsonl(source, rows)
    jsonl(second, rows[:1] if fault == "repeated" else [])
    named = [str(second)] if words == "score" else [str(source), str(second)]
    command = [*words.split()[: 1 + words.startswith("corrupt")], *named, "--out", str(out)]
    if words == "score":
        jsonl(second, [{"response": 1}])
    assert main(command) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "more.jsonl"]
    jsonl(second, [row | {"id": "x", "prompt": "another"} for row in rows[:1]])
    assert main(command) == 0
    assert out.exists()
    assert not journal_path(out).exists()


def test_what_was_there_before_a_refused_run_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = jsonl(tmp_path / "in.jsonl", problems(3)), tmp_path / "out.jsonl"
    twice = jsonl(tmp_path / "twice.jsonl", problems(1) * 2)
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["corrupt", "perturb", str(twice), "--out", str(out), "--overwrite"]) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 0
    assert "is complete already" in capsys.readouterr().err


def test_rows_that_a_refused_run_has_written_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowjob, "CHUNK_ROWS", 2)
    source, out = jsonl(tmp_path / "in.jsonl", [*problems(3), *problems(1)]), tmp_path / "out.jsonl"
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 2
    assert len(lines(journal_path(out))) == 2
    kept = journal_path(out).read_bytes(), manifest_path(out).read_bytes()
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 2
    assert (journal_path(out).read_bytes(), manifest_path(out).read_bytes()) == kept


# --- mistakes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [("corrupt scramble IN --out OUT", "perturb"), ("corrupt perturb nowhere.jsonl --out OUT", "no such file"),
     ("corrupt perturb IN --out OUT.csv", "must end in .jsonl or .parquet"), ("corrupt perturb IN --out IN", "input"),
     ("corrupt perturb IN --out none/OUT", "does not exist"), ("corrupt perturb IN --out OUT --rate 2", "share from 0"),
     ("corrupt perturb IN --out OUT --operation typo", "off_by_one"),
     ("corrupt perturb IN --out OUT --type typo", "integer"), ("corrupt perturb IN --out OUT --pool IN", "pool"),
     ("corrupt perturb IN --out OUT --golds IN", "incorrect_majority"),
     ("corrupt perturb IN --out OUT --id-prefix {x}", "{stem}"),
     ("corrupt perturb TWICE --out OUT", "TWICE, line 1 and TWICE, line 2"),
     ("vote IN --out OUT", "neither 'responses'"), ("vote IN --out OUT --choice 0", "1 or more"),
     ("vote IN --out OUT --rule mean", "paper-strings")],
)  # fmt: skip
def test_mistakes_are_one_line(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "IN", problems(3))
    jsonl(tmp_path / "TWICE", [problems(1)[0]] * 2)
    try:
        code = main(words.split())
    except SystemExit as stopped:  # argparse
        code = int(stopped.code or 0)
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert "Traceback" not in error
    assert error.strip().splitlines()[-1].startswith("verifier")


@pytest.mark.parametrize(
    ("path", "message"),
    [(".", "is a folder; name a file in it"), ("..", "is a folder"), ("none/s.json", "the folder none does not exist"),
     ("OUT.jsonl", "is a file of the output"), ("./OUT.jsonl.manifest.json", "is a file of the output"),
     ("OUT.jsonl.left_out.jsonl", "is a file of the output"), ("IN", "is an input"),
     ("x" * 300, "cannot be written: File name too long")],
)  # fmt: skip
@pytest.mark.parametrize("words", ["corrupt perturb", "vote", "score"])
def test_a_summary_that_cannot_be_written_is_told_before_the_run(
    words: str, path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "IN", problems(3))
    assert main([*words.split(), "IN", "--out", "OUT.jsonl", "--summary", path]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"--summary {path}".replace("./OUT", "OUT") in line
    assert message in line
    assert [found.name for found in tmp_path.iterdir()] == ["IN"]


def test_a_summary_beside_the_output(tmp_path: Path) -> None:
    source, out = jsonl(tmp_path / "in.jsonl", problems(3)), tmp_path / "out.jsonl"
    counts = tmp_path / "out.jsonl.summary.json"
    assert main(["corrupt", "perturb", str(source), "--out", str(out), "--summary", str(counts)]) == 0
    assert json.loads(counts.read_text()) == json.loads(manifest_path(out).read_text())


def test_another_runs_output_is_not_mixed_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = jsonl(tmp_path / "in.jsonl", problems(3)), tmp_path / "out.jsonl"
    assert main(["corrupt", "perturb", str(source), "--out", str(out)]) == 0
    assert main(["corrupt", "perturb", str(source), "--out", str(out), "--seed", "1"]) == 2
    assert "begun with another seed: 0 then, 1 now" in capsys.readouterr().err
    assert main(["corrupt", "perturb", str(source), "--out", str(out), "--seed", "1", "--overwrite"]) == 0


def test_the_methods_that_the_parser_knows_are_those_that_exist() -> None:
    assert set(METHODS) == set(KNOWN_METHODS)
