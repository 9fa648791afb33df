"""A picture of what the network makes of a training batch."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from fishy_ros.cityscapes import CITYSCAPES_CLASSES
from fishy_ros.training.crops import Crop
from fishy_ros.training.heads.model import AnomalyModel

ROWS: int = 4


@torch.no_grad()
def write_prediction_picture(model: AnomalyModel, batch: Crop, path: Path) -> None:
    """Write crops, predicted classes, outlier targets and outlier scores side by side, a row a crop."""
    model.eval()
    output = model(batch.image[:ROWS].float())
    palette = np.array([c.color[::-1] for c in CITYSCAPES_CLASSES], np.uint8)
    rows = []
    for index in range(min(ROWS, batch.image.shape[0])):
        classes = palette[output.net.logits[index].argmax(0).cpu().numpy()]
        h, w = classes.shape[:2]
        image = cv2.resize(batch.image[index].permute(1, 2, 0).cpu().numpy(), (w, h), interpolation=cv2.INTER_AREA)
        target = cv2.cvtColor(batch.outlier[index].cpu().numpy() * np.uint8(255), cv2.COLOR_GRAY2BGR)
        score = (output.outlier[index].float().sigmoid().cpu().numpy() * 255).astype(np.uint8)
        rows.append(np.hstack([image, classes, target, cv2.applyColorMap(score, cv2.COLORMAP_INFERNO)]))
    suffix = path.suffix or ".png"  # OpenCV is not given the name, which may be none that it can take
    path.write_bytes(cv2.imencode(suffix, np.vstack(rows))[1].tobytes())
