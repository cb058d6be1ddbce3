"""What starts a run: the command, and the variables of the training process.

Promises: a command is one of the launchers, with the run folder as its last word, or the TRL backend's module; a smoke
run without a GPU gets the stand-ins of the tests, which is said. Does not: start anything (process.py does).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from verifier.errors import ConfigError

from .cells import Cell
from .run import STANDINS

LAUNCHERS = Path(__file__).resolve().parent / "launchers"
ROOT = LAUNCHERS.parent.parent


def environment(cell: Cell) -> dict[str, str]:
    """The variables of the training process; a smoke run without a GPU gets the stand-ins of the tests."""
    environ = dict(os.environ)
    path = [str(ROOT), *environ.get("PYTHONPATH", "").split(os.pathsep)]
    environ |= {"PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(dict.fromkeys(part for part in path if part))}
    if not cell.smoke or importlib.util.find_spec("flash_attn"):
        return environ
    hardware = cell.settings.hardware
    environ["RLVR_FAKE_GPUS"] = str(hardware.nodes * hardware.gpus_per_node)  # with fewer, Ray waits for ever
    environ.setdefault("HF_HUB_OFFLINE", "1")
    if not environ.get(STANDINS):
        folder = ROOT / "tests" / "support" / "openrlhf_cpu"
        if not folder.is_dir():
            raise ConfigError(
                "--smoke without a GPU needs the stand-ins for vLLM and flash-attn in the repository's "
                f"{folder.relative_to(ROOT)}: run it from a checkout, or set {STANDINS}"
            )
        environ[STANDINS] = str(folder)
    said = "smoke run: generation by transformers (a stand-in for vLLM), no flash-attn; its numbers mean nothing"
    print(said, file=sys.stderr, flush=True)
    return environ


def command_of(backend: str, cell: Cell, folder: Path, *, resume: bool) -> list[str]:
    """What starts the run."""
    if backend == "trl":
        extra = [flag for flag, on in (("--resume", resume), ("--smoke", cell.smoke)) if on]
        return [sys.executable, "-m", "train_openrlhf.backend_trl", str(folder), *extra]
    if backend == "ray":
        return ["bash", str(LAUNCHERS / "ray_submit.sh"), str(folder)]
    if backend == "slurm":
        h = cell.settings.hardware
        size = [f"--nodes={h.nodes}", f"--gpus-per-node={h.gpus_per_node}"]
        size += [f"--cpus-per-task={h.cpus_per_gpu * h.gpus_per_node}", f"--export=ALL,RLVR_ROOT={ROOT}"]
        return ["sbatch", *size, f"--output={folder}/log/slurm-%j.log", str(LAUNCHERS / "slurm.sbatch"), str(folder)]
    return ["bash", str(LAUNCHERS / "local.sh"), str(folder)]
