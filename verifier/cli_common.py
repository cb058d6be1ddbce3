"""What the commands of ``verifier`` share: exit codes, the progress bar, numbers among the flags."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

EXIT_OK, EXIT_NO, EXIT_ERROR, EXIT_UNSCORED, EXIT_UNREADABLE = range(5)
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_PIPE = 141  # 128 + SIGPIPE


def whole_number(least: int) -> Callable[[str], int]:
    """What argparse calls for a flag that takes a whole number of ``least`` or more."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of {least} or more")
        return int(text)

    return number


class Bar:
    """A progress bar on stderr, or nothing; called as ``progress`` of :func:`verifier.score.score`."""

    WIDTH = 30

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._begun: tuple[float, int] | None = None
        self._drawn = 0

    def __call__(self, done: int, total: int, rows: int) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        # The first chunk is not timed: before it a resumed run has rows that cost nothing.
        start, first = self._begun = self._begun or (now, done)
        left = (now - start) * (total - done) / (done - first) if done > first else None
        eta = "" if left is None else f", {int(left) // 60}:{int(left) % 60:02d} left"
        bar = "#" * (self.WIDTH * done // total)
        text = f"[{bar:.<{self.WIDTH}}] {100 * done // total} %, {rows:,} rows{eta}"
        self._write(text.ljust(self._drawn))
        self._drawn = len(text)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the bar off the line."""
        if self._drawn:
            self._write(" " * self._drawn + "\r")
            self._drawn = 0

    def say(self, line: str) -> None:
        """A line above the bar."""
        self.clear()
        print(f"verifier: {line}", file=sys.stderr)
