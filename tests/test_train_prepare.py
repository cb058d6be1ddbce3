"""Preparing rows, sampling for majority labels, and the way from samples to a cell's label set."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from train_openrlhf import label_majority, prepare
from train_openrlhf.cells import load_cell
from train_openrlhf.checks import data_findings
from train_openrlhf.label_majority import Sample
from train_openrlhf.rundata import run_data
from verifier.cli import main as verifier
from verifier.rowfiles import read_rows, write_rows
from verifier.rows import Row

EVAL = [Row("math500/1", "Find \\( x \\) if 2x = 4.", "2", split="eval", benchmark="math500")]


def problems(folder: Path, rows: list[list[dict[str, Any]]]) -> Path:
    """Level files whose ids restart at 0, as DeepScaleR's do; a file of labels beside them that is no level."""
    folder.mkdir()
    for number, level in enumerate(rows, 1):
        (folder / f"level_{number}.json").write_text(json.dumps(level), encoding="utf-8")
    (folder / "majority_labels.json").write_text("[]", encoding="utf-8")
    return folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prepare, "evaluation_rows", lambda: EVAL)
    easy: list[dict[str, Any]] = [{"id": str(n), "prompt": f"Count to {n}.", "answer": str(n)} for n in range(40)]
    easy.append({"id": "40", "prompt": "find $X$ if $2x=4$", "answer": "2"})  # says what an evaluation problem says
    hard: list[dict[str, Any]] = [
        {"id": 0, "prompt": "Halve one.", "answer": "0.5"},
        {"id": 1, "prompt": "Halve  one.", "answer": "\\frac{1}{2}"},  # differs as text, not in value
        {"id": 2, "prompt": "Name a prime.", "answer": "2"},
        {"id": 3, "prompt": "Name a prime.", "answer": "3"},
    ]
    return problems(tmp_path / "deepscaler", [easy, hard])


def run(*argv: str) -> dict[str, Any]:
    assert prepare.main(list(argv)) == 0
    return dict(json.loads(Path("data/prepare.json").read_text(encoding="utf-8")))


def test_overlaps_and_contradictions_are_left_out_and_listed(source: Path) -> None:
    report = run("--source", str(source))
    assert report["read"] == 45
    assert report["overlaps"] == {"deepscaler/level_1/40": "math500/1"}
    assert report["removed"]["contradictions"] == ["deepscaler/level_2/2", "deepscaler/level_2/3"]
    assert report["prompts_with_golds_that_differ_as_text"] == 2
    rows = list(read_rows(["data/train.jsonl"]))
    assert len(rows) == report["train_rows"] == 42
    assert {"deepscaler/level_2/0", "deepscaler/level_2/1"} <= {row.id for row in rows}
    assert not {"Find", "prime"} & set(json.dumps(report).split())
    assert [one["file"] for one in report["source"]] == ["level_1.json", "level_2.json"]


def test_what_was_left_out_can_be_kept(source: Path) -> None:
    report = run("--source", str(source), "--keep-overlaps", "--keep-contradictions")
    assert report["train_rows"] == 45
    assert len(report["overlaps"]) == 1
    assert report["removed"] == {"overlaps": [], "contradictions": []}


def test_the_order_is_that_of_the_seed_and_not_of_the_source(source: Path) -> None:
    orders = {}
    for seed in ("0", "1"):
        run("--source", str(source), "--seed", seed)
        orders[seed] = [row.id for row in read_rows(["data/train.jsonl"])]
    assert sorted(orders["0"]) == sorted(orders["1"])
    assert orders["0"] != orders["1"]
    path = source / "level_1.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))[::-1]), encoding="utf-8")
    run("--source", str(source), "--seed", "0")
    assert [row.id for row in read_rows(["data/train.jsonl"])] == orders["0"]


