"""``verifier serve``: the reward server of `verifier._server` on a socket, by uvicorn.

Promises: loopback unless told otherwise, and no public address without a token; what cannot be honoured is one line
before anything listens; Ctrl-C and SIGTERM let requests in hand finish (for ``--grace`` seconds) and end with exit
code 0. One process, one event loop: to use more cores, start several servers and give OpenRLHF all their URLs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_common import whole_number
from .errors import ConfigError
from .options import add_config_flags, config_asked_for, config_from

if TYPE_CHECKING:
    import socket

    from ._server import Settings

TOKEN_ENV = "VERIFIER_TOKEN"
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")  # stands in a URL's path as it is
NEW_TOKEN = "python -c 'import secrets; print(secrets.token_urlsafe())'"
BACKLOG = 2048  # OpenRLHF opens a connection for each request
KEEP_ALIVE_S = 75


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of ``verifier serve``."""
    parser.add_argument(
        "--reward", type=Path, metavar="FILE", help="the reward, as YAML or JSON (default: ground truth)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=8077, help="0 for any free one (default: 8077)")
    parser.add_argument("--token-file", type=Path, metavar="FILE",
                        help=f"file with the token that clients must show (or set {TOKEN_ENV})")  # fmt: skip
    parser.add_argument("--tokenizer", type=Path, metavar="DIR",
                        help="a saved tokenizer, for the special tokens to remove from OpenRLHF's queries")  # fmt: skip
    positive = whole_number(1)
    parser.add_argument("--max-body-mb", type=positive, default=32, metavar="MIB", help="largest request body")
    parser.add_argument("--max-queue-mb", type=positive, default=256, metavar="MIB", help="bodies in hand, together")
    parser.add_argument("--deadline", type=positive, default=110, metavar="S",
                        help="seconds until a request is answered, decided or not (default: 110)")  # fmt: skip
    parser.add_argument(
        "--grace", type=positive, default=30, metavar="S", help="seconds for requests in hand at the end"
    )
    add_config_flags(parser)


def serve(args: argparse.Namespace) -> int:
    """Listen until told to stop. Raises ConfigError, OSError."""
    import logging

    settings = settings_from(args)
    check_address(args.host, settings.token)
    try:
        import uvicorn
    except ImportError:
        raise ConfigError("the server needs uvicorn: pip install 'rlvr-verifier[server]'") from None
    from ._server import App

    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    app = App(settings)
    listener = bind(args.host, args.port)
    host, port = listener.getsockname()[:2]
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"verifier: listening on {where} (OpenRLHF: {where}/openrlhf)", flush=True)
    origin = f" of {args.reward}" if args.reward else ", the default"
    print(f"verifier: the reward is {settings.file.reward.kind}{origin}; /metrics has its settings", flush=True)
    config = uvicorn.Config(
        app, lifespan="on", access_log=False, log_config=None, log_level="warning", server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=args.grace, timeout_keep_alive=KEEP_ALIVE_S, ws="none",
        backlog=BACKLOG,
    )  # fmt: skip
    with _signals_end_quietly():
        uvicorn.Server(config).run(sockets=[listener])
    print(f"verifier: stopped; {app.metrics.summary()}", flush=True)
    return 0


def settings_from(args: argparse.Namespace) -> Settings:
    """The server's settings; ConfigError for what cannot be honoured."""
    from ._server import MIB, Settings
    from .adapters._query import SPECIAL_TOKENS
    from .adapters.http import check_servable
    from .pool import _chosen_size
    from .rewards import GroundTruth, RewardFile, Unscored, load_reward_file

    config = config_from(args)
    if args.reward:
        file = load_reward_file(args.reward, config_asked_for(args))
    else:
        file = RewardFile(GroundTruth(config=config), Unscored())
    if args.max_queue_mb < args.max_body_mb:
        raise ConfigError(f"--max-queue-mb {args.max_queue_mb} must not be below --max-body-mb {args.max_body_mb}")
    return Settings(
        file=check_servable(file),
        config=config,
        token=read_token(args.token_file),
        special_tokens=special_tokens(args.tokenizer) if args.tokenizer else SPECIAL_TOKENS,
        max_body=args.max_body_mb * MIB,
        max_held=args.max_queue_mb * MIB,
        deadline_s=float(args.deadline),
        threads=_chosen_size(),  # as many as the shared pool has workers
    )


def read_token(path: Path | None) -> str | None:
    """The token of the file, else of the environment, else None. Never repeated in a message."""
    if path is None:
        source, text = TOKEN_ENV, os.environ.get(TOKEN_ENV)
        if text is None:
            return None
    else:
        source, text = str(path), path.read_text(encoding="utf-8", errors="replace")
    token = text.strip()
    if not TOKEN.fullmatch(token):
        raise ConfigError(
            f"{source}: a token is 16 or more letters, digits and -._~ on one line; make one: {NEW_TOKEN}"
        )
    return token


def check_address(host: str, token: str | None) -> None:
    """ConfigError where others could reach a server that asks for no token.

    >>> check_address("127.0.0.1", None), check_address("::1", None), check_address("0.0.0.0", "a token")
    (None, None, None)
    """
    import ipaddress

    if token is not None or host == "localhost":
        return
    try:
        private = ipaddress.ip_address(host).is_loopback
    except ValueError:
        private = False  # a name; where it leads is not ours to guess
    if not private:
        raise ConfigError(
            f"--host {host} can be reached from other machines: give a token (--token-file FILE, or {TOKEN_ENV}), "
            "or leave the host at 127.0.0.1"
        )


def special_tokens(folder: Path) -> tuple[str, ...]:
    """What a saved tokenizer calls special, from its JSON files. Raises ConfigError where there is none."""
    found: set[str] = set()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"--tokenizer: {path} is not JSON ({error})") from None
        entries = [*data.get("added_tokens", []), *data.get("added_tokens_decoder", {}).values()]
        found |= {entry["content"] for entry in entries if entry.get("special")}
        for value in (data.get(f"{kind}_token") for kind in ("bos", "eos", "pad", "unk")):
            found |= {value["content"]} if isinstance(value, dict) else {value} if isinstance(value, str) else set()
    if not found:
        raise ConfigError(f"--tokenizer {folder}: no tokenizer.json or tokenizer_config.json with special tokens there")
    return tuple(sorted(found))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError where the address cannot be had."""
    import resource
    import socket

    # OpenRLHF may hold a thousand connections; the usual limit of open files is about that.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65_536), hard))
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=kind, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(f"--host {host} --port {port}: {error.strerror or error}") from None


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more, which would be a traceback or a dead process."""
    import signal

    def ignore(_number: int, _frame: Any) -> None:
        return

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; it must be 0 to 65535")
    return int(text)
