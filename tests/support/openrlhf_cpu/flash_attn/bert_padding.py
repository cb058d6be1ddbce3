"""Stand-in: OpenRLHF imports these names; only packed samples would call them."""

from __future__ import annotations

from typing import Any, NoReturn

from einops import rearrange

__all__ = ["index_first_axis", "pad_input", "rearrange", "unpad_input"]


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("this flash_attn is a stand-in: packing (--ds.packing_samples) needs the real one")


index_first_axis = pad_input = unpad_input = _refuse
