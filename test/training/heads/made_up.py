"""Logits and features of no image at all."""

import torch

from fishy_ros.training.nets.network import LinearFeatures, NetOutput

CLASSES, SEMANTIC, DETAIL, H, W = 19, 64, 40, 12, 16


def made_up(seed: int, batch: int = 1, extra: bool = False) -> NetOutput:
    """Random logits and features of an image of 48x64 px."""
    generator = torch.Generator().manual_seed(seed)

    def draw(channels: int, factor: int):
        return torch.randn(batch, channels, H // factor, W // factor, generator=generator)

    linear = LinearFeatures(draw(SEMANTIC, 4), draw(SEMANTIC, 2), draw(DETAIL, 1))
    return NetOutput(
        4 * draw(CLASSES, 1),
        linear.semantic.relu(),
        linear.detail.relu(),
        linear=linear,
        extra=draw(1, 1) if extra else None,
    )
