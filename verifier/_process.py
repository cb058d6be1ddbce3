"""One worker process, seen from its parent: how it is started, asked, judged and ended.

Promises: the process imports the package from where this one came from and nothing from the current
folder; its environment does not depend on variables that steer Python or SymPy; it shares no terminal,
signal or descriptor with the parent but its channel; `WorkerProcess.run` answers within its limits.
Does not promise thread safety (one holder at a time), nor a result: that is the pool's work.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import _worker

BACKSTOP = 4.0  # wall-clock limit of a task, in multiples of its CPU limit
REAP_S = 5.0  # wall clock that a process gets to be gone once it was killed, or has closed its channel

# Names of ours are imported from the very folder this module came from, and before the path is set
# nothing is: a json.py or sympy.py in the current folder is never on the worker's path. `-m` would
# look into the current folder first (`-P` exists from Python 3.11 on).
_BOOTSTRAP = """\
import sys
sys.path[:] = sys.argv[3:]
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
spec = PathFinder.find_spec("verifier", [sys.argv[1]])
sys.modules["verifier"] = package = module_from_spec(spec)
spec.loader.exec_module(package)
from verifier._worker import main
main(sys.argv[2])
"""
_KEPT_VARIABLES = ("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONNOUSERSITE", "PYTHONUSERBASE",
                   "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task.

    status: ``ok`` (``value`` is what the task returned); ``error`` (the task raised; ``detail`` is the
        exception's type and message); ``timeout`` (killed by a time limit); ``crashed`` (the worker
        died, ran out of memory, wrote rubbish or could not be started; ``detail`` says which).
    elapsed_s: wall-clock seconds that the task was in a worker's hands.
    """

    status: Literal["ok", "timeout", "crashed", "error"]
    value: Any = None
    detail: str = ""
    elapsed_s: float = 0.0


class NotBegunError(Exception):
    """The worker ended before it began the task; the message says how."""


class WorkerProcess:
    """One process and our end of its channel. Not thread-safe: one holder at a time."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        ours, theirs = _channel()
        try:
            with theirs:
                self.process = subprocess.Popen(
                    _command(settings),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is the parent's; the group is killed as one
                )
        except BaseException:
            ours.close()
            raise
        self.channel = ours
        self.poll = select.poll()
        self.poll.register(ours, select.POLLIN)
        self.born = time.monotonic()
        self.served = 0

    def stirs(self) -> bool:
        """True where there is something to read, the end included; an idle worker has nothing to say."""
        return bool(self.poll.poll(0))

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message. Raises TimeoutError, OSError, EOFError or RubbishError."""

        def read(size: int) -> bytes:
            self.channel.settimeout(max(deadline - time.monotonic(), 0.001))
            return self.channel.recv(size)

        return _worker.decode(read)

    def run(self, number: int, frame: bytes, timeout_s: float) -> tuple[Outcome, bool]:
        """Do one task; the second value says whether the worker may be used again.

        Raises NotBegunError where the worker ended before it took the task: it was killed while idle.
        """
        began = time.monotonic()
        wall_s = BACKSTOP * timeout_s

        def outcome(status: Literal["ok", "timeout", "crashed", "error"], value: Any, detail: str) -> Outcome:
            return Outcome(status, value, detail, time.monotonic() - began)

        self.served += 1
        begun = False
        try:
            self.channel.settimeout(wall_s)
            self.channel.sendall(frame)
            begun = self.receive(began + wall_s).get("status") == "begun"
            if not begun:
                raise _worker.RubbishError("not a worker's first word on a task")
            reply = self.receive(began + wall_s)
            if reply.get("id") != number or reply.get("status") not in ("ok", "error"):
                raise _worker.RubbishError("not the reply to this task")
        except TimeoutError:
            return outcome("timeout", None, f"killed: no reply within {wall_s:g} s of wall clock"), False
        except _worker.RubbishError:
            return outcome("crashed", None, "the worker wrote rubbish to its channel"), False
        except (OSError, EOFError):
            self.wait(REAP_S)
            code = self.process.returncode
            if not begun:
                raise NotBegunError(epitaph(code)) from None
            if code == -_worker.CPU_SIGNAL:
                return outcome("timeout", None, f"killed: worked for {timeout_s:g} s of CPU time"), False
            return outcome("crashed", None, epitaph(code)), False
        status: Literal["ok", "error"] = "ok" if reply["status"] == "ok" else "error"
        return outcome(status, reply.get("value"), str(reply.get("detail", ""))), True

    def kill(self) -> None:
        """SIGKILL to the process and whatever it may have started; it is not yet reaped."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self) -> None:
        """Kill, reap and close. A process that even SIGKILL does not end within REAP_S is left behind."""
        self.kill()
        self.wait(REAP_S)
        self.channel.close()

    def forget(self) -> None:
        """In a forked child: drop our copy of the channel and leave the process to the parent."""
        self.channel.close()
        self.process.returncode = 0  # it is not our child: never to be waited for or warned about


def _channel() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets, ours never among the standard descriptors (closed in some daemons)."""
    if os.name != "posix":
        raise OSError("worker processes need a POSIX system")
    ours, theirs = socket.socketpair()
    if ours.fileno() > 2:
        return ours, theirs
    import fcntl

    try:
        with ours:
            return socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 3)), theirs
    except BaseException:
        theirs.close()
        raise


def _command(settings: Mapping[str, Any]) -> list[str]:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.executable:
        raise OSError("sys.executable is empty: the interpreter is embedded and cannot be started again")
    return [sys.executable, "-c", _BOOTSTRAP, root, json.dumps(settings), *_import_path()]


def _import_path() -> list[str]:
    """The parent's import path without the current folder and the running script's.

    Such a folder stays, behind all others, only where SymPy itself is installed in it.
    """
    unsafe = set()
    with contextlib.suppress(OSError):
        unsafe.add(os.path.realpath(os.getcwd()))
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if isinstance(script, str):
        unsafe.add(os.path.realpath(os.path.dirname(os.path.abspath(script))))
    first, last = [], []
    for entry in sys.path:
        if not isinstance(entry, str) or not entry:
            continue
        with contextlib.suppress(OSError):  # a relative entry in a current folder that is gone
            full = os.path.abspath(entry)
            if os.path.realpath(full) not in unsafe:
                first.append(full)
            elif os.path.isfile(os.path.join(full, "sympy", "__init__.py")):
                last.append(full)
    return first + last


def _environment() -> dict[str, str]:
    """The parent's, less what steers Python, SymPy or mpmath: a worker works the same everywhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "SYMPY_", "MPMATH_")) or name in _KEPT_VARIABLES
    }
    fixed = {"PYTHONHASHSEED": "0", "SYMPY_GROUND_TYPES": "python", "MPMATH_NOGMPY": "1"}
    return {**kept, **fixed}


def epitaph(code: int | None) -> str:
    """How a worker ended, from its return code as subprocess gives it."""
    if code == _worker.OUT_OF_MEMORY:
        return "out of memory"
    if code is None:
        return "the worker closed its channel"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"the worker was killed by {signal.Signals(-code).name}"
    return f"the worker ended with exit status {code}"
