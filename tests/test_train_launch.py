"""Launching: the rows of a run, every check explained, the run folder, and the command line."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from train_openrlhf import checks, gridcheck, launch, machine, prepare, process, rundata, runfolder, starting
from train_openrlhf.argv import OPENRLHF, build_argv
from train_openrlhf.cells import Cell, load_cell
from verifier.errors import ConfigError, InputError
from verifier.rowfiles import write_rows
from verifier.rows import Row

MODEL = "qwen2.5-math-7b"


def cell_of(name: str = f"{MODEL}/ground-truth/s0", *overrides: str, **options: Any) -> Cell:
    return load_cell(name, overrides, **options)


def texts(findings: Any) -> str:
    return "\n".join(map(str, findings))


# -- rows -----------------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with prepared data of 80 problems."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    order = [(n * 37) % 80 for n in range(80)]
    rows = [Row(f"set/level_1/{n}", f"What is {n} + {n}?", str(2 * n), visit=0) for n in order]
    write_rows(tmp_path / "data/train.jsonl", rows)
    tested = [
        Row(f"{name}/{n}", f"{name}: what is {n}?", str(n), split="eval", benchmark=name)
        for name in ("math500", "amc", "aime24", "aime25")
        for n in range(3)
    ]
    write_rows(tmp_path / "data/eval.jsonl", tested)
    return tmp_path


def labels(work: Path, model: str, suffix: str = "", made_by: str | None = None, ids: range = range(0, 80, 2)) -> None:
    (work / "labels").mkdir(exist_ok=True)
    source = {"method": "majority_vote", "model": made_by or model}
    if suffix == ".incorrect":
        source = {"method": "incorrect_majority", "votes": source}  # as `verifier corrupt` has it
    rows = [{"id": f"set/level_1/{n}", "label": str(n), "label_source": source} for n in ids]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (work / f"labels/{model}{suffix}.jsonl").write_text(text, encoding="utf-8")


def short(name: str = f"{MODEL}/ground-truth/s0", *overrides: str, **options: Any) -> Cell:
    return load_cell(name, ["steps=10", "checkpoint.save_every=10", "rollout.batch_size=8", *overrides], **options)


def test_a_run_takes_just_the_rows_it_needs_in_the_files_order(work: Path) -> None:
    data = rundata.run_data(short())
    assert len(data.train) == 80
    assert [row.id for row in data.train[:2]] == ["set/level_1/0", "set/level_1/37"]
    assert {row.visit for row in data.train} == {0}
    assert len(data.eval) == 12


def test_problems_come_again_with_the_next_visit_in_another_order(work: Path) -> None:
    data = rundata.run_data(short(f"{MODEL}/ground-truth/s0", "steps=25"))
    assert len(data.train) == 200
    assert Counter(row.visit for row in data.train) == {0: 80, 1: 80, 2: 40}
    assert len({(row.id, row.visit) for row in data.train}) == 200
    first, second = ([row.id for row in data.train if row.visit == visit] for visit in (0, 1))
    assert sorted(first) == sorted(second)
    assert first != second
    assert rundata.run_data(short(f"{MODEL}/ground-truth/s0", "steps=25")).train == data.train


def test_one_shot_repeats_one_problem_and_counts_its_visits(work: Path) -> None:
    data = rundata.run_data(short(f"{MODEL}/one-shot/s0", example="set/level_1/7"))
    assert {row.id for row in data.train} == {"set/level_1/7"}
    assert [row.visit for row in data.train] == list(range(80))
    with pytest.raises(ConfigError, match="name it with --example ID"):
        rundata.run_data(short(f"{MODEL}/one-shot/s0"))
    with pytest.raises(ConfigError, match="no such id"):
        rundata.run_data(short(f"{MODEL}/one-shot/s0", example="nine"))


@pytest.mark.parametrize(("reward", "suffix"), [("majority", ""), ("incorrect", ".incorrect")])
def test_labels_are_joined_by_id(work: Path, reward: str, suffix: str) -> None:
    labels(work, MODEL, suffix, made_by="Qwen/Qwen2.5-Math-7B", ids=range(2, 80, 2))
    data = rundata.run_data(short(f"{MODEL}/{reward}/s0"))
    assert data.available == 39
    assert all(row.label == row.id.rpartition("/")[2] for row in data.train)
    assert all(row.gold == str(2 * int(str(row.label))) for row in data.train)
    source = {"method": "majority_vote", "model": "Qwen/Qwen2.5-Math-7B"}
    assert data.train[0].label_source in (source, {"method": "incorrect_majority", "votes": source})


@pytest.mark.parametrize(
    ("reward", "method", "said"),
    [
        ("incorrect", "majority_vote", "made by majority_vote, the cell trains on incorrect ones"),
        ("incorrect", "perturb", "made by perturb, the cell trains on incorrect ones"),
        ("majority", "incorrect_majority", "made by incorrect_majority, the cell trains on the majority's"),
        ("majority", "minority_vote", "made by minority_vote, the cell trains on the majority's"),
        ("majority", "choice_2_vote", "made by choice_2_vote, the cell trains on the majority's"),
    ],
)
def test_labels_of_another_kind_are_refused(work: Path, reward: str, method: str, said: str) -> None:
    (work / "labels").mkdir()
    path = work / "labels" / f"{MODEL}{'.incorrect' if reward == 'incorrect' else ''}.jsonl"
    row = {"id": "set/level_1/3", "label": "5", "label_source": {"method": method, "model": MODEL}}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"{path.name}, line 1: this label was {said}.*`verifier"):
        rundata.run_data(short(f"{MODEL}/{reward}/s0"))


@pytest.mark.parametrize("label", ["6", r"\frac{12}{2}", " 6 "])
def test_an_incorrect_label_that_is_right_is_refused(work: Path, label: str) -> None:
    (work / "labels").mkdir()
    source = {"method": "incorrect_majority", "votes": {"method": "majority_vote", "model": MODEL}}
    rows = [{"id": f"set/level_1/{n}", "label": text, "label_source": source} for n, text in ((2, "5"), (3, label))]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (work / f"labels/{MODEL}.incorrect.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2: the label of set/level_1/3 equals its gold in data/train\.jsonl"):
        rundata.run_data(short(f"{MODEL}/incorrect/s0"))


def test_another_models_labels_are_refused_unless_told(work: Path) -> None:
    labels(work, MODEL, made_by="qwen2.5-7b")
    with pytest.raises(InputError, match=r"line 1: this label was made by qwen2\.5-7b, .*--labels-of"):
        rundata.run_data(short(f"{MODEL}/majority/s0"))
    labels(work, "qwen2.5-7b")
    assert rundata.run_data(short(f"{MODEL}/majority/s0", labels_of="qwen2.5-7b")).available == 40


def test_a_label_set_without_a_maker_or_that_is_absent(work: Path) -> None:
    with pytest.raises(InputError, match=r"labels/qwen2\.5-math-7b\.jsonl: no such label set.*label_majority"):
        rundata.run_data(short(f"{MODEL}/majority/s0"))
    (work / "labels").mkdir()
    path = work / "labels" / f"{MODEL}.jsonl"
    path.write_text('{"id": "set/level_1/1", "label": "2"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1: label_source names no model"):
        rundata.run_data(short(f"{MODEL}/majority/s0"))
    path.write_text('{"id": "set/level_1/1"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1: no field label"):
        rundata.run_data(short(f"{MODEL}/majority/s0"))
    labels(work, MODEL)
    write_rows(work / "data/train.jsonl", [Row("other/1", "Q", "1", visit=0)])
    with pytest.raises(InputError, match="none of its ids"):
        rundata.run_data(short(f"{MODEL}/majority/s0"))


@pytest.mark.parametrize("line", ['{"prompt": "1+1=", "label": 2}', '{"prompt": "1+1=", "answer": "2"}'])
def test_labels_that_are_bare_values_are_explained(work: Path, line: str) -> None:
    (work / "data/train.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.jsonl, line 1: .* is a bare value; training needs row objects"):
        rundata.run_data(short())


def test_absent_and_spoilt_data(work: Path) -> None:
    (work / "data/eval.jsonl").write_text('{"id": "a", "prompt": "p", "gold": "1"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="split eval and a benchmark"):
        rundata.run_data(short())
    (work / "data/eval.jsonl").write_text("{\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"eval\.jsonl, line 1, column"):
        rundata.run_data(short())
    (work / "data/train.jsonl").unlink()
    with pytest.raises(InputError, match=r"no such file \(data\.train\).*prepare --out data"):
        rundata.run_data(short())


def test_every_column_has_one_type_in_all_lines(work: Path) -> None:
    labels(work, MODEL)
    data = rundata.run_data(short(f"{MODEL}/majority/s0"))
    lines = [json.loads(rundata.line(row)) for row in data.train]
    assert {tuple(sorted((key, type(value).__name__) for key, value in line.items())) for line in lines} == {
        (("datasource", "str"), ("gold", "str"), ("id", "str"), ("label", "str"), ("prompt", "str"), ("row", "str"),
         ("split", "str"), ("visit", "int"))
    }  # fmt: skip
    assert Row.from_label(lines[0]["row"], lines[0]["prompt"]) == data.train[0]
    tested = json.loads(rundata.line(data.eval[3]))
    assert (tested["datasource"], tested["split"]) == ("amc", "eval")
    spoken = json.loads(rundata.line(data.train[0], "Be brief."))["prompt"]
    assert [message["role"] for message in spoken] == ["system", "user"]


# -- checks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.batch_size=100"], "does not divide the 1024 samples"),
        (["train.batch_size=8"], "not a multiple of train.micro_batch_size 4 * 4 training GPUs"),
        (["rollout.micro_batch_size=48"], "not a multiple of rollout.micro_batch_size 48"),
        (["checkpoint.save_every=70"], "save_every 70 does not divide steps 300"),
        (["evaluation.every_steps=7"], "warning: evaluation.every_steps 7 does not divide"),
        (["train.batch_size=1024"], "warning: one update a rollout"),
        (["memory.attention=eager"], "memory.packing needs flash attention"),
        (["hardware.nodes=2", "hardware.gpus_per_node=2", "hardware.tensor_parallel=2", "hardware.layout=colocate",
          "hardware.gpus_per_node=1"], "larger than a node"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together(overrides: list[str], said: str) -> None:
    assert said in texts(checks.settings_findings(cell_of(f"{MODEL}/random-0.5/s0", *overrides)))


def test_the_defaults_have_no_finding() -> None:
    assert list(checks.settings_findings(cell_of())) == []
    assert list(checks.settings_findings(cell_of(f"{MODEL}/random-0.5-noclip-train-batch/s0"))) == []


def test_data_that_would_train_something_else(work: Path) -> None:
    cell = short()
    assert list(checks.data_findings(cell, rundata.run_data(cell))) == []
    ordered = [Row(f"set/level_1/{n}", f"What is {n} + {n}?", str(2 * n), visit=0) for n in range(80)]
    write_rows(work / "data/train.jsonl", ordered)
    assert "data/train.jsonl is not shuffled" in texts(checks.data_findings(cell, rundata.run_data(cell)))
    write_rows(work / "data/train.jsonl", ordered[::-1])
    assert "come in rising or falling order" in texts(checks.data_findings(cell, rundata.run_data(cell)))
    more = short(f"{MODEL}/ground-truth/s0", "steps=20")
    assert "there are 80 problems: each comes 2.0 times" in texts(checks.data_findings(more, rundata.run_data(more)))
    write_rows(work / "data/train.jsonl", ordered[:1])
    assert "there is 1 problem: each comes 160.0 times" in texts(checks.data_findings(more, rundata.run_data(more)))


def rows_of(levels: dict[int, int]) -> list[Row]:
    """Rows of several levels, in the order of the levels, shuffled within each."""
    rows = [Row(f"set/level_{level}/{n}", f"{level}: {n}?", "1", visit=0) for level, n in _pairs(levels)]
    return sorted(rows, key=lambda row: (row.id.split("/")[1], hashlib.sha256(row.id.encode()).digest()))


def _pairs(levels: dict[int, int]) -> list[tuple[int, int]]:
    return [(level, n) for level, count in levels.items() for n in range(count)]


def test_a_file_sorted_by_level_and_shuffled_within_is_not_shuffled(work: Path) -> None:
    cell = short(f"{MODEL}/ground-truth/s0", "steps=40", "checkpoint.save_every=10")  # 320 rows
    rows = rows_of({1: 400, 2: 300, 3: 100})
    write_rows(work / "data/train.jsonl", rows)
    found = texts(checks.data_findings(cell, rundata.run_data(cell)))
    assert (
        "data/train.jsonl is not shuffled: 320 of the 320 rows used are of set/level_1, where its 400 of 800 in the "
        "file would give about 160; make it with python -m train_openrlhf.prepare"
    ) in found
    whole = short(f"{MODEL}/ground-truth/s0", "steps=100", "checkpoint.save_every=10")  # all 800: none is missing
    assert "not shuffled" not in texts(checks.data_findings(whole, rundata.run_data(whole)))
    for seed in range(50):
        shuffled = sorted(rows, key=lambda row: hashlib.sha256(f"{seed} {row.id}".encode()).digest())
        write_rows(work / "data/train.jsonl", shuffled)
        assert "not shuffled" not in texts(checks.data_findings(cell, rundata.run_data(cell)))


def test_later_visits_of_a_shuffled_file_are_no_finding(work: Path) -> None:
    rows = rows_of({1: 100, 2: 60})
    write_rows(work / "data/train.jsonl", prepare.shuffled(rows, 3, visits=3))
    cell = short(f"{MODEL}/ground-truth/s0", "steps=25", "checkpoint.save_every=25")  # 200 of 480 rows
    assert "not shuffled" not in texts(checks.data_findings(cell, rundata.run_data(cell)))


@pytest.mark.parametrize(("model", "same"), [(MODEL, True), ("olmo2-7b", False)])
def test_evaluation_prompts_are_unique_after_templating(work: Path, model: str, same: bool) -> None:
    rows = [Row("math500/1", "How many?", "1", split="eval", benchmark="math500")]
    rows.append(Row("amc/1", "How many? \n", "2", split="eval", benchmark="amc"))  # chat templates trim
    write_rows(work / "data/eval.jsonl", rows)
    cell = short(f"{model}/ground-truth/s0")
    found = texts(checks.data_findings(cell, rundata.run_data(cell)))
    assert ("math500/1 and amc/1 have the same prompt after templating" in found) == same


def test_evaluation_problems_in_the_training_rows(work: Path) -> None:
    write_rows(work / "data/eval.jsonl", [Row("amc/1", "What is 3 + 3?", "6", split="eval", benchmark="amc")])
    cell = short()
    found = texts(checks.data_findings(cell, rundata.run_data(cell)))
    assert "1 evaluation problem(s) stand in the training rows too (amc/1)" in found
    assert "evaluation.greedy names math500" in found


def test_a_reward_that_does_not_fit() -> None:
    import dataclasses

    cell = cell_of(f"{MODEL}/majority/s0")
    assert list(checks.reward_findings(cell)) == []
    assert "set labels to" in texts(checks.reward_findings(dataclasses.replace(cell, labels="none")))
    gold = dataclasses.replace(cell, reward={"kind": "format"})
    assert "does not look at the label" in texts(checks.reward_findings(gold))
    wrong = dataclasses.replace(cell, reward={"kind": "formatt"})
    assert "formatt" in texts(checks.reward_findings(wrong))


@pytest.mark.parametrize(
    ("name", "url", "level", "said"),
    [
        (f"{MODEL}/random-0.5/s0", "http://h:1/get_reward", "error", "random-0.5 needs index, visit"),
        (f"{MODEL}/ttrl/s0", "http://h:1/get_reward", "error", "ttrl needs group"),
        (f"{MODEL}/ground-truth/s0", "h:1", "error", "--reward-url h:1: write http://"),
        ("olmo2-7b/ground-truth/s0", "http://h:1/get_reward", "error", "nothing stops at </answer>"),
        (f"{MODEL}/ground-truth/s0", "http://h:1/get_reward", "warning", "pays the training reward"),
    ],
)
def test_what_a_cell_loses_over_http(name: str, url: str, level: str, said: str) -> None:
    found = list(checks.http_findings(cell_of(name), url))
    assert said in found[0].text
    assert found[0].level == level
    assert found[-1].level == "warning"


def test_another_openrlhf_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.4")
    assert f"openrlhf 0.10.4 is installed, the flags are those of {OPENRLHF}" in texts(machine.version_findings())

    def missing(name: str) -> str:
        raise machine.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert "openrlhf is not installed" in texts(machine.version_findings())
    monkeypatch.setattr("importlib.metadata.version", lambda name: OPENRLHF)
    assert list(machine.version_findings()) == []


def test_disk_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cell_of()
    assert 200 < machine.disk_need(cell) / 2**30 < 400
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5 * 2**30))
    found = texts(machine.folder_findings(cell, tmp_path / "a/b", "local", resume=False))
    assert "the checkpoints need about" in found
    assert "5 GiB are free" in found
    assert "8 GPU(s) are needed, 2 found" in texts(machine.machine_findings(cell, 2, 500.0))
    assert "host memory takes about 85 GiB, the machine has 32" in texts(machine.machine_findings(cell, 8, 32.0))
    assert list(machine.machine_findings(cell, 8, 500.0)) == []
    nodes = cell_of(f"{MODEL}/ground-truth/s0", "hardware.nodes=2")
    assert "use --backend ray or slurm" in texts(machine.machine_findings(nodes, 16, 500.0))


def test_room_is_counted_by_the_weights_where_they_lie_in_a_folder(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": {"dtype": "BF16", "shape": [1000, 2_000_000]}}).encode()
    for number in (1, 2):  # of sparse files, whose sizes do not count
        (tmp_path / f"model-{number}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    cell = cell_of()
    own = replace(cell, model=replace(cell.model, hub_id=str(tmp_path)))
    assert (machine.model_parameters(cell), machine.model_parameters(own)) == (cell.model.billions * 1e9, 4e9)
    assert machine.disk_need(own) < machine.disk_need(cell)
    assert "takes about 45 GiB, the machine has 32" in texts(machine.machine_findings(own, 8, 32.0))
    for spoilt in (b"", b"\x00" * 8, b"\xff" * 20, (4).to_bytes(8, "little") + b"[1] "):
        for number in (1, 2):
            (tmp_path / f"model-{number}.safetensors").write_bytes(spoilt)
        assert machine.model_parameters(own) == cell.model.billions * 1e9


def test_resume_needs_a_checkpoint_and_the_same_settings(tmp_path: Path) -> None:
    cell = short()

    def found(cell: Cell, resume: bool = True) -> str:
        findings = machine.folder_findings(cell, tmp_path, "local", resume=resume)
        return texts(item for item in findings if "GiB" not in item.text)

    assert "would start at step 0, silently" in found(cell)
    assert "checkpoint.resumable false" in found(short(f"{MODEL}/ground-truth/s0", "checkpoint.resumable=false"))
    assert found(cell, resume=False) == ""
    (tmp_path / "ckpt/_actor").mkdir(parents=True)
    (tmp_path / "ckpt/_actor/latest").write_text("global_step10", encoding="utf-8")
    (tmp_path / "cell.json").write_text(json.dumps(cell.to_dict()), encoding="utf-8")
    assert found(cell) == ""
    assert "holds a run already" in found(cell, resume=False)
    other = short(f"{MODEL}/ground-truth/s0", "optimizer.lr=1e-6")
    assert "settings.optimizer.lr was 5e-07, now 1e-06" in found(other)
    (tmp_path / "cell.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in found(cell)


@pytest.mark.parametrize(
    ("left", "named"),
    [
        (["completions/train-20260102T030410-11.jsonl"], "completions"),
        (["tensorboard/a/b/events.out.tfevents.1"], "tensorboard"),
        (["model/model.safetensors", "completions/eval-2-3.jsonl"], "model and completions"),
    ],
)
def test_a_run_without_a_checkpoint_is_a_run(
    ready: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    left: list[str], named: str,
) -> None:  # fmt: skip
    """A second start would put its completions and curves among those of the first."""
    folder = work / "runs" / MODEL / "ground-truth/s0"
    assert ready("--write") == 0
    assert ready("--write") == 0  # a folder that was only written is no run
    for name in left:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    before = (folder / "manifest.json").read_bytes()
    capsys.readouterr()
    assert ready() == 2
    told = capsys.readouterr().err
    assert f"holds a run already: it left no checkpoint to go on from, but {named}; remove the folder" in told
    assert ready("--resume") == 2
    assert "launch without --resume, after removing the folder" in capsys.readouterr().err
    assert (folder / "manifest.json").read_bytes() == before
    shutil.rmtree(folder)
    Started(monkeypatch, 0)
    assert ready() == 0


@pytest.mark.parametrize(("backend", "other"), [("local", "trl"), ("slurm", "trl"), ("trl", "local")])
def test_the_other_backends_checkpoints_are_refused_by_name(tmp_path: Path, backend: str, other: str) -> None:
    cell, name = short(), "checkpoint-16" if other == "trl" else "global_step16"
    (tmp_path / "cell.json").write_text(json.dumps(cell.to_dict()), encoding="utf-8")

    def save(kind: str) -> None:
        place = tmp_path / "ckpt" / ("checkpoint-16" if kind == "trl" else "_actor")
        place.mkdir(parents=True)
        if kind != "trl":
            (place / "latest").write_text("global_step16", encoding="utf-8")

    save(other)
    assert (machine.saved(tmp_path, backend), machine.saved(tmp_path, other)) == (None, name)
    for found in (
        texts(machine.resume_findings(cell, tmp_path, backend)),
        texts(machine.folder_findings(cell, tmp_path, backend, resume=True)),
    ):
        assert f"ckpt has {name} of --backend {other}" in found
        assert f"go on with --backend {other}" in found
    assert "holds a run already" in texts(machine.folder_findings(cell, tmp_path, backend, resume=False))
    assert list(machine.resume_findings(cell, tmp_path, other)) == []
    save(backend)
    assert f"of --backend {other}" in texts(machine.resume_findings(cell, tmp_path, backend))


def test_the_model_is_looked_for(tmp_path: Path) -> None:
    import dataclasses

    def found(hub_id: str, **environ: str) -> str:
        cell = cell_of()
        return texts(
            machine.model_findings(
                dataclasses.replace(cell, model=dataclasses.replace(cell.model, hub_id=hub_id)), environ
            )
        )

    assert "no config.json" in found(str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert "has no chat template" in found(str(tmp_path))
    (tmp_path / "chat_template.jinja").write_text("", encoding="utf-8")
    assert found(str(tmp_path)) == ""
    assert "there is no such folder" in found(str(tmp_path / "none"))
    if importlib.util.find_spec("huggingface_hub"):
        assert "not in the local cache and HF_HUB_OFFLINE is set" in found("no-one/nothing", HF_HUB_OFFLINE="1")
    assert found("no-one/nothing") == ""


# -- starting -------------------------------------------------------------------------------------------


def test_a_run_folder_says_what_it_was_made_with(work: Path) -> None:
    cell = short()
    data, folder = rundata.run_data(cell), work / "runs" / "x"
    argv = build_argv(cell, folder)
    runfolder.write(
        cell, folder, data, argv, resume=False, command=["bash", "x"], environ={"RLVR_A": "1"}, backend="local"
    )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert Cell.from_dict(json.loads((folder / "cell.json").read_text(encoding="utf-8"))) == cell
    assert json.loads((folder / "argv.json").read_text(encoding="utf-8")) == argv
    assert len((folder / "train.jsonl").read_text(encoding="utf-8").splitlines()) == 80
    assert {"data/train.jsonl", "data/eval.jsonl"} == set(manifest["sources"])
    assert set(manifest["files"]) == {"train.jsonl", "eval.jsonl", "cell.json", "argv.json", "reward.yaml", "agent.py"}
    assert (manifest["status"], manifest["settings"], manifest["steps"]) == ("written", {"RLVR_A": "1"}, 10)
    assert "commit" in (manifest["git"] or {"commit": None})
    assert runfolder.end(folder, 1) == "failed"
    runfolder.write(cell, folder, data, argv, resume=True, command=["bash"], environ={}, backend="local")
    again = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert again["resumed"] == [manifest["started"]]


def test_a_configuration_that_git_does_not_know_is_named(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "mine.yaml").write_text("", encoding="utf-8")
    state = runfolder.git_state(tmp_path)
    if state is None:
        pytest.skip("not a checkout, so there is no state to tell")
    assert state["untracked_configs"] == ["rewards/mine.yaml"]
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    assert (runfolder.git_state(tmp_path) or {})["untracked_configs"] == []


def test_reward_file_is_what_the_cell_says(work: Path) -> None:
    from verifier.rewards import load_reward_file, reward_from

    cell, folder = short(f"{MODEL}/random-0.5-no-python/s5"), work / "runs" / "y"
    runfolder.write(cell, folder, rundata.run_data(cell), [], resume=False, command=[], environ={}, backend="local")
    loaded = load_reward_file(folder / "reward.yaml")
    assert loaded.reward == reward_from(dict(cell.reward))


class Started:
    """Stands for the training process: writes a log and returns a code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int, log: str = "", latest: str | None = None) -> None:
        self.commands: list[list[str]] = []
        self.environ: dict[str, str] = {}

        def fake(command: list[str], environ: dict[str, str]) -> int:
            self.commands.append(command)
            self.environ = environ
            folder = Path(command[-1])
            (folder / "log/train.log").write_text(log, encoding="utf-8")
            if latest:
                (folder / "ckpt/_actor").mkdir()
                (folder / "ckpt/_actor/latest").write_text(latest, encoding="utf-8")
            return code

        monkeypatch.setattr(process, "wait", fake)


