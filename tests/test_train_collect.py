"""From a run's folder to its results: curves by TensorBoard's own writer, completions as the executor writes them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train_openrlhf import collect, curves, grid, results_grid, summaries
from train_openrlhf.cells import Cell, load_cell, names
from train_openrlhf.papers import entries, paper_numbers
from train_openrlhf.switches import PARTS, switches
from verifier import verify
from verifier.errors import InputError

NAME = "qwen2.5-math-7b/random-0.5/s0"
PAPER = Path(__file__).resolve().parent.parent / "results" / "paper"
SECRET = "a problem's text that must stay where it is"
pytest.importorskip("yaml", reason="the configurations are YAML")


def line(step: int | None, split: str, id: str, index: int, response: str, **more: Any) -> dict[str, Any]:
    """One completion as train_openrlhf/executor.py writes it; the gold is always 4."""
    verdict = verify(response=response, gold="4")
    values = {
        "step": step, "split": split, "benchmark": "math500" if split == "eval" else None, "id": id, "visit": 0,
        "index": index, "response": response, "reward": float(verdict.correct), "scored": True,
        "correct": verdict.correct, "verdict": verdict.to_dict(), "truncated": False,
        "row": {"id": id, "prompt": SECRET, "gold": "4"},
    }  # fmt: skip
    return values | more


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


TINY = ("steps=4", "rollout.batch_size=2", "rollout.samples_per_prompt=2")


def write_run(runs: Path, name: str = NAME, overrides: Iterable[str] = TINY, **manifest: Any) -> tuple[Cell, Path]:
    """A run folder with its cell and manifest."""
    cell = load_cell(name, overrides)
    folder = cell.folder(runs)
    folder.mkdir(parents=True)
    (folder / "cell.json").write_text(json.dumps(cell.to_dict()))
    values = {
        "status": "complete", "backend": "local", "generator": "vllm", "smoke": False, "resumed": [],
        "started": "2026-01-02T03:04:05+00:00", "versions": {"openrlhf": "0.11.2", "torch": "2.11.0"},
        "machine": {"processor": "a CPU", "gpus": ["GPU X"] * 8}, "git": {"commit": "0123456789abcdef"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(values | manifest))
    return cell, folder


def tensorboard(folder: Path, tags: dict[str, dict[int, float]]) -> None:
    """Scalars by TensorBoard's own writer, in the folder that OpenRLHF makes."""
    pytest.importorskip("tensorboard", reason="the writer of the curves")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard" / NAME))
    for tag, points in tags.items():
        for step, value in points.items():
            writer.add_scalar(tag, value, step)
    writer.close()


def the_summary(runs: Path, out: Path, name: str = NAME) -> dict[str, Any]:
    """What the command line writes for a cell."""
    code = collect.main([name, "--runs", str(runs), "--out", str(out), "--paper", str(PAPER), "--no-plot"])
    assert code == 0
    return dict(json.loads((out / name / "summary.json").read_text()))


RIGHT, WRONG = "\\boxed{4}", "\\boxed{5}"
PYTHON = "in Python: \\boxed{4}"


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    """(runs, run folder) of a run with everything."""
    _, folder = write_run(tmp_path / "runs")
    train = []
    for step in range(1, 5):
        texts = [[RIGHT, RIGHT], [WRONG, PYTHON if step > 2 else RIGHT]]  # the first group has no variance
        train += [line(step, "train", f"t/{step}/{g}", i, texts[g][i]) for g in range(2) for i in range(2)]
    train[0] |= {"scored": False, "correct": None, "truncated": True}
    write_lines(folder / "completions" / "train-20260102T030410-11.jsonl", train)
    first = [line(2, "eval", f"m/{i}", 0, text) for i, text in enumerate([RIGHT, WRONG, WRONG, WRONG])]
    last = [line(4, "eval", f"m/{i}", 0, text) for i, text in enumerate([RIGHT, PYTHON, PYTHON, WRONG])]
    write_lines(folder / "completions" / "eval-20260102T030410-11.jsonl", [*first, *last])
    tensorboard(folder, {
        "train/rollout/reward_mean": dict.fromkeys(range(1, 5), 0.75),
        "train/ppo_clip_ratio": {1: 0.1, 2: 0.3, 3: 0.2, 4: 0.2},
        "eval/eval_math500_pass1": {2: 0.25, 4: 0.75},
    })  # fmt: skip
    return tmp_path / "runs", folder


