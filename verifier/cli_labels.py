"""The commands ``verifier vote`` and ``verifier corrupt``.

Promises: as :mod:`verifier.cli`. Exit code 4 where rows could not be read; they are listed beside the output.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_common import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREADABLE, Bar, whole_number
from .options import add_config_flags, config_from

if TYPE_CHECKING:
    from .rowfiles import IdRule, RowFields
    from .sources import Hub

METHODS = ("perturb", "random_same_type", "shuffle", "incorrect_majority")  # of verifier.corrupt, not imported here


def vote_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier vote``."""
    _data_flags(parser, "rows with a list of responses, or one row for each sample")
    parser.add_argument("--rule", choices=("classes", "paper-strings"), default="classes",
                        help="count values (default), or texts, as the paper's labels do")  # fmt: skip
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--choice", type=whole_number(1), default=1, metavar="N",
                       help="label with the N-th class instead of the first")  # fmt: skip
    place.add_argument("--minority", action="store_const", const=0, dest="choice", help="label with the last class")
    parser.add_argument("--responses-field", default="responses", metavar="NAME", help="a prompt's list of responses")
    parser.add_argument("--response-field", default="response", metavar="NAME", help="one sample's response")
    parser.add_argument("--index-field", default="index", metavar="NAME",
                        help="a sample's place among its prompt's; ties go to the earliest")  # fmt: skip
    parser.add_argument("--model", metavar="NAME", help="what wrote the responses; kept in the label's source")
    parser.add_argument("--seed", type=int, metavar="N", help="of the sampling; kept in the label's source")
    add_config_flags(parser)


def vote(args: argparse.Namespace) -> int:
    """Label each prompt with the answer that most of its responses give."""
    from .vote_job import VoteJob, vote_file

    ids, fields, hub = _reading(args)
    job = VoteJob(
        args.data,
        args.out,
        args.rule,
        args.choice,
        config_from(args),
        args.responses_field,
        args.response_field,
        args.index_field,
        args.model,
        args.seed,
        ids,
        fields,
        hub,
        args.overwrite,
        args.workers,
    )
    return _run(args, lambda say, progress: vote_file(job, say=say, progress=progress))


