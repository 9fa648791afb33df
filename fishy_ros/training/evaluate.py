"""Score a trained model on labelled sets: every head on anomalies, and the segmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from fishy_ros.datasets.images import read_image
from fishy_ros.datasets.label_files import read_samples
from fishy_ros.errors import ConfigError
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.misclassification import MisclassificationAccumulator, MisclassificationMetrics
from fishy_ros.metrics.per_image import PerImageAccumulator, PerImageMetrics, image_metrics
from fishy_ros.metrics.pixel import PixelAccumulator, PixelMetrics
from fishy_ros.metrics.segmentation import SegmentationAccumulator, SegmentationMetrics
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.sources import image_files
from fishy_ros.training.statistics import to_tensor
from fishy_ros.types import Sample

Progress = Callable[[], None]
"""Called after every image."""

CAMVID_OF_TRAIN_ID: tuple[int, ...] = (3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10)
"""For each Cityscapes train id, the class of the 11 of CamVid that holds it (SegNet's grouping, 2015)."""

CLASS_SETS: dict[str, tuple[int, ...]] = {"cityscapes": tuple(range(19)), "camvid": CAMVID_OF_TRAIN_ID}
"""Names of label sets, and what each train id is called there."""


@dataclass(frozen=True)
class SegmentationSet:
    """Images with label maps `NAME.png` of the same stem, both relative to the data root."""

    images: str
    labels: str
    classes: str = "cityscapes"
    """Which classes the labels are in, a key of `CLASS_SETS`."""
    height: int | None = None
    width: int | None = None
    """Size at which the network reads these images, multiples of 32, for images of another aspect; None for its own."""

    def __post_init__(self) -> None:
        if self.classes not in CLASS_SETS:
            raise ConfigError(f"classes {self.classes!r} is unknown; known are {sorted(CLASS_SETS)}")


@dataclass(frozen=True)
class HeadMetrics:
    """What one head finds on one set: all pixels pooled, and the means over images of CAOS."""

    pixel: PixelMetrics
    per_image: PerImageMetrics


@torch.no_grad()
def evaluate_heads(
    model: AnomalyModel,
    heads: Mapping[str, nn.Module],
    samples: Iterable[Sample],
    height: int,
    width: int,
    progress: Progress,
    maps: Path | None = None,
    every: int = 1,
) -> dict[str, HeadMetrics]:
    """Score labelled frames with every head.

    The network runs once an image of `height` x `width`. Scores are resized to the labels bilinearly, as everywhere
    in the project; of the labels every `every`-th row and column counts. `maps` gets `HEAD/NAME.npy`, float32 at half
    the size of the input, which `fishy score` reads.
    """
    model.eval()
    pools = {name: PixelAccumulator() for name in heads}
    images = {name: PerImageAccumulator() for name in heads}
    for folder in [maps / name for name in heads] if maps is not None else []:
        folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        if sample.labels is None:
            continue
        image = to_tensor(sample.image, height, width).to(model.mean.device)
        net = model.net(model.normalise(image))
        for name, head in heads.items():
            half = resize_score(head(net.logits, net, image)[0].cpu().numpy(), height // 2, width // 2)
            if maps is not None:
                np.save(maps / name / f"{sample.id}.npy", half)
            whole = resize_score(half, *sample.labels.shape)
            pixels = pools[name].update(whole[::every, ::every], sample.labels[::every, ::every], sample.id)
            images[name].add(image_metrics(pixels))
        progress()
    return {name: HeadMetrics(pool.compute(), images[name].compute()) for name, pool in pools.items()}


@torch.no_grad()
def evaluate_segmentation(
    model: AnomalyModel,
    root: Path,
    labelled: SegmentationSet,
    height: int,
    width: int,
    progress: Progress,
    heads: Mapping[str, nn.Module] | None = None,
    every: int = 1,
) -> tuple[SegmentationMetrics, dict[str, MisclassificationMetrics]]:
    """Compare the predicted classes of whole images with a labelled set below `root`.

    The network reads images at `height` x `width` unless the set says otherwise. Where the set has the classes of the
    network, and some pixels are right and some wrong, also return how well each of `heads` finds the wrong ones.
    """
    model.eval()
    size = labelled.height or height, labelled.width or width
    names = np.array(CLASS_SETS[labelled.classes], np.uint8)
    pool = SegmentationAccumulator(int(names.max()) + 1)
    wrong = {name: MisclassificationAccumulator() for name in heads or {} if labelled.classes == "cityscapes"}
    for path in image_files(root / labelled.images):
        truth = np.asarray(read_samples(root / labelled.labels / f"{path.stem}.png"), np.uint8)
        picture = read_image(path)
        image = to_tensor(picture, *size).to(model.mean.device)
        net = model.net(model.normalise(image))
        classes = np.asarray(net.logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy(), np.uint8)
        predicted = np.asarray(cv2.resize(names[classes], truth.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        pool.update(predicted, truth, path.stem)
        for name, accumulator in wrong.items():
            raw = (heads or {})[name](net.logits, net, image)[0].cpu().numpy()
            score = resize_score(raw, *truth.shape)
            part = np.s_[::every, ::every]
            accumulator.update(score[part], predicted[part], truth[part], path.stem)
        progress()
    # A network that gets everything right, or nothing, leaves nothing to tell apart.
    found = {name: accumulator.compute() for name, accumulator in wrong.items() if accumulator.tells_apart}
    return pool.compute(), found
