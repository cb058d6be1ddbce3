"""Stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.distributed as dist


@dataclass
class StatelessProcessGroup:
    """A group beside torch's default one."""

    store: Any
    rank: int
    world_size: int

    @staticmethod
    def create(host: str, port: int, rank: int, world_size: int) -> StatelessProcessGroup:
        return StatelessProcessGroup(dist.TCPStore(host, port, world_size, rank == 0), rank, world_size)