def test_the_summary_of_a_whole_run(run: tuple[Path, Path], tmp_path: Path) -> None:
    found = the_summary(run[0], tmp_path / "out")
    assert (found["cell"], found["steps"]) == (NAME, {"planned": 4, "done": 4})
    math = found["benchmarks"]["math500"]
    # 25 % after step 2 and 75 % after step 4, both within 10 steps of the end
    assert (math["final"]["step"], math["final"]["acc"], math["final"]["points"]) == (4, 50.0, 2)
    assert (math["final"]["last_acc"], math["final"]["code_freq"]) == (75.0, 0.5)
    assert math["final"]["last_se"] == pytest.approx(25.0)
    assert (math["base"], math["gain"]) == (None, None)  # nobody evaluated the base: no gain is made up
    assert (math["paper"]["base"]["value"], math["paper"]["gain"]["value"]) == (49.4, 21.4)
    assert math["paper"]["final"] == 70.8
    training = found["training"]
    assert training["reward"]["mean"] == 0.75
    assert training["zero_variance"] == {
        "first": 0.5, "final": 0.5, "mean": 0.5, "min": 0.5, "max": 0.5, "points": 4, "last_step": 4
    }  # fmt: skip
    assert (training["unscored"]["first"], training["unscored"]["mean"]) == (0.25, 0.0625)
    assert training["truncated"]["mean"] == 0.0625
    assert (training["code_freq"]["first"], training["code_freq"]["max"]) == (0.0, 0.25)
    assert training["correct_with_code"]["mean"] == 1.0
    assert training["clip_ratio"]["mean"] == pytest.approx(0.2)
    assert found["checks"]["reward_mean_steps"] == 4
    assert found["checks"]["reward_mean_largest_difference"] < 1e-6
    assert [note for note in found["notes"] if "unscored" in note]
    assert found["provenance"]["versions"] == {"openrlhf": "0.11.2", "torch": "2.11.0"}


def test_switches_in_training_where_there_is_no_base(run: tuple[Path, Path], tmp_path: Path) -> None:
    found = the_summary(run[0], tmp_path / "out")["switches"]["math500"]
    assert (found["from"], found["to"], found["measured_by"]) == (2, 4, "evaluation in training")
    assert (found["gain"], found["questions"]) == (50.0, 4)
    assert found["parts"]["text_to_code"] == {"share": 0.5, "contribution": 50.0, "share_of_gain": 100.0}


def test_no_text_leaves_the_run(run: tuple[Path, Path], tmp_path: Path) -> None:
    the_summary(run[0], tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"summary.json", "curves.json", "curves.csv", "report.md"}
    for path in [*files, tmp_path / "GRID.md", tmp_path / "grid.json"]:
        text = path.read_text()
        assert SECRET not in text
        assert "boxed{" not in text
        assert str(tmp_path) not in text


def test_the_curves(run: tuple[Path, Path], tmp_path: Path) -> None:
    the_summary(run[0], tmp_path / "out")
    with (tmp_path / "out" / NAME / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["eval.math500.acc"] for row in rows] == ["", "0.25", "", "0.75"]
    assert [row["eval.math500.acc_smoothed"] for row in rows] == ["", "0.25", "", "0.5"]
    assert [row["tb.train/ppo_clip_ratio"] for row in rows] == ["0.1", "0.3", "0.2", "0.2"]
    assert [row["train.groups"] for row in rows] == ["2"] * 4
    points = json.loads((tmp_path / "out" / NAME / "curves.json").read_text())["points"]
    assert points["eval.math500.acc"] == [[2, 0.25], [4, 0.75]]


