"""lm-eval tasks that score with :mod:`verifier`: MATH-500, AMC, AIME 2024 and 2025, and an embedded demo set.

    lm_eval --include_path "$(verifier tasks-path)" --tasks rlvr_math500 --model hf --model_args ...

Promises: importing this package loads neither lm-eval nor torch. README.md has the tasks, the
estimators and the traps.
"""

from __future__ import annotations

from pathlib import Path

#: The folder for lm-eval's ``--include_path``.
TASKS_DIR = Path(__file__).resolve().parent

__all__ = ["TASKS_DIR"]
