"""How a training process ended, in one line: what is seen in its log, and what to do.

Promises: every line of the table has its example in the tests. Does not: guess where nothing is known; then the last
exception of the log is given as it stands.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

TAIL = 200_000  # characters of the log that are looked at
FULL = 2**20  # bytes: with less room than that on its disk, a log may not say how its process ended
DISK_FULL = "the disk is full: make room"

CAUSES: tuple[tuple[str, str], ...] = (
    (r"No space left on device|\[Errno 28\]|Disk quota exceeded", DISK_FULL),
    (r"CUDA out of memory",
     "a GPU is out of memory: --set rollout.micro_batch_size=2 and train.micro_batch_size=2, "
     "a lower hardware.vllm_memory, or hardware.layout=split"),
    (r"OutOfMemoryError: Task was killed|memory on the node|ray::.*OOM",
     "the machine is out of host memory: fewer engines, or --set memory.offload_optimizer=false"),
    (r"does not appear to have a file named|is not a valid model identifier|is not a local folder and is not|"
     r"Repository Not Found|LocalEntryNotFoundError|GatedRepoError|Incorrect path_or_model_id",
     "the model could not be loaded: check model.hub_id, log in where it is gated, or give --model FOLDER"),
    (r"NCCL (?:error|timeout)|ncclSystemError|Watchdog caught collective",
     "the GPUs could not talk to each other: run again with NCCL_DEBUG=INFO; between nodes set NCCL_SOCKET_IFNAME"),
    (r"No module named 'flash_attn'|No module named 'vllm'",
     "a package of the GPU environment is missing: docs/environments.md"),
    (r"ConfigError: (?P<said>[^\n]+)", "a setting cannot be honoured: {said}"),
    (r"InputError: (?P<said>[^\n]+)", "a file cannot be read: {said}"),
    (r"ActorDiedError|RayActorError|WorkerCrashedError|The actor died|ActorUnavailableError",
     "a Ray worker died (killed, out of memory, or its node went away)"),
)  # fmt: skip


def explain(log: Path) -> str:
    """One line on why the process whose output is in ``log`` failed."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
        if shutil.disk_usage(log).free < FULL:
            return DISK_FULL
    except OSError:
        return "there is no log"
    for pattern, cause in CAUSES:
        if found := re.search(pattern, text):
            said = found.groupdict().get("said")
            return cause.format(said=said.strip()) if said else cause
    raised = re.findall(r"^[^\n]*?((?:[A-Z]\w*(?:Error|Exception)|AssertionError)\b:? ?[^\n]*)", text, re.MULTILINE)
    return f"its last exception: {raised[-1][:300].strip()}" if raised else "it left no exception"
