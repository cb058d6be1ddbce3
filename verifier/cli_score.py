"""The command ``verifier score``: verdicts for a file of responses.

Promises: as :mod:`verifier.cli` and :mod:`verifier.score`. Exit code 4 where rows could not be read; their records in
the output say why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .cli_common import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREADABLE, Bar, whole_number
from .options import add_config_flags, config_asked_for, config_from


def score_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier score``."""
    parser.add_argument("source", type=Path, metavar="IN", help="JSONL, a JSON array, or parquet")
    parser.add_argument("--out", type=Path, required=True, help="FILE.jsonl or FILE.parquet; rows in order")
    for name in ("response", "gold", "id"):
        parser.add_argument(f"--{name}-field", default=name, metavar="NAME",
                            help=f"field that holds the {name} (a.b reaches into objects)")  # fmt: skip
    parser.add_argument("--verdict-field", default="verdict", metavar="NAME", help="field that is added")
    parser.add_argument(
        "--reward",
        type=Path,
        metavar="FILE.yaml",
        help="also pay each row by this reward file; the settings below are for it, too",
    )
    parser.add_argument("--reward-field", default="reward", metavar="NAME", help="field that --reward adds")
    parser.add_argument("--keep", choices=("all", "id"), default="all", help="fields to carry through")
    parser.add_argument("--overwrite", action="store_true", help="start again; replace what is there")
    parser.add_argument("--workers", type=whole_number(1), metavar="N", help="worker processes")
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="also write the counts here")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_config_flags(parser)


def score(args: argparse.Namespace) -> int:
    """Score a file, or go on with it."""
    from .journal import check_summary, write_atomic
    from .score import Fields, ScoreJob
    from .score import score as run

    fields = Fields(args.response_field, args.gold_field, args.id_field, args.verdict_field, args.reward_field)
    reward = None
    if args.reward:
        from .rewards import load_reward_file

        reward = load_reward_file(args.reward, config_asked_for(args))
    job = ScoreJob(args.source, args.out, config_from(args), fields, args.keep, args.overwrite, args.workers, reward)
    if args.summary:
        check_summary(args.summary, args.out, [args.source])
    bar = Bar(sys.stderr.isatty() and not args.no_progress)
    try:
        tally = run(job, say=bar.say, progress=bar)
    except KeyboardInterrupt:
        bar.say("interrupted; what was scored is kept: the same command goes on from there")
        return EXIT_INTERRUPTED
    finally:
        bar.clear()
    bar.say("\n".join([f"{args.out}: {tally.lines()[0]}", *tally.lines()[1:]]))
    if args.summary:
        summary = {"out": str(args.out), "config_fingerprint": job.config.fingerprint(), **tally.to_dict()}
        write_atomic(args.summary, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    if tally.unreadable:
        bar.say(f"{tally.unreadable:,} rows could not be read; their records in {args.out} say why")
        return EXIT_UNREADABLE
    return EXIT_OK
