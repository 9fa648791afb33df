"""What a head is: network outputs in, one anomaly score a pixel out."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from fishy_ros.training.nets.network import NetOutput


class Head(Protocol):
    """Map logits `[B, C, h, w]`, features and the image to a raw score `[B, h, w]`; larger is more anomalous."""

    def __call__(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score every pixel."""
        ...
