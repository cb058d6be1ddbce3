"""The console script ``verifier``.

Promises: a user's mistake ends in one line ``verifier: error: ...`` and exit code 2, never in a
traceback; Ctrl-C ends in exit code 130 with nothing half-written. Heavy libraries are imported by
the command that needs them. Does not promise a stable text layout: programs read ``--json``.

Exit codes: 0 done (``check``: correct); 1 ``check``: incorrect, ``validate``: a gold is not accepted,
``audit``: a finding; 2 error; 3 ``check``: unscored; 4 ``score``: done, but some rows could not be read;
130 interrupted; 141 the reader of our output went away.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .api import verify, verify_batch
from .cli_labels import corrupt, corrupt_flags, vote, vote_flags
from .errors import InputError, VerifierError
from .options import add_config_flags, config_from
from .verdict import Status

if TYPE_CHECKING:
    from .config import VerifierConfig
    from .records import Record

EXIT_OK, EXIT_NO, EXIT_ERROR, EXIT_UNSCORED, EXIT_UNREADABLE = range(5)
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_PIPE = 141  # 128 + SIGPIPE
_CHECK_EXITS = {Status.CORRECT: EXIT_OK, Status.INCORRECT: EXIT_NO, Status.UNSCORED: EXIT_UNSCORED}
GOLD_FIELDS = ("gold", "answer")  # of ``validate``; the first that a row has


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (see the module). ``argv`` without the program's name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a model wrote may not exist in the terminal's encoding.
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit, which must not raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_PIPE
    except VerifierError as error:
        return _fail(str(error), EXIT_ERROR)
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{place}{error.strerror or error}", EXIT_ERROR)
    return code


def _fail(message: str, code: int) -> int:
    print(f"verifier: {'error: ' if code == EXIT_ERROR else ''}{message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verifier",
        description="Is this response's final answer the gold answer?",
        epilog="A gold that begins with a dash is written --gold=-x^2.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"verifier {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, run, add_flags, text in COMMANDS:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(run=run)
        add_flags(command)
    return parser


def _check_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gold", required=True, help="the reference answer")
    parser.add_argument("--response", required=True, metavar="FILE|-", help="what the model wrote")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add_config_flags(parser)


def _check(args: argparse.Namespace) -> int:
    from .records import dump_json
    from .render import verdict_lines

    config = config_from(args)
    verdict = verify(response=_read_response(args.response), gold=args.gold, config=config)
    print(dump_json(verdict.to_dict()) if args.json else "\n".join(verdict_lines(verdict)))
    return _CHECK_EXITS[verdict.status]


def _explain_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gold", required=True, help="the reference answer")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--response", metavar="FILE|-", help="what the model wrote")
    group.add_argument("--answer", metavar="TEXT", help="an answer, put in a box for you")
    add_config_flags(parser)


def _explain(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from .extraction import extract
    from .render import explanation

    config = config_from(args)
    if args.answer is not None:
        response, config = f"\\boxed{{{args.answer}}}", replace(config, extraction="boxed")
    else:
        response = _read_response(args.response)
    verdict = verify(response=response, gold=args.gold, config=config)
    extraction = extract(response, config.extraction)
    lines = explanation(
        response=response, gold=args.gold, extraction=extraction, verdict=verdict, mode=config.extraction
    )
    print("\n".join(lines))
    return EXIT_OK


def _read_response(name: str) -> str:
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = "standard input" if name == "-" else name
        raise InputError(
            f"{where}, line {line}: byte {data[error.start]:#04x} is not UTF-8; a response is UTF-8 text"
        ) from None


def _score_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="IN", help="JSONL, a JSON array, or parquet")
    parser.add_argument("--out", type=Path, required=True, help="FILE.jsonl or FILE.parquet; rows in order")
    for name in ("response", "gold", "id"):
        parser.add_argument(f"--{name}-field", default=name, metavar="NAME",
                            help=f"field that holds the {name} (a.b reaches into objects)")  # fmt: skip
    parser.add_argument("--verdict-field", default="verdict", metavar="NAME", help="field that is added")
    parser.add_argument("--reward", type=Path, metavar="FILE.yaml", help="also pay each row by this reward file")
    parser.add_argument("--reward-field", default="reward", metavar="NAME", help="field that --reward adds")
    parser.add_argument("--keep", choices=("all", "id"), default="all", help="fields to carry through")
    parser.add_argument("--overwrite", action="store_true", help="start again; replace what is there")
    parser.add_argument("--workers", type=_positive, metavar="N", help="worker processes")
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="also write the counts here")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_config_flags(parser)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of 1 or more")
    return int(text)


def _score(args: argparse.Namespace) -> int:
    from .journal import check_summary, write_atomic
    from .score import Fields, ScoreJob, score

    fields = Fields(args.response_field, args.gold_field, args.id_field, args.verdict_field, args.reward_field)
    reward = None
    if args.reward:
        from .rewards import load_reward_file

        reward = load_reward_file(args.reward)
    job = ScoreJob(args.source, args.out, config_from(args), fields, args.keep, args.overwrite, args.workers, reward)
    if args.summary:
        check_summary(args.summary, args.out, [args.source])
    bar = Bar(sys.stderr.isatty() and not args.no_progress)
    try:
        tally = score(job, say=bar.say, progress=bar)
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


class Bar:
    """A progress bar on stderr, or nothing; called as ``progress`` of :func:`verifier.score.score`."""

    WIDTH = 30

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._begun: tuple[float, int] | None = None
        self._drawn = 0

    def __call__(self, done: int, total: int, rows: int) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        # The first chunk is not timed: before it a resumed run has rows that cost nothing.
        start, first = self._begun = self._begun or (now, done)
        left = (now - start) * (total - done) / (done - first) if done > first else None
        eta = "" if left is None else f", {int(left) // 60}:{int(left) % 60:02d} left"
        bar = "#" * (self.WIDTH * done // total)
        text = f"[{bar:.<{self.WIDTH}}] {100 * done // total} %, {rows:,} rows{eta}"
        self._write(text.ljust(self._drawn))
        self._drawn = len(text)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the bar off the line."""
        if self._drawn:
            self._write(" " * self._drawn + "\r")
            self._drawn = 0

    def say(self, line: str) -> None:
        """A line above the bar."""
        self.clear()
        print(f"verifier: {line}", file=sys.stderr)