def test_the_page_says_what_stands_in_the_summary(run: tuple[Path, Path], tmp_path: Path) -> None:
    the_summary(run[0], tmp_path / "out")
    page = (tmp_path / "out" / NAME / "report.md").read_text()
    assert "8 x GPU X" in page
    assert "openrlhf 0.11.2" in page
    assert "| math500 | - | 50.0 (step 4, 2 points) | - | - | 49.4 | 70.8 | +21.4 |" in page
    assert "| text to code | 50.0 | +50.0 | 100.0 |" in page


def test_a_resumed_run_counts_each_step_once(tmp_path: Path) -> None:
    _, folder = write_run(tmp_path / "runs", resumed=["2026-01-02T03:04:05+00:00"], started="2026-01-02T05:00:00+00:00")
    before = [line(step, "train", f"old/{step}", i, WRONG) for step in (1, 2) for i in range(2)]
    after = [line(step, "train", f"new/{step}", i, RIGHT) for step in (2, 3) for i in range(2)]
    write_lines(folder / "completions" / "train-20260102T030410-11.jsonl", before[:3])
    write_lines(folder / "completions" / "train-20260102T030411-12.jsonl", before[3:])  # another engine
    write_lines(folder / "completions" / "train-20260102T050010-9.jsonl", after)
    tensorboard(folder, {"train/policy_loss": {1: 1.0, 2: 1.0}})
    tensorboard(folder, {"train/policy_loss": {2: 2.0, 3: 2.0}})
    found = the_summary(tmp_path / "runs", tmp_path / "out")
    points = json.loads((tmp_path / "out" / NAME / "curves.json").read_text())["points"]
    assert points["train.reward"] == [[1, 0.0], [2, 1.0], [3, 1.0]]
    assert points["train.responses"] == [[1, 2.0], [2, 2.0], [3, 2.0]]
    assert points["tb.train/policy_loss"] == [[1, 1.0], [2, 2.0], [3, 2.0]]
    assert "3 of 4 steps (status: complete)" in found["notes"]


def test_a_run_that_is_not_what_it_seems_says_so(tmp_path: Path) -> None:
    _, folder = write_run(tmp_path / "runs", smoke=True, generator="transformers (stand-in for vLLM)", status="failed")
    write_lines(folder / "completions" / "train-20260102T030410-11.jsonl",
                [line(1, "train", "a", 0, RIGHT), line(None, "train", "b", 0, RIGHT)])  # fmt: skip
    notes = "\n".join(the_summary(tmp_path / "runs", tmp_path / "out")["notes"])
    for words in ("smoke run", "stand-in for vLLM", "1 of 4 steps (status: failed)", "1 completions have no step"):
        assert words in notes
    assert NAME not in results_grid.summaries(tmp_path / "out")  # a smoke run is no result


