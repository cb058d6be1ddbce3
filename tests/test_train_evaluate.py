"""Evaluating a cell's checkpoints: what is asked of the lm-eval tasks, what is done again; and a real tiny model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="the configurations are YAML")

from lm_eval_tasks import data
from lm_eval_tasks import run as lm_eval_run
from lm_eval_tasks.data import load
from train_openrlhf import collect, evaluate
from train_openrlhf.cells import Cell, load_cell
from verifier.errors import InputError

NAME = "qwen2.5-math-7b/random-0.5/s0"
BASE_NAME = "llama3.1-8b/format/s1"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for `lm_eval_tasks.run`: keeps what it was asked, and leaves a manifest of a complete run."""
    calls: list[list[str]] = []

    def run(argv: list[str]) -> int:
        calls.append(list(argv))
        args = lm_eval_run._parser().parse_args(argv[: argv.index("--")])
        manifest = {name: getattr(args, name) for name in ("n", "limit", "max_tokens", "seed")}
        manifest |= {"status": "complete", "model": {"name": args.model}, "tasks": args.tasks.split(",")}
        (args.out / "manifest.json").write_text(json.dumps(manifest))
        return 0

    monkeypatch.setattr(lm_eval_run, "main", run)
    monkeypatch.setattr(data, "load", lambda name, **_: None)  # the hub has them
    monkeypatch.chdir(tmp_path)
    return calls


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def folder_of(name: str, steps: tuple[int, ...] = (), **more: Any) -> tuple[Cell, Path]:
    """A run folder below ``runs`` with plain checkpoints after ``steps``."""
    cell = load_cell(name, list(more.items()))
    folder = cell.folder(Path("runs"))
    folder.mkdir(parents=True)
    (folder / "cell.json").write_text(json.dumps(cell.to_dict()))
    for step in steps:
        checkpoint(folder / "ckpt" / f"global_step{step}_hf")
    return cell, folder


def flags(call: list[str]) -> dict[str, str]:
    own = call[: call.index("--")]
    return dict(zip(own[::2], own[1::2], strict=True))


def test_all_is_the_base_and_every_checkpoint_in_order(asked: list[list[str]]) -> None:
    _, folder = folder_of(NAME, (100, 50))
    (folder / "ckpt" / "global_step150_hf").mkdir()  # begun and not written
    (folder / "ckpt" / "_actor" / "global_step100").mkdir(parents=True)
    checkpoint(folder / "model")
    assert evaluate.main([NAME]) == 0
    found = [(flags(call)["--model"], flags(call)["--out"]) for call in asked]
    assert found == [
        ("Qwen/Qwen2.5-Math-7B", "runs/qwen2.5-math-7b/base/evaluations/step-0"),
        (f"{folder}/ckpt/global_step50_hf", f"{folder}/evaluations/step-50"),
        (f"{folder}/ckpt/global_step100_hf", f"{folder}/evaluations/step-100"),
        (f"{folder}/model", f"{folder}/evaluations/step-300"),
    ]
    assert flags(asked[0])["--tasks"] == "rlvr_math500,rlvr_amc,rlvr_aime24,rlvr_aime25"
    assert not {"--max-tokens", "--n", "--limit"} & flags(asked[0]).keys()  # the tasks' own are the paper's
    assert asked[0][asked[0].index("--") + 1 :] == []


def test_the_base_is_one_for_all_cells_of_a_model(asked: list[list[str]]) -> None:
    assert evaluate.main([NAME, "--step", "0"]) == 0
    assert evaluate.main(["qwen2.5-math-7b/format/s3", "--step", "0"]) == 0
    assert len(asked) == 1


def test_a_base_model_gets_the_base_prompt(asked: list[list[str]]) -> None:
    assert evaluate.main([BASE_NAME, "--step", "0"]) == 0
    assert flags(asked[0])["--tasks"] == "rlvr_math500_base,rlvr_amc_base,rlvr_aime24_base,rlvr_aime25_base"
    assert flags(asked[0])["--model"] == "meta-llama/Llama-3.1-8B"


def test_the_cells_own_prompt_extraction_and_length(asked: list[list[str]]) -> None:
    cell, folder = folder_of(NAME, (50,), **{"rollout.max_new_tokens": 512})
    values = cell.to_dict()
    values["model"] |= {"system_prompt": "Box it.", "extraction": "any", "stop": ["END"]}
    (folder / "cell.json").write_text(json.dumps(values))
    assert evaluate.main([NAME, "--step", "50", "--n", "4", "--limit", "2", "--backend", "vllm", "--seed", "7"]) == 0
    told = flags(asked[0])
    assert (told["--max-tokens"], told["--limit"], told["--backend"], told["--seed"]) == ("512", "2", "vllm", "7")
    assert asked[0][asked[0].index("--") + 1 :] == [
        "--system_instruction", "Box it.", "--metadata", "extraction=any,n=4",
    ]  # fmt: skip


