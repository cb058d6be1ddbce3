"""Worker processes with a real kill: whatever a task does, its caller gets an :class:`Outcome`.

Promises: `WorkerPool.call` works from any thread, in an event loop's executor, in a forked child, a
daemon, a script without a ``__main__`` guard and under ``python -c``; a worker that hangs, dies, runs
out of memory or writes rubbish is replaced and only the task in its hands fails; waiting callers are
served in their order; no thread is ever started; processes and descriptors are gone after ``close``,
when the pool is dropped, and when the interpreter ends, however it ends.

Two limits guard a task, and both only kill: ``timeout_s`` seconds of the worker's *CPU* time, enforced
by the kernel inside the worker (ITIMER_PROF), so that a busy machine does not turn slow answers into
timeouts; and ``BACKSTOP`` times as many seconds of wall clock, enforced here, for a task that sleeps or
a worker that was stopped. Time in the queue and a worker's start-up count towards neither; the first
import of a task's module that was not preloaded counts towards the wall clock only.

Does not promise: anything on systems that are not POSIX (every call is ``crashed`` there, and says so);
the memory limit where the system does not enforce RLIMIT_AS (macOS).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from . import _worker
from ._process import REAP_S, NotBegunError, Outcome, WorkerProcess, epitaph
from .errors import ConfigError

__all__ = ["Outcome", "WorkerPool", "set_pool_size", "shared_pool"]

SIZE_VARIABLE = "RLVR_POOL_SIZE"  # see `set_pool_size`

START_S = 60.0  # wall clock until a new worker must have reported ready
START_TRIES = 3  # failed starts in a row before callers are told instead of waiting for another
BEGIN_TRIES = 3  # workers that a task is handed to while each ends before it begins
RETRY_S = 5.0  # pause after that many, then one more try
LONGEST_S = 1e6  # largest timeout_s that every system's timers take
TICK_S = 0.02  # how often a waiting caller looks at the workers that are starting


class _Seat:
    """One waiting caller; ``lock`` is released when ``worker`` or ``refusal`` has been filled in."""

    __slots__ = ("lock", "refusal", "worker")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.worker: WorkerProcess | None = None
        self.refusal = ""


class _Roster(set[WorkerProcess]):
    """Every process that is not reaped, whoever holds it; apart from the pool, so as to outlive it."""

    closed = False


class WorkerPool:
    """Up to ``size`` worker processes, and one spare that is warm when a worker has to be killed.

    size: tasks that run at once (the spare helps out when all are busy). memory_mb: address-space limit
    of a worker in MiB. recycle_after: tasks after which a worker is replaced, as soon
    as its replacement is warm. spare: without one there are never more than ``size`` processes, and
    who comes after a kill waits for a start. Workers start with the
    first call, and more of them as more callers come at once.

    Raises ConfigError for a setting that cannot be honoured, and nothing else.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        memory_mb: int = 512,
        recycle_after: int = 500,
        spare: bool = True,
        _tasks: Mapping[str, str] | None = None,
        _preload: Sequence[str] | None = None,
    ) -> None:
        for name, setting in (("size", size), ("memory_mb", memory_mb), ("recycle_after", recycle_after)):
            if setting < 1:
                raise ConfigError(f"{name}={setting!r} must be at least 1")
        self._size, self._recycle_after, self._spare = size, recycle_after, spare
        self._settings = {
            "memory_mb": memory_mb,
            "tasks": dict(_worker.TASKS if _tasks is None else _tasks),
            "preload": list(_worker.PRELOAD if _preload is None else _preload),
        }
        self._numbers = itertools.count(1)
        self._workers = _Roster()
        self._reset()
        _POOLS.add(self)
        self._finalizer = weakref.finalize(self, _end_all, self._workers)  # also runs at exit

    def _reset(self) -> None:
        self._lock = threading.Lock()  # guards what follows; never held while a process is started or ended
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._starting: list[WorkerProcess] = []
        self._launching = 0  # starts under way that are not yet in `_starting`
        self._waiting: deque[_Seat] = deque()
        self._failures = 0.0  # starts that failed in a row
        self._failure = ""
        self._retry_at = 0.0

    def call(self, task: str, payload: dict[str, Any], *, timeout_s: float) -> Outcome:
        """Run ``task`` on ``payload`` (plain JSON values) in a worker and wait for its outcome.

        timeout_s: CPU seconds that the task gets; see the module's docstring. Never raises for what a
        task does; raises ConfigError for a ``timeout_s`` out of range.
        """
        if not 0 < timeout_s <= LONGEST_S:
            raise ConfigError(f"timeout_s={timeout_s!r} must be a positive number of seconds, at most {LONGEST_S:g}")
        number = next(self._numbers)
        try:
            frame = _worker.encode({"id": number, "task": task, "cpu_s": timeout_s, "payload": payload})
        except (TypeError, ValueError, RecursionError) as error:
            return Outcome("error", detail=f"the payload cannot be sent: {_worker.describe(error)}")
        outcome = Outcome("crashed")
        for _ in range(BEGIN_TRIES):
            seat = _Seat()
            try:
                self._acquire(seat)
                if seat.worker is None:
                    return Outcome("crashed", detail=seat.refusal)
                outcome, usable = seat.worker.run(number, frame, timeout_s)
            except NotBegunError as end:  # killed from outside while idle, and dying as it was handed over
                self._leave(seat)
                outcome = Outcome("crashed", detail=str(end))
                if self._workers.closed:  # it was `close` that killed it
                    break
                continue
            except BaseException:  # Ctrl-C: the worker may be in the middle of a task nobody waits for
                self._leave(seat)
                raise
            if usable:
                self._release(seat.worker)
                return outcome
            self._discard(seat.worker)
            break
        if outcome.status == "crashed" and self._workers.closed:
            return Outcome("crashed", detail="the pool was closed", elapsed_s=outcome.elapsed_s)
        return outcome

    def close(self) -> None:
        """End every worker; tasks in hand and callers in the queue get ``crashed``. May be repeated."""
        with self._lock:
            self._workers.closed = True
            busy = set(self._busy)
            self._idle.clear()
            self._starting.clear()
            self._refuse_all("the pool was closed")
        for worker in busy:
            worker.kill()  # its holder sees the end, reaps it and closes the channel
        _end_all(self._workers, spare=busy)
        for worker in busy:
            worker.wait(REAP_S)

    # -- the queue ------------------------------------------------------------------------------------

    def _acquire(self, seat: _Seat) -> None:
        """Wait until ``seat`` holds a worker that is ready, or the reason why there is none."""
        with self._lock:
            if self._workers.closed:
                seat.refusal = "the pool is closed"
                return
            self._waiting.append(seat)
        self._tend()
        while not seat.lock.acquire(timeout=TICK_S):
            self._tend()

    def _leave(self, seat: _Seat) -> None:
        """Give up a seat; a worker that it holds is ended."""
        with self._lock:
            if seat in self._waiting:
                self._waiting.remove(seat)
        if seat.worker is not None:
            self._discard(seat.worker)

    def _release(self, worker: WorkerProcess) -> None:
        with self._lock:
            # An old worker goes when its replacement is there, so that no caller waits for the change.
            replaced = not self._spare or len(self._idle) + len(self._busy) > self._needed() + 1
            tired = self._tired(worker) and replaced
            # One that goes on writing after its reply must not meet the next task.
            if not tired and not self._workers.closed and not worker.stirs():
                self._busy.discard(worker)
                self._idle.append(worker)
                self._seat_waiting()
                return
        self._discard(worker)

    def _discard(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._busy.discard(worker)
        self._replace([worker])

    def _replace(self, workers: Sequence[WorkerProcess]) -> None:
        """End some workers and start what then lacks: with a spare, while the old processes are taken down."""
        if self._spare:
            self._top_up()
        for worker in workers:
            self._end(worker)
        if not self._spare:
            self._top_up()

    def _end(self, worker: WorkerProcess) -> None:
        worker.end()
        self._workers.discard(worker)

    def _seat_waiting(self) -> None:
        """Hand ready workers to waiting callers, first come first served. The lock is held."""
        while self._waiting and self._idle:
            worker = self._idle.pop()
            seat = self._waiting.popleft()
            seat.worker = worker
            self._busy.add(worker)
            seat.lock.release()

    def _refuse_all(self, why: str) -> None:
        """Tell waiting callers that there is no worker to come. The lock is held."""
        while self._waiting:
            seat = self._waiting.popleft()
            seat.refusal = why
            seat.lock.release()

    # -- starting -------------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Drop workers that died or spoke out of turn, welcome those that are ready, start what lacks."""
        with self._lock:
            bad = [worker for worker in self._idle if worker.stirs()]
            for worker in bad:
                self._idle.remove(worker)
            for worker in list(self._starting):
                if worker.stirs():
                    self._starting.remove(worker)
                    if not self._welcome(worker):
                        bad.append(worker)
                elif time.monotonic() - worker.born > START_S:
                    self._starting.remove(worker)
                    self._failed(f"no sign of life within {START_S:g} s")
                    bad.append(worker)
            self._seat_waiting()
        self._replace(bad)

    def _welcome(self, worker: WorkerProcess) -> bool:
        """Read a new worker's first message. The lock is held."""
        try:
            greeting = worker.receive(time.monotonic() + 1.0)
        except _worker.RubbishError:
            self._failed("the worker wrote rubbish to its channel")
            return False
        except (OSError, EOFError):
            worker.wait(REAP_S)
            code = worker.process.returncode
            # Killed from outside (or by the system, short of memory): more likely to pass than a fault.
            self._failed(epitaph(code), 0.25 if code is not None and code < 0 else 1.0)
            return False
        if greeting.get("status") != "ready":
            self._failed(str(greeting.get("detail")))
            return False
        self._failures = 0
        self._idle.insert(0, worker)  # taken last: the cold one is the spare
        return True

    def _failed(self, why: str, weight: float = 1.0) -> None:
        self._failures += weight
        self._failure = why
        self._retry_at = time.monotonic() + RETRY_S

    def _top_up(self) -> None:
        while self._claim_start():
            worker = None
            failure = ""
            try:
                # Locked, or a child forked in between would hold the worker's end of the channel, and a
                # daemon thread could start one more when the interpreter has already ended them all.
                with _FORK_LOCK:
                    if not self._workers.closed:
                        worker = WorkerProcess({**self._settings, "parent": os.getpid()})
                        self._workers.add(worker)
            except (OSError, RuntimeError, ValueError) as error:  # no processes left, no executable, ...
                failure = _worker.describe(error)
            finally:
                with self._lock:
                    self._launching -= 1
                    late = worker is not None and self._workers.closed
                    if worker is not None and not late:
                        self._starting.append(worker)
                    if failure:
                        self._failed(failure)
            if worker is not None and late:
                self._end(worker)

    def _claim_start(self) -> bool:
        """Whether one more worker is to be started now; tells the callers where none can be."""
        with self._lock:
            if self._workers.closed:
                return False
            alive = len(self._idle) + len(self._busy)
            coming = len(self._starting) + self._launching
            if self._failures >= START_TRIES:
                if time.monotonic() < self._retry_at:
                    if not alive and not coming:
                        self._refuse_all(f"worker processes do not start: {self._failure}")
                    return False
                self._failures = START_TRIES - 1
            wanted = self._needed()
            # What nobody waits for does not compete with a start that somebody waits for.
            if self._spare and (not coming or not self._waiting):
                wanted += 1 + any(map(self._tired, [*self._idle, *self._busy]))
            # Without a spare, a process that is being taken down still has its place: there are never more.
            if (alive + coming if self._spare else len(self._workers) + self._launching) >= wanted:
                return False
            self._launching += 1
            return True

    def _needed(self) -> int:
        """Processes for the present callers, without the spare. The lock is held."""
        return max(1, min(len(self._busy) + len(self._waiting), self._size))

    def _tired(self, worker: WorkerProcess) -> bool:
        return worker.served >= self._recycle_after


def shared_pool(*, memory_mb: int = 512) -> WorkerPool:
    """This process's pool with that memory limit: made at first need, ended with the interpreter.

    A forked child finds the pool empty and starts workers of its own. Raises ConfigError where the size in
    the environment is none; see :func:`set_pool_size`.
    """
    with _FORK_LOCK:
        pool = _SHARED.get(memory_mb)
        if pool is None or pool._workers.closed:
            size = _chosen_size()
            pool = _SHARED[memory_mb] = WorkerPool(size=size, memory_mb=memory_mb, spare=size > 1)
        return pool


def set_pool_size(size: int | None) -> None:
    """How many tasks this process's shared pool runs at once, from the next one on.

    size: 1 means one worker process and no spare, for a process that is one of many on its machine (a Ray
        actor); from 2 on there is a spare as well. None: what the environment variable RLVR_POOL_SIZE says,
        else one per core, at least 2 and at most 4.

    No verdict depends on it. Tasks in hand are finished. Raises ConfigError.
    """
    global _size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ConfigError(f"size={size!r} must be a whole number from 1, or None")
    with _FORK_LOCK:
        _size = size
        _SHARED.clear()  # a pool ends when the last caller in it has gone


def _chosen_size() -> int:
    if _size is not None:
        return _size
    text = os.environ.get(SIZE_VARIABLE, "").strip()
    if not text:
        return max(2, min(4, _cpus()))
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1024):
        raise ConfigError(f"{SIZE_VARIABLE}={text!r} must be a whole number from 1 to 1024")
    return int(text)


def _cpus() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_all(workers: _Roster, spare: Collection[WorkerProcess] = ()) -> None:
    """Kill all before waiting for any; ``spare`` are left to their holders."""
    with _FORK_LOCK:
        workers.closed = True
        ending = [worker for worker in list(workers) if worker not in spare]
    for worker in ending:
        worker.kill()
    for worker in ending:
        worker.end()
        workers.discard(worker)


_POOLS: weakref.WeakSet[WorkerPool] = weakref.WeakSet()
_SHARED: dict[int, WorkerPool] = {}
_size: int | None = None  # what `set_pool_size` was given
_FORK_LOCK = threading.RLock()


def _after_fork_in_child() -> None:
    """Give up the parent's workers without touching them, and start afresh."""
    global _FORK_LOCK
    _FORK_LOCK = threading.RLock()
    for pool in list(_POOLS):
        for worker in list(pool._workers):
            worker.forget()
        pool._workers.clear()
        pool._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _FORK_LOCK.acquire() and None,
        after_in_parent=lambda: _FORK_LOCK.release(),
        after_in_child=_after_fork_in_child,
    )