def test_completions_that_do_not_give_the_logged_reward_are_told(run: tuple[Path, Path], tmp_path: Path) -> None:
    tensorboard(run[1], {"train/rollout/reward_mean": {4: 0.5}})
    found = the_summary(run[0], tmp_path / "out")
    assert found["checks"]["reward_mean_largest_difference"] == pytest.approx(0.25)
    assert any("do not give the logged mean reward" in note for note in found["notes"])


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", status="running")
    found = the_summary(tmp_path / "runs", tmp_path / "out")
    assert (found["steps"]["done"], found["benchmarks"], found["training"]) == (0, {}, {})
    page = (tmp_path / "out" / NAME / "report.md").read_text()
    assert "No evaluation" in page
    assert "Nothing was logged" in page


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "cell.json").unlink(), "no such run"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json"),
        (lambda folder: (folder / "manifest.json").unlink(), "launch"),
        (lambda folder: write_lines(folder / "completions" / "train-2-3.jsonl", [{"step": 1}]), "line 1"),
        (lambda folder: (folder / "completions" / "eval-2-3.jsonl").write_text('{"step": 1,\n'), "line 1"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], Any], words: str,
) -> None:  # fmt: skip
    spoil(run[1])
    assert collect.main([NAME, "--runs", str(run[0]), "--out", str(tmp_path / "out"), "--no-plot"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("error: ")
    assert words in told[0]


def test_a_name_that_nobody_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect.main(["qwen2.5-math-7b/randm-0.5/s0", "--runs", str(tmp_path)]) == 2
    assert "random-0.5" in capsys.readouterr().err


def the_grid(runs: Path, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """GRID.md and grid.json of all runs there are."""
    out = tmp_path / "out"
    assert collect.main(["--runs", str(runs), "--out", str(out), "--paper", str(PAPER), "--no-plot"]) == 0
    return (tmp_path / "GRID.md").read_text(), json.loads((tmp_path / "grid.json").read_text())


def test_cells_never_run_stay_visibly_empty(run: tuple[Path, Path], tmp_path: Path) -> None:
    cell = load_cell(NAME)
    (run[1] / "cell.json").write_text(json.dumps(cell.to_dict()))  # the cell as it is configured, of 4 steps so far
    page, data = the_grid(run[0], tmp_path)
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    assert rows.keys() == set(grid.cells_of("all"))
    assert rows[NAME].split("|")[2:4] == [" 4 of 300, complete; see its notes ", " ? → 50.0 *+21.4* "]
    other = rows["qwen2.5-math-7b/format/s0"]
    assert other.split("|")[2:] == [" **not run** ", " *+13.8* ", " *+18.0* ", " *+10.3* ", "  ", ""]
    assert (data["grid"][NAME]["run"], data["grid"]["qwen2.5-math-7b/format/s0"]["run"]) == (True, False)
    assert data["beside"] == {}
    assert f"1 of {len(rows)} cells were run" in page


def test_a_run_that_changed_its_cell_stands_beside_the_grid(run: tuple[Path, Path], tmp_path: Path) -> None:
    plain = load_cell(NAME, ["steps=4"])
    coder = replace(plain, model=replace(plain.model, hub_id=str(tmp_path / "home" / "coder-0.5b")))
    (run[1] / "cell.json").write_text(json.dumps(coder.to_dict()))
    page, data = the_grid(run[0], tmp_path)
    assert "0 of " in page
    assert (data["grid"][NAME]["run"], data["grid"][NAME]["math500"]["paper_gain"]) == (False, 21.4)
    assert (data["beside"][NAME]["run"], data["beside"][NAME]["math500"]["paper_gain"]) == (True, None)
    grid_part, beside = page.split("## Beside the grid")
    assert f"| `{NAME}` | **not run** | *+21.4* |" in grid_part
    assert f"| `{NAME}` | 4 of 4, complete; see its notes | ? → 50.0 |" in beside
    note = (
        "not the cell of this name: model.hub_id 'coder-0.5b' instead of 'Qwen/Qwen2.5-Math-7B'; "
        "settings.steps 4 instead of 300"
    )
    assert f"- `{NAME}`: {note}" in beside
    report = (tmp_path / "out" / NAME / "report.md").read_text()
    assert f"- **{note}**" in report
    assert "49.4" not in report  # the paper's base is another model's
    assert str(tmp_path) not in page + report


def test_a_run_that_changed_its_cell_does_not_replace_the_cells_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs", overrides=[])
    write_run(tmp_path / "short", overrides=["steps=50"])
    out = tmp_path / "out"
    the_summary(tmp_path / "short", out)
    the_summary(tmp_path / "runs", out)  # the cell itself may take its place
    again = [NAME, "--runs", str(tmp_path / "short"), "--paper", str(PAPER), "--no-plot", "--out"]
    assert collect.main([*again, str(out)]) == 2
    assert "has the results of the cell itself" in capsys.readouterr().err
    assert json.loads((out / NAME / "summary.json").read_text())["is_the_cell"]
    assert collect.main([*again, str(tmp_path / "elsewhere" / "runs")]) == 0


@pytest.mark.parametrize(
    ("overrides", "hub_id", "is_the_cell", "changed"),
    [
        ([], None, True, []),
        (["data.train=elsewhere/train.jsonl", "data.log_share=0.5"], None, True, []),
        ([], "/cache/models--Qwen--Qwen2.5-Math-7B/snapshots/0a1b", True, []),
        ([], "/cache/models--Qwen--Qwen2.5-7B/snapshots/0a1b", False, ["model.hub_id"]),
        (["hardware.gpus_per_node=1", "train.micro_batch_size=2"], None, True,
         ["settings.hardware.gpus_per_node", "settings.train.micro_batch_size"]),
        (["steps=50"], None, False, ["settings.steps"]),
        (["algorithm.clip_high=1e9", "hardware.nodes=2"], None, False,
         ["settings.algorithm.clip_high", "settings.hardware.nodes"]),
    ],
)  # fmt: skip
def test_what_changes_a_cell(
    tmp_path: Path, overrides: list[str], hub_id: str | None, is_the_cell: bool, changed: list[str]
) -> None:
    cell, folder = write_run(tmp_path / "runs", overrides=overrides)
    if hub_id:
        cell = replace(cell, model=replace(cell.model, hub_id=hub_id))
        (folder / "cell.json").write_text(json.dumps(cell.to_dict()))
    found = the_summary(tmp_path / "runs", tmp_path / "out")
    assert (found["is_the_cell"], sorted(one["key"] for one in found["differs"])) == (is_the_cell, changed)
    assert any("instead of" in note for note in found["notes"]) == bool(changed)


def test_labels_of_another_model_are_another_cell() -> None:
    [found] = summaries.differences(load_cell("qwen2.5-math-7b/majority/s0", labels_of="qwen2.5-7b"))
    assert found == {"key": "labels_of", "run": "qwen2.5-7b", "cell": "qwen2.5-math-7b"}
    assert summaries.differences(load_cell("qwen2.5-math-7b/one-shot/s0", example="x/1")) == []


def test_a_summary_of_an_older_version_says_what_to_do(run: tuple[Path, Path], tmp_path: Path) -> None:
    the_summary(run[0], tmp_path / "out")
    path = tmp_path / "out" / NAME / "summary.json"
    path.write_text(json.dumps({"provenance": {"smoke": False}, "cell": NAME}))
    with pytest.raises(InputError, match=r"summary\.json: not a summary of this version's .* collect the run again"):
        results_grid.summaries(tmp_path / "out")


def test_a_base_and_a_checkpoint_by_lm_eval(run: tuple[Path, Path], tmp_path: Path) -> None:
    runs, folder = run
    texts = {0: [RIGHT, WRONG, WRONG, WRONG], 50: [PYTHON, PYTHON, WRONG, RIGHT]}
    for step, place in ((0, folder.parent.parent / "base"), (50, folder)):
        _lm_eval(place / "evaluations" / f"step-{step}", texts[step])
    _lm_eval(folder / "evaluations" / "step-100", [RIGHT] * 4, status="interrupted")
    found = the_summary(runs, tmp_path / "out")
    math = found["benchmarks"]["math500"]
    assert (math["base"]["acc"], math["base"]["questions"]) == (25.0, 4)
    assert math["lm_eval"].keys() == {"50"}  # the interrupted one does not count
    assert (math["lm_eval"]["50"]["acc"], math["lm_eval"]["50"]["code_freq"]) == (75.0, 0.5)
    assert math["gain"] == 25.0  # from the base to the final value in training, 50 %
    switched = found["switches"]["math500"]
    assert (switched["from"], switched["to"], switched["measured_by"], switched["gain"]) == (0, 50, "lm-eval", 50.0)
    parts = {name: part["contribution"] for name, part in switched["parts"].items()}
    assert parts == {"code_to_code": 0.0, "code_to_text": 0.0, "text_to_code": 25.0, "text_to_text": 25.0}


def _lm_eval(folder: Path, texts: list[str], status: str = "complete") -> None:
    """An output folder of lm-eval, made of the tasks' own scoring."""
    from lm_eval_tasks.metrics import question_metrics
    from lm_eval_tasks.scoring import score

    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"status": status}))
    rows = score(responses=[[text] for text in texts], golds=["4"] * len(texts), extraction="boxed")
    write_lines(folder / "samples_rlvr_math500_2026-01-02T03-04-05.6.jsonl", [
        {"doc_id": i, "doc_hash": f"h{i}", "doc": {"problem": SECRET, "answer": "4"},
         "filtered_resps": [[str(sample) for sample in samples]], **question_metrics(samples, 1)}
        for i, samples in enumerate(rows)
    ])  # fmt: skip
    config = {"metadata": {"n": 1, "extraction": "boxed"}, "generation_kwargs": {"max_gen_toks": 3072}}
    results = {"results": {"rlvr_math500": {"acc,verifier": 0.5}}, "configs": {"rlvr_math500": config},
               "config": {"limit": None}, "model_name": "toy", "lm_eval_version": "0.4.13"}  # fmt: skip
    (folder / "results_2026-01-02T03-04-05.6.json").write_text(json.dumps(results))


