"""The reward server as an ASGI application: routes, the token, limits, and one JSON error for everything.

    POST /openrlhf, /get_reward   OpenRLHF's remote reward; queues where there is no room, floats always
    POST /v1/verify, /v1/reward   our own (see `verifier._native`); 429 with Retry-After where there is no room
    GET  /health, /metrics        alive (no token needed); Prometheus text

Promises: no traceback and no part of the token reaches a client or a log; every request has a deadline; nothing
waits for a worker process but the pairs that need one; unscored pairs are counted, and logged while the server runs:
the first of each reason with its detail, and how many there are at the 1st, 10th, 100th of a route. Plain ASGI, as
six routes need no framework; it can be mounted in an application of Starlette's or FastAPI's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from time import monotonic
from typing import Any

from . import __version__
from ._deciding import Decider, Gate, Late
from ._metrics import Metrics
from ._native import RequestError, parse, reward_items, verify_items
from ._token import Token, from_headers
from .adapters import http
from .adapters._query import SPECIAL_TOKENS
from .adapters._scored import tell
from .api import verify
from .config import VerifierConfig
from .rewards import RewardFile, UnscoredCount
from .verdict import Reason, Status, Verdict

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("verifier.serve")
READ_S = 60.0  # for a body to arrive
MIB = 2**20
_ROUTES = {"openrlhf": "openrlhf", "reward": "v1/reward", "verify": "v1/verify"}  # name in the metrics -> path
_Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is told. config: of /v1/verify, and of the reward where no file names one.

    token: None where none is asked for. max_body, max_held: bytes of one body, and of all that are in hand.
    deadline_s: from a request's head to its answer. max_waiting: decisions of workers that may be open before
    our own routes answer 429. threads: such decisions made at once.
    """

    file: RewardFile
    config: VerifierConfig
    token: str | None = None
    special_tokens: tuple[str, ...] = SPECIAL_TOKENS
    max_body: int = 32 * MIB
    max_held: int = 256 * MIB
    deadline_s: float = 110.0
    max_waiting: int = 1000
    threads: int = 2


class _Gone(Exception):
    """The client went away before its request was read."""


