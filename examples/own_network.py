"""Put one's own network into a model package that the node, the harness and the library load. Needs torch and onnx.

python examples/own_network.py --out models/mine

`Network` is a stand-in: it scores how much a pixel differs from its surroundings. Put yours in its place; whatever
takes `[1, 3, H, W]` and returns a raw score `[1, 1, h, w]`, larger is stranger, will do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.model_package import Calibration, SemanticClass, write_model_package
from fishy_ros.types import ANOMALY

HEIGHT, WIDTH = 256, 512
SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
"""Shares of normal pixels for which the package states the threshold."""


class Network(nn.Module):
    """Contrast with the surroundings, at half the resolution of the input."""

    def forward(self, image: Tensor) -> Tensor:
        """Take `[1, 3, H, W]` in [0, 1] and return the raw score, `[1, 1, H / 2, W / 2]`."""
        small = F.avg_pool2d(image, 2)
        surroundings = F.avg_pool2d(small, 31, stride=1, padding=15, count_include_pad=False)
        return (small - surroundings).abs().mean(1, keepdim=True)


class Graph(nn.Module):
    """What a package's graph has to be: a camera image in, a score in [0, 1] and class ids out."""

    def __init__(self, network: nn.Module, centre: float, width: float) -> None:
        super().__init__()
        self.network, self.centre, self.width = network, centre, width

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Take uint8 `[1, H, W, 3]` BGR; return float32 and uint8 `[1, h, w]`."""
        planes = image.float().permute(0, 3, 1, 2).flip(1) / 255.0  # RGB in [0, 1]; your normalisation goes here
        z = (self.network(planes) - self.centre) / self.width
        score = (0.5 + 0.5 * z / (1.0 + z.abs())).squeeze(1)  # strictly increasing, see "Bring your own network"
        return score, torch.zeros_like(score).to(torch.uint8)  # a network with classes returns their ids here


def raw_scores_of_normal_pixels(network: nn.Module) -> np.ndarray:
    """Score normal images. Here a rendered street without its unknown objects; take drives of your own camera."""
    found = []
    for sample in SyntheticStreet(frames=10, height=HEIGHT, width=WIDTH, seed=1):
        image = torch.from_numpy(sample.image[None]).permute(0, 3, 1, 2).flip(1) / 255.0
        with torch.no_grad():
            score = network(image)[0, 0].numpy()
        found.append(score[sample.labels[::2, ::2] != ANOMALY])
    return np.concatenate(found)


def main() -> None:
    """Calibrate, export, write the package, and run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/models/mine"), help="folder of the package")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    network = Network().eval()

    # 0.5 is exceeded by 1 % of the normal pixels and 0.75 by 0.01 %, as in the shipped packages.
    raw = raw_scores_of_normal_pixels(network)
    centre, high = (float(np.quantile(raw, 1 - share)) for share in (1e-2, 1e-4))
    z = (np.quantile(raw, 1 - np.array(SHARES)) - centre) / (high - centre)
    thresholds = 0.5 + 0.5 * z / (1 + np.abs(z))

    graph = options.out / "model.onnx"
    torch.onnx.export(
        Graph(network, centre, high - centre),
        (torch.zeros(1, HEIGHT, WIDTH, 3, dtype=torch.uint8),),
        str(graph),
        input_names=["image"],
        output_names=["score", "labels"],
        opset_version=17,
        dynamo=False,
    )
    package = write_model_package(
        options.out,
        graph,
        name=options.out.name,
        version="0.1.0",
        description="Contrast with the surroundings, as a stand-in for a network.",
        input_height=HEIGHT,
        input_width=WIDTH,
        classes=(SemanticClass(0, "unknown", (0, 0, 0)),),
        calibration=Calibration(
            meaning="share of the pixels of rendered normal streets that lie above a value",
            default_threshold=float(thresholds[SHARES.index(0.001)]),
            normal_share_above=tuple((float(value), share) for value, share in zip(thresholds, SHARES, strict=True)),
        ),
        license="Apache-2.0",
        training_data=("none",),
    )
    image = SyntheticStreet(height=HEIGHT, width=WIDTH)[0].image
    with AnomalyDetector(package) as detector:
        score = detector.detect(image).score
    print(f"{package.name} {package.version} in {package.folder}: scores {score.min():.3f} to {score.max():.3f}")


if __name__ == "__main__":
    main()
