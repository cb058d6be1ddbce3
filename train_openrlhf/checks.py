"""What would fail an hour later, looked for before anything is started; each finding says why and what to do.

Promises: `settings_findings` is pure; the others read files and the machine and change nothing. An ``error`` stops a
launch, a ``warning`` does not. Does not: load a model, or promise that a run with no finding succeeds.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError, VerifierError

from .argv import OPENRLHF, layout
from .cells import Cell
from .dryrun import Result
from .rundata import RunData

GIB = 2**30
DS_BYTES = 14  # a parameter in a resumable checkpoint: fp32 weights and two moments, bf16 weights
HF_BYTES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """level: ``error`` or ``warning``. text: what, why and the mend, on one line."""

    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


def error(text: str) -> Finding:
    return Finding("error", text)


def warning(text: str) -> Finding:
    return Finding("warning", text)


def settings_findings(cell: Cell) -> Iterator[Finding]:
    """Settings that do not fit together."""
    s = cell.settings
    plan = layout(s.hardware)
    samples = s.rollout.batch_size * s.rollout.samples_per_prompt
    if samples % s.train.batch_size:
        yield error(
            f"train.batch_size {s.train.batch_size} does not divide the {samples} samples of a rollout "
            f"({s.rollout.batch_size} * {s.rollout.samples_per_prompt}): the rest would be trained on in part at most"
        )
    if s.train.batch_size % (s.train.micro_batch_size * plan.ranks):
        yield error(
            f"train.batch_size {s.train.batch_size} is not a multiple of train.micro_batch_size "
            f"{s.train.micro_batch_size} * {plan.ranks} training GPUs: DeepSpeed would accumulate fewer samples"
        )
    if samples % (s.rollout.micro_batch_size * plan.ranks):
        yield error(
            f"the {samples} samples of a rollout are not a multiple of rollout.micro_batch_size "
            f"{s.rollout.micro_batch_size} * {plan.ranks} training GPUs: the ranks would get unequal shares and hang"
        )
    if s.steps % s.checkpoint.save_every:
        yield error(
            f"checkpoint.save_every {s.checkpoint.save_every} does not divide steps {s.steps}: OpenRLHF saves nothing "
            "at the end but the plain weights, so the last steps could not be evaluated as a checkpoint or resumed"
        )
    every = s.evaluation.every_steps
    if every and s.steps % every and not cell.smoke:
        yield warning(f"evaluation.every_steps {every} does not divide steps {s.steps}: no evaluation at the end")
    clip = min(s.algorithm.clip_low, s.algorithm.clip_high)
    if cell.updates_per_step == 1 and clip < 1e6 and "noclip" not in cell.reward_name:
        yield warning(
            "one update a rollout: the ratio is always 1, so the clip cannot act, and random rewards teach nothing"
        )
    if s.memory.packing and "flash_attention" not in s.memory.attention:
        yield error(
            f"memory.packing needs flash attention, memory.attention is {s.memory.attention}: OpenRLHF would switch it"
        )
    if s.hardware.nodes > 1 and s.hardware.tensor_parallel > s.hardware.gpus_per_node:
        yield error(f"hardware.tensor_parallel {s.hardware.tensor_parallel} is larger than a node")
    if s.data.log_share > 1:
        yield error(f"data.log_share {s.data.log_share} is a share: from 0 to 1")
    if cell.model.template == "r1" and cell.model.system_prompt is not None:
        yield error("a system prompt needs a chat template; the r1 prompt of this model has no place for one")


def dry_run_findings(cell: Cell, result: Result) -> Iterator[Finding]:
    """What OpenRLHF's parser, assertions and placement say, against what the cell asked for."""
    if result.error is not None:
        yield error(f"OpenRLHF {OPENRLHF} refuses the arguments: {result.error}")
        return
    hardware = cell.settings.hardware
    wanted = hardware.nodes * hardware.gpus_per_node
    if result.gpus != wanted:
        yield error(
            f"OpenRLHF would reserve {result.gpus} GPUs, hardware asks for {hardware.nodes} * {hardware.gpus_per_node} "
            f"= {wanted}: " + ("Ray would wait for ever" if result.gpus > wanted else "some would stand idle")
        )
    for line in result.warnings:
        yield warning(f"OpenRLHF: {line.removeprefix('[Warning] ')}")


def data_findings(cell: Cell, data: RunData) -> Iterator[Finding]:
    """Rows that would train or evaluate something else than meant."""
    if not cell.one_shot and _in_order([row.id for row in data.train[: data.available]]):
        yield error(
            f"{cell.settings.data.train} is not shuffled: its ids come in rising order, so {cell.settings.steps} steps "
            "would see only its first part (the easiest problems, in DeepScaleR's files): make it with "
            "python -m train_openrlhf.prepare"
        )
    if cell.prompts > data.available and not cell.one_shot:
        laps = cell.prompts / data.available
        yield warning(
            f"{cell.prompts} prompts are needed, there are {data.available} problems: each comes {laps:.1f} times"
        )
    seen: dict[str, str] = {}
    for row in data.eval:
        key = row.prompt.strip()  # chat templates trim: what differs in outer space only is one prompt after templating
        if cell.model.template == "r1" or cell.smoke:
            key = row.prompt
        if key in seen:
            yield error(
                f"{cell.settings.data.eval}: {seen[key]} and {row.id} have the same prompt after templating; OpenRLHF "
                "finds the benchmark of a response by its prompt, so one of the two would be counted in the wrong set"
            )
        seen.setdefault(key, row.id)
    sets = Counter(row.benchmark for row in data.eval)
    for name in cell.settings.evaluation.greedy:
        if data.eval and name not in sets:
            yield warning(f"evaluation.greedy names {name}; {cell.settings.data.eval} has {', '.join(map(str, sets))}")
    trained = {row.prompt.strip() for row in data.train}
    both = [row.id for row in data.eval if row.prompt.strip() in trained]
    if both and not cell.smoke:
        listed = ", ".join(both[:3])
        yield error(f"{len(both)} evaluation problem(s) stand in the training rows too ({listed}): run prepare again")


