"""How a gain splits up by what responses were before and after training: code or plain text.

Promises: the four parts add up to the gain exactly. With several samples of a problem every sample before is paired
with every sample after, so that no order matters. Source of the split: arXiv 2506.10947, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PARTS = ("code_to_code", "code_to_text", "text_to_code", "text_to_text")
Sample = tuple[bool, bool]  # has code, is correct


def switches(before: Mapping[str, Sequence[Sample]], after: Mapping[str, Sequence[Sample]]) -> dict[str, Any] | None:
    """Each part's share of the pairs, its contribution to the gain in percentage points, and that as a share of it.

    before, after: by question, its samples. Questions that one side lacks are left out and counted; None where none
    is left. ``share_of_gain`` is None where there is no gain to share.

    >>> found = switches({"a": [(True, False)], "b": [(False, True)]}, {"a": [(False, True)], "b": [(False, True)]})
    >>> found["gain"], found["parts"]["code_to_text"]
    (50.0, {'share': 0.5, 'contribution': 50.0, 'share_of_gain': 100.0})
    """
    common = [question for question in before if before[question] and after.get(question)]
    if not common:
        return None
    weights, gains = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    for question in common:
        pairs = len(before[question]) * len(after[question])
        for code, right in before[question]:
            for code_after, right_after in after[question]:
                part = f"{_name(code)}_to_{_name(code_after)}"
                weights[part] += 1 / pairs
                gains[part] += (right_after - right) / pairs
    total = 100 * sum(gains.values()) / len(common)
    return {
        "gain": total,
        "questions": len(common),
        "left_out": len(before.keys() | after.keys()) - len(common),
        "parts": {part: _part(weights[part] / len(common), 100 * gains[part] / len(common), total) for part in PARTS},
    }


def _part(share: float, contribution: float, total: float) -> dict[str, float | None]:
    of_gain = None if abs(total) < 1e-9 else 100 * contribution / total
    return {"share": share, "contribution": contribution, "share_of_gain": of_gain}


def _name(code: bool) -> str:
    return "code" if code else "text"
