"""The paper's numbers for a cell, from ``results/paper/*.json``.

Promises: of several versions of a number the first version of the paper on arXiv counts, the others stay beside it;
a number that is not known to be this cell's is not given (``sets.json`` is not read).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from verifier.errors import InputError

_ORDER = {"v1": 0}  # before every other version


def paper_numbers(folder: Path, model: str, reward: str) -> dict[str, Any]:
    """``scores``: by benchmark {base, gain, final}, each with version and confidence; ``code``: by measure.

    Empty where the folder or the number is absent. Raises InputError for a file that cannot be read.
    """
    reward = reward.removesuffix("-paper")  # ground truth with the paper's own extraction
    scores: dict[str, dict[str, Any]] = {}
    for entry in entries(folder / "scores.json"):
        if entry["model"] == model and entry["reward"] in (None, reward):
            _put(scores.setdefault(entry["benchmark"], {}), entry["measure"], entry)
    for found in scores.values():
        base, gain = found.get("base"), found.get("gain")
        found["final"] = round(base["value"] + gain["value"], 1) if base and gain else None
    code: dict[str, Any] = {}
    for entry in entries(folder / "code.json"):
        if entry["model"] == model and entry.get("reward") in (None, reward):
            _put(code, f"{entry['measure']}, {entry['when']}", entry)
    return {"scores": scores, "code": code}


def entries(path: Path) -> list[dict[str, Any]]:
    """The entries of one file; none where it is absent."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["entries"])
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a file of the paper's numbers ({error!r})") from None


def _put(found: dict[str, Any], name: str, entry: dict[str, Any]) -> None:
    """Keep the entry under ``name``, the first version in front."""
    kept = {key: entry[key] for key in ("value", "version", "confidence", "note") if key in entry}
    old = found.get(name)
    if old is None:
        found[name] = kept
        return
    first, second = sorted((old, kept), key=lambda one: _ORDER.get(one["version"], 1))
    others = [*first.pop("others", []), *second.pop("others", []), second]
    found[name] = {**first, "others": others}