def test_stop_strings_that_the_tasks_do_not_have_are_told(
    asked: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    cell, folder = folder_of(NAME, (50,))
    values = cell.to_dict()
    values["model"]["stop"] = ["END"]
    (folder / "cell.json").write_text(json.dumps(values))
    assert evaluate.main([NAME, "--step", "50"]) == 0
    assert "training stops at ['END'], these tasks at []" in capsys.readouterr().err
    assert len(asked) == 1


def test_what_is_complete_is_not_done_again_and_what_is_not_is_moved_aside(asked: list[list[str]]) -> None:
    _, folder = folder_of(NAME, (50,))
    place = folder / "evaluations" / "step-50"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text('{"status": "interrupted"}')
    (place / "samples.jsonl").write_text("half")
    for _ in range(2):
        assert evaluate.main([NAME, "--step", "50"]) == 0
    assert len(asked) == 1
    assert (folder / "evaluations" / "step-50.unfinished-1" / "samples.jsonl").read_text() == "half"


def test_another_evaluation_is_not_overwritten(asked: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(NAME, (50,))
    assert evaluate.main([NAME, "--step", "50", "--limit", "2"]) == 0
    assert evaluate.main([NAME, "--step", "50"]) == 2
    told = capsys.readouterr().err
    assert "step-50 holds an evaluation with limit 2, and this one has None" in told
    assert evaluate.main([NAME, "--step", "0"]) == 0
    assert evaluate.main([NAME, "--step", "0", "--model", "elsewhere"]) == 2
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([NAME, "--step", "7"], "there are steps 0, 50"),
        ([NAME, "--step", "last"], "--step last"),
        (["qwen2.5-math-7b/formt/s0"], "did you mean format?"),
        (["qwen2.5-math-7b/format"], "MODEL/REWARD/sSEED"),
    ],
)
def test_a_mistake_is_one_line(
    asked: list[list[str]], capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    folder_of(NAME, (50,))
    assert evaluate.main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert asked == []


def test_absent_problems_are_told_before_weights_are_fetched(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of(NAME, (50,))
    assert evaluate.main([NAME, "--step", "50"]) == 0
    monkeypatch.setattr(data, "load", load)
    monkeypatch.setattr(evaluate, "base_weights", lambda *_: pytest.fail("weights were fetched"))
    monkeypatch.setenv(data.ENV, "absent")
    capsys.readouterr()
    assert evaluate.main([NAME]) == 2
    assert "error: RLVR_DATA_DIR=absent is not a folder" in capsys.readouterr().err
    assert evaluate.main([NAME, "--step", "50"]) == 0, "complete already, so nothing is asked for"
    monkeypatch.delenv(data.ENV)
    monkeypatch.setattr(data, "_from_hub", _no_hub)
    monkeypatch.setattr(evaluate, "find_spec", lambda name: True)
    assert evaluate.main([NAME]) == 2
    assert capsys.readouterr().err.endswith("error: HuggingFaceH4/MATH-500 could not be loaded\n")
    assert len(asked) == 1


def _no_hub(source: data.Source) -> list[Any]:
    raise InputError(f"{source.hub_id} could not be loaded")


def test_a_failure_of_lm_eval_ends_it(asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(NAME, (50,))
    monkeypatch.setattr(lm_eval_run, "main", lambda argv: asked.append(argv) or 1)
    assert evaluate.main([NAME]) == 1
    assert len(asked) == 1


@pytest.mark.lmeval
@pytest.mark.filterwarnings("ignore")  # of lm-eval and transformers
def test_a_real_base_and_a_real_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model of the smoke runs through lm-eval's own command line, and what `collect` makes of it."""
    from train_openrlhf.smoke import make_model

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    base = make_model(tmp_path / "model")
    _, folder = folder_of(NAME)
    (folder / "manifest.json").write_text(json.dumps({"status": "complete", "smoke": False}))
    shutil.copytree(base, folder / "ckpt" / "global_step50_hf")
    small = ["--tasks", "rlvr_demo", "--limit", "3", "--n", "2", "--max-tokens", "8", "--model", str(base)]
    assert evaluate.main([NAME, *small]) == 0
    assert collect.main([NAME, "--out", "results/runs", "--no-plot"]) == 0
    summary = json.loads(Path("results/runs", NAME, "summary.json").read_text())
    demo = summary["benchmarks"]["demo"]
    assert (demo["base"]["questions"], demo["base"]["n"], demo["lm_eval"].keys()) == (3, 2, {"50"})
    assert demo["gain"] == demo["lm_eval"]["50"]["acc"] - demo["base"]["acc"] == 0.0  # the same weights and seed
    assert summary["switches"]["demo"]["measured_by"] == "lm-eval"
    assert sum(part["share"] for part in summary["switches"]["demo"]["parts"].values()) == pytest.approx(1.0)
    said = "the first 3 problems, at most 8 new tokens: rlvr_demo at step 0, rlvr_demo at step 50"
    assert [note for note in summary["notes"] if said in note]
    text = (folder / "evaluations" / "step-50" / "manifest.json").read_text()
    assert '"status": "complete"' in text
    assert str(tmp_path) not in text
