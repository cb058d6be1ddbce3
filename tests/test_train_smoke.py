"""Real runs: OpenRLHF's own training command on CPU with Ray, DeepSpeed, GRPO, evaluation and checkpoints.

Only generation and flash-attn are stood in for (tests/support/openrlhf_cpu). About half a minute each on two quiet
cores, once `make env-train` has compiled DeepSpeed's operators.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from train_openrlhf.cells import load_cell
from train_openrlhf.smoke import BENCHMARKS

pytestmark = pytest.mark.train
ROOT = Path(__file__).resolve().parent.parent
MODEL = "qwen2.5-math-7b"
KILLED_S = 600
LINES = {"math500": 4}  # of one evaluation: the greedy response of each of four problems; elsewhere two of each


@dataclass(frozen=True)
class Run:
    """A finished `launch`."""

    folder: Path
    code: int
    said: str

    def completions(self, split: str) -> list[dict[str, Any]]:
        files = sorted((self.folder / "completions").glob(f"{split}-*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def scalars(self) -> dict[str, dict[int, float]]:
        """TensorBoard's: tag -> step -> value."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found: dict[str, dict[int, float]] = defaultdict(dict)
        for file in sorted((self.folder / "tensorboard").rglob("events.*")):
            events = EventAccumulator(str(file)).Reload()
            for tag in events.Tags()["scalars"]:
                found[tag] |= {event.step: event.value for event in events.Scalars(tag)}
        return found


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    keep = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "CUDA_VISIBLE_DEVICES")}
    return keep | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs go; the tiny model is made there once."""
    return tmp_path_factory.mktemp("smoke")


@pytest.fixture(scope="module")
def start(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `launch CELL --smoke FLAGS` in a session of its own; what is left of it at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(cell: str, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "train_openrlhf.launch", cell, "--smoke", *flags]
        process = subprocess.Popen(
            command, cwd=home, env=environment(), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finish(process: subprocess.Popen[str], folder: Path) -> Run:
    """Its end; killed after KILLED_S."""
    try:
        _, said = process.communicate(timeout=KILLED_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        pytest.fail(f"killed after {KILLED_S} s: {said[-2000:]}")
    return Run(folder, process.returncode, said)


@pytest.fixture(scope="module")
def train(home: Path, start: Callable[..., Any]) -> Callable[..., Run]:
    def train(reward: str, *flags: str) -> Run:
        cell = f"{MODEL}/{reward}/s0"
        return finish(start(cell, *flags), home / "runs" / "smoke" / cell)

    return train


@pytest.fixture(scope="module")
def ground_truth(train: Callable[..., Run]) -> Run:
    return train("ground-truth")


@pytest.fixture(scope="module")
def ttrl(train: Callable[..., Run]) -> Run:
    return train("ttrl", "--set", "steps=3", "--set", "evaluation.every_steps=3")


def until(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Wait for it while the process runs."""
    end = time.monotonic() + KILLED_S
    while not ready():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.02)


def latest(folder: Path) -> int:
    """The step of the last checkpoint, 0 without one."""
    path = folder / "ckpt" / "_actor" / "latest"
    found = re.search(r"\d+$", path.read_text().strip()) if path.is_file() else None
    return int(found[0]) if found else 0


