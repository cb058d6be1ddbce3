"""From run folders to published results: ``python -m train_openrlhf.collect [MODEL/REWARD/sSEED ...]``.

    python -m train_openrlhf.collect qwen2.5-math-7b/random-0.5/s0      # results/runs/qwen2.5-math-7b/random-0.5/s0/
    python -m train_openrlhf.collect                                    # every cell that was run, and results/GRID.md

Promises: each cell gets ``summary.json``, ``report.md``, ``curves.json`` and ``curves.csv`` (and ``curves.png`` where
matplotlib is installed), which hold no text of a problem or a response; "final" is smoothed over 10 steps as in the
paper, and step 0 is not; the paper's numbers stand beside, never among ours; cells that were not run are visibly empty
in the table; a run that is not what it seems (a stand-in generated, fewer steps, capped or unscored responses) says so
at the top, and one that changed its cell never replaces the results of one that did not.
Does not: judge whether a difference matters (standard errors are given where there are questions to cluster by).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from verifier.errors import InputError, VerifierError
from verifier.journal import write_atomic

from . import results_grid, results_page
from .cells import Cell, load_cell
from .curves import WINDOW
from .results import read
from .summaries import summarise


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 with one line."""
    args = _parser().parse_args(argv)
    if not args.paper.is_dir():
        print(f"note: no folder {args.paper}: the paper's numbers are left out", file=sys.stderr)
    try:
        for name in args.cells or found_cells(args.runs):
            folder = collect(name, args.runs, args.out, args.paper, plot=not args.no_plot)
            print(f"{name}: {folder}", flush=True)
        results_grid.write(args.out, args.grid or args.out.parent, args.paper)
    except VerifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or args.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train_openrlhf.collect", description=(__doc__ or "").split("\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("cells", nargs="*", help="MODEL/REWARD/sSEED (default: every one below --runs)")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders are (default: runs)")
    add("--out", type=Path, default=Path("results/runs"), metavar="DIR", help="default: results/runs")
    add("--grid", type=Path, metavar="DIR", help="where GRID.md and grid.json go (default: the folder above --out)")
    add("--paper", type=Path, default=Path("results/paper"), metavar="DIR", help="the paper's numbers")
    add("--no-plot", action="store_true", help="no curves.png")
    return parser


def found_cells(runs: Path) -> list[str]:
    """The cells that have a run folder below ``runs``."""
    return sorted("/".join(path.parent.relative_to(runs).parts) for path in runs.glob("*/*/s*/cell.json"))


def collect(name: str, runs: Path, out: Path, paper: Path, *, plot: bool = True) -> Path:
    """Write one cell's results; returns their folder. Raises InputError: no run, or results not to be replaced."""
    cell, folder = read_run(name, runs)
    run = read(cell, folder)
    summary = summarise(run, paper)
    target = out / cell.model_name / cell.reward_name / f"s{cell.seed}"
    if not summary["is_the_cell"] and _is_the_cell(target / "summary.json"):
        raise InputError(
            f"{target} has the results of the cell itself, the run in {folder} changed it: name another place, such as "
            "--out results/other/runs (GRID.md goes above it)"
        )
    target.mkdir(parents=True, exist_ok=True)
    columns = run.columns()
    points = {column: [[step, value] for step, value in at.items()] for column, at in columns.items()}
    _json(target / "summary.json", summary)
    _json(target / "curves.json", {"smoothing_steps": WINDOW, "points": points}, indent=None)
    write_atomic(target / "curves.csv", _csv(columns))
    write_atomic(target / "report.md", results_page.render(summary))
    if plot:
        _plot(columns, cell.name, target / "curves.png")
    return target


def read_run(name: str, runs: Path) -> tuple[Cell, Path]:
    """The cell as its run resolved it, and the run's folder. Raises ConfigError, InputError."""
    folder = load_cell(name).folder(runs)
    path = folder / "cell.json"
    try:
        return Cell.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path)), folder
    except FileNotFoundError:
        raise InputError(f"{path}: no such run; start it with: python -m train_openrlhf.launch {name}") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as a cell ({error})") from None


def _is_the_cell(path: Path) -> bool:
    """Whether the summary, where there is one, is of a run that changed nothing of its cell."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("is_the_cell"))
    except (OSError, ValueError, AttributeError):
        return False


def _json(path: Path, value: Any, indent: int | None = 1) -> None:
    write_atomic(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def _csv(columns: dict[str, dict[int, float]]) -> str:
    """One row a step that any column has; empty cells where a column has no point."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["step", *columns])
    for step in sorted({step for at in columns.values() for step in at}):
        rows.writerow([step, *(f"{at[step]:.6g}" if step in at else "" for at in columns.values())])
    return text.getvalue()


def _plot(columns: dict[str, dict[int, float]], title: str, path: Path) -> None:
    """Accuracy, reward and code frequency by step; nothing where matplotlib is not installed."""
    try:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot
    except ImportError:
        print("note: no curves.png, as matplotlib is not installed (extra `results`)", file=sys.stderr)
        return
    panels = [panel for panel in _panels(columns) if panel[1]]
    if not panels:
        return
    figure, axes = pyplot.subplots(1, len(panels), figsize=(5 * len(panels), 3.5), squeeze=False)
    for axis, (label, names) in zip(axes[0], panels, strict=True):
        for name in names:
            axis.plot(list(columns[name]), list(columns[name].values()), label=name)
        axis.set(xlabel="step", ylabel=label)
        axis.legend(fontsize="x-small")
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _panels(columns: dict[str, dict[int, float]]) -> Iterator[tuple[str, list[str]]]:
    yield "accuracy, smoothed", [name for name in columns if name.endswith(".acc_smoothed")]
    yield "reward in training", [name for name in ("train.reward", "train.correct") if name in columns]
    yield "responses with code", [name for name in columns if name.endswith(".code_freq")]


if __name__ == "__main__":
    sys.exit(main())