# -- the measures ------------------------------------------------------------------------------------


def test_smoothing_is_over_ten_steps_and_leaves_step_0_alone() -> None:
    points = {step: float(step) for step in range(31)}
    found = curves.smoothed(points)
    assert (found[0], found[1], found[10], found[30]) == (0.0, 1.0, 5.5, 25.5)
    assert curves.smoothed({0: 9.0, 50: 1.0, 100: 2.0}) == {0: 9.0, 50: 1.0, 100: 2.0}


def test_the_parts_of_a_gain_add_up_whatever_the_samples() -> None:
    draw = random.Random(5)

    def samples() -> dict[str, list[tuple[bool, bool]]]:
        return {
            f"q{i}": [(draw.random() < 0.5, draw.random() < 0.5) for _ in range(draw.randint(1, 8))] for i in range(40)
        }

    for _ in range(20):
        before, after = samples(), samples()
        found = switches(before, after)
        assert found is not None
        accuracy = [sum(sum(r for _, r in s) / len(s) for s in side.values()) / 40 for side in (before, after)]
        assert found["gain"] == pytest.approx(100 * (accuracy[1] - accuracy[0]))
        assert sum(part["contribution"] for part in found["parts"].values()) == pytest.approx(found["gain"])
        assert sum(part["share"] for part in found["parts"].values()) == pytest.approx(1.0)
        assert sum(part["share_of_gain"] for part in found["parts"].values()) == pytest.approx(100.0)


