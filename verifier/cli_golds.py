"""The commands ``verifier validate`` and ``verifier audit``: what is wrong with the golds of a data set.

Promises: as :mod:`verifier.cli`. Exit code 1 where something is to be mended. Does not change a data set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api import verify_batch
from .cli_common import EXIT_NO, EXIT_OK, Bar, whole_number
from .errors import InputError
from .options import add_config_flags, config_from

if TYPE_CHECKING:
    from .config import VerifierConfig
    from .records import Record


def validate_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier validate``."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSONL, a JSON array, or parquet")
    parser.add_argument("--gold-field", metavar="NAME", help="field of the gold (default: gold, else answer)")
    parser.add_argument("--id-field", default="id", metavar="NAME", help="field of the row's id")
    add_config_flags(parser)


def validate(args: argparse.Namespace) -> int:
    """Print which golds their own verifier does not accept."""
    from .rows import GOLD_FIELDS

    config = replace(config_from(args), extraction="boxed")
    names = (args.gold_field,) if args.gold_field else GOLD_FIELDS
    refused = 0
    for path in args.files:
        rows, problems = _refused_golds(path, names, args.id_field, config)
        refused += problems
        print(f"{path}: {rows - problems:,} of {rows:,} golds are accepted by their own verifier")
    return EXIT_NO if refused else EXIT_OK


def _refused_golds(path: Path, names: Sequence[str], id_name: str, config: VerifierConfig) -> tuple[int, int]:
    """(rows, how many golds are not accepted in a box), each of the latter printed."""
    from .records import open_records
    from .score import chunked

    source = open_records(path)
    rows = refused = 0
    for chunk in chunked(source.read()):
        problems = _problems(chunk, names, id_name, config)
        for record, problem in zip(chunk, problems, strict=True):
            if problem:
                print(f"{source.where(record)}{problem}")
                refused += 1
        rows += len(chunk)
    if not rows:
        raise InputError(f"{path} is empty: it has no rows")
    return rows, refused


def _problems(chunk: list[Record], names: Sequence[str], id_name: str, config: VerifierConfig) -> list[str | None]:
    """For each row what is wrong with its gold, to be put behind the row's place; None where nothing is."""
    from .records import gold_of
    from .render import outcome, shortened, visible

    problems: list[str | None] = []
    golds: list[Any] = []
    for record in chunk:
        gold, problem = None, record.error
        try:
            gold = gold_of(record, next((name for name in names if name in record.fields), names[0]))
        except InputError as error:
            problem = problem or str(error)
        problems.append(problem and f", {problem}")
        golds.append(gold)
    boxes = [f"\\boxed{{{'' if gold is None else gold}}}" for gold in golds]
    verdicts = verify_batch(responses=boxes, golds=golds, config=config)
    for at, (record, verdict) in enumerate(zip(chunk, verdicts, strict=True)):
        if problems[at] is None and not verdict.correct:
            name = f" (id {visible(str(record.fields[id_name]))})" if id_name in record.fields else ""
            why = outcome(verdict) + (f"; {visible(verdict.detail)}" if verdict.detail else "")
            problems[at] = f"{name}: gold {shortened(str(golds[at]), 80)} is not accepted: {why}"
    return problems


def audit_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier audit``."""
    parser.add_argument("data", nargs="+", metavar="DATASET",
                        help="JSONL, JSON-array or parquet files, folders of them, or hub:OWNER/NAME")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="write summary.json and issues.jsonl there")
    parser.add_argument("--against", action="append", default=[], metavar="DATASET",
                        help="a set whose prompts must not occur in the data; repeatable")  # fmt: skip
    parser.add_argument("--gold-field", metavar="NAME", help="field of the gold (default: gold, else answer)")
    parser.add_argument("--prompt-field", metavar="NAME",
                        help="field of the prompt (default: prompt, else problem, else question)")  # fmt: skip
    parser.add_argument("--id-field", default="id", metavar="NAME", help="field of the row's own id")
    for name, default in (("split", "train"), ("subset", None), ("revision", None)):
        parser.add_argument(f"--{name}", default=default, metavar="NAME", help=f"{name} of hub data sets")
    parser.add_argument("--crosscheck", action="store_true", help="list where math-verify disagrees (slow)")
    parser.add_argument("--workers", type=whole_number(1), default=2, metavar="N", help="worker processes")
    parser.add_argument("--show", type=int, default=3, metavar="N", help="rows printed of each reason")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_config_flags(parser)


def audit(args: argparse.Namespace) -> int:
    """Print what is wrong, doubtful or repeated in a data set's golds."""
    from .audit import AuditJob
    from .audit import audit as run
    from .rows import GOLD_FIELDS, PROMPT_FIELDS

    job = AuditJob(
        data=args.data,
        against=args.against,
        config=replace(config_from(args), extraction="boxed"),
        gold=(args.gold_field,) if args.gold_field else GOLD_FIELDS,
        prompt=(args.prompt_field,) if args.prompt_field else PROMPT_FIELDS,
        id=args.id_field,
        split=args.split,
        subset=args.subset,
        revision=args.revision,
        crosscheck=args.crosscheck,
        workers=args.workers,
    )
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)  # now, not after the work
    bar = Bar(sys.stderr.isatty() and not args.no_progress)
    try:
        report = run(job, progress=bar)
    finally:
        bar.clear()
    print("\n".join(report.lines(max(0, args.show))))
    if args.out:
        report.write(args.out)
    return EXIT_NO if report.findings else EXIT_OK