@pytest.fixture
def ready(work: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``launch.main`` on a machine that has all it needs."""
    nothing: Callable[..., list[Any]] = lambda *args, **options: []  # noqa: E731
    for name in ("machine_findings", "version_findings", "model_findings"):
        monkeypatch.setattr(machine, name, nothing)
    monkeypatch.setattr(machine, "disk_need", lambda cell: 0)
    small = ["--set", "steps=10", "--set", "checkpoint.save_every=10", "--set", "rollout.batch_size=8"]
    return lambda *argv: launch.main([f"{MODEL}/ground-truth/s0", *small, *argv])


def manifest_of(work: Path) -> dict[str, Any]:
    return dict(json.loads((work / "runs" / MODEL / "ground-truth/s0/manifest.json").read_text(encoding="utf-8")))


def test_a_run_that_ends_well(
    ready: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = Started(monkeypatch, 0)
    assert ready() == 0
    assert started.commands[0][:2] == ["bash", str(starting.LAUNCHERS / "local.sh")]
    assert started.environ["PYTHON"] == sys.executable
    assert manifest_of(work)["status"] == "complete"
    assert re.search(r"complete: runs/\S+ \(\d+ s\)", capsys.readouterr().err)
    assert manifest_of(work)["seconds"] >= 0


@pytest.mark.parametrize("gpus", [2, 4])
def test_a_smoke_run_tells_ray_of_as_many_gpus_as_the_cell_asks_for(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setenv("RLVR_FAKE_GPUS", "1")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "flash_attn" else find(name))
    cell = cell_of(f"{MODEL}/ground-truth/s0", f"hardware.gpus_per_node={gpus}", smoke=True)
    assert starting.environment(cell)["RLVR_FAKE_GPUS"] == str(gpus)
    assert starting.environment(cell_of())["RLVR_FAKE_GPUS"] == "1"  # what a user set stays


@pytest.mark.parametrize(
    ("log", "latest", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "global_step5", ["disk is full", "global_step5 is saved"]),
        ("ray.exceptions.ActorDiedError: The actor died", None, ["a Ray worker died", "start again"]),
        ("nothing known\nKeyError: 'x'", None, ["its last exception: KeyError: 'x'"]),
    ],
)  # fmt: skip
def test_a_run_that_fails_is_explained(
    ready: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    log: str, latest: str | None, said: list[str],
) -> None:  # fmt: skip
    Started(monkeypatch, 1, log, latest)
    assert ready() == 1
    told = capsys.readouterr().err
    for part in said:
        assert part in told
    assert (manifest_of(work)["status"], manifest_of(work)["exit_code"]) == ("failed", 1)


def save(folder: Path) -> None:
    """A resumable checkpoint of DeepSpeed's, as far as `launch` looks at it."""
    (folder / "ckpt/_actor").mkdir(parents=True, exist_ok=True)
    (folder / "ckpt/_actor/latest").write_text("global_step5", encoding="utf-8")


def drop_lines(path: Path) -> None:
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[5:]), encoding="utf-8")


