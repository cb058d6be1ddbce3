"""The TRL backend of a training cell: its settings, and real smoke runs through `launch`.

Promises: the paper's batch sizes become TRL's counts of micro-batches; a smoke cell trains, evaluates, writes the
files that the OpenRLHF backend writes, and goes on from its last checkpoint. What the logged rewards are is checked
against the reward file, line by line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from train_openrlhf import launch
from train_openrlhf.backend_trl import grpo_settings, main, read_rows
from train_openrlhf.cells import load_cell
from train_openrlhf.machine import machine_findings, model_parameters
from train_openrlhf.trl_checks import trl_findings
from verifier.errors import ConfigError, InputError
from verifier.rewards import Context, load_reward_file, quantise
from verifier.rows import Row

ROOT = Path(__file__).resolve().parent.parent
CELL = "qwen2.5-math-1.5b/ground-truth/s0"


# -- settings ---------------------------------------------------------------------------------------------


def test_the_papers_batches_in_micro_batches() -> None:
    cell = load_cell(CELL)
    settings = grpo_settings(cell, Path("runs/x"), cuda=True)
    assert cell.updates_per_step == 8
    assert settings["per_device_train_batch_size"] == 4
    assert settings["gradient_accumulation_steps"] == 32
    assert settings["steps_per_generation"] == 256
    assert settings["max_steps"] == cell.settings.steps * 8
    assert settings["save_steps"] == cell.settings.checkpoint.save_every * 8
    assert (settings["loss_type"], settings["scale_rewards"], settings["beta"]) == ("bnpo", "group", 0.0)
    assert (settings["epsilon"], settings["epsilon_high"], settings["num_generations"]) == (0.2, 0.2, 16)
    assert settings["bf16"]
    assert not settings["shuffle_dataset"]
    on_cpu = grpo_settings(cell, Path("runs/x"), cuda=False)
    assert on_cpu["use_cpu"]
    assert not on_cpu["bf16"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithm.estimator=rloo", "algorithm.estimator=rloo: the TRL backend has group_norm and dr_grpo"),
        ("train.batch_size=96", "rollout.batch_size x rollout.samples_per_prompt is 1024, which 96 does not divide"),
        ("train.micro_batch_size=3", "train.batch_size is 128, which 3 does not divide"),
    ],
)
def test_what_trl_has_no_counterpart_of_is_told(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        grpo_settings(load_cell(CELL, [override]), Path("runs/x"), cuda=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], []),
        (["--gpus", "1", "--set", "steps=5"], []),
        (["--reward-url", "http://h:1/get_reward"], ["error: --reward-url: the TRL backend pays the cell's own"]),
        (["--gpus", "4"], ["warning: --gpus 4: without effect here"]),
        (["--set", "memory.packing=false", "--set", "hardware.layout=split"],
         ["warning: --set memory.packing=false, --set hardware.layout=split: without effect here"]),
        (["--set", "algorithm.estimator=rloo"], ["error: algorithm.estimator=rloo"]),
    ],
)  # fmt: skip
def test_what_was_asked_for_without_effect_is_told_before_the_start(words: list[str], said: list[str]) -> None:
    args = launch._parser().parse_args([CELL, "--backend", "trl", *words])
    found = list(map(str, trl_findings(launch.resolve(args, CELL), args)))
    assert [one[: len(part)] for one, part in zip(found, said, strict=True)] == said


def test_a_url_is_refused_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert launch.main([CELL, "--smoke", "--backend", "trl", "--dry-run", "--reward-url", "http://h:1/get_reward"]) == 2
    assert "--reward-url: the TRL backend pays" in (told := capsys.readouterr().err)
    assert "no completions are written" not in told


@pytest.mark.parametrize(
    ("name", "gpus", "gib", "said"),
    [
        ("qwen2.5-math-7b/format/s0", 0, 24.0, "Qwen/Qwen2.5-Math-7B take about 113 GiB, the machine has 24"),
        ("qwen2.5-math-7b/format/s0", 0, 128.0, ""),
        ("qwen2.5-math-7b/format/s0", 1, 24.0, ""),  # there its memory counts, which is not asked for
        ("qwen2.5-1.5b/format/s0", 0, 24.0, ""),
        ("qwen2.5-1.5b/format/s0", 0, None, ""),
    ],
)
def test_a_model_that_the_machine_cannot_hold(name: str, gpus: int, gib: float | None, said: str) -> None:
    found = list(machine_findings(load_cell(name), gpus, gib, "trl"))
    assert [one.level for one in found] == ["error"] * bool(said)
    assert all(said in one.text for one in found)
    assert list(machine_findings(load_cell(name, smoke=True), gpus, gib, "trl")) == []


@pytest.mark.parametrize(
    ("size", "billions"),
    [
        ({"hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864, "vocab_size": 151936,
          "num_attention_heads": 14, "num_key_value_heads": 2, "tie_word_embeddings": True}, 0.494),  # Qwen2.5-0.5B
        ({"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336, "vocab_size": 128256,
          "num_attention_heads": 32, "num_key_value_heads": 8}, 8.03),  # Llama-3.1-8B
        ({"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 11008, "vocab_size": 100352,
          "num_attention_heads": 32, "num_key_value_heads": None}, 7.3),  # OLMo-2-7B
        ({"hidden_size": 4096}, 1.5),  # not enough to go by: the cell's model file
        ({"hidden_size": 1, "num_attention_heads": 0}, 1.5),
        ([], 1.5),
    ],
)  # fmt: skip
def test_a_model_without_safetensors_is_counted_by_its_config(tmp_path: Path, size: Any, billions: float) -> None:
    (tmp_path / "config.json").write_text(json.dumps(size), encoding="utf-8")
    cell = load_cell(CELL)
    own = replace(cell, model=replace(cell.model, hub_id=str(tmp_path)))
    assert model_parameters(own) == pytest.approx(billions * 1e9, rel=0.01)


def test_a_folder_that_launch_did_not_write_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "cell.json: No such file" in capsys.readouterr().err
    with pytest.raises(InputError, match="--write makes it"):
        read_rows(tmp_path / "train.jsonl")
    (tmp_path / "train.jsonl").write_text('{"prompt": "1+1="}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.jsonl, line 1: no row of a run"):
        read_rows(tmp_path / "train.jsonl")


# -- real runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of the smoke runs; the first of them makes the tiny model there."""
    return tmp_path_factory.mktemp("trl")


