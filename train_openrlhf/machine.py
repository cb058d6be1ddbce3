"""What a launch needs of the machine and of its run folder, looked for before anything is started.

Promises: reads files and the machine, and changes nothing. Does not: load a model.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .argv import OPENRLHF
from .cells import Cell
from .findings import Finding, error, warning
from .rundata import RunData, digests

GIB = 2**30
DS_BYTES = 14  # a parameter in a resumable checkpoint: fp32 weights and two moments, bf16 weights
HF_BYTES = 2
TRL_BYTES = 16  # a parameter in training with TRL: weights, gradient and Adam's two moments, each in 32 bits


def version_findings() -> Iterator[Finding]:
    """Another OpenRLHF than the one whose flags argv.py writes."""
    install = f"pip install openrlhf=={OPENRLHF}"
    try:
        found = importlib.metadata.version("openrlhf")
    except importlib.metadata.PackageNotFoundError:
        yield error(f"openrlhf is not installed: {install} (docs/environments.md; without CUDA --no-deps)")
        return
    if found != OPENRLHF:
        yield error(f"openrlhf {found} is installed, the flags are those of {OPENRLHF} (they change): {install}")


def folder_findings(cell: Cell, folder: Path, backend: str, *, resume: bool, dry: bool = False) -> Iterator[Finding]:
    """What lies in the run folder against what is asked for, and the room on its disk; dry: that may come yet."""
    if resume:
        yield from resume_findings(cell, folder, backend)
    elif (how := begun(folder)) is not None:
        yield error(f"{folder} holds a run already: {how}, or name another place with --runs, or move it away")
    need, free = disk_need(cell), shutil.disk_usage(_existing(folder)).free
    if free < need:
        yield (warning if dry else error)(
            f"the checkpoints need about {need / GIB:.0f} GiB on the disk of {folder}, {free / GIB:.0f} GiB are free: "
            "make room, use --runs, or --set checkpoint.weights=false or checkpoint.resumable=false"
        )


def disk_need(cell: Cell) -> int:
    """Bytes that the checkpoints take at their peak; about 1 GiB beside for completions and logs."""
    checkpoint, parameters = cell.settings.checkpoint, 0.0 if cell.smoke else model_parameters(cell)
    resumable = (checkpoint.keep + 1) * DS_BYTES if checkpoint.resumable else 0
    saved = cell.settings.steps // checkpoint.save_every + 1 if checkpoint.weights else 1
    return int(parameters * (resumable + saved * HF_BYTES)) + GIB


def model_parameters(cell: Cell) -> float:
    """About how many the model has: by the weights, or else the config, of a folder, else as its file says."""
    folder = Path(cell.model.hub_id)
    total = sum(map(_parameters, folder.glob("*.safetensors"))) if folder.is_dir() else 0
    return float(total or _configured(folder / "config.json") or cell.model.billions * 1e9)


def _parameters(path: Path) -> int:
    """Of one safetensors file, from its header; 0 where that cannot be read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if 0 < size <= path.stat().st_size else {}
        return sum(math.prod(each["shape"]) for name, each in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def _configured(path: Path) -> int:
    """Of a Llama, Qwen or OLMo by its config, without biases and norms; 0 where that cannot be read."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        width, heads = config["hidden_size"], config["num_attention_heads"]
        head = config.get("head_dim") or width // heads
        attention = 2 * width * head * (heads + (config.get("num_key_value_heads") or heads))
        layers = config["num_hidden_layers"] * (attention + 3 * width * config["intermediate_size"])
        return int(layers + width * config["vocab_size"] * (1 if config.get("tie_word_embeddings") else 2))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return 0


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def saved(folder: Path, backend: str) -> str | None:
    """The name of the last checkpoint that ``backend`` can go on from: TRL's for ``trl``, else DeepSpeed's; or None."""
    if backend != "trl":
        latest = folder / "ckpt" / "_actor" / "latest"
        return latest.read_text(encoding="utf-8").strip() if latest.exists() else None
    found = sorted((folder / "ckpt").glob("checkpoint-*"), key=lambda path: int("0" + path.name.rpartition("-")[2]))
    return found[-1].name if found else None


def begun(folder: Path) -> str | None:
    """What to do with the run that is in the folder; None where none has begun there.

    One without a checkpoint counts too: a second start would write its completions and curves among those of the first.
    """
    if any(saved(folder, kind) for kind in ("local", "trl")):
        return "go on with --resume"
    left = [name for name in ("model", "completions", "tensorboard") if _holds_files(folder / name)]
    return f"it left no checkpoint to go on from, but {' and '.join(left)}; remove the folder" if left else None


def stage(folder: Path, backend: str) -> str:
    """Where a run stands that a set is to go on with: ``complete``, ``submitted``, ``running``, ``saved`` or ``new``.

    submitted, running: Slurm has it, as far as its manifest says; with other backends nobody but us runs it.
    """
    try:
        status = json.loads((folder / "manifest.json").read_text(encoding="utf-8")).get("status")
    except (OSError, ValueError, AttributeError):
        status = None
    if status == "complete" or status in ("submitted", "running") and backend == "slurm":
        return str(status)
    return "saved" if saved(folder, backend) else "new"


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def resume_findings(cell: Cell, folder: Path, backend: str) -> Iterator[Finding]:
    """Whether there is a run to go on with, under the same settings."""
    if not cell.settings.checkpoint.resumable:
        yield error(
            "--resume needs resumable checkpoints; with checkpoint.resumable false the run would start at step 0, "
            "silently"
        )
        return
    maker, other = ("OpenRLHF", "trl") if backend != "trl" else ("TRL", "local")
    if (foreign := saved(folder, other)) is not None:
        yield error(
            f"--resume: {folder / 'ckpt'} has {foreign} of --backend {other}, which {maker} does not read and would "
            f"start at step 0: go on with --backend {other}, or name another place with --runs and start anew"
        )
        return
    if saved(folder, backend) is None:
        looked = "_actor/latest" if backend != "trl" else "checkpoint-*"
        yield error(
            f"--resume: {folder / 'ckpt'} has no resumable checkpoint ({looked}), so {maker} would start at "
            "step 0, silently; launch without --resume" + (", after removing the folder" if begun(folder) else "")
        )
        return
    yield from changed_findings(cell, folder)


def changed_findings(cell: Cell, folder: Path) -> Iterator[Finding]:
    """Whether the run in the folder is of other settings than are asked for."""
    try:
        old = Cell.from_dict(json.loads((folder / "cell.json").read_text(encoding="utf-8")), str(folder / "cell.json"))
    except (OSError, ValueError) as failed:
        yield error(f"--resume: {folder / 'cell.json'} cannot be read ({failed})")
        return
    changed = differing(old.to_dict(), cell.to_dict())
    if changed:
        listed = "; ".join(f"{key} was {was!r}, now {now!r}" for key, was, now in changed[:4])
        yield error(f"--resume with other settings would mix two runs: {listed}")


def data_findings(cell: Cell, folder: Path, data: RunData) -> Iterator[Finding]:
    """Whether a run that is gone on with would get the very rows that it began with."""
    path = folder / "manifest.json"
    try:
        began = dict(json.loads(path.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError) as failed:
        yield error(f"--resume: {path} does not say which rows the run began with ({failed!r})")
        return
    changed = [name for name, digest in digests(cell, data).items() if digest != began.get(name)]
    if changed:
        paths = [cell.settings.data.train, cell.settings.data.eval, str(cell.labels_file or "")]
        yield error(
            f"--resume with other rows would mix two runs: {' and '.join(changed)} would differ from what "
            f"{folder} began with. Put back {', '.join(filter(None, paths))} as they were (manifest.json has their "
            "digests under sources), or start anew with another --runs"
        )


def differing(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(key, then, now) of each leaf that differs.

    >>> differing({"a": {"b": 1}}, {"a": {"b": 2}})
    [('a.b', 1, 2)]
    """
    out: list[tuple[str, Any, Any]] = []
    for key in {**old, **new}:
        was, now = old.get(key), new.get(key)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            out += differing(was, now, f"{prefix}{key}.")
        elif was != now:
            out.append((prefix + key, was, now))
    return out


def machine_findings(cell: Cell, gpus: int, memory_gib: float | None, backend: str = "local") -> Iterator[Finding]:
    """Whether this machine has what a local run needs. gpus: how many were found. backend: ``local`` or ``trl``."""
    if backend == "trl":
        yield from _trl_memory(cell, gpus, memory_gib)
        return
    need = cell.settings.hardware.nodes * cell.settings.hardware.gpus_per_node
    if cell.settings.hardware.nodes > 1:
        yield error(f"hardware.nodes is {cell.settings.hardware.nodes}: use --backend ray or slurm")
    if gpus < need and not (cell.smoke and gpus == 0):
        how = f"--gpus {gpus}, if the batch sizes allow" if gpus else "--dry-run to check only, or --smoke"
        yield error(f"{need} GPU(s) are needed, {gpus} found here (nvidia-smi): Ray would wait for ever; use {how}")
    host = model_parameters(cell) * 12 / GIB
    if cell.settings.memory.offload_optimizer and memory_gib is not None and not cell.smoke and memory_gib < host:
        yield error(
            f"the optimiser's state in host memory takes about {host:.0f} GiB, the machine has {memory_gib:.0f}: "
            "--set memory.offload_optimizer=false where the GPUs have room for it"
        )


def _trl_memory(cell: Cell, gpus: int, memory_gib: float | None) -> Iterator[Finding]:
    need = model_parameters(cell) * TRL_BYTES / GIB
    if gpus == 0 and memory_gib is not None and not cell.smoke and memory_gib < need:
        yield error(
            f"no GPU was found (nvidia-smi), and on the CPU weights, gradient and optimiser of {cell.model.hub_id} "
            f"take about {need:.0f} GiB, the machine has {memory_gib:.0f}: use a smaller model (the weights in --model "
            "FOLDER are counted), or a machine with a GPU or more memory"
        )


def model_findings(cell: Cell, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether the weights are at hand, and a chat template where one is applied."""
    where = Path(cell.model.hub_id)
    if where.is_dir():
        if not (where / "config.json").is_file():
            yield error(f"model.hub_id {where}: no config.json in it, so it is not a checkpoint")
        elif cell.model.template == "chat" and not _has_template(where):
            yield error(f"{where} has no chat template: set template: r1 in configs/models/{cell.model_name}.yaml")
    elif where.is_absolute() or cell.model.hub_id.startswith((".", "~")):
        yield error(f"model.hub_id {cell.model.hub_id}: there is no such folder")
    elif environ.get("HF_HUB_OFFLINE", "") not in ("", "0") and not _cached(cell):
        yield error(
            f"{cell.model.hub_id} is not in the local cache and HF_HUB_OFFLINE is set: unset it, or name a folder "
            "with --model FOLDER"
        )


def _has_template(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    named = config.is_file() and '"chat_template"' in config.read_text(encoding="utf-8")
    return named or (folder / "chat_template.jinja").is_file()


def _cached(cell: Cell) -> bool:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return True
    return isinstance(try_to_load_from_cache(cell.model.hub_id, "config.json", revision=cell.model.revision), str)
