"""Stand-in: OpenRLHF imports this name; only ring attention would call it."""

from __future__ import annotations

from typing import Any, NoReturn


def all_gather(*_: Any, **__: Any) -> NoReturn:
    """Raises: ring attention needs the real flash-attn."""
    raise RuntimeError("this flash_attn is a stand-in: ring attention (--ds.ring_attn_size) needs the real one")
