"""Running a reward or a verification in an event loop: nothing waits there for a worker process.

Inside ``with inline(found):`` whatever only a worker process could decide raises :class:`WorkerNeeded` instead of
waiting. The caller has ``need.run()`` done in a thread, keeps its result under ``need.key`` in ``found`` and starts
again: the same code then goes on to its end. So a thread is needed for the few pairs that no cheap rung decides,
and callers that need the same decision can share it.

Promises: results are those of the same call outside; only this thread is affected. Does not reach into threads
that the code inside starts (`verify_batch` starts some).
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Hashable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class WorkerNeeded(BaseException):  # no error, and no handler of errors may swallow it
    """A worker process must decide first. key: which decision; run: makes it, from any thread."""

    def __init__(self, key: Hashable, run: Callable[[], Any]) -> None:
        super().__init__("a worker process must decide this; see verifier.inline")
        self.key, self.run = key, run


class _State(threading.local):
    found: MutableMapping[Hashable, Any] | None = None


_state = _State()


@contextmanager
def inline(found: MutableMapping[Hashable, Any]) -> Iterator[None]:
    """Within: decisions by worker processes are looked up in ``found``, and raise WorkerNeeded where they lack."""
    before, _state.found = _state.found, found
    try:
        yield
    finally:
        _state.found = before


def by_worker(key: Hashable, run: Callable[[], T]) -> T:
    """What ``run`` returns; within :func:`inline`, what was found before. Called where a worker decides.

    >>> with inline({"key": 7}):
    ...     by_worker("key", lambda: 8)
    7
    >>> by_worker("key", lambda: 8)
    8
    """
    if _state.found is None:
        return run()
    try:
        found: T = _state.found[key]
    except KeyError:
        raise WorkerNeeded(key, run) from None
    return found


async def arun(call: Callable[[], T], decide: Callable[[WorkerNeeded], Awaitable[Any]] | None = None) -> T:
    """What ``call`` returns, run in the event loop; only worker processes are waited for outside it.

    decide: awaits ``need.run()`` somewhere; by default in the loop's own threads.
    """
    found: dict[Hashable, Any] = {}
    while True:
        try:
            with inline(found):
                return call()
        except WorkerNeeded as need:
            found[need.key] = await (decide or _in_thread)(need)


async def _in_thread(need: WorkerNeeded) -> Any:
    import asyncio  # here, as it costs more to import than this package

    return await asyncio.get_running_loop().run_in_executor(None, need.run)
