"""Stand-in: the weights of an update travel over gloo instead of NCCL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist


class PyNcclCommunicator:
    """The one method that OpenRLHF calls."""

    def __init__(self, group: Any, device: Any) -> None:
        store = dist.PrefixStore("weights", group.store)
        self.group = dist.ProcessGroupGloo(store, group.rank, group.world_size, timedelta(minutes=10))

    def broadcast(self, tensor: torch.Tensor, src: int, stream: Any = None) -> None:
        """As fp32, which gloo takes and every dtype here fits in."""
        wire = tensor.detach().cpu().float().contiguous()
        options = dist.BroadcastOptions()
        options.rootRank, options.rootTensor = src, 0
        self.group.broadcast([wire], options).wait()
        if self.group.rank() != src:
            tensor.copy_(wire.to(tensor.dtype).to(tensor.device))
