"""The one graph of a model package: uint8 image in, calibrated heatmap and class labels out."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.model_package import score_output
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput
from fishy_ros.training.tensorrt_rules import check_for_tensorrt
from fishy_ros.training.views import WholeImage

OPSET: int = 18
"""Up to 17, reductions name their axes in an attribute, which OpenVINO ignores for ReduceLogSumExp."""


@dataclass(frozen=True)
class ScoreScale:
    """Where the raw score `centre` becomes 0.5 and `centre + width` becomes 0.75."""

    centre: float
    width: float


class OncePerImage(nn.Module):
    """A head that several scores of a graph read, computed once."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self._seen: tuple[NetOutput, Tensor] | None = None

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` of the head."""
        if self._seen is None or self._seen[0] is not features:
            self._seen = features, self.head(logits, features, image)
        return self._seen[1]


class DeployedModel(nn.Module):
    """Everything between the camera's bytes and the published heatmap.

    The heatmap is 0.5 (1 + z / (1 + |z|)) with z = (raw - centre) / width: strictly increasing, within [0, 1], and
    unlike a sigmoid still fine-grained in float32 far from the centre. Outputs have half the size of the input.

    `others` are further scores of the same network by name, each an output `score_NAME`; `view` says what the network
    looks at.
    """

    def __init__(
        self,
        model: AnomalyModel,
        head: nn.Module,
        scale: ScoreScale,
        others: Mapping[str, tuple[nn.Module, ScoreScale]] | None = None,
        view: WholeImage | None = None,
    ) -> None:
        super().__init__()
        others = others or {}
        self.model = model
        self.heads = nn.ModuleList([head, *(other for other, _ in others.values())])
        self.scales = [scale, *(scale for _, scale in others.values())]
        self.outputs = ("score", "labels", *map(score_output, others))
        self.view = view or WholeImage()

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map uint8 `[1, H, W, 3]` to a score float32, `labels` uint8 and further scores, all `[1, H/2, W/2]`."""
        pixels = self.view.look(as_planes(image))
        net = self.model.net(self.model.normalise(pixels))
        scores = [
            _heatmap(self.view.score(head(net.logits, net, pixels)), scale)
            for head, scale in zip(self.heads, self.scales, strict=True)
        ]
        return scores[0], _enlarged(self.view.labels(_labels(net.logits))), *scores[1:]


class NetworkAlone(nn.Module):
    """Image to class labels without any anomaly score, to compare costs with."""

    def __init__(self, model: AnomalyModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 `[1, H, W, 3]` to labels uint8 `[1, H/2, W/2]`."""
        return _enlarged(_labels(self.model.net(self.model.normalise(as_planes(image))).logits))


def export_graph(deployed: DeployedModel, height: int, width: int, path: Path) -> None:
    """Write the ONNX graph of a model package for images of one size (multiples of `net.multiple`) and check it."""
    export_module(deployed, deployed.outputs, height, width, path)


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


def _heatmap(raw: Tensor, scale: ScoreScale) -> Tensor:
    z = (upsample(raw[:, None], 2).squeeze(1) - scale.centre) / scale.width
    return 0.5 + 0.5 * z / (1 + z.abs())


def _labels(logits: Tensor) -> Tensor:
    """Find the most likely classes of logits `[B, C, h, w]`: float `[B, h, w]`, since no engine resizes integers."""
    return logits.argmax(dim=1).float()


def _enlarged(labels: Tensor) -> Tensor:
    """Enlarge classes `[1, h, w]` to uint8 `[1, 2h, 2w]` by repetition."""
    return F.interpolate(labels[:, None], scale_factor=2.0, mode="nearest").squeeze(1).to(torch.uint8)
