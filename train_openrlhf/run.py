"""Start OpenRLHF's own training module with what its start-up sets, and with the order of the prompts seeded.

    python -m train_openrlhf.run runs/qwen2.5-math-7b/random-0.5/s0/argv.json
    python -m train_openrlhf.run --actor.model_name_or_path ... (OpenRLHF's flags)

Promises: begin and end of a run folder's training go into its manifest, and a folder that holds a run takes no second
one. The module that runs is ``openrlhf.cli.train_ppo_ray`` as installed. Before it, Ray is started (or joined, where
RAY_ADDRESS or a Ray job says so) with the variables that OpenRLHF would set, with this repository on the workers' path,
and with a hook in every worker that seeds Python, NumPy and torch from ``--train.seed``: OpenRLHF seeds its ranks but
not the process that shuffles the prompts. Without a GPU Ray is told of RLVR_FAKE_GPUS (default 2; `launch --smoke` sets
the cell's), and what RLVR_STANDINS names comes first on the path. Does not: change any argument.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError, VerifierError

MODULE = "openrlhf.cli.train_ppo_ray"
SEED = "RLVR_SEED"
STANDINS = "RLVR_STANDINS"
ROOT = Path(__file__).resolve().parent.parent
# What OpenRLHF's train() would pass to ray.init had it started Ray itself.
OPENRLHF_ENV = {"TOKENIZERS_PARALLELISM": "true", "NCCL_DEBUG": "WARN", "RAY_ENABLE_ZERO_COPY_TORCH_TENSORS": "1"}
CPU_ENV = {"OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
CARRIED = ("HF_", "NCCL_", "RLVR_", "VLLM_", "TRANSFORMERS_", "TORCH_EXTENSIONS_DIR", "WANDB_")


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0, 2 for one line about a mistake, or 130 when stopped. What OpenRLHF raises goes through."""
    from .runfolder import recorded  # not at the head: Ray's workers import this module for its hook

    given = list(sys.argv[1:] if argv is None else argv)
    started = False
    try:
        flags = read_argv(given)
        with recorded(run_folder(given), resume="--ckpt.load_enable" in flags):
            start_ray(flags)
            started = True
            sys.argv = [MODULE, *flags]
            runpy.run_module(MODULE, run_name="__main__", alter_sys=False)
    except VerifierError as error:
        if started:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def run_folder(given: Sequence[str]) -> Path | None:
    """The run folder that the arguments name, itself or by its argv.json; None where they name none."""
    path = Path(given[0])
    folder = path if path.is_dir() else path.parent
    return folder.absolute() if len(given) == 1 and (folder / "manifest.json").is_file() else None


def read_argv(given: Sequence[str]) -> list[str]:
    """OpenRLHF's flags: of a JSON file (a list of texts), or as given. Raises ConfigError."""
    if not given:
        raise ConfigError("give argv.json of a run folder, or OpenRLHF's flags")
    if len(given) > 1 or given[0].startswith("-"):
        return list(given)
    path = Path(given[0])
    try:
        flags = json.loads((path / "argv.json" if path.is_dir() else path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); launch --write writes it") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise ConfigError(f"{path}: expected a JSON list of texts")
    return flags


def start_ray(flags: Sequence[str]) -> None:
    """Start or join Ray before OpenRLHF finds it initialised."""
    joins = bool(os.environ.get("RAY_ADDRESS"))  # a cluster's driver may sit on a node without a GPU
    gpu = joins or has_gpu()
    paths = [path for path in os.environ.get(STANDINS, "").split(os.pathsep) if path]
    sys.path[:0] = [*paths, str(ROOT)]
    environ = worker_environment(os.environ, seed_of(flags), gpu)
    os.environ.update(environ)
    os.environ["PATH"] = tools_path(os.environ)
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"  # a Ray job may have set the same variables
    if not gpu:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # empty, it makes Ray refuse the GPUs it is told of
    import ray

    options: dict[str, Any] = {}
    if not gpu:
        fake = int(os.environ.get("RLVR_FAKE_GPUS", "2"))
        options = {
            "address": "local",  # not a cluster that happens to be up: it takes none of what follows
            "num_gpus": fake,
            "num_cpus": 4 * fake,
            "include_dashboard": False,
            "object_store_memory": 200 * 2**20,
        }
    hook = "train_openrlhf.run.seed_worker"
    ray.init(runtime_env={"env_vars": environ, "worker_process_setup_hook": hook}, **options)
    stop_as_by_ctrl_c()


def stop_as_by_ctrl_c() -> None:
    """What a SIGTERM does from here on. Ray's own handler looks like a failure (exit code 1), or aborts the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def tools_path(environ: Mapping[str, str]) -> str:
    """PATH with this interpreter's own folder in front, whether its environment is activated or not.

    DeepSpeed calls the ninja there: another version compiles anew what `make env-train` has compiled.
    """
    return os.pathsep.join([str(Path(sys.executable).parent), *filter(None, [environ.get("PATH")])])


def worker_environment(environ: Mapping[str, str], seed: int, gpu: bool) -> dict[str, str]:
    """The variables of every Ray worker: OpenRLHF's own, the seed, the path, and what a user set for the libraries."""
    out = {name: environ.get(name, value) for name, value in OPENRLHF_ENV.items()}
    out |= {} if gpu else {name: environ.get(name, value) for name, value in CPU_ENV.items()}
    out |= {name: value for name, value in environ.items() if name.startswith(CARRIED)}
    paths = [*environ.get(STANDINS, "").split(os.pathsep), str(ROOT), *environ.get("PYTHONPATH", "").split(os.pathsep)]
    return out | {SEED: str(seed), "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path))}


def seed_of(flags: Sequence[str]) -> int:
    """The value of ``--train.seed``, OpenRLHF's default where it is not given."""
    for at, flag in enumerate(flags):
        if flag == "--train.seed" and at + 1 < len(flags):
            return int(flags[at + 1])
        if flag.startswith("--train.seed="):
            return int(flag.partition("=")[2])
    return 42


def seed_worker() -> None:
    """Ray's hook in every worker process: the shuffling of the prompts draws from torch's global generator."""
    seed = int(os.environ.get(SEED, "42"))
    random.seed(seed)
    import numpy
    import torch

    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def has_gpu() -> bool:
    """Whether torch sees a CUDA device."""
    try:
        import torch
    except ImportError:
        raise ConfigError("torch is not installed; docs/environments.md has the recipe") from None
    return bool(torch.cuda.is_available())


if __name__ == "__main__":
    stop_as_by_ctrl_c()
    sys.exit(main())
