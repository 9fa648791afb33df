"""What a network costs before anything is timed."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from fishy_ros.nets.network import Network
from fishy_ros.nets.reparameterised import fuse_branches


def count_multiply_adds(network: Network, height: int, width: int) -> int:
    """Count the multiply-adds of all convolutions for one image, branches fused as they are on export."""
    deployed = fuse_branches(network).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        deployed(torch.empty(1, 3, height, width, device="meta"))
    return int(counter.get_total_flops()) // 2
