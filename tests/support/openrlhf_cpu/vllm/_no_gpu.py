"""OpenRLHF asks torch.cuda for the current device and the like; without a device they would raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed.device_mesh as device_mesh


class _Cpu(str):
    """``tensor.to(_Cpu("cpu"))`` stays on the CPU, and ``f"cuda:{_Cpu('cpu')}"`` reads ``cuda:0``."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return "0"


def _does_nothing() -> Callable[..., None]:
    """A new function each time: torch._dynamo keeps a rule for each function of torch.cuda and wants them distinct."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    return nothing


def make_cuda_queries_harmless() -> None:
    """Replaces them in this process; nothing where torch sees a CUDA device."""
    if torch.cuda.is_available():
        return
    torch.cuda.current_device = lambda: _Cpu("cpu")
    for name in ("set_device", "synchronize", "empty_cache", "current_stream"):
        setattr(torch.cuda, name, _does_nothing())
    real = device_mesh.init_device_mesh
    device_mesh.init_device_mesh = lambda _device, *args, **kwargs: real("cpu", *args, **kwargs)
