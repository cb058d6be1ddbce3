"""What runs inside a worker process, and the framing that both ends of its channel share.

Promises: stray output of a task cannot reach the channel; a task that works for longer than its CPU
limit is killed by the kernel, whatever holds the interpreter lock; a task that needs more memory than
the limit ends the process; the process ends when its parent does. Only names of the task table can be
asked for.
Does not promise: anything against hostile machine code. Tasks are our own functions; what comes from
outside is their payload, plain JSON values. Nothing is pickled in either direction.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

TASKS: Mapping[str, str] = {
    "symbolic": "verifier.symbolic:decide",
    "second_opinion": "verifier.second_opinion:decide",
}
# Imported before a worker reports ready, so that their cost is charged to no task.
PRELOAD: tuple[str, ...] = ("sympy", "verifier.symbolic")

OUT_OF_MEMORY = 77  # exit status; after a MemoryError there may be no room to build a message
CPU_SIGNAL = signal.SIGPROF if hasattr(signal, "SIGPROF") else signal.SIGTERM
MAX_FRAME = 64 * 2**20  # bytes of one message
MAX_DETAIL = 500  # characters of an error's text
ORPHAN_CHECK_S = 2.0  # how often an idle worker looks whether its parent still lives
HEADROOM = 32 * 2**20  # bytes that must be left for tasks once the imports are done

_HEADER = struct.Struct("!4sI")
_MAGIC = b"rlvr"


class RubbishError(ValueError):
    """The bytes on the channel are not one of our messages."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One frame: four magic bytes, the body's length in four bytes, the body as ASCII JSON.

    Raises TypeError, ValueError or RecursionError where the message is not JSON or too long.
    """
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_FRAME:
        raise ValueError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _HEADER.pack(_MAGIC, len(body)) + body


BEGUN = encode({"status": "begun"})  # the first word on every task


def decode(read: Callable[[int], bytes]) -> dict[str, Any]:
    """Read one frame; ``read(n)`` returns 1 to n bytes, or none at the end.

    Raises EOFError where the other end is gone and RubbishError on anything but a frame.
    """
    magic, size = _HEADER.unpack(_exactly(read, _HEADER.size))
    if magic != _MAGIC or size > MAX_FRAME:
        raise RubbishError("not a frame")
    try:
        message = json.loads(_exactly(read, size))
    except (ValueError, RecursionError) as error:
        raise RubbishError("the frame does not hold JSON") from error
    if not isinstance(message, dict):
        raise RubbishError("the frame does not hold an object")
    return message


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = read(min(size - len(data), 2**20))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def describe(error: BaseException) -> str:
    """Type and message on one line, capped.

    >>> describe(KeyError("n"))
    "KeyError: 'n'"
    """
    text = f"{type(error).__name__}: {error}"[: 4 * MAX_DETAIL]
    return " ".join(text.split())[:MAX_DETAIL]


def main(settings_text: str) -> None:
    """Serve the parent until it closes the channel. The parent's bootstrap calls this.

    settings_text: JSON with ``parent`` (process id), ``memory_mb``, ``tasks`` (name to
    "module:function") and ``preload`` (module names).
    """
    try:
        settings = json.loads(settings_text)
        channel = _take_channel()
        _plain_signals()
        try:
            for name in settings["preload"]:
                import_module(name)
            _limit_resources(settings["memory_mb"])
        except Exception as error:
            channel.sendall(encode({"status": "failed", "detail": describe(error)}))
            os._exit(1)
        gc.collect()
        gc.freeze()  # what was imported stays; collections then look at the tasks' objects only
        channel.sendall(encode({"status": "ready"}))
        _serve(channel, settings["parent"], settings["tasks"])
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except (OSError, EOFError):  # the parent is gone
        pass
    os._exit(0)  # no clean-up that a library may have registered can keep the process


def _take_channel() -> socket.socket:
    """The channel arrives as stdin; move it away and leave the null device in its place."""
    channel = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return channel


def _plain_signals() -> None:
    """Undo a mask or disposition inherited from the parent: the CPU limit rests on a signal."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (CPU_SIGNAL, signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _limit_resources(memory_mb: int) -> None:
    import resource

    limit = memory_mb * 2**20
    used = _address_space()
    if used + HEADROOM > limit:
        raise ValueError(
            f"memory_mb={memory_mb} is too small: the imports alone take {-(-used // 2**20)} MiB "
            f"and a task needs {HEADROOM // 2**20} more"
        )
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no task has a reason to write a file


def _address_space() -> int:
    """Bytes of address space in use; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _serve(channel: socket.socket, parent: int, tasks: Mapping[str, str]) -> None:
    channel.settimeout(ORPHAN_CHECK_S)
    functions: dict[str, Callable[[Any], Any]] = {}

    def read(size: int) -> bytes:
        while True:
            try:
                return channel.recv(size)
            except TimeoutError:
                # A forked sibling of the parent may hold the channel open, so that its end never
                # shows. (PR_SET_PDEATHSIG would not do: it fires when the starting *thread* ends.)
                if os.getppid() != parent:
                    raise EOFError from None

    while True:
        request = decode(read)
        channel.settimeout(None)  # a large reply may wait for a busy parent
        channel.sendall(BEGUN)  # a task that never began is another worker's to do
        reply = _perform(request, tasks, functions)
        channel.sendall(reply)
        channel.settimeout(ORPHAN_CHECK_S)


def _perform(request: Mapping[str, Any], tasks: Mapping[str, str], functions: dict[str, Callable[[Any], Any]]) -> bytes:
    """Run one task and return the framed reply."""
    number, name = request["id"], request["task"]
    try:
        if name not in functions:  # before the clock starts: the import is not the task's work
            if name not in tasks:
                raise LookupError(f"no task is called {name!r}; there are {', '.join(sorted(tasks))}")
            module, _, function = tasks[name].partition(":")
            functions[name] = getattr(import_module(module), function)
        _seed()
        signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
        try:
            try:
                value = functions[name](request["payload"])
                return encode({"id": number, "status": "ok", "value": value})
            except MemoryError:
                raise
            except BaseException as error:  # SystemExit too: a task does not end the worker
                return encode({"id": number, "status": "error", "detail": describe(error)})
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as error:
        return encode({"id": number, "status": "error", "detail": describe(error)})


def _seed() -> None:
    """Start every task from the same random state: SymPy draws test points from these generators."""
    random.seed(0)
    sympy_random = sys.modules.get("sympy.core.random")
    if sympy_random is not None:
        sympy_random.seed(0)
