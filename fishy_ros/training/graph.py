"""The one graph of a model package: uint8 image in, calibrated heatmap and class labels out."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.tensorrt_rules import check_for_tensorrt

OPSET: int = 18
"""Up to 17, reductions name their axes in an attribute, which OpenVINO ignores for ReduceLogSumExp."""


@dataclass(frozen=True)
class ScoreScale:
    """Where the raw score `centre` becomes 0.5 and `centre + width` becomes 0.75."""

    centre: float
    width: float


class DeployedModel(nn.Module):
    """Everything between the camera's bytes and the published heatmap.

    The heatmap is 0.5 (1 + z / (1 + |z|)) with z = (raw - centre) / width: strictly increasing, within [0, 1], and
    unlike a sigmoid still fine-grained in float32 far from the centre. Outputs have half the size of the input.
    """

    def __init__(self, model: AnomalyModel, head: nn.Module, scale: ScoreScale) -> None:
        super().__init__()
        self.model = model
        self.head = head
        self.scale = scale

    def raw_score(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Uncalibrated score and class logits at 1/4 resolution of a float image `[1, 3, H, W]`."""
        net = self.model.net(self.model.normalise(image))
        return self.head(net.logits, net, image), net.logits

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 `[1, H, W, 3]` to `score` float32 and `labels` uint8, both `[1, H/2, W/2]`."""
        score, logits = self.raw_score(as_planes(image))
        z = (upsample(score[:, None], 2).squeeze(1) - self.scale.centre) / self.scale.width
        heatmap = 0.5 + 0.5 * z / (1 + z.abs())
        return heatmap, _labels(logits)


class NetworkAlone(nn.Module):
    """Image to class labels without any anomaly score, to compare costs with."""

    def __init__(self, model: AnomalyModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 `[1, H, W, 3]` to labels uint8 `[1, H/2, W/2]`."""
        return _labels(self.model.net(self.model.normalise(as_planes(image))).logits)


def export_graph(deployed: DeployedModel, height: int, width: int, path: Path) -> None:
    """Write the ONNX graph of a model package for images of one size (multiples of `net.multiple`) and check it."""
    export_module(deployed, ("score", "labels"), height, width, path)


def export_network(model: AnomalyModel, height: int, width: int, path: Path) -> None:
    """Write the ONNX graph of the segmentation network alone, which only gives `labels`, and check it."""
    export_module(NetworkAlone(model), ("labels",), height, width, path)


def export_module(module: nn.Module, outputs: Sequence[str], height: int, width: int, path: Path) -> None:
    """Write the ONNX graph of a module that maps an image uint8 `[1, H, W, 3]` to `outputs`, and check it.

    Branches that run as one convolution are fused; `module` itself is put into evaluation mode and stays as it is.

    Raises:
        ModelPackageError: TensorRT would refuse the graph.
    """
    module.eval()
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            fuse_branches(module),
            (example,),
            str(path),
            input_names=["image"],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    check_for_tensorrt(model, path)


def as_planes(image: Tensor) -> Tensor:
    """Turn an image uint8 `[1, H, W, 3]` into float32 `[1, 3, H, W]`.

    The cast comes first: TensorRT knows uint8 only at a network's inputs and outputs, so nothing else may read it.
    """
    return image.float().permute(0, 3, 1, 2)


def fuse_branches(module: nn.Module) -> nn.Module:
    """Return a copy of a trained module in evaluation mode, in which `fused()` replaces every part that has it."""
    result = copy.deepcopy(module).eval()
    for parent in list(result.modules()):
        for name, child in parent.named_children():
            fused: Callable[[], nn.Module] | None = getattr(child, "fused", None)
            if fused is not None:
                setattr(parent, name, fused())
    return result


def _labels(logits: Tensor) -> Tensor:
    """Enlarge the most likely classes of `[1, C, h, w]` to uint8 `[1, 2h, 2w]` by repetition."""
    labels = logits.argmax(dim=1, keepdim=True).float()
    return F.interpolate(labels, scale_factor=2.0, mode="nearest").squeeze(1).to(torch.uint8)
