"""The samples of one prompt, as GroupExecutor keeps them while they are generated and scored."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..errors import InputError
from ..rows import Row
from ..verdict import Verdict


@dataclass(slots=True, eq=False)
class Member:
    """One sample of a group.

    output: OpenRLHF's record of it. value: its reward, None where unscored. verdict: against gold, where a subclass
    asks for one. reward: what training gets.
    """

    index: int
    response: str
    output: dict[str, Any]
    value: float | None = None
    verdict: Verdict | None = None
    reward: float = 0.0


@dataclass(slots=True, eq=False)
class Group:
    """The samples of one prompt on one visit. members: by index; None where not arrived, or failed."""

    params: Any  # held, as its id marks the group and ids are used again
    row: Row | None
    engine: Any
    members: list[Member | None] = field(default_factory=list)
    _running: int = 0
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _scoring: asyncio.Future[None] | None = None

    @property
    def arrived(self) -> list[Member]:
        """The members that have a response, by index."""
        return [member for member in self.members if member is not None]

    @property
    def responses(self) -> list[str | None]:
        """By index."""
        return [None if member is None else member.response for member in self.members]

    def enter(self) -> int:
        """A member starts; its index."""
        self.members.append(None)
        self._running += 1
        return len(self.members) - 1

    def leave(self) -> bool:
        """A member has its response, or failed; whether it was the last."""
        self._running -= 1
        return not self._running

    def close(self, score: Callable[[Group], Awaitable[None]]) -> None:
        """The last has left: score those that arrived, and let all go on."""
        if self.arrived:
            self._scoring = asyncio.ensure_future(score(self))
        self._closed.set()

    async def scored(self) -> None:
        """Wait until the group is scored; raises what its scoring raised."""
        await self._closed.wait()
        if self._scoring is not None:
            await asyncio.shield(self._scoring)  # a member that is cancelled here must not stop it for all


@cache
def settle() -> None:
    """Once a process, before its first response: what would hold up the event loop later is done now.

    Python's collector goes through everything that is alive now and then, half a million objects of torch, Ray and
    OpenRLHF in a quarter of a second; what is alive now, it leaves out from here on. And the modules that a first
    comparison imports are imported.
    """
    from .. import numeric_functions, pool  # noqa: F401

    gc.collect()
    gc.freeze()


def row_of(label: Any, prompt: str) -> Row | None:
    """The row behind a label; None, and a warning, where it holds none."""
    try:
        return Row.from_label(label, prompt)
    except InputError as error:
        logging.getLogger(__name__).warning("unscored, bad_label: %s", error)
        return None