def test_each_visit_is_a_row_and_each_row_a_label_column(source: Path) -> None:
    run("--source", str(source), "--visits", "2")
    rows = list(read_rows(["data/train.jsonl"]))
    assert len(rows) == 84
    assert len({(row.id, row.visit) for row in rows}) == 84
    first = json.loads(Path("data/train.jsonl").read_text(encoding="utf-8").partition("\n")[0])
    assert Row.from_label(first["row"], first["prompt"]) == rows[0]
    cell = load_cell("qwen2.5-math-7b/format/s0", ["steps=10", "rollout.batch_size=8", "checkpoint.save_every=10"])
    assert [str(one) for one in data_findings(cell, run_data(cell)) if one.level == "error"] == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_text("[{}]", encoding="utf-8"), "level_1.json, row 1"),
        (lambda path: path.write_text("[", encoding="utf-8"), "level_1.json, line 1"),
        (lambda path: path.write_text('[{"id": 1, "prompt": "p"}]', encoding="utf-8"), "gold"),
    ],
)
def test_a_spoilt_source_is_one_line(
    source: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], Any], said: str
) -> None:
    spoil(source / "level_1.json")
    assert prepare.main(["--source", str(source)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert said in told
    assert told.count("\n") == 1


def test_repeated_ids_and_repeated_evaluation_prompts_are_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source / "level_2.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([*rows, rows[0]]), encoding="utf-8")
    assert prepare.main(["--source", str(source)]) == 2
    assert "stands in two rows" in capsys.readouterr().err
    twice = [*EVAL, Row("amc/1", EVAL[0].prompt + " ", "2", split="eval", benchmark="amc")]
    monkeypatch.setattr(prepare, "evaluation_rows", lambda: twice)
    assert prepare.main(["--source", str(source)]) == 2
    assert "math500/1 and amc/1 have the same prompt" in capsys.readouterr().err


def test_the_hub_set_is_pinned_and_gets_ids(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked: list[Any] = []

    def load(name: str, subset: Any, *, split: str, revision: str) -> list[dict[str, str]]:
        asked.append((name, split, revision))
        return [{"problem": f"What is {n}?", "answer": str(n), "solution": ""} for n in range(3)]

    monkeypatch.setattr(datasets, "load_dataset", load)
    report = run()
    assert asked == [("agentica-org/DeepScaleR-Preview-Dataset", "train", prepare.REVISION)]
    assert report["source"][0]["revision"] == prepare.REVISION
    assert sorted(row.id for row in read_rows(["data/train.jsonl"])) == [
        f"deepscaler-preview-dataset/{n}" for n in range(3)
    ]


def test_the_real_problems(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The known figures: 39,808 problems, 7 of them in the evaluation sets."""
    monkeypatch.setenv("RLVR_DATA_DIR", str(shared_dir / "data"))
    monkeypatch.chdir(tmp_path)
    report = run("--source", str(shared_dir / "data/deepscaler"))
    assert (report["read"], len(report["overlaps"]), report["eval_rows"]) == (39_808, 7, 643)
    assert report["train_rows"] == 39_808 - 7 - len(report["removed"]["contradictions"])
    assert 0 < len(report["removed"]["contradictions"]) < 1_000
    cell = load_cell("qwen2.5-math-7b/ground-truth/s0")
    data = run_data(cell)
    assert len({row.id for row in data.train}) == 300 * 64
    assert list(data_findings(cell, data)) == []


# -- majority labels ------------------------------------------------------------------------------------


@pytest.fixture
def sampling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[int, str]]]:
    """20 problems, and an engine that answers n for ``What is n?`` and n + 1 where n is a multiple of 5."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    rows = [Row(f"set/{n}", f"What is {n}?", str(n), visit=visit) for visit in (0, 1) for n in range(20)]
    write_rows(Path("data/train.jsonl"), rows)
    write_rows(Path("data/eval.jsonl"), EVAL)
    calls: list[list[tuple[int, str]]] = []

    def generate(asked: Sequence[tuple[int, str]]) -> list[list[Sample]]:
        calls.append(list(asked))
        numbers = [int(prompt.split()[2][:-1]) for _, prompt in asked]
        said = [number + (number % 5 == 0) for number in numbers]
        return [
            [Sample(f"So \\boxed{{{n}}}.", False), Sample(f"\\boxed{{{n}}}", False), Sample("Er", True)] for n in said
        ]

    def make(args: argparse.Namespace, model: Any) -> label_majority.Generator:
        return generate

    monkeypatch.setattr(label_majority, "make_generator", make)
    return calls


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_shards_are_disjoint_complete_and_keyed_by_problem(sampling: list[list[tuple[int, str]]]) -> None:
    for shard in ("0/3", "1/3", "2/3"):
        assert label_majority.main(["qwen2.5-7b", "--shard", shard, "--samples", "3"]) == 0
    parts = [lines(f"labels/qwen2.5-7b.samples-{n}of3.jsonl") for n in range(3)]
    ids = [row["id"] for part in parts for row in part]
    assert sorted(ids) == sorted(f"set/{n}" for n in range(20))
    assert all(parts)
    assert parts[0][0]["truncated"] == [False, False, True]
    seeds = {prompt: seed for call in sampling for seed, prompt in call}
    sampling.clear()
    assert label_majority.main(["qwen2.5-7b", "--samples", "3"]) == 0
    assert {prompt: seed for call in sampling for seed, prompt in call} == seeds
    assert len(set(seeds.values())) == 20


def test_a_stopped_run_goes_on_and_a_cut_line_is_done_again(sampling: list[list[tuple[int, str]]]) -> None:
    assert label_majority.main(["qwen2.5-7b", "--samples", "3", "--limit", "5"]) == 0
    path = Path("labels/qwen2.5-7b.samples-0of1.jsonl")
    path.write_bytes(path.read_bytes()[:-7])
    sampling.clear()
    assert label_majority.main(["qwen2.5-7b", "--samples", "3"]) == 0
    assert sum(map(len, sampling)) == 16
    assert len({row["id"] for row in lines(str(path))}) == 20


@pytest.mark.parametrize("extra", [["--samples", "4"], ["--seed", "1"], ["--prompt", "template"]])
def test_other_settings_do_not_go_on(
    sampling: list[list[tuple[int, str]]], capsys: pytest.CaptureFixture[str], extra: list[str]
) -> None:
    assert label_majority.main(["qwen2.5-7b", "--samples", "3"]) == 0
    assert label_majority.main(["qwen2.5-7b", "--samples", "3", *extra]) == 2
    told = capsys.readouterr().err
    assert "was begun with other settings" in told
    assert extra[0].removeprefix("--") in told


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["qwen2.5-9b"], "unknown model 'qwen2.5-9b'"),
        (["qwen2.5-7b", "--data", "none.jsonl"], "none.jsonl: no such file"),
    ],
)
def test_mistakes_are_one_line(
    sampling: list[list[tuple[int, str]]], capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert label_majority.main(argv) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["3/3", "1", "a/b", "-1/2"])
def test_a_shard_is_i_of_n(shard: str) -> None:
    with pytest.raises(SystemExit):
        label_majority.main(["qwen2.5-7b", f"--shard={shard}"])


def test_an_engine_that_is_not_installed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vllm", None)
    args = label_majority._parser().parse_args(["qwen2.5-7b"])
    with pytest.raises(label_majority.ConfigError, match="--generator vllm: vllm is not installed"):
        label_majority.make_generator(args, label_majority.find_model("qwen2.5-7b")[1])


def test_from_samples_to_the_label_sets_of_a_cell(sampling: list[list[tuple[int, str]]]) -> None:
    """label_majority, verifier vote, verifier corrupt, and the cells that train on what they wrote."""
    name = "qwen2.5-7b"
    assert label_majority.main([name, "--samples", "3"]) == 0
    samples = f"labels/{name}.samples-0of1.jsonl"
    assert verifier(["vote", samples, "--model", name, "--out", f"labels/{name}.jsonl", "--no-progress"]) == 0
    wrong = f"labels/{name}.incorrect.jsonl"
    assert verifier(["corrupt", "incorrect_majority", f"labels/{name}.jsonl", "--out", wrong, "--no-progress"]) == 0
    small = ["steps=2", "rollout.batch_size=8", "checkpoint.save_every=1"]
    majority = run_data(load_cell(f"{name}/majority/s0", small))
    assert majority.available == 20
    incorrect = run_data(load_cell(f"{name}/incorrect/s0", small))
    assert {row.id for row in incorrect.train} == {"set/0", "set/5", "set/10", "set/15"}
    assert all(row.label != row.gold for row in incorrect.train)
    for other in ("majority", "incorrect"):
        for suffix in ("", ".incorrect"):
            shutil.copy(f"labels/{name}{suffix}.jsonl", f"labels/olmo2-7b{suffix}.jsonl")
        with pytest.raises(label_majority.VerifierError, match=r"was made by qwen2\.5-7b"):
            run_data(load_cell(f"olmo2-7b/{other}/s0", small))


@pytest.mark.model
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while transformers imports it
def test_a_real_small_model_is_sampled_and_repeats_itself(
    smollm2: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(
        tmp_path / "rows.jsonl", [Row(f"a/{n}", f"What is {n} plus {n}?", str(2 * n), visit=0) for n in range(2)]
    )
    command = ["smollm2-135m-instruct", "--generator", "transformers", "--data", "rows.jsonl", "--samples", "2"]
    command += ["--max-tokens", "6", "--prompt", "template"]
    assert label_majority.main([*command, "--out", "one.jsonl"]) == 0
    found = lines("one.jsonl")
    assert [len(row["responses"]) for row in found] == [2, 2]
    assert found[0]["responses"][0] != found[0]["responses"][1]
    assert all(isinstance(flag, bool) for row in found for flag in row["truncated"])
    assert label_majority.main([*command, "--out", "two.jsonl", "--limit", "1"]) == 0
    assert lines("two.jsonl") == found[:1]