# -- runs that end well ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ground_truth", "ttrl"])
def test_three_steps_are_trained_evaluated_and_saved(name: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    assert run.code == 0, run.said
    assert "generation by transformers" in run.said
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert (manifest["status"], manifest["exit_code"]) == ("complete", 0)
    assert manifest["seconds"] > 1
    assert f"({manifest['seconds']:.0f} s)" in run.said
    assert latest(run.folder) == 3
    scalars = run.scalars()
    assert sorted(scalars["train/rollout/reward_mean"]) == [1, 2, 3]
    assert set(scalars["train/unscored"].values()) == {0.0}
    assert {"train/correct", "train/boxed", "train/code", "train/gold_unscored", "train/error"} <= set(scalars)
    assert (run.folder / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("name", ["ground_truth", "ttrl"])
def test_the_logged_completions_have_openrlhfs_mean(name: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    lines, scalars = run.completions("train"), run.scalars()
    assert Counter(line["step"] for line in lines) == {1: 64, 2: 64, 3: 64}
    for step in (1, 2, 3):
        for tag, field in (("train/rollout/reward_mean", "reward"), ("train/correct", "correct")):
            values = [float(line[field]) for line in lines if line["step"] == step]
            assert abs(sum(values) / len(values) - scalars[tag][step]) < 1e-6
    assert len({line["reward"] for line in lines}) == 2  # or the run would have learnt from nothing
    assert all({row["index"] for row in lines if row["id"] == line["id"]} == set(range(8)) for line in lines[::8])


@pytest.mark.parametrize("name", ["ground_truth", "ttrl"])
def test_scoring_the_completions_again_gives_the_same_rewards(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run: Run = request.getfixturevalue(name)
    for split, reward in (("train", run.folder / "reward.yaml"), ("eval", tmp_path / "ground_truth.yaml")):
        (tmp_path / "ground_truth.yaml").write_text("reward: ground_truth\n")
        lines, again = run.completions(split), tmp_path / f"{split}.again.jsonl"
        logged = tmp_path / f"{split}.jsonl"
        logged.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = [sys.executable, "-m", "verifier", "score", str(logged), "--out", str(again), "--reward", str(reward)]
        names = ["--reward-field", "again", "--verdict-field", "verdict_again", "--no-progress"]
        done = subprocess.run([*command, *names], env=environment(), capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        scored = [json.loads(line) for line in again.read_text().splitlines()]
        assert len(scored) == len(lines)
        assert [line["again"] for line in scored] == [line["reward"] for line in lines]
        for line in scored:
            assert line["verdict_again"]["status"] == line["verdict"]["status"]


def test_an_evaluation_is_ground_truth_sampled_as_its_benchmark_asks(ground_truth: Run, ttrl: Run) -> None:
    for run, step in ((ground_truth, 2), (ttrl, 3)):
        lines, scalars = run.completions("eval"), run.scalars()
        assert {line["step"] for line in lines} == {step}
        assert Counter(line["benchmark"] for line in lines) == {name: LINES.get(name, 8) for name in BENCHMARKS}
        for name in BENCHMARKS:
            rewards = [line["reward"] for line in lines if line["benchmark"] == name]
            assert all(line["reward"] == float(line["correct"]) for line in lines)
            assert abs(sum(rewards) / len(rewards) - scalars[f"eval/eval_{name}_pass1"][step]) < 1e-6
        once = scalars["eval/eval_math500_pass2"][step]
        assert once == scalars["eval/eval_math500_pass1"][step]  # both samples are the one greedy response


def test_the_http_server_serves_a_run(train: Callable[..., Run], home: Path) -> None:
    cell = load_cell(f"{MODEL}/ground-truth-paper/s0", smoke=True)
    (home / "reward.json").write_text(json.dumps({"reward": cell.reward, "unscored": cell.unscored}))
    command = [sys.executable, "-m", "verifier", "serve", "--port", "0", "--reward", "reward.json"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True, cwd=home) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://[\d.]+:\d+", server.stdout.readline())
            assert found is not None
            run = train("ground-truth-paper", "--reward-url", f"{found[0]}/openrlhf")
        finally:
            server.terminate()
    assert run.code == 0, run.said
    assert "does not answer" not in run.said
    scalars = run.scalars()
    means = scalars["train/rollout/reward_mean"]
    assert sorted(means) == [1, 2, 3]
    # One response in nine is right, and which are batched together is a matter of timing: once in some hundred runs a
    # step has none among its 64.
    assert all(0 <= mean < 1 for mean in means.values())
    assert sum(means.values()) > 0
    assert set(scalars["train/unscored"].values()) == set(scalars["train/prompt_mismatch"].values()) == {0.0}
    assert run.completions("train") == []


# -- runs that do not --------------------------------------------------------------------------------


def test_a_wrong_reward_name_ends_before_anything_starts(train: Callable[..., Run]) -> None:
    run = train("ground-thruth")
    assert run.code == 2
    assert "ground-thruth" in run.said
    assert "did you mean ground-truth" in run.said
    assert "Traceback" not in run.said
    assert not run.folder.exists()


def test_a_model_that_is_missing_ends_before_anything_starts(train: Callable[..., Run], tmp_path: Path) -> None:
    run = train("format", "--model", str(tmp_path / "nowhere"))
    assert run.code == 2
    assert "nowhere" in run.said
    assert "Traceback" not in run.said


def test_after_a_killed_worker_resume_goes_on_from_the_checkpoint(
    home: Path, start: Callable[..., Any], train: Callable[..., Run]
) -> None:
    """Six steps; an engine is killed once the second is saved. Together both runs train on every row once."""
    cell, flags = f"{MODEL}/random-0.5/s0", ("--set", "steps=6", "--set", "evaluation.every_steps=6")
    folder = home / "runs" / "smoke" / cell
    process = start(cell, *flags)
    until(process, lambda: latest(folder) >= 2)
    engine = next((folder / "completions").glob("train-*.jsonl"))
    os.kill(int(engine.stem.rpartition("-")[2]), signal.SIGKILL)
    killed = finish(process, folder)
    saved = latest(folder)
    assert killed.code == 1
    assert "a Ray worker died" in killed.said
    assert "Traceback" not in killed.said
    assert f"global_step{saved} is saved: the same command with --resume goes on from there" in killed.said
    assert 2 <= saved < 6
    before = [line for line in killed.completions("train") if line["step"] <= saved]

    resumed = train("random-0.5", *flags, "--resume")
    assert resumed.code == 0, resumed.said
    assert latest(folder) == 6
    new = [file for file in (folder / "completions").glob("train-*.jsonl") if file != engine]
    assert len(new) == 1
    after = [json.loads(line) for line in new[0].read_text().splitlines()]
    assert Counter(line["step"] for line in after) == dict.fromkeys(range(saved + 1, 7), 64)
    assert sorted(resumed.scalars()["train/rollout/reward_mean"]) == [1, 2, 3, 4, 5, 6]
    seen = Counter((line["id"], line["visit"]) for line in before + after)
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    assert seen == {(row["id"], row["visit"]): 8 for row in rows}


def test_a_disk_that_fills_up_ends_the_run(
    home: Path, start: Callable[..., Any], tmp_path: Path, require: Callable[..., None]
) -> None:
    """The run's folder lies on a small file system that shrinks to what it holds once a step is saved."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(disk)], capture_output=True)
    require("mount", made.returncode == 0, "no right to mount a small file system")
    try:
        cell = f"{MODEL}/format/s0"
        process = start(cell, "--runs", str(disk), "--set", "steps=30", "--set", "evaluation.every_steps=30")
        until(process, lambda: latest(disk / cell) >= 1)
        until(process, lambda: shrunk(disk))
        run = finish(process, disk / cell)
        assert run.code == 1, run.said
        assert "the disk is full" in run.said
        assert "Traceback" not in run.said
        for file in (disk / cell / "completions").iterdir():  # no torn line
            text = file.read_text()
            assert all(json.loads(line) for line in text.splitlines())
            assert text.endswith("\n") or not text
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def shrunk(disk: Path) -> bool:
    """Whether the disk could be made as small as what is on it, and 64 KiB; what is on it grows meanwhile."""
    state = os.statvfs(disk)
    size = (state.f_blocks - state.f_bfree) * state.f_frsize + 2**16
    return not subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], capture_output=True).returncode
