"""The two queues of the reward server: requests wait for memory, pairs wait for a worker process.

Promises: calls run in the event loop, in slices of `SLICE_S`; only a worker's decision is waited for outside it, in
few threads, first come first served, equal decisions once; what is not decided at the deadline is None. Bodies that
were admitted never hold more bytes together than the limit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Generic, TypeVar

from .inline import WorkerNeeded, arun, inline

T = TypeVar("T")
SLICE_S = 0.005


class Late:
    """The result of a call that its deadline overtook."""


_LATE = Late()


class _Shared(Generic[T]):
    """One decision that is being made, and how many wait for it."""

    __slots__ = ("future", "waiting")

    def __init__(self, future: asyncio.Future[T]) -> None:
        self.future, self.waiting = future, 0


class Decider:
    """Runs calls (rewards, verifications) for requests. threads: decisions of workers waited for at once."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="verifier-serve")
        self._open: dict[Hashable, _Shared[Any]] = {}

    @property
    def waiting(self) -> int:
        """Decisions that workers are making or will make."""
        return len(self._open)

    async def map(self, calls: Sequence[Callable[[], T]], deadline: float) -> list[T | Late]:
        """The calls' results in order; Late for what was not decided at the ``deadline`` (of `monotonic`)."""
        results: list[T | Late] = [_LATE] * len(calls)
        open_calls: list[int] = []
        pause = monotonic() + SLICE_S
        for at, call in enumerate(calls):
            try:
                with inline({}):
                    results[at] = call()
            except WorkerNeeded:
                open_calls.append(at)
            if monotonic() > pause and at + 1 < len(calls):  # others have their turn
                await asyncio.sleep(0)
                pause = monotonic() + SLICE_S
        if open_calls:
            tasks = {asyncio.create_task(arun(calls[at], self._decide)): at for at in open_calls}
            await self._collect(tasks, results, deadline)
        return results

    async def run(self, call: Callable[[], T]) -> T:
        """The result of one call, however long a worker takes for it."""
        return await arun(call, self._decide)

    async def _collect(self, tasks: dict[asyncio.Task[T], int], results: list[T | Late], deadline: float) -> None:
        try:
            done, _ = await asyncio.wait(tasks, timeout=max(0.0, deadline - monotonic()))
        finally:
            for task in tasks:
                task.cancel()
        for task in done:
            results[tasks[task]] = task.result()

    async def _decide(self, need: WorkerNeeded) -> Any:
        shared = self._open.get(need.key)
        if shared is None:
            future = asyncio.get_running_loop().run_in_executor(self._executor, need.run)
            shared = self._open[need.key] = _Shared(future)
            future.add_done_callback(lambda _: self._forget(need.key, shared))
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.future)
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.future.done():
                self._forget(need.key, shared)  # at once: who asks from now on must not share what is cancelled
                shared.future.cancel()  # takes it out of the queue; where it has begun, the worker's limit ends it

    def _forget(self, key: Hashable, shared: _Shared[Any]) -> None:
        if self._open.get(key) is shared:
            del self._open[key]

    def close(self) -> None:
        """Drop what has not begun; what has is ended by the worker's own limits."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Gate:
    """Admits bodies while they hold at most ``limit`` bytes together; the others wait in their order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    def admits(self, size: int) -> bool:
        """Whether a body of that size would be admitted now; it holds its bytes from then on if so."""
        if self._queue or self.held + size > self.limit:
            return False
        self.held += size
        return True

    async def enter(self, size: int, deadline: float) -> bool:
        """Wait for room; False where there is none by the ``deadline`` (of `monotonic`)."""
        if self.admits(size):
            return True
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (size, place)
        self._queue.append(entry)
        try:
            await asyncio.wait([place], timeout=max(0.0, deadline - monotonic()))
        except asyncio.CancelledError:
            if place.done():  # admitted in the same moment
                self.leave(size)
            else:
                self._give_up(entry)
            raise
        if place.done():
            return True
        self._give_up(entry)
        return False

    def _give_up(self, entry: tuple[int, asyncio.Future[None]]) -> None:
        self._queue.remove(entry)
        self._admit_waiting()  # a smaller one may have stood behind

    def leave(self, size: int) -> None:
        """Give a body's bytes back."""
        self.held -= size
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._queue and self.held + self._queue[0][0] <= self.limit:
            size, place = self._queue.popleft()
            self.held += size
            place.set_result(None)