def _in_order(ids: list[str]) -> bool:
    """Whether most neighbours rise, as they do in an unshuffled file: in a shuffled one half do."""
    if len(ids) < 32:
        return False
    keys = [tuple(int(part) if part.isdecimal() else -1 for part in name.replace("/", " ").split()) for name in ids]
    rising = sum(a < b for a, b in itertools.pairwise(keys))
    return rising > 0.9 * (len(ids) - 1) and len(set(keys)) > 1


def reward_findings(cell: Cell) -> Iterator[Finding]:
    """Whether the reward can be made, and has the labels that it compares with."""
    try:
        from verifier.rewards import reward_from

        reward = reward_from(dict(cell.reward), where=f"{cell.reward_name}.yaml: reward")
    except VerifierError as failed:
        yield error(str(failed))
        return
    if reward.needs_label and cell.labels == "none":
        yield error(f"{cell.reward_name}: the reward compares with the label; set labels to majority or incorrect")
    if not reward.needs_label and cell.labels != "none":
        yield warning(f"{cell.reward_name}: labels is {cell.labels}, but the reward does not look at the label")


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


def folder_findings(cell: Cell, folder: Path, *, resume: bool) -> Iterator[Finding]:
    """What lies in the run folder against what is asked for, and the room on its disk."""
    if resume:
        yield from _resume(cell, folder)
    elif saved(folder) or any((folder / "model").glob("*.safetensors")):
        yield error(
            f"{folder} holds a run already: go on with --resume, or name another place with --runs, or move it away"
        )
    need, free = disk_need(cell), shutil.disk_usage(_existing(folder)).free
    if free < need:
        yield error(
            f"the checkpoints need about {need / GIB:.0f} GiB on the disk of {folder}, {free / GIB:.0f} GiB are free: "
            "make room, use --runs, or --set checkpoint.weights=false or checkpoint.resumable=false"
        )


def disk_need(cell: Cell) -> int:
    """Bytes that the checkpoints take at their peak; about 1 GiB beside for completions and logs."""
    checkpoint, parameters = cell.settings.checkpoint, 0.0 if cell.smoke else cell.model.billions * 1e9
    resumable = (checkpoint.keep + 1) * DS_BYTES if checkpoint.resumable else 0
    saved = cell.settings.steps // checkpoint.save_every + 1 if checkpoint.weights else 1
    return int(parameters * (resumable + saved * HF_BYTES)) + GIB


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def saved(folder: Path) -> str | None:
    """The name of the last resumable checkpoint of a run, DeepSpeed's or TRL's; None where there is none."""
    latest = folder / "ckpt" / "_actor" / "latest"
    if latest.exists():
        return latest.read_text(encoding="utf-8").strip()
    found = sorted((folder / "ckpt").glob("checkpoint-*"), key=lambda path: int("0" + path.name.rpartition("-")[2]))
    return found[-1].name if found else None


def _resume(cell: Cell, folder: Path) -> Iterator[Finding]:
    if not cell.settings.checkpoint.resumable:
        yield error(
            "--resume needs DeepSpeed's checkpoints; with checkpoint.resumable false OpenRLHF would start at step 0, "
            "silently"
        )
        return
    if saved(folder) is None:
        yield error(
            f"--resume: {folder / 'ckpt'} has no resumable checkpoint (_actor/latest), so OpenRLHF would start at "
            "step 0, silently; launch without --resume"
        )
        return
    try:
        old = Cell.from_dict(json.loads((folder / "cell.json").read_text(encoding="utf-8")), str(folder / "cell.json"))
    except (OSError, ValueError) as failed:
        yield error(f"--resume: {folder / 'cell.json'} cannot be read ({failed})")
        return
    changed = differing(old.to_dict(), cell.to_dict())
    if changed:
        listed = "; ".join(f"{key} was {was!r}, now {now!r}" for key, was, now in changed[:4])
        yield error(f"--resume with other settings would mix two runs: {listed}")


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


def machine_findings(cell: Cell, gpus: int, memory_gib: float | None) -> Iterator[Finding]:
    """Whether this machine has what a local run needs. gpus: how many were found."""
    need = cell.settings.hardware.nodes * cell.settings.hardware.gpus_per_node
    if cell.settings.hardware.nodes > 1:
        yield error(f"hardware.nodes is {cell.settings.hardware.nodes}: use --backend ray or slurm")
    if gpus < need and not (cell.smoke and gpus == 0):
        how = f"--gpus {gpus}, if the batch sizes allow" if gpus else "--dry-run to check only, or --smoke"
        yield error(f"{need} GPU(s) are needed, {gpus} found here (nvidia-smi): Ray would wait for ever; use {how}")
    host = cell.model.billions * 12e9 / GIB
    if cell.settings.memory.offload_optimizer and memory_gib is not None and not cell.smoke and memory_gib < host:
        yield error(
            f"the optimiser's state in host memory takes about {host:.0f} GiB, the machine has {memory_gib:.0f}: "
            "--set memory.offload_optimizer=false where the GPUs have room for it"
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


def refuse(findings: list[Finding]) -> None:
    """Raise ConfigError with all errors, one a line; nothing where there is none."""
    errors = [finding.text for finding in findings if finding.level == "error"]
    if errors:
        raise ConfigError("\nerror: ".join(errors))