def corrupt_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier corrupt``."""
    parser.add_argument("method", choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    _data_flags(parser, "problems with their golds; for incorrect_majority rows with majority labels")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of every draw (default 0)")
    parser.add_argument("--rate", type=_share, default=1.0, metavar="P",
                        help="share of the rows to corrupt; the others keep their gold as label")  # fmt: skip
    parser.add_argument("--pool", action="append", default=[], metavar="DATASET",
                        help="shuffle: where the golds come from (default: the data); repeatable")  # fmt: skip
    parser.add_argument("--golds", action="append", default=[], metavar="DATASET",
                        help="incorrect_majority: problems that give the golds; repeatable")  # fmt: skip
    parser.add_argument("--match", choices=("id", "prompt"), default="id",
                        help="how rows find their gold in --golds (default: by id)")  # fmt: skip
    parser.add_argument("--label-field", default="label", metavar="NAME", help="incorrect_majority: the majority label")
    group = parser.add_argument_group("systematic corruption")
    group.add_argument("--operation", action="append", default=[], metavar="NAME",
                       help="perturb: only this slip; repeatable")  # fmt: skip
    group.add_argument("--type", action="append", default=[], metavar="NAME",
                       help="corrupt only golds of this type (integer, fraction, ...); repeatable")  # fmt: skip
    group.add_argument("--pattern", metavar="REGEX", help="corrupt only golds whose text has a match")
    group.add_argument("--systematic", action="store_true", help="one gold always becomes the same wrong label")
    add_config_flags(parser)


def corrupt(args: argparse.Namespace) -> int:
    """Label each problem with an answer that is proven wrong."""
    from .corrupt import Corruption
    from .corrupt_job import CorruptJob
    from .corrupt_job import corrupt as run

    ids, fields, hub = _reading(args)
    how = Corruption(
        args.method,
        args.seed,
        args.rate,
        tuple(args.operation),
        tuple(args.type),
        args.pattern,
        args.systematic,
        config_from(args),
    )
    job = CorruptJob(
        args.data, args.out, how, args.pool, args.golds, args.match, ids, fields, hub, args.overwrite, args.workers
    )
    return _run(args, lambda say, progress: run(job, say=say, progress=progress))


# -- what both share ------------------------------------------------------------------------------------


def _data_flags(parser: argparse.ArgumentParser, rows: str) -> None:
    parser.add_argument("data", nargs="+", metavar="DATASET",
                        help=f"{rows}: JSONL, JSON-array or parquet files, folders, or hub:OWNER/NAME")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="FILE.jsonl or FILE.parquet; what has no label is "
                        "listed in FILE.left_out.jsonl")  # fmt: skip
    parser.add_argument("--id-field", default="id", metavar="NAME", help="field of the row's id")
    parser.add_argument("--id-prefix", default="", metavar="TEXT",
                        help="before each id, with a slash; {stem}, {folder} and {source} are filled in")  # fmt: skip
    parser.add_argument("--id-from-prompt", action="store_true", help="make ids from the normalised prompts")
    parser.add_argument("--prompt-field", metavar="NAME",
                        help="field of the prompt (default: prompt, else problem, else question)")  # fmt: skip
    parser.add_argument("--gold-field", metavar="NAME", help="field of the gold (default: gold, else answer)")
    for name, default in (("split", "train"), ("subset", None), ("revision", None)):
        parser.add_argument(f"--{name}", default=default, metavar="NAME", help=f"{name} of hub data sets")
    parser.add_argument("--overwrite", action="store_true", help="start again; replace what is there")
    parser.add_argument("--workers", type=whole_number(1), default=2, metavar="N", help="worker processes")
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="also write the manifest here")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a share from 0 to 1")
    return value


def _reading(args: argparse.Namespace) -> tuple[IdRule, RowFields, Hub]:
    from .rowfiles import IdRule, RowFields
    from .rows import GOLD_FIELDS, PROMPT_FIELDS
    from .sources import Hub

    fields = RowFields(
        args.id_field,
        (args.prompt_field,) if args.prompt_field else PROMPT_FIELDS,
        (args.gold_field,) if args.gold_field else GOLD_FIELDS,
        getattr(args, "label_field", "label"),
    )
    return IdRule(args.id_from_prompt, args.id_prefix), fields, Hub(args.split, args.subset, args.revision)


def _run(args: argparse.Namespace, run: Callable[[Any, Any], dict[str, Any]]) -> int:
    from .journal import check_summary, write_atomic

    if args.summary:
        named = [*args.data, *getattr(args, "pool", ()), *getattr(args, "golds", ())]
        check_summary(args.summary, args.out, named)
    bar = Bar(sys.stderr.isatty() and not args.no_progress)
    try:
        manifest = run(bar.say, bar)
    except KeyboardInterrupt:
        bar.say("interrupted; what was done is kept: the same command goes on from there")
        return EXIT_INTERRUPTED
    finally:
        bar.clear()
    summary = manifest["summary"]
    bar.say("\n".join([f"{args.out}: {summary['written']:,} of {summary['rows']:,} rows", *_lines(summary)]))
    if args.summary:
        write_atomic(args.summary, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return EXIT_UNREADABLE if summary["left_out"].get("row_unreadable") else EXIT_OK


def _lines(summary: dict[str, Any]) -> list[str]:
    """The summary for a terminal."""
    out = [f"  left out: {reason:<24}{count:>10,}" for reason, count in summary["left_out"].items()]
    out += [
        f"  {name:<18}{counts['written']:>10,} written, {counts['left_out']:>7,} left out"
        for name, counts in summary["by_type"].items()
    ]
    for name, counts in summary.items():
        if isinstance(counts, dict) and name not in ("left_out", "by_type"):
            out.append(f"  {name}: " + ", ".join(f"{value} {count:,}" for value, count in counts.items()))
    accuracy = summary["accuracy_against_gold"]
    out.append(f"  accuracy of the labels against gold: {'-' if accuracy is None else f'{100 * accuracy:.2f} %'}")
    return out