def _launch(home: Path, reward: str, *more: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "train_openrlhf.launch", f"qwen2.5-math-1.5b/{reward}/s0", "--smoke"]
    command += ["--backend", "trl", "--set", "steps=2", *more]
    return subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=600)


def _lines(folder: Path, split: str) -> list[dict[str, Any]]:
    files = sorted((folder / "completions").glob(f"{split}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return {tag: [(p.step, p.value) for p in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.mark.trl
@pytest.mark.parametrize("reward", ["ground-truth", "random-0.5"])
def test_two_steps_of_a_smoke_cell_and_a_resumed_one(home: Path, reward: str) -> None:
    done = _launch(home, reward)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = home / "runs" / "smoke" / "qwen2.5-math-1.5b" / reward / "s0"
    train, tested = _lines(folder, "train"), _lines(folder, "eval")
    assert len(train) == 2 * 8 * 8
    assert [line["step"] for line in train] == [1] * 64 + [2] * 64
    assert [line["index"] for line in train] == list(range(8)) * 16
    assert {(line["benchmark"], line["step"]) for line in tested} == {(line["benchmark"], 2) for line in tested}
    assert len({line["benchmark"] for line in tested}) == 4
    settings = load_reward_file(folder / "reward.yaml")
    for line in train:
        value = settings.reward(line["response"], Row.from_dict(line["row"]), Context(line["index"]))
        assert value is not None
        assert line["reward"] == quantise(value)
        assert line["correct"] == (line["verdict"]["status"] == "correct")
    points = _points(folder)
    for step in (1, 2):
        paid = [line["reward"] for line in train if line["step"] == step]
        assert dict(points["train/rollout/reward_mean"])[step] == pytest.approx(sum(paid) / 64, abs=1e-6)
    assert {"train/ppo_clip_ratio", "train/correct", "train/code", "eval/eval_math500_pass1"} <= points.keys()
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["generator"] == "transformers"
    for weights in ("model", "ckpt/global_step1_hf", "ckpt/global_step2_hf"):
        assert (folder / weights / "model.safetensors").is_file()
    if reward == "ground-truth":
        _goes_on(home, folder, len(train))


def _goes_on(home: Path, folder: Path, before: int) -> None:
    """From the checkpoint of the first step: the second is trained again, on the same prompts."""
    again = _launch(home, "ground-truth")
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    shutil.rmtree(folder / "ckpt" / "checkpoint-4")
    assert (folder / "ckpt" / "checkpoint-2").is_dir()
    resumed = _launch(home, "ground-truth", "--resume")
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    train = _lines(folder, "train")
    assert [line["step"] for line in train[before:]] == [2] * 64
    assert [line["id"] for line in train[before:]] == [line["id"] for line in train[64:before]]
    state = json.loads((folder / "ckpt" / "checkpoint-4" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] == 4