def change_a_label(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"label": "37"', '"label": "61"'), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "changed"),
    [
        (lambda work: drop_lines(work / "data/train.jsonl"), ["train.jsonl"]),
        (lambda work: drop_lines(work / "data/eval.jsonl"), ["eval.jsonl"]),
        (lambda work: change_a_label(work / f"labels/{MODEL}.jsonl"), ["train.jsonl"]),
    ],
    ids=["training rows", "evaluation rows", "labels"],
)
def test_a_run_goes_on_with_the_rows_that_it_began_with(
    ready: Callable[..., int], work: Path, capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None], changed: list[str],
) -> None:  # fmt: skip
    labels(work, MODEL, ids=range(80))
    cell = f"{MODEL}/majority/s0"
    small = ["--set", "steps=5", "--set", "checkpoint.save_every=5", "--set", "rollout.batch_size=8"]
    again = [cell, *small, "--set", "evaluation.every_steps=5", "--write"]
    folder = work / "runs" / cell
    assert launch.main(again) == 0
    save(folder)
    assert launch.main([*again, "--resume"]) == 0
    before = (folder / "train.jsonl").read_bytes()
    spoil(work)
    for more in ([], ["--dry-run"]):
        capsys.readouterr()
        assert launch.main([*again, "--resume", *more]) == 2
        told = capsys.readouterr().err
        assert f"mix two runs: {' and '.join(changed)} would differ" in told
        assert f"labels/{MODEL}.jsonl" in told
    assert (folder / "train.jsonl").read_bytes() == before
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    assert launch.main([*again, "--resume"]) == 2
    assert "does not say which rows the run began with" in capsys.readouterr().err


