"""Runs `adversarial` through the verifier in this process and prints one JSON line a verification.

Promises: an audit hook sees everything the interpreter does on behalf of a text, in this process and in the
workers, and a forbidden event is reported (here) or ends the worker with status ``CAUGHT``. A verification
that works longer than ``HANG_S`` of CPU time is given up and reported. Times are reported, never judged.

Run it as ``python -c "import sys; sys.path.append(TESTS); import adversarial_runner as r; r.main(...)"``: from a
script in this folder the workers would not find the hook (the script's folder is not on their path).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

CAUGHT = 66  # exit status of a worker whose text made it do something
HANG_S = 30  # CPU seconds after which a verification counts as hanging
NORMAL = "271828"  # equal to no attack

_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.spawn", "os.remove",
    "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.putenv",
    "os.kill", "os.utime", "shutil.", "tempfile.", "socket.connect", "socket.bind", "socket.getaddrinfo",
    "socket.gethostbyname", "socket.sendto", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "sqlite3.",
    "pickle.", "marshal.load", "ctypes.", "code.__new__", "builtins.input", "builtins.breakpoint", "pdb.",
)  # fmt: skip
_LIBRARIES = frozenset({"verifier", "sympy", "mpmath"})


def offence(event: str, args: tuple[Any, ...]) -> str:
    """What a text has no business causing, in words; empty for everything else."""
    if event == "open":
        path, mode, flags = (*args, None, None)[:3]
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if path == os.devnull or "__pycache__" in str(path) and _importing():
            return ""  # a worker's output goes there; an import keeps what it compiled
        return f"open {path!r} for writing" if writes or set(str(mode or "")) & set("wax+") else ""
    if event == "import":
        top = str(args[0]).partition(".")[0]
        return "" if top in _LIBRARIES or top in sys.stdlib_module_names else f"import {args[0]}"
    if event == "subprocess.Popen":
        ours = len(args[1]) > 2 and args[0] == sys.executable and "verifier._worker" in args[1][2]
        return "" if ours else f"process {args[1]!r}"
    if event == "socket.__new__":
        return "" if args[1] == socket.AF_UNIX else f"socket {args[1:]!r}"
    if event == "compile":
        return "" if _importing() or _called_from(_GENERATORS) else f"compile {args[0]!r}"[:300]
    # `marshal.loads` belongs to imports as well
    bad = event.startswith(_FORBIDDEN) and not event.startswith("marshal.load")
    return f"{event} {args!r}"[:300] if bad else ""


# SymPy compiles products of monomials from templates of its own, by their number of symbols
_GENERATORS = os.path.join("sympy", "polys", "monomials.py")


def _importing() -> bool:
    """Whether an import is under way: it compiles files that have no cache, and builds named tuples."""
    return _called_from("importlib")


def _called_from(part: str) -> bool:
    """Whether a file of that name is on the stack."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and part not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def arm_worker() -> None:
    """In a worker: stop the task at the first offence, and the process at the second (the first was swallowed)."""
    found: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if what := offence(event, args):
            if found:
                os._exit(CAUGHT)
            found.append(what)
            raise CaughtError(what)

    sys.addaudithook(hook)


class CaughtError(BaseException):
    """Raised by the hook in a worker; its text is the offence, and becomes the outcome's detail."""


class _HangError(BaseException):
    """Not an Exception: nothing on the way may swallow it."""


# what is read as running text in the other modes: the rest differs there in nothing
_PROSE = frozenset({"patterns", "boxes", "characters", "code", "unbalanced", "undefined"})


