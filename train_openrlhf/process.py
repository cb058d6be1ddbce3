"""A training process, waited for until it and what writes its log have ended.

Promises: Ctrl-C and a SIGTERM stop the process before they stop us, also while it is being started; the handlers of
both signals are put back. Works in the main thread only. Does not say why a process failed: endings.py does.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence

STOP_S = 60.0  # for its workers to end after a SIGTERM
LOG_S = 10.0  # that what goes through the launcher's tee gets to be in the log, once the training has ended


def wait(command: Sequence[str], environ: dict[str, str]) -> int:
    """The process's exit code, once its log is whole; 130 where Ctrl-C or a SIGTERM stopped us, after it has stopped
    its workers."""
    process: subprocess.Popen[bytes] | None = None
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True
        if process is not None:  # one that is just being started is stopped as soon as it is there
            raise KeyboardInterrupt

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    ours, theirs = os.pipe()  # held by the process and by the tee behind it, and so closed when both have ended
    try:
        try:
            process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, pass_fds=[theirs])
        finally:
            os.close(theirs)
        if stopped:
            raise KeyboardInterrupt
        code = process.wait()
        select.select([ours], [], [], LOG_S)
        return code
    except KeyboardInterrupt:
        assert process is not None
        _end(process)
        return 130
    finally:
        os.close(ours)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