def test_switches_without_a_gain_or_a_common_question() -> None:
    assert switches({"a": [(True, True)]}, {"b": [(True, True)]}) is None
    same = switches({"a": [(True, True)], "x": []}, {"a": [(True, True)], "x": [(True, True)]})
    assert same is not None
    assert (same["gain"], same["questions"], same["left_out"]) == (0.0, 1, 1)
    assert all(same["parts"][part]["share_of_gain"] is None for part in PARTS)


def test_a_group_counts_by_row_and_visit() -> None:
    def one(id: str, visit: int, reward: float) -> curves.Completion:
        return curves.Completion(1, "train", None, id, visit, 0, reward, True, None, False, False, True, 1, 0)

    found = curves.training_point(
        [one("a", 0, 1.0), one("a", 0, 1.0), one("a", 1, 0.0), one("a", 1, 1.0), one("b", 0, 0.0)]
    )
    assert (found["groups"], found["zero_variance"]) == (3.0, pytest.approx(2 / 3))
    assert "correct" not in found  # no verdict, no accuracy


# -- the paper's numbers -----------------------------------------------------------------------------


def test_the_papers_numbers_are_data_with_a_source() -> None:
    files = sorted(PAPER.glob("*.json"))
    assert [path.name for path in files] == ["code.json", "prompts.json", "scores.json", "sets.json", "setting.json"]
    for path in files:
        whole = json.loads(path.read_text())
        assert whole["source"]["arxiv"] == "2506.10947"
        for entry in whole["entries"]:
            assert entry["version"] in whole["source"]["versions"], entry
            assert entry["confidence"] in whole["source"]["confidence"], entry
            if entry.get("model"):
                assert entry["model"] in names("models"), entry
            if entry.get("reward"):
                assert entry["reward"] in names("rewards"), entry


