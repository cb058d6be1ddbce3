"""What the YAMLs name: lm-eval finds this file beside them, whatever the working directory.

Promises: the class comes from this very folder, installed or not. lm-eval loads this file under a made-up
module name, so the real package is imported by its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

try:
    import lm_eval_tasks
except ModuleNotFoundError:  # a checkout that is not installed, with --include_path pointing into it
    sys.path.insert(0, str(_HERE.parent))
    import lm_eval_tasks

if lm_eval_tasks.TASKS_DIR != _HERE:
    raise SystemExit(
        f"error: the tasks in {_HERE} would run the code in {lm_eval_tasks.TASKS_DIR}; "
        "pass that folder as --include_path (verifier tasks-path prints it)"
    )

from lm_eval_tasks.task import RlvrTask  # noqa: E402  (after the path is settled)

__all__ = ["RlvrTask"]
