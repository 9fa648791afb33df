"""Score heads of a trained model on labelled sets, all heads from one run of the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.heads.model import AnomalyModel
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.pixel import PixelAccumulator, PixelMetrics
from fishy_ros.metrics.segmentation import SegmentationAccumulator
from fishy_ros.training.statistics import to_tensor


@torch.no_grad()
def evaluate_heads(
    model: AnomalyModel, heads: Mapping[str, nn.Module], root: Path, height: int, width: int
) -> dict[str, PixelMetrics]:
    """Pool the pixels of the set below `root` (`images/`, `labels/`) for every head.

    Scores are resized to the labels bilinearly, as everywhere in the project.
    """
    model.eval()
    pools = {name: PixelAccumulator() for name in heads}
    for sample in open_dataset("folder", root):
        if sample.labels is None:
            continue
        image = to_tensor(sample.image, height, width)
        net = model.net(model.normalise(image))
        for name, head in heads.items():
            raw = head(net.logits, net, image)[0].numpy()
            score = resize_score(resize_score(raw, height // 2, width // 2), *sample.labels.shape)
            pools[name].update(score, sample.labels, sample.id)
    return {name: pool.compute() for name, pool in pools.items()}


@torch.no_grad()
def evaluate_segmentation(model: AnomalyModel, images: Path, labels: Path, height: int, width: int) -> float:
    """Mean IoU over the 19 classes on images with label maps (train ids) of the same stem; a fraction of 1."""
    model.eval()
    pool = SegmentationAccumulator()
    for path in sorted(labels.glob("*.png")):
        truth = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
        picture = np.asarray(cv2.imread(str(next(images.glob(f"{path.stem}.*"))), cv2.IMREAD_COLOR), np.uint8)
        logits = model.net(model.normalise(to_tensor(picture, height, width))).logits
        predicted = logits[0].argmax(dim=0).to(torch.uint8).numpy()
        size = (truth.shape[1], truth.shape[0])
        pool.update(np.asarray(cv2.resize(predicted, size, interpolation=cv2.INTER_NEAREST)), truth, path.stem)
    return pool.compute().miou