def _validate_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSONL, a JSON array, or parquet")
    parser.add_argument("--gold-field", metavar="NAME", help="field of the gold (default: gold, else answer)")
    parser.add_argument("--id-field", default="id", metavar="NAME", help="field of the row's id")
    add_config_flags(parser)


def _validate(args: argparse.Namespace) -> int:
    from dataclasses import replace

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


def _audit_flags(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--workers", type=_positive, default=2, metavar="N", help="worker processes")
    parser.add_argument("--show", type=int, default=3, metavar="N", help="rows printed of each reason")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    add_config_flags(parser)


def _audit(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from .audit import AuditJob, audit
    from .rows import PROMPT_FIELDS

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
        report = audit(job, progress=bar)
    finally:
        bar.clear()
    print("\n".join(report.lines(max(0, args.show))))
    if args.out:
        report.write(args.out)
    return EXIT_NO if report.findings else EXIT_OK


def _serve_flags(parser: argparse.ArgumentParser) -> None:
    from .serve import add_flags

    add_flags(parser)


def _serve(args: argparse.Namespace) -> int:
    from .serve import serve

    return serve(args)


def _tasks_path(_: argparse.Namespace) -> int:
    from importlib.util import find_spec

    spec = find_spec("lm_eval_tasks")
    if spec is None or spec.origin is None:
        raise VerifierError("the package lm_eval_tasks is not installed; it is part of rlvr-verifier")
    print(Path(spec.origin).parent)
    return EXIT_OK


COMMANDS = (
    ("check", _check, _check_flags, "the verdict on one response"),
    ("explain", _explain, _explain_flags, "how a verdict came about, step by step"),
    ("score", _score, _score_flags, "verdicts for a file of responses; a stopped run goes on where it was"),
    ("validate", _validate, _validate_flags, "which golds their own verifier does not accept"),
    ("audit", _audit, _audit_flags, "what is wrong, doubtful or repeated in a data set's golds"),
    ("serve", _serve, _serve_flags, "rewards and verdicts over HTTP, for OpenRLHF or any client"),
    ("vote", vote, vote_flags, "label prompts with the answer that most of their responses give"),
    ("corrupt", corrupt, corrupt_flags, "label problems with answers that are proven wrong"),
    ("tasks-path", _tasks_path, lambda _: None, "the folder for lm_eval --include_path"),
)
"""(name, function, its flags, one line of help): a new command is one row."""