def test_the_first_version_counts_and_the_others_stand_beside() -> None:
    found = paper_numbers(PAPER, "qwen2.5-math-7b", "format")["scores"]["math500"]
    assert (found["gain"]["value"], found["gain"]["version"], found["final"]) == (13.8, "v1", 63.2)
    assert [(one["value"], one["version"]) for one in found["gain"]["others"]] == [(16.4, "earlier")]
    assert paper_numbers(PAPER, "qwen2.5-math-7b", "ground-truth-paper")["scores"]["math500"]["gain"]["value"] == 29.1
    known = paper_numbers(PAPER, "olmo2-7b", "format")["scores"]["math500"]
    assert known.keys() == {"base", "final"}  # its gain is one of a set that nobody can assign
    assert known["final"] is None
    assert paper_numbers(PAPER.parent / "nothing", "olmo2-7b", "format") == {"scores": {}, "code": {}}


def test_the_papers_parts_of_a_gain_add_up() -> None:
    shares: dict[str, float] = {}
    for entry in entries(PAPER / "code.json"):
        if entry["measure"].startswith("share_of_gain"):
            shares[entry["model"]] = shares.get(entry["model"], 0.0) + entry["value"]
    assert shares.keys() == {"qwen2.5-math-7b", "qwen2.5-math-1.5b", "qwen2.5-7b"}
    assert all(total == pytest.approx(100.0, abs=0.2) for total in shares.values())


def test_a_file_of_the_papers_numbers_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("[]")
    with pytest.raises(InputError, match=r"scores\.json"):
        paper_numbers(tmp_path, "olmo2-7b", "format")


def test_a_plot_where_matplotlib_is(
    run: tuple[Path, Path], tmp_path: Path, require: Callable[[str, bool, str], None]
) -> None:
    require("results", find_spec("matplotlib") is not None, "matplotlib draws the curves: install the extra `results`")
    assert collect.main([NAME, "--runs", str(run[0]), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / NAME / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_cells_are_found_below_runs(tmp_path: Path) -> None:
    write_run(tmp_path)
    cell = replace(load_cell(NAME), name="qwen2.5-math-7b/random-0.5/s1", seed=1)
    cell.folder(tmp_path).mkdir(parents=True)
    (cell.folder(tmp_path) / "cell.json").write_text("{}")
    (tmp_path / "qwen2.5-math-7b" / "base" / "evaluations").mkdir(parents=True)
    assert collect.found_cells(tmp_path) == [NAME, "qwen2.5-math-7b/random-0.5/s1"]


@pytest.mark.parametrize(
    ("base", "gain"),
    [({}, 40.0), ({"max_gen_toks": 3072}, 40.0), ({"limit": 4}, 5.0), ({"max_gen_toks": 99}, None)],
)
def test_a_difference_of_two_settings_is_no_gain(base: dict[str, Any], gain: float | None) -> None:
    cell = load_cell("qwen2.5-math-7b/random-0.5/s0")
    plain = {"acc": 10.0, "limit": None, "max_gen_toks": None}
    measured = {0: plain | base, 50: {"acc": 15.0, "limit": 4, "max_gen_toks": None}}
    assert summaries._gain(measured, {"acc": 50.0}, SimpleNamespace(cell=cell)) == gain  # type: ignore[arg-type]
