"""CPU time and memory of a process tree, from /proc.

Promises: CPU time counts this process, every child that has ended and been waited for, and every
descendant that still lives, with nanosecond counters where the kernel keeps them. Linux only.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class TreeClock:
    """CPU seconds of this process and all its descendants, user and system, since it was made.

    Looking through /proc costs milliseconds, which are left out: it happens before the start and after the end.
    """

    def __init__(self) -> None:
        self._others = _others_s()
        self._own = time.process_time()

    def read(self) -> float:
        own = time.process_time() - self._own
        return own + _others_s() - self._others


def _others_s() -> float:
    """CPU seconds of the children that have ended and of all descendants that live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(_cpu_s(pid) for pid in descendants(os.getpid()))


def rss() -> int:
    """Resident bytes of this process."""
    return _rss(os.getpid())


def descendants(root: int) -> list[int]:
    """The live processes below `root`."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields is not None:
                parents.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    queue = [root]
    while queue:
        below = parents.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name: state, parent, ..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # it ended in between
    return text[text.rindex(")") + 2 :].split()


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    if fields is None:
        return 0.0
    waited_for = (int(fields[13]) + int(fields[14])) * _TICK_S
    try:
        own = sum(int((thread / "schedstat").read_text().split()[0]) for thread in Path(f"/proc/{pid}/task").iterdir())
    except (OSError, IndexError):
        return (int(fields[11]) + int(fields[12])) * _TICK_S + waited_for
    return own / 1e9 + waited_for


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
