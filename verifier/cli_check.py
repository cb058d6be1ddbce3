"""The commands ``verifier check`` and ``verifier explain``: the verdict on one response.

Promises: as :mod:`verifier.cli`. A response is UTF-8 text, of a file or of standard input; other bytes are an error
that names their line.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .api import verify
from .cli_common import EXIT_NO, EXIT_OK, EXIT_UNSCORED
from .errors import InputError
from .options import add_config_flags, config_from
from .verdict import Status

_EXITS = {Status.CORRECT: EXIT_OK, Status.INCORRECT: EXIT_NO, Status.UNSCORED: EXIT_UNSCORED}


def check_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier check``."""
    parser.add_argument("--gold", required=True, help="the reference answer")
    parser.add_argument("--response", required=True, metavar="FILE|-", help="what the model wrote")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add_config_flags(parser)


def check(args: argparse.Namespace) -> int:
    """Print the verdict on one response."""
    from .jsontext import dump_json
    from .render import verdict_lines

    config = config_from(args)
    verdict = verify(response=_read_response(args.response), gold=args.gold, config=config)
    print(dump_json(verdict.to_dict()) if args.json else "\n".join(verdict_lines(verdict)))
    return _EXITS[verdict.status]


def explain_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``verifier explain``."""
    parser.add_argument("--gold", required=True, help="the reference answer")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--response", metavar="FILE|-", help="what the model wrote")
    group.add_argument("--answer", metavar="TEXT", help="an answer, put in a box for you")
    add_config_flags(parser)


def explain(args: argparse.Namespace) -> int:
    """Print how a verdict came about."""
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