def _verifications(text: str, family: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(role, call) for one attack; each call returns a Verdict or a bool."""
    from verifier import VerifierConfig, equivalent, verify

    default = VerifierConfig(timeout_s=_TIMEOUT_S)
    loose = VerifierConfig(timeout_s=_TIMEOUT_S, extraction="any")
    final = VerifierConfig(timeout_s=_TIMEOUT_S, extraction="final_answer")
    boxed = rf"Thus \boxed{{{text}}}"
    yield "boxed", lambda: verify(response=boxed, gold=NORMAL, config=default)
    yield "unboxed", lambda: verify(response=text, gold=NORMAL, config=default)
    if family in _PROSE:
        yield "any", lambda: verify(response=text, gold=NORMAL, config=loose)
        yield "final_answer", lambda: verify(response=text, gold=NORMAL, config=final)
    yield "gold", lambda: verify(response=rf"\boxed{{{NORMAL}}}", gold=text, config=default)
    yield "itself", lambda: verify(response=boxed, gold=text, config=default)
    yield "equivalent", lambda: equivalent(text, NORMAL, config=default)


_TIMEOUT_S = 1.0
_FRESH = False


def _measured(name: str, role: str, call: Callable[[], Any], events: list[str]) -> dict[str, Any]:
    """One verification as a row; never raises."""
    if _FRESH:
        _forget()
    del events[:]
    before = _cpu()
    began = time.perf_counter()
    row: dict[str, Any] = {"name": name, "role": role, "error": ""}
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        found = call()
        row["verdict"] = found if isinstance(found, bool) else found.status.value
        row["reason"] = "" if isinstance(found, bool) else found.reason.value
        row["detail"] = "" if isinstance(found, bool) else found.detail[:200]
    except _HangError:
        row["error"] = f"worked for more than {HANG_S} s"
    except BaseException as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where else ""
        row["error"] = f"{type(error).__name__} at {place}: {error!s}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    row["wall_s"] = round(time.perf_counter() - began, 4)
    row["cpu_s"] = round(_cpu() - before, 4)
    row["events"] = list(events)
    row["peak_mb"] = _peak_mb()
    return row


def _peak_mb() -> int:
    """Most MiB this process ever held. Not ru_maxrss: that begins at what the parent held when it forked."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def _cpu() -> float:
    """CPU seconds of this process; a worker's own limit bounds what it adds."""
    return time.process_time()


def _control(events: list[str]) -> dict[str, Any]:
    """The same measurement of code that does run: what the hook must see."""

    def misbehave() -> bool:
        os.close(os.open("/dev/zero", os.O_WRONLY))
        __import__("ctypes").CDLL(None)
        return bool(eval("__import__('iniconfig')"))

    return _measured("control", "control", misbehave, events)


def _forget() -> None:
    """Drop what the readers remember, so that the next verification is like a first one."""
    from verifier.compare import reader
    from verifier.config import VerifierConfig

    for extraction in ("boxed", "any", "final_answer"):
        reader(VerifierConfig(timeout_s=_TIMEOUT_S, extraction=extraction)).forget()


def _emit(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def _prepare(timeout_s: float | None, fresh: bool) -> Any:
    """The config of all runs, with everything loaded that is loaded once: the numeric rung, a worker, prose rules."""
    global _TIMEOUT_S, _FRESH
    from verifier import VerifierConfig, verify

    def hang(*_: object) -> None:
        raise _HangError

    _TIMEOUT_S = VerifierConfig().timeout_s if timeout_s is None else timeout_s
    _FRESH = fresh
    signal.signal(signal.SIGPROF, hang)
    config = VerifierConfig(timeout_s=_TIMEOUT_S)
    verify(response=r"\boxed{\sin(2x)}", gold=r"2\sin x\cos x", config=config)
    verify(response=r"\boxed{\int_0^1\sin(x)dx}", gold=r"1-\cos 1", config=config)
    verify(response="7", gold="7", config=VerifierConfig(extraction="any"))
    return config


def main(timeout_s: float | None, *, only: str = "", audit: bool = True, fresh: bool = False) -> None:
    """Run every attack in every role, every pair in both directions, and the control.

    timeout_s: of the config, for the pairs that need a worker; None for the default. only: part of the names to
    run. audit: arm the hooks. fresh: remember nothing from one verification to the next.
    """
    import adversarial

    from verifier import _worker, verify

    if audit:
        _worker.PRELOAD = (*_worker.PRELOAD, "adversarial_worker")
    config = _prepare(timeout_s, fresh)
    events: list[str] = []
    if audit:
        sys.addaudithook(lambda event, args: events.append(found) if (found := offence(event, args)) else None)
    for attack in adversarial.ATTACKS:
        if only in attack.name:
            text = attack.build()
            for role, call in _verifications(text, attack.family):
                _emit(_measured(attack.name, role, call, events))
    for number, (answer, gold) in enumerate(adversarial.PAIRS):
        name = f"pair {number}: {answer[:30]} | {gold[:30]}"
        for role, one, two in (("forwards", answer, gold), ("backwards", gold, answer)):
            if only in name:
                call = partial(verify, response=rf"\boxed{{{one}}}", gold=two, config=config)
                _emit(_measured(name, role, call, events))
    if audit:
        _emit(_control(events))


def versus(timeout_s: float | None, pairs: list[tuple[str, str]]) -> None:
    """Run attacks, by their names, against each other: (answer, gold)."""
    import adversarial

    from verifier import verify

    config = _prepare(timeout_s, True)
    build = {attack.name: attack.build for attack in adversarial.ATTACKS}
    for one, two in pairs:
        call = partial(verify, response=rf"\boxed{{{build[one]()}}}", gold=build[two](), config=config)
        _emit(_measured(f"{one} | {two}", "versus", call, []))
