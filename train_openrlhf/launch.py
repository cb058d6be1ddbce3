"""Train one cell, or check or submit it: ``python -m train_openrlhf.launch MODEL/REWARD/sSEED``.

    python -m train_openrlhf.launch qwen2.5-math-7b/random-0.5/s0                 # here, on 8 GPUs
    python -m train_openrlhf.launch qwen2.5-math-7b/random-0.5/s0 --dry-run       # check, and print the arguments
    python -m train_openrlhf.launch qwen2.5-math-7b/ground-truth/s0 --smoke       # a tiny model, no GPU
    python -m train_openrlhf.launch --grid controls --dry-run                     # a whole set in seconds

Promises: everything that checks.py knows is looked at before anything is written or started, and told on one line
each; the run folder holds all that the run was made with. Exit codes: 0, 1 where training failed, 2 for a mistake of
the user's, 130 when interrupted. Does not: train by itself; OpenRLHF (or TRL) does.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lm_eval_tasks import _manifest
from verifier.errors import ConfigError, VerifierError

from . import checks, findings, grid, gridcheck, http_checks, machine, process, rundata, runfolder, smoke, trl_checks
from .argv import build_argv
from .cells import Cell, load_cell
from .dryrun import dry_run
from .endings import explain
from .starting import command_of, environment

BACKENDS = ("local", "ray", "slurm", "trl")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        if args.list:
            return _list()
        names = _names(args)
        if args.grid and args.dry_run:
            return _dry_grid(args, names)
        stages = _stages(args, names) if args.grid and args.resume else {}
        names = [name for name in names if stages.get(name, "new") in ("saved", "new")]
        if args.grid:
            _refuse_set(args, names)
        for name in names:
            resume = stages[name] == "saved" if stages else args.resume
            code = launch(argparse.Namespace(**vars(args) | {"resume": resume}), name)
            if code:
                return code
    except VerifierError as error:
        _say(f"error: {error}")
        return 2
    except OSError as error:
        _say(f"error: {error.filename or args.runs}: {error.strerror or error}")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train_openrlhf.launch", description=(__doc__ or "").split("\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("cell", nargs="?", help="MODEL/REWARD/sSEED")
    add(
        "--grid", metavar="SET", help="the cells of a set of configs/grid.yaml, one after another; `all` with --dry-run"
    )
    add("--list", action="store_true", help="the sets, models and rewards")
    add("--backend", choices=BACKENDS, default="local")
    add("--dry-run", action="store_true", help="check what needs no GPU, print the arguments; nothing is left behind")
    add("--write", action="store_true", help="write the run folder and stop; a launcher can then be started by hand")
    add("--smoke", action="store_true", help="three steps of a tiny model on this machine, without a GPU")
    add("--resume", action="store_true", help="go on from the last checkpoint; of a set: with what is left of it")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting: rollout.batch_size=32")
    add("--gpus", type=int, metavar="N", help="GPUs a node: --set hardware.gpus_per_node=N")
    add("--nodes", type=int, metavar="N", help="--set hardware.nodes=N")
    add(
        "--log-share", type=float, metavar="SHARE",
        help="of the training groups, how many have their completions written: --set data.log_share=SHARE",
    )  # fmt: skip
    add("--model", metavar="FOLDER", help="the model's weights, instead of the hub")
    add("--example", metavar="ID", help="the problem of a one-shot cell")
    add("--labels-of", metavar="MODEL", help="use the label set of another model, on purpose")
    add("--reward-url", metavar="URL", help="score over HTTP (verifier serve) instead of in the engines")
    add("--runs", type=Path, metavar="DIR", help="where run folders go (default: runs, or runs/smoke)")
    return parser


def _names(args: argparse.Namespace) -> list[str]:
    if bool(args.cell) == bool(args.grid):
        raise ConfigError("give one cell, MODEL/REWARD/sSEED, or --grid SET; --list shows what there is")
    return grid.cells_of(args.grid) if args.grid else [args.cell]


def resolve(args: argparse.Namespace, name: str) -> Cell:
    """The cell with what the command line changes."""
    overrides: list[str | tuple[str, object]] = list(args.set)
    overrides += [("hardware.gpus_per_node", args.gpus)] if args.gpus is not None else []
    overrides += [("hardware.nodes", args.nodes)] if args.nodes is not None else []
    overrides += [("data.log_share", args.log_share)] if args.log_share is not None else []
    example, labels_of = args.example, args.labels_of
    if args.grid:  # of a set they are for the cells that they concern
        plain = load_cell(name, overrides, smoke=args.smoke)
        example, labels_of = example if plain.one_shot else None, labels_of if plain.labels != "none" else None
    cell = load_cell(name, overrides, example=example, labels_of=labels_of, smoke=args.smoke)
    if args.smoke and args.model is None:
        return replace(cell, model=replace(cell.model, hub_id=str(_smoke_home() / "model")))
    if args.model is not None:
        return replace(cell, model=replace(cell.model, hub_id=str(Path(args.model).expanduser().absolute())))
    return cell


def _smoke_home() -> Path:
    return Path("runs").absolute() / "smoke"


def launch(args: argparse.Namespace, name: str) -> int:
    """One cell: check, write, start. Raises ConfigError or InputError with all that is wrong."""
    cell = resolve(args, name)
    folder = _folder(args, cell)
    if cell.smoke and not args.dry_run:
        _smoke_material(cell, model=args.model is None)
    argv = build_argv(cell, folder, resume=args.resume, reward_url=args.reward_url)
    if args.dry_run:
        print(shlex.join(["python", "-m", "train_openrlhf.run", *argv]), flush=True)
    data = _check(args, cell, folder, argv)
    if args.dry_run:
        return 0
    if cell.model.revision and not Path(cell.model.hub_id).is_dir():
        argv = build_argv(cell, folder, model=_snapshot(cell), resume=args.resume, reward_url=args.reward_url)
    command = command_of(args.backend, cell, folder, resume=args.resume)
    environ = environment(cell)
    runfolder.write(
        cell, folder, data, argv, resume=args.resume, command=command, environ=environ, backend=args.backend
    )
    if args.write:
        _say(f"written: {_manifest.public(str(folder))}; start it with: {_manifest.public(shlex.join(command))}")
        return 0
    return _start(args, cell, folder, command, environ)


def _folder(args: argparse.Namespace, cell: Cell) -> Path:
    return cell.folder(args.runs or Path("runs/smoke" if cell.smoke else "runs")).absolute()


def _check(args: argparse.Namespace, cell: Cell, folder: Path, argv: list[str]) -> rundata.RunData:
    """All findings, told; the rows of the run. Raises VerifierError where one is an error."""
    found = [*checks.settings_findings(cell), *checks.reward_findings(cell)]
    if args.backend == "trl":
        found += trl_checks.trl_findings(cell, args)
    else:
        if args.reward_url and not any(finding.level == "error" for finding in found):
            wrong = list(checks.http_findings(cell, args.reward_url))
            found += wrong
            if not any(finding.level == "error" for finding in wrong):
                found += http_checks.server_findings(cell, args.reward_url)
        versions = list(machine.version_findings())
        found += versions
        if importlib.util.find_spec("openrlhf"):
            found += checks.dry_run_findings(cell, dry_run({cell.name: argv})[cell.name])
    found += machine.folder_findings(cell, folder, args.backend, resume=args.resume, dry=args.dry_run)
    if args.model is not None or not (cell.smoke and args.dry_run):  # a smoke run makes its model when it starts
        found += machine.model_findings(cell)
    if args.backend in ("local", "trl") and not (args.write or args.dry_run):
        here = _manifest.machine()
        found += machine.machine_findings(cell, len(here["gpus"]), here["memory_gib"], args.backend)
    try:
        data = _rows(args, cell)
        found += checks.data_findings(cell, data)
        found += (
            machine.data_findings(cell, folder, data) if args.resume and machine.saved(folder, args.backend) else []
        )
    except VerifierError as error:
        found.append(findings.error(str(error)))
        data = rundata.RunData([], 0, [])
    for finding in found:
        if finding.level == "warning":
            _say(str(finding))
    findings.refuse(found)
    return data


def _rows(args: argparse.Namespace, cell: Cell) -> rundata.RunData:
    """The rows of the run; those of a smoke run that is only checked lie nowhere afterwards."""
    if not (cell.smoke and args.dry_run):
        return rundata.run_data(cell)
    with tempfile.TemporaryDirectory() as place:
        cell = smoke.moved(cell, _smoke_home(), Path(place))
        rundata.write_smoke(cell, Path(place) / "data")
        return rundata.run_data(cell)


def _smoke_material(cell: Cell, *, model: bool) -> None:
    rundata.write_smoke(cell, _smoke_home() / "data")
    if model:
        smoke.make_model(_smoke_home() / "model")


def _snapshot(cell: Cell) -> str:
    """The folder of the pinned revision; OpenRLHF itself takes no revision."""
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(cell.model.hub_id, revision=cell.model.revision))
    except Exception as error:  # whatever the client raises, the mend is the same
        raise ConfigError(
            f"{cell.model.hub_id}@{cell.model.revision} could not be had: {error}; give --model FOLDER"
        ) from None


def _start(args: argparse.Namespace, cell: Cell, folder: Path, command: list[str], environ: dict[str, str]) -> int:
    """Run the command; its end in the manifest and in one line."""
    _say(f"$ {_manifest.public(shlex.join(command))}")
    if args.backend == "slurm":
        runfolder.submitted(folder)
    try:
        code = process.wait(command, environ)
    except FileNotFoundError:
        runfolder.end(folder, 127)
        raise ConfigError(f"{command[0]} is not on the PATH: is this a machine of the cluster?") from None
    where = _manifest.public(str(folder))
    if args.backend == "slurm" and code == 0:
        _say(f"submitted; the log will be in {where}/log")
        return 0
    status = runfolder.end(folder, code)
    if code == 0:
        took = runfolder.seconds(folder)
        _say(f"complete: {where}" + ("" if took is None else f" ({took:.0f} s)"))
        return 0
    why = "" if status == "interrupted" else f": {explain(folder / 'log' / 'train.log')}"
    _say(f"error: training {status} (exit code {code}){why}")
    _say(f"the log is {where}/log/train.log" + _how_to_resume(args, folder))
    return 130 if status == "interrupted" else 1


def _how_to_resume(args: argparse.Namespace, folder: Path) -> str:
    step = machine.saved(folder, args.backend)
    if step is None:
        return (
            "; no checkpoint was written: "
            + ("remove the folder and " if machine.begun(folder) else "")
            + "start again"
        )
    return f"; {step} is saved: the same command with --resume goes on from there"


def _stages(args: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    """Where each cell of a set stands that was stopped, which is told; ConfigError where a run is in the way of one."""
    cells = {name: resolve(args, name) for name in names}
    stages = gridcheck.stages(cells, {name: _folder(args, cell) for name, cell in cells.items()}, args.backend)
    for line in gridcheck.told(stages):
        _say(line)
    return stages


def _dry_grid(args: argparse.Namespace, names: Sequence[str]) -> int:
    """Settings, reward and OpenRLHF's own verdict for every cell of a set, and what must be there first."""
    if args.resume:
        _stages(args, names)
    cells = {name: resolve(args, name) for name in names}
    found, bad = gridcheck.set_findings(cells)
    for finding in [*found, *map(findings.warning, gridcheck.needs(cells))]:
        _say(str(finding))
    hours = sum((cell.settings.hardware.gpu_hours or 0) * cell.settings.steps / 300 for cell in cells.values())
    print(f"{len(cells)} cells, {bad} that would not start; at most {hours:,.0f} GPU hours, by the paper's for a 7B")
    return 2 if bad else 0


def _refuse_set(args: argparse.Namespace, names: Sequence[str]) -> None:
    """Before the first cell of a set is started: what would stop any of them."""
    cells = {name: resolve(args, name) for name in names}
    found, _ = gridcheck.set_findings(cells)
    if not args.smoke:  # a smoke run makes its own rows
        found += map(findings.error, gridcheck.needs(cells))
    findings.refuse(found)


def _list() -> int:
    from .cells import names

    for title, kind in (("models", "models"), ("rewards", "rewards")):
        print(f"{title}: {', '.join(names(kind))}")
    for name, cells in grid.sets().items():
        print(f"set {name}: {len(cells)} cells")
    return 0


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
