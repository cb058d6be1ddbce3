"""A whole set of cells, checked before the first of them is started.

Promises: of a set that was stopped it is said which cells are complete, which go on and which start, and a run in the
way of one is told before the first of them. OpenRLHF's verdict on all of them comes from one subprocess; what several
cells share is said once, with their number; what must be made or named first (data, label sets, the one-shot problem)
is listed. Does not: read the rows, which each cell does when its turn comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import checks, machine
from .argv import build_argv
from .cells import Cell
from .dryrun import dry_run
from .findings import Finding, error, refuse


def set_findings(cells: Mapping[str, Cell]) -> tuple[list[Finding], int]:
    """What is wrong with the cells as they are, grouped; and how many would not start."""
    results = dry_run({name: build_argv(cell, cell.folder().absolute()) for name, cell in cells.items()})
    by_text: dict[Finding, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        found = [*checks.settings_findings(cell), *checks.reward_findings(cell)]
        for finding in [*found, *checks.dry_run_findings(cell, results[name])]:
            by_text[finding].append(name)
    bad = {name for finding, names in by_text.items() if finding.level == "error" for name in names}
    grouped = [Finding(one.level, f"{_who(names)}: {one.text}") for one, names in by_text.items()]
    versions = list(machine.version_findings())
    return versions + grouped, len(cells) if any(one.level == "error" for one in versions) else len(bad)


def stages(cells: Mapping[str, Cell], folders: Mapping[str, Path], backend: str) -> dict[str, str]:
    """Each cell's `machine.stage`. Raises ConfigError naming every run that is of other settings or cannot go on."""
    found: list[Finding] = []
    out = {}
    for name, cell in cells.items():
        folder = folders[name]
        out[name] = machine.stage(folder, backend)
        if out[name] == "saved":
            found += machine.resume_findings(cell, folder, backend)
        elif out[name] == "complete":
            found += machine.changed_findings(cell, folder)
        elif out[name] == "new" and (how := machine.begun(folder)) is not None:
            found.append(error(f"{folder} holds a run already: {how}"))
    refuse(found)
    return out


def told(stages: Mapping[str, str]) -> list[str]:
    """One line a kind of stage: what will be done with its cells, and which they are."""
    kinds = {
        "complete": "complete, left alone",
        "submitted": "with Slurm already, left alone (one whose job is gone: launch it by itself)",
        "running": "running, left alone (one whose job is gone: launch it by itself with --resume)",
        "saved": "to go on from the last checkpoint",
        "new": "to start",
    }
    named = {kind: [name for name, at in stages.items() if at == kind] for kind in kinds}
    return [f"{len(names)} {kinds[kind]}: {', '.join(names)}" for kind, names in named.items() if names]


def _who(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} cells"


def needs(cells: Mapping[str, Cell]) -> list[str]:
    """What is not there yet, one line each: data files, label sets, the example of one-shot cells."""
    files: dict[Path, int] = defaultdict(int)
    for cell in cells.values():
        for path in (Path(cell.settings.data.train), Path(cell.settings.data.eval), cell.labels_file):
            if path is not None and not path.is_file():
                files[path] += 1
    out = [f"{number} cell(s) need {path}, which is not there" for path, number in sorted(files.items())]
    unnamed = sum(cell.one_shot and cell.example is None for cell in cells.values())
    return [*out, f"{unnamed} cell(s) need --example ID"] if unnamed else out
