"""Around the engine of a run: the completions on disk, calls that samples share, and the step of each.

Promises: a file of completions holds whole lines only, also where the disk was full; its name begins with the split
and tells the start and the process, so that engines and resumed runs never share one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

from verifier.errors import VerifierError
from verifier.rows import Row


class Completions:
    """The files of one engine in ``folder``, which is made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
        self._lock = threading.Lock()

    async def write(self, split: str, lines: list[dict[str, Any]]) -> None:
        """Append lines; VerifierError naming the file and the reason where that fails."""
        await asyncio.to_thread(self.append, split, lines)

    def append(self, split: str, lines: list[dict[str, Any]]) -> None:
        """As `write`, from outside an event loop."""
        self._append(self._folder / f"{split}-{self._name}.jsonl", lines)

    def _append(self, path: Path, lines: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace")
        with self._lock:
            try:
                before = path.stat().st_size if path.exists() else 0
                try:
                    with path.open("ab") as file:
                        file.write(data)
                except OSError:
                    os.truncate(path, before)  # no torn line
                    raise
            except OSError as error:
                raise VerifierError(f"cannot write completions to {path}: {error.strerror or error}") from error


class SharedEngine:
    """An engine whose calls from one group are answered by ``calls`` real ones, in turn."""

    def __init__(self, engine: Any, calls: int) -> None:
        self._engine, self._calls = engine, calls
        self._asked = 0
        self._tasks: list[asyncio.Task[Any]] = []

    async def generate(self, prompt_token_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        """As the engine's; members of a group ask for the same."""
        turn, self._asked = self._asked, self._asked + 1
        if turn < self._calls:
            call = self._engine.generate(prompt_token_ids, sampling_params, multi_modal_data=multi_modal_data)
            self._tasks.append(asyncio.ensure_future(call))
        return await asyncio.shield(self._tasks[turn % self._calls])  # one member's end is not the others'


class Steps:
    """OpenRLHF does not tell its executor the step: it is counted from the weight updates that the engine gets."""

    def __init__(self, updates: int) -> None:
        self._updates = updates
        self._watched: Any = None

    @classmethod
    def of(cls, checkpoints: Path | None) -> Steps:
        """From the step of the last DeepSpeed checkpoint in a folder (OpenRLHF's --ckpt.path), 0 without."""
        latest = None if checkpoints is None else checkpoints / "_actor" / "latest"
        found = re.search(r"\d+$", latest.read_text().strip()) if latest is not None and latest.is_file() else None
        return cls(int(found[0]) if found else 0)

    def watch(self, engine: Any) -> None:
        """Count the updates of OpenRLHF's engine from here on; an engine of another kind has no steps."""
        llm = getattr(engine, "llm", None)
        if llm is None or llm is self._watched:
            return
        self._watched, call = llm, llm.collective_rpc

        async def counted(method: str, *rest: Any, **named: Any) -> Any:
            result = await call(method, *rest, **named)
            args = named.get("args") or (rest[-1] if rest else ())
            if str(method).startswith("update_weight") and args and args[-1] is True:
                self._updates += 1  # OpenRLHF marks the last tensor of an update so: it empties the cache then
            return result

        llm.collective_rpc = counted

    def of_training(self) -> int | None:
        """The step, from 1, that TensorBoard shows for what is generated now."""
        return None if self._watched is None else self._updates + 1

    def of_evaluation(self) -> int | None:
        """The step after which the evaluation runs."""
        return None if self._watched is None else self._updates


def share(seed: int, row: Row) -> float:
    """A number in [0, 1) that belongs to the row and its visit: below the share, its group is written.

    >>> 0 <= share(0, Row("a", "1+1=", "2")) < 1
    True
    """
    key = json.dumps(["completions", seed, row.id, row.visit])
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") / 2**64
