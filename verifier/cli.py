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
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__
from .cli_check import check, check_flags, explain, explain_flags
from .cli_common import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_PIPE
from .cli_golds import audit, audit_flags, validate, validate_flags
from .cli_labels import corrupt, corrupt_flags, vote, vote_flags
from .cli_score import score, score_flags
from .errors import VerifierError


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
    ("check", check, check_flags, "the verdict on one response"),
    ("explain", explain, explain_flags, "how a verdict came about, step by step"),
    ("score", score, score_flags, "verdicts for a file of responses; a stopped run goes on where it was"),
    ("validate", validate, validate_flags, "which golds their own verifier does not accept"),
    ("audit", audit, audit_flags, "what is wrong, doubtful or repeated in a data set's golds"),
    ("serve", _serve, _serve_flags, "rewards and verdicts over HTTP, for OpenRLHF or any client"),
    ("vote", vote, vote_flags, "label prompts with the answer that most of their responses give"),
    ("corrupt", corrupt, corrupt_flags, "label problems with answers that are proven wrong"),
    ("tasks-path", _tasks_path, lambda _: None, "the folder for lm_eval --include_path"),
)
"""(name, function, its flags, one line of help): a new command is one row."""
