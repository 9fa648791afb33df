"""Convolutions that train as several branches and run as one (Ding et al., RepVGG, 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.blocks import ConvNormAct


class RepBlock(nn.Module):
    """The rectified sum of a 3x3 convolution, a 1x1 convolution and, where shapes allow, the input, each normalised."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.wide = ConvNormAct(inputs, outputs, stride=stride, activate=False)
        self.narrow = ConvNormAct(inputs, outputs, kernel=1, stride=stride, activate=False)
        self.identity = nn.BatchNorm2d(outputs) if stride == 1 and inputs == outputs else None
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, outputs, H/stride, W/stride]`."""
        result = self.wide(x) + self.narrow(x)
        return self.activation(result if self.identity is None else result + self.identity(x))

    @torch.no_grad()
    def fused(self) -> nn.Sequential:
        """Return the one 3x3 convolution that computes the same in evaluation mode (section 3.3)."""
        wide, narrow = self.wide[0], self.narrow[0]
        assert isinstance(wide, nn.Conv2d)
        assert isinstance(narrow, nn.Conv2d)
        branches = [(wide.weight, self.wide[1]), (F.pad(narrow.weight, [1, 1, 1, 1]), self.narrow[1])]
        if self.identity is not None:
            branches.append((_identity_kernel(wide.weight), self.identity))
        whole = nn.Conv2d(wide.in_channels, wide.out_channels, 3, wide.stride[0], 1).to(wide.weight)
        folded = [_fold(weight, norm) for weight, norm in branches if isinstance(norm, nn.BatchNorm2d)]
        whole.weight.copy_(torch.stack([weight for weight, _ in folded]).sum(dim=0))
        assert whole.bias is not None
        whole.bias.copy_(torch.stack([bias for _, bias in folded]).sum(dim=0))
        return nn.Sequential(whole, nn.ReLU(inplace=True))


def _fold(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Fold a normalisation by running statistics into weight and bias of the convolution before it."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def _identity_kernel(like: Tensor) -> Tensor:
    kernel = torch.zeros_like(like)
    return nn.init.dirac_(kernel)
