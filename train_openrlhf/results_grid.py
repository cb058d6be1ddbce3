"""The grid as a table: what was run, what came out, and what was not run.

Promises: every cell of ``configs/grid.yaml`` has a row in each of its sets; one that was not run says so and is empty.
A run that changed its cell (another model, fewer steps) fills no row of the grid: it stands beside it, with what it
changed and without the paper's gain. Smoke runs are no results and stand nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifier.errors import InputError
from verifier.journal import write_atomic

from . import grid
from .cells import split_name
from .papers import paper_numbers
from .results_page import table

BENCHMARKS = {"math500": "MATH-500", "amc": "AMC", "aime24": "AIME 2024", "aime25": "AIME 2025"}


def write(results: Path, folder: Path, paper: Path) -> None:
    """``GRID.md`` and ``grid.json`` in ``folder``, from the summaries below ``results``. Raises InputError."""
    found = summaries(results)
    ran = {name: summary for name, summary in found.items() if summary["is_the_cell"]}
    rows = {name: row(name, ran.get(name), paper) for name in grid.cells_of("all")}
    beside = found.keys() - (rows.keys() & ran.keys())
    extra = {name: row(name, found[name], paper) for name in sorted(beside)}
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f'"{part}": {_lines(of)}' for part, of in (("grid", rows), ("beside", extra))]
    write_atomic(folder / "grid.json", "{\n" + ",\n".join(parts) + "\n}\n")
    write_atomic(folder / "GRID.md", render(rows, extra))


def _lines(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A JSON object with one line a row."""
    lines = [f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in rows.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def summaries(results: Path) -> dict[str, dict[str, Any]]:
    """Cell -> its summary, of all below ``results`` that are no smoke runs."""
    out = {}
    for path in sorted(results.glob("*/*/s*/summary.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            smoke, _ = summary["provenance"]["smoke"], summary["is_the_cell"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: not a summary of this version's `collect` ({error!r}): collect the run again, or move it away"
            ) from None
        if not smoke:
            out[summary["cell"]] = summary
    return out


def row(name: str, summary: Mapping[str, Any] | None, paper: Path) -> dict[str, Any]:
    """What the table says of a cell; all null but the paper's numbers where it was not run."""
    model, reward, _ = split_name(name)
    is_the_cell = summary is None or summary["is_the_cell"]
    scores = paper_numbers(paper, model, reward)["scores"] if is_the_cell else {}
    out: dict[str, Any] = {"run": summary is not None, "status": None, "steps": None, "notes": []}
    if summary is not None:
        out |= {"status": summary["provenance"]["status"], "steps": summary["steps"], "notes": summary["notes"]}
    for benchmark in BENCHMARKS:
        ours = summary["benchmarks"].get(benchmark) if summary is not None else None
        gain = scores.get(benchmark, {}).get("gain")
        out[benchmark] = {
            "base": ours["base"]["acc"] if ours and ours["base"] else None,
            "final": ours["final"]["acc"] if ours and ours["final"] else None,
            "gain": ours["gain"] if ours else None,
            "paper_gain": gain["value"] if gain else None,
        }
    return out


def render(rows: Mapping[str, Mapping[str, Any]], extra: Mapping[str, Mapping[str, Any]]) -> str:
    """The page."""
    run = sum(row["run"] for row in rows.values())
    parts = [
        "# The grid",
        f"{run} of {len(rows)} cells were run. Written by `python -m train_openrlhf.collect`; percent, gains in points."
        " The paper's gains (arXiv 2506.10947) are in italics and are not ours. An empty row was not run.",
    ]
    for name, cells in grid.sets().items():
        parts += [f"## {name}", _table({cell: rows[cell] for cell in cells})]
    if extra:
        notes = [f"- `{name}`: {note}" for name, found in extra.items() for note in found["notes"]]
        parts += ["## Beside the grid", _table(extra), *(["\n".join(notes)] if notes else [])]
    return "\n\n".join(parts) + "\n"


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for name, found in rows.items():
        steps = found["steps"]
        state = f"{steps['done']} of {steps['planned']}, {found['status']}" if steps else "**not run**"
        lines.append([f"`{name}`", state + ("; see its notes" if found["notes"] else ""),
                      *(_cell(found[benchmark]) for benchmark in BENCHMARKS)])  # fmt: skip
    return table(["cell", "steps", *BENCHMARKS.values()], lines)


def _cell(found: Mapping[str, Any]) -> str:
    """``base -> final (gain)``, and the paper's gain in italics."""
    base, final, gain = found["base"], found["final"], found["gain"]
    ours = "" if base is None and final is None else f"{_number(base)} → {_number(final)}"
    ours += "" if gain is None else f" ({gain:+.1f})"
    paper = "" if found["paper_gain"] is None else f"*{found['paper_gain']:+.1f}*"
    return " ".join(part for part in (ours, paper) if part)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f}"
