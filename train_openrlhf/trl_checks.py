"""What the TRL backend has no use or no counterpart for, looked for before it is started; checks.py has the rest.

Promises: looks at the cell and at what was said on the command line, and at nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from verifier.errors import ConfigError

from .backend_trl import grpo_settings
from .cells import Cell
from .findings import Finding, error, warning

UNUSED = ("hardware.", "memory.zero_stage", "memory.offload_optimizer", "memory.packing", "memory.attention",
          "rollout.micro_batch_size", "rollout.max_prompt_tokens")  # fmt: skip
"""Settings that the backend does not look at, by how their keys begin."""


def trl_findings(cell: Cell, args: argparse.Namespace) -> Iterator[Finding]:
    """Settings and flags that the backend has no use for; an error where the run would be another than asked for."""
    if args.reward_url:
        yield error(
            "--reward-url: the TRL backend pays the cell's own reward in its own process, not the server's; leave the "
            "flag away, or use another --backend"
        )
    said = [f"--{name} {value}" for name, value in (("nodes", args.nodes), ("gpus", args.gpus)) if (value or 1) > 1]
    said += [f"--set {item}" for item in args.set if item.startswith(UNUSED)]
    if said:
        yield warning(f"{', '.join(said)}: without effect here; the TRL backend is one process on one GPU or the CPU")
    try:
        grpo_settings(cell, Path(), cuda=False)
    except ConfigError as failed:
        yield error(str(failed))
