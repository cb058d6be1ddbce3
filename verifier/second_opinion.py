"""math-verify's view of a pair (extra `crosscheck`), inside a worker process.

Promises: asked only where the config says so, and only about text that our parser cannot read.
It runs on the worker's main thread without math-verify's own timeouts, which need a signal; the
worker is killed instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

try:  # here, so that the import is charged to the worker's start and not to a pair
    import math_verify
except ImportError:
    math_verify = None


def decide(payload: Mapping[str, Any]) -> dict[str, Any]:
    """{answer, gold} -> {equal: True | False | None, why}."""
    if math_verify is None:
        return {"equal": None, "why": "second_opinion needs math-verify: pip install 'rlvr-verifier[crosscheck]'"}
    gold = math_verify.parse(f"\\boxed{{{payload['gold']}}}", parsing_timeout=None)
    answer = math_verify.parse(f"\\boxed{{{payload['answer']}}}", parsing_timeout=None)
    if not gold or not answer:
        return {"equal": None, "why": "math-verify cannot read it either"}
    return {"equal": bool(math_verify.verify(gold, answer, timeout_seconds=None)), "why": "math-verify"}