class App:
    """The application; one for each event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.gate = Gate(settings.max_held)
        self.decider = Decider(settings.threads)
        self._token = None if settings.token is None else Token(settings.token)
        self._open = 0
        self._counts = {name: UnscoredCount(f"/{path}") for name, path in _ROUTES.items()}
        self._told: set[str] = set()
        self._posts = {
            "/openrlhf": self._openrlhf,
            "/get_reward": self._openrlhf,
            "/v1/verify": self._verify,
            "/v1/reward": self._reward,
        }
        self._gets = {"/health": self._health, "/metrics": self._scrape}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                self.decider.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = monotonic()
        self._open += 1
        route, status, headers = "none", 500, _JSON
        try:
            path = self._admit(scope)
            if path in self._gets:
                route = path
                headers, body = self._get(path, scope["method"])
            else:
                route = path if path in self._posts else "none"
                body = _dump(await self._post(path, scope, receive, began))
            status = 200
        except RequestError as error:
            status = error.status
            headers = [*_JSON, *_EXTRA.get(status, [])]
            if status in (429, 503):
                headers.append((b"retry-after", str(self._retry_after()).encode()))
            body = _error(str(error), error.field)
        except _Gone:
            return
        except asyncio.CancelledError:  # the server ends, and the grace is over
            status, body = 503, _error("the server is ending; come again later")
            headers = [*_JSON, (b"retry-after", b"1")]
        except Exception:
            log.exception("a request to %s failed", route)
            body = _error("internal error; the server's log has it")
        finally:
            self._open -= 1
        self.metrics.request(route, status, monotonic() - began)
        await send({"type": "http.response.start", "status": status,
                    "headers": [*headers, (b"content-length", str(len(body)).encode())]})  # fmt: skip
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    # -- who may come in ------------------------------------------------------------------------------

    def _admit(self, scope: Scope) -> str:
        """The path without the token's prefix; RequestError 401 without the token where one is asked for."""
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        if self._token is None or path == "/health":
            return path
        if path.startswith("/token/"):
            given, _, rest = path.removeprefix("/token/").partition("/")
            if self._token.matches(given):
                return f"/{rest}"
        elif self._token.matches(from_headers(scope["headers"])):
            return path
        raise RequestError(
            "a token is needed: `Authorization: Bearer TOKEN`, the password of Basic auth, or a path /token/TOKEN/...",
            status=401,
        )

    def _get(self, path: str, method: str) -> tuple[_Headers, bytes]:
        if method not in ("GET", "HEAD"):
            raise RequestError(f"{path} takes GET, not {method}", status=405)
        return self._gets[path]()

    async def _post(self, path: str, scope: Scope, receive: Receive, began: float) -> dict[str, Any]:
        handler = self._posts.get(path)
        if handler is None:
            raise RequestError(f"no such path; there are {', '.join([*self._posts, *self._gets])}", status=404)
        if scope["method"] != "POST":
            raise RequestError(f"{path} takes POST, not {scope['method']}", status=405)
        deadline = began + self.settings.deadline_s
        size = self._size(scope["headers"])
        if handler == self._openrlhf:
            if not await self.gate.enter(size, deadline):
                raise RequestError("the queue did not move in time", status=503)
        elif self.decider.waiting >= self.settings.max_waiting or not self.gate.admits(size):
            raise RequestError("too much is waiting already; come again later", status=429)
        try:
            seconds = min(READ_S, max(1.0, deadline - monotonic()))
            try:
                body = await _within(seconds, _read(receive, size))
            except asyncio.TimeoutError:
                raise RequestError(f"the body did not arrive within {seconds:.0f} s", status=408) from None
            return await handler(parse(body), deadline)
        finally:
            self.gate.leave(size)

    def _size(self, headers: Iterable[tuple[bytes, bytes]]) -> int:
        """Bytes to hold for the body; all that are allowed where the client does not say."""
        limit = self.settings.max_body
        for name, value in headers:
            if name == b"content-length":
                if int(value) > limit:
                    raise RequestError(f"the body is larger than {limit} bytes; send fewer pairs at once", status=413)
                return int(value)
        return limit

    def _retry_after(self) -> int:
        """Whole seconds until what waits now is likely to be done, between 1 and 60."""
        seconds = self.decider.waiting * self.settings.config.timeout_s / self.settings.threads
        return min(60, max(1, ceil(seconds)))

    # -- what is asked for ----------------------------------------------------------------------------

    async def _openrlhf(self, data: dict[str, Any], deadline: float) -> dict[str, Any]:
        found = await self._score(http.items(data, self.settings.special_tokens), "openrlhf", deadline)
        return http.reply(found, self.settings.file)

    async def _reward(self, data: dict[str, Any], deadline: float) -> dict[str, Any]:
        found = await self._score([http.Item(*pair) for pair in reward_items(data)], "reward", deadline)
        return {
            "rewards": http.rewards(found, self.settings.file),
            "scored": [scored.value is not None for scored in found],
            "unscored": dict(Counter(scored.reason for scored in found if scored.reason)),
        }

    async def _verify(self, data: dict[str, Any], deadline: float) -> dict[str, Any]:
        config = self.settings.config
        calls = [partial(verify, response=text, gold=gold, config=config) for text, gold in verify_items(data)]
        found = await self.decider.map(calls, deadline)
        verdicts = [_late(config) if isinstance(verdict, Late) else verdict for verdict in found]
        self._count("verify", [(v.reason.value, v.detail) if v.status is Status.UNSCORED else None for v in verdicts])
        return {"verdicts": [verdict.to_dict() for verdict in verdicts]}

    async def _score(self, items: Sequence[http.Item], route: str, deadline: float) -> list[http.Scored]:
        calls = [partial(http.score, self.settings.file, item) for item in items]
        found = await self.decider.map(calls, deadline)
        scored = [http.LATE if isinstance(value, Late) else value for value in found]
        self._count(route, [(value.reason, value.detail) if value.reason else None for value in scored])
        return scored

    def _count(self, route: str, faults: list[tuple[str, str] | None]) -> None:
        """Count the pairs of one request, and log the first of each fault. faults: (reason, detail), None if scored."""
        self._counts[route].add(None if fault else 0.0 for fault in faults)
        unscored = [fault for fault in faults if fault]
        self.metrics.pairs[route, "scored"] += len(faults) - len(unscored)
        self.metrics.pairs[route, "unscored"] += len(unscored)
        for reason, detail in unscored:
            self.metrics.unscored[reason] += 1
            tell(self._told, log, reason, detail)

    def _health(self) -> tuple[_Headers, bytes]:
        return _JSON, _dump({"status": "ok", "version": __version__})

    def _scrape(self) -> tuple[_Headers, bytes]:
        gauges: dict[str, tuple[str, float]] = {
            "verifier_open_requests": ("Requests in hand.", self._open),
            "verifier_queued_requests": ("Requests that wait for room.", self.gate.waiting),
            "verifier_held_bytes": ("Bytes of bodies in hand.", self.gate.held),
            "verifier_waiting_decisions": ("Decisions that wait for a worker process.", self.decider.waiting),
        }
        info = {
            "version": __version__,
            "reward": json.dumps(self.settings.file.reward.describe(), sort_keys=True),
            "fingerprint": self.settings.config.fingerprint(),
        }
        return _TEXT, self.metrics.text(gauges, info).encode()


async def _within(seconds: float, work: Coroutine[Any, Any, bytes]) -> bytes:
    """The result of ``work``; asyncio.TimeoutError after ``seconds``. Without a task of its own where Python can."""
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(work, seconds)
    async with asyncio.timeout(seconds):
        return await work


async def _read(receive: Receive, limit: int) -> bytes:
    """The whole body. RequestError 413 beyond ``limit`` bytes; _Gone where the client left."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise RequestError(f"the body is larger than {limit} bytes; send fewer pairs at once", status=413)
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _late(config: VerifierConfig) -> Verdict:
    detail = "the server's deadline passed before a worker process was free"
    return Verdict(Status.UNSCORED, Reason.TIMEOUT, detail=detail, fingerprint=config.fingerprint())


def _error(message: str, field: str = "") -> bytes:
    return _dump({"error": {"message": message, "field": field or None}})


def _dump(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii")


_JSON: _Headers = [(b"content-type", b"application/json")]
_TEXT: _Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
_EXTRA: dict[int, _Headers] = {
    401: [(b"www-authenticate", b'Basic realm="verifier", charset="UTF-8"')],
    413: [(b"connection", b"close")],
}
