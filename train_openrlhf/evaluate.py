"""Evaluate a cell's checkpoints with the lm-eval tasks: ``python -m train_openrlhf.evaluate MODEL/REWARD/sSEED``.

    python -m train_openrlhf.evaluate qwen2.5-math-7b/random-0.5/s0               # the base and every checkpoint
    python -m train_openrlhf.evaluate qwen2.5-math-7b/random-0.5/s0 --step 0      # the base alone
    python -m train_openrlhf.evaluate qwen2.5-math-7b/random-0.5/s0 --step 150 --backend vllm

Promises: the four benchmarks under the prompt that the cell trains with (chat template and system prompt, or the base
prompt and its stop string), by `lm_eval_tasks.run`, whose files go to ``RUN/evaluations/step-N/``; the base, step 0, is
one for all cells of a model and goes to ``runs/MODEL/base/evaluations/step-0/``. What is complete is not done again;
what was interrupted is moved aside. A begin-of-sequence token is the tokenizer's own doing here, as with every model of
the configurations. Does not: use more than one GPU, or evaluate DeepSpeed's checkpoints (only plain ones, ``..._hf``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lm_eval_tasks import _manifest, data, task_names
from lm_eval_tasks import run as lm_eval_run
from verifier.errors import ConfigError, InputError, VerifierError

from .cells import Cell, load_cell

TASKS = ("rlvr_math500", "rlvr_amc", "rlvr_aime24", "rlvr_aime25")
TASK_TOKENS = 3072  # new tokens of a response in those tasks
TASK_STOPS: dict[str, tuple[str, ...]] = {"chat": (), "r1": ("</answer>",)}
COMPARED = ("tasks", "n", "limit", "max_tokens", "seed")
"""What two evaluations must share to be taken for the same."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0, 1 where lm_eval failed, 2 for a mistake of the user's, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        return evaluate(args)
    except VerifierError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or args.runs}: {error.strerror or error}")


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train_openrlhf.evaluate", description=(__doc__ or "").split("\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("cell", help="MODEL/REWARD/sSEED")
    add("--step", default="all", metavar="0|N|all", help="the base, one checkpoint, or all there are (default)")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders are (default: runs)")
    add("--model", metavar="FOLDER", help="the base model's weights, instead of the hub")
    add("--tasks", help="other tasks than the four benchmarks, separated by commas")
    add("--backend", choices=sorted(lm_eval_run.BATCH), default="hf")
    for name in ("limit", "n", "max-tokens", "batch-size", "dtype", "seed"):
        add(f"--{name}", metavar=name.upper(), help="as of lm_eval_tasks.run")
    return parser


def evaluate(args: argparse.Namespace) -> int:
    """All that ``args`` asks for, one step after another; the first exit code that is not 0. Raises ConfigError."""
    cell, folder = read_cell(args.cell, args.runs)
    stops = TASK_STOPS[cell.model.template]
    if cell.model.stop not in (stops, ()):
        _say(f"note: training stops at {list(cell.model.stop)}, these tasks at {list(stops)}")
    steps = chosen(args.step, cell, folder)
    if not all(_complete(evaluations(cell, folder, step)) for step, _ in steps):
        check_data(cell, args.tasks)
    for step, weights in steps:
        if step == 0:
            weights = args.model or base_weights(cell, folder)
        out = evaluations(cell, folder, step)
        flags, extra = command(cell, args, weights)
        if _done(out, flags):
            _say(f"step {step}: complete already, in {out}")
            continue
        _say(f"step {step}: {weights}")
        out.mkdir(parents=True, exist_ok=True)
        code = lm_eval_run.main([*flags, "--out", str(out), "--", *extra])
        if code:
            return code
    return 0


def read_cell(name: str, runs: Path) -> tuple[Cell, Path]:
    """The cell as its run resolved it, or as the configurations say where it was never run; and its folder."""
    cell = load_cell(name)
    folder = cell.folder(runs)
    path = folder / "cell.json"
    if path.is_file():
        try:
            cell = Cell.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))
        except ValueError as error:
            raise InputError(f"{path}: not readable as a cell ({error})") from None
    return cell, folder


def checkpoints(folder: Path, cell: Cell) -> dict[int, Path]:
    """Step -> plain checkpoint of a run, in order; the final model counts as the last step's where that has none."""
    found = {}
    for path in (folder / "ckpt").glob("global_step*_hf"):
        number = re.fullmatch(r"global_step(\d+)_hf", path.name)
        if number and (path / "config.json").is_file():
            found[int(number[1])] = path
    if (folder / "model" / "config.json").is_file():  # written once, at the run's end
        found.setdefault(cell.settings.steps, folder / "model")
    return dict(sorted(found.items()))


