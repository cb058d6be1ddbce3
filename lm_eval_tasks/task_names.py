"""The tasks that a run may name, and whether their problems are at hand.

Promises: a name that nobody has is one line, with the nearest that there is; lm-eval's own tasks are looked up only
where a name is none of ours, as that takes many seconds. Does not load a task: lm-eval does.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence

from verifier.errors import ConfigError

from . import TASKS_DIR, data


def own_tasks() -> dict[str, str]:
    """Name of each task and group in this package, with the text of its YAML."""
    out = {}
    for path in sorted(TASKS_DIR.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if found := re.search(r"^(?:task|group): *(\w+)\s*$", text, re.MULTILINE):
            out[found[1]] = text
    return out


def check_tasks(text: str) -> list[str]:
    """The task names in ``text``. Raises ConfigError for a name that nobody has, or a mix of prompt styles."""
    names = [name for name in re.split(r"[\s,]+", text) if name]
    own = own_tasks()
    if not names:
        raise ConfigError(f"no task given; there are {', '.join(own)}")
    base = [name for name in names if name.endswith("_base")]
    if 0 < len(base) < len(names):
        raise ConfigError(f"{', '.join(base)} need a run of their own: their prompts take no chat template")
    unknown = [name for name in names if name not in own]
    for name in unknown:
        near = difflib.get_close_matches(name, own, n=1, cutoff=0.8)
        if near or name.startswith("rlvr"):
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(f"unknown task {name!r}: {hint}there are {', '.join(own)}")
    if unknown:
        from lm_eval.tasks import TaskManager  # reads every YAML of lm-eval: many seconds, so only for such names

        manager = TaskManager()
        for name in unknown:
            if not manager.match_tasks([name]):
                raise ConfigError(f"unknown task {name!r}: neither here ({', '.join(own)}) nor in lm-eval")
    return names


def check_data(tasks: Sequence[str], *, hub: bool = False) -> None:
    """Whether the local folder has the problems, before a model is fetched and loaded for them.

    hub: where no folder is named, whether the hub or its cache has them.
    """
    if not os.environ.get(data.ENV, "").strip() and not hub:
        return
    for name in data.SOURCES:
        if {f"rlvr_{name}", f"rlvr_{name}_base", "rlvr", "rlvr_base"} & set(tasks):
            data.load(name, check_golds=False)  # the task itself checks them, unless told not to


def needs_hub(tasks: Sequence[str]) -> bool:
    """Whether a task's data may come from the hub."""
    own = own_tasks()
    if os.environ.get("RLVR_DATA_DIR"):
        return any(task not in own for task in tasks)
    return any("dataset_name: demo" not in own.get(task, "") for task in tasks)