TRAINER = "trap 'echo bye > bye; exit 0' TERM; touch up; while :; do sleep 0.05; done"


@pytest.mark.parametrize("early", [False, True], ids=["in training", "while it starts"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_trainer_before_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: int, early: bool
) -> None:
    start = subprocess.Popen

    def send() -> None:
        until((tmp_path / "up").exists)
        os.kill(os.getpid(), signum)

    def start_and_send(*words: Any, **options: Any) -> Any:
        process = start(*words, **options)
        send()
        return process

    if early:
        monkeypatch.setattr(subprocess, "Popen", start_and_send)
    else:
        threading.Thread(target=send).start()
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert process.wait(["bash", "-c", f"cd {shlex.quote(str(tmp_path))}; {TRAINER}"], dict(os.environ)) == 130
    assert (tmp_path / "bye").exists()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_the_log_is_whole_when_the_end_is_told(tmp_path: Path) -> None:
    """It goes through tee, which may be slower than the trainer."""
    log = shlex.quote(str(tmp_path / "log"))
    script = f"exec bash -c 'echo why; exit 3' > >(sleep 0.5; exec tee -a {log})"
    assert process.wait(["bash", "-c", script], dict(os.environ)) == 3
    assert (tmp_path / "log").read_text() == "why\n"


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; the limit only ends a test that has failed."""
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("backend", "first"), [("slurm", "sbatch"), ("ray", "bash"), ("trl", sys.executable)]
)  # fmt: skip
def test_the_other_backends(
    ready: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    backend: str, first: str,
) -> None:  # fmt: skip
    started = Started(monkeypatch, 0)
    assert ready("--backend", backend, "--gpus", "4", "--nodes", "2", "--set", "train.micro_batch_size=2") == 0
    command = started.commands[0]
    assert command[0] == first
    unused = "warning: --nodes 2, --gpus 4: without effect here; the TRL backend is one process"
    assert (unused in capsys.readouterr().err) == (backend == "trl")
    assert manifest_of(work)["status"] == ("submitted" if backend == "slurm" else "complete")
    if backend == "slurm":
        assert {"--nodes=2", "--gpus-per-node=4", "--cpus-per-task=32"} <= set(command)


def test_write_only_and_dry_run(ready: Callable[..., int], work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ready("--dry-run") == 0
    shown = capsys.readouterr().out
    assert "python -m train_openrlhf.run --actor.model_name_or_path Qwen/Qwen2.5-Math-7B" in shown
    assert not (work / "runs").exists()
    assert ready("--write") == 0
    assert "local.sh runs/qwen2.5-math-7b/ground-truth/s0" in capsys.readouterr().err
    assert manifest_of(work)["status"] == "written"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "give one cell"),
        (["a/b/s0", "--grid", "controls"], "give one cell"),
        (["--grid", "figure-9"], "unknown set"),
        (["qwen2.5-math-7b/majority/s0"], "no such label set"),
        (["qwen2.5-math-7b/one-shot/s0"], "--example ID"),
        (["qwen2.5-math-7b/format/s0", "--set", "train.batch_size=100"], "does not divide"),
        (["qwen2.5-math-7b/format/s0", "--resume"], "would start at step 0, silently"),
        (["qwen2.5-math-7b/format/s0", "--resume", "--dry-run"], "would start at step 0, silently"),
        (["--grid", "headline"], "1 cell(s) need --example ID"),
        (["--grid", "headline"], "1 cell(s) need labels/qwen2.5-math-7b.incorrect.jsonl"),
        (["--grid", "controls", "--set", "train.batch_size=100"], "45 cells: train.batch_size 100 does not divide"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    work: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert launch.main(argv) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not (work / "runs").exists()


def test_a_set_gives_the_example_and_the_labels_to_whom_they_concern(work: Path) -> None:
    words = ["--grid", "headline", "--example", "set/level_1/7", "--labels-of", "qwen2.5-7b"]
    args = launch._parser().parse_args(words)
    cells = {name: launch.resolve(args, name) for name in launch._names(args)}
    assert {cell.reward_name for cell in cells.values() if cell.example} == {"one-shot"}
    of_another = {cell.reward_name for cell in cells.values() if cell.labels_of == "qwen2.5-7b"}
    assert of_another == {"majority", "incorrect"}
    labels(work, "qwen2.5-7b")
    assert gridcheck.needs(cells) == ["1 cell(s) need labels/qwen2.5-7b.incorrect.jsonl, which is not there"]


@pytest.fixture
def grid_of_three(work: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``launch.main --grid`` on a set of three cells that need no labels."""
    cells = [f"{MODEL}/{reward}/s0" for reward in ("ground-truth", "format", "random-0.5")]
    monkeypatch.setattr(launch.grid, "cells_of", lambda name: cells)
    monkeypatch.setattr(gridcheck, "set_findings", lambda cells: ([], 0))
    small = ["--set", "steps=10", "--set", "checkpoint.save_every=10", "--set", "rollout.batch_size=8"]
    return lambda *more: launch.main(["--grid", "mine", *small, *more])


def test_a_set_that_was_stopped_goes_on(
    ready: Any, grid_of_three: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The first cell is complete, the second has a checkpoint and fails, the third has never begun."""
    folders = [work / "runs" / MODEL / reward / "s0" for reward in ("ground-truth", "format", "random-0.5")]
    Started(monkeypatch, 0, latest="global_step10")
    assert ready() == 0
    Started(monkeypatch, 1, latest="global_step5")
    assert grid_of_three("--resume") == 1
    told = capsys.readouterr().err
    assert f"1 complete, left alone: {MODEL}/ground-truth/s0\n2 to start: {MODEL}/format/s0, {MODEL}/rand" in told
    before = (folders[0] / "manifest.json").read_bytes()
    started = Started(monkeypatch, 0)
    assert grid_of_three() == 2  # without --resume nothing is gone on with
    capsys.readouterr()
    assert grid_of_three("--resume") == 0
    told = capsys.readouterr().err
    for line in ("1 complete, left alone: ", "1 to go on from the last checkpoint: ", "1 to start: "):
        assert line in told
    assert [command[-1] for command in started.commands] == [str(folders[1]), str(folders[2])]
    flags = [json.loads((folder / "argv.json").read_text("utf-8")) for folder in folders]
    assert ["--ckpt.load_enable" in each for each in flags] == [False, True, False]
    assert (folders[0] / "manifest.json").read_bytes() == before
    assert grid_of_three("--resume") == 0
    assert len(started.commands) == 2  # nothing was left to do
    assert grid_of_three("--resume", "--set", "optimizer.lr=1e-6") == 2
    assert "settings.optimizer.lr was 5e-07, now 1e-06" in capsys.readouterr().err


def test_what_is_in_the_way_of_a_set_is_told_before_its_first_cell(
    ready: Any, grid_of_three: Callable[..., int], work: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    third = work / "runs" / MODEL / "random-0.5/s0"
    (third / "completions").mkdir(parents=True)
    (third / "completions/train-1-2.jsonl").write_text("", encoding="utf-8")
    started = Started(monkeypatch, 0)
    for more in ([], ["--dry-run"]):
        assert grid_of_three("--resume", *more) == 2
        assert f"{third} holds a run already: it left no checkpoint" in capsys.readouterr().err
    assert started.commands == []
    shutil.rmtree(third)
    assert grid_of_three("--backend", "slurm") == 0
    assert grid_of_three("--backend", "slurm", "--resume") == 0  # all are with Slurm: none is submitted twice
    assert "3 with Slurm already, left alone" in capsys.readouterr().err
    assert len(started.commands) == 3


def test_all_errors_are_told_at_once(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "data/train.jsonl").unlink()
    assert launch.main([f"{MODEL}/format/s0", "--set", "checkpoint.save_every=7", "--set", "train.batch_size=100"]) == 2
    told = capsys.readouterr().err
    assert "save_every 7" in told
    assert "does not divide the 1024" in told
    assert "data/train.jsonl: no such file" in told


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert "set controls: 45 cells" in shown
    assert "random-0.5-noclip-loss" in shown