def chosen(text: str, cell: Cell, folder: Path) -> list[tuple[int, str]]:
    """(step, weights) of what ``--step`` names; the base's weights are left empty. Raises ConfigError."""
    found = {0: "", **{step: str(path) for step, path in checkpoints(folder, cell).items()}}
    if text == "all":
        if len(found) == 1:
            _say(f"note: {folder} has no checkpoints; only the base is evaluated")
        return list(found.items())
    if not text.isdecimal():
        raise ConfigError(f"--step {text}: write a step's number, 0 for the base, or all")
    if int(text) not in found:
        have = ", ".join(map(str, found))
        raise ConfigError(
            f"--step {text}: {folder / 'ckpt'} has no global_step{text}_hf; there are steps {have} "
            "(checkpoint.save_every and checkpoint.weights decide what is saved)"
        )
    return [(int(text), found[int(text)])]


def evaluations(cell: Cell, folder: Path, step: int) -> Path:
    """The folder of one step's evaluation."""
    home = folder if step else folder.parent.parent / "base"
    return home / "evaluations" / f"step-{step}"


def base_weights(cell: Cell, folder: Path) -> str:
    """Where the cell started from: a folder or a name of the hub, at the pinned revision."""
    hub_id = cell.model.hub_id
    if cell.smoke and hub_id == "smoke":
        raise ConfigError(f"{folder}: a smoke run's base model is where it was made; name it with --model FOLDER")
    if cell.model.revision and not Path(hub_id).is_dir():
        from .launch import _snapshot

        return _snapshot(cell)
    return hub_id


def check_data(cell: Cell, tasks: str | None) -> None:
    """Whether the problems are at hand, before weights are fetched and torch is imported. Raises InputError.

    They come from RLVR_DATA_DIR or the hub, as `prepare` had them: `prepare` keeps no copy that lm-eval would read.
    """
    if os.environ.get(data.ENV, "").strip() or find_spec("datasets"):
        task_names.check_data(task_names.check_tasks(tasks or _tasks(cell)), hub=True)


def _tasks(cell: Cell) -> str:
    """The four benchmarks in the style of the cell's prompt."""
    return ",".join(f"{task}_base" if cell.model.template == "r1" else task for task in TASKS)


def command(cell: Cell, args: argparse.Namespace, weights: str) -> tuple[list[str], list[str]]:
    """The arguments of `lm_eval_tasks.run`, and those that go to lm_eval itself."""
    base = cell.model.template == "r1"
    tasks = args.tasks or _tasks(cell)
    tokens = args.max_tokens or (
        None if cell.settings.rollout.max_new_tokens == TASK_TOKENS else str(cell.settings.rollout.max_new_tokens)
    )
    extraction = None if cell.model.extraction == ("answer_tag" if base else "boxed") else cell.model.extraction
    given = {"--limit": args.limit, "--max-tokens": tokens, "--batch-size": args.batch_size, "--dtype": args.dtype}
    given |= {"--seed": args.seed, "--n": None if extraction else args.n}
    flags = ["--model", weights, "--tasks", tasks, "--backend", args.backend]
    flags += [part for flag, value in given.items() if value is not None for part in (flag, str(value))]
    extra = []
    if cell.model.system_prompt is not None:
        extra += ["--system_instruction", cell.model.system_prompt]
    if extraction:  # one flag for both, as the later of two would win
        extra += ["--metadata", f"extraction={extraction}" + (f",n={args.n}" if args.n else "")]
    return flags, extra


def _complete(out: Path) -> bool:
    """Whether a complete evaluation lies there, whatever its settings."""
    path = out / "manifest.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("status") == "complete"


def _done(out: Path, flags: Sequence[str]) -> bool:
    """Whether the evaluation is there; one that was not finished is moved aside. ConfigError where it is another."""
    path = out / "manifest.json"
    if not path.is_file():
        return False
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if _complete(out):
        there = {name: manifest.get(name) for name in COMPARED} | {"model": manifest.get("model", {}).get("name")}
        for name, wanted in _settings(flags).items():
            if there[name] != wanted:
                raise ConfigError(
                    f"{out} holds an evaluation with {name} {there[name]!r}, and this one has {wanted!r}: "
                    "move it away, or give the same flags"
                )
        return True
    for number in range(1, 1000):
        aside = out.with_name(f"{out.name}.unfinished-{number}")
        if not aside.exists():
            out.rename(aside)
            _say(f"note: the unfinished evaluation is now {aside}")
            return False
    raise ConfigError(f"{out.parent} is full of unfinished evaluations; remove some")


def _settings(flags: Sequence[str]) -> dict[str, Any]:
    args = lm_eval_run._parser().parse_args(list(flags))
    settings = {name: getattr(args, name) for name in COMPARED} | {"model": _manifest.public(args.model)}
    return settings | {"tasks": task_names.check_tasks(args.tasks)}


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
