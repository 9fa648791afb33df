"""A tiny training set on disk: a road, a sky, and object crops to paste."""

from pathlib import Path

import cv2
import numpy as np
import yaml
from support.command_line import output_of

from fishy_ros.training.object_bank import HOLD_OUT

ROAD, BUILDING, SKY = 0, 2, 10


def run_commands(modules, arguments) -> str:
    """Run the subcommand that the arguments name (the only module's, where there is one) and return what it printed."""
    words = [str(argument) for argument in arguments]
    only = modules[0].__name__.rpartition(".")[2]
    if len(modules) == 1 and words[0] != only:
        words.insert(0, only)
    return output_of(*words)


def write_street(root: Path, count: int = 3, height: int = 96, width: int = 192) -> Path:
    """Write images, labels and object crops below `root` and return a training configuration that reads them."""
    rng = np.random.default_rng(0)
    for folder in ("images", "labels", "void_ids", "crops", "coco/images/a", "coco/labels/a"):
        (root / folder).mkdir(parents=True)
    labels = np.full((height, width), ROAD, np.uint8)
    labels[: height // 2], labels[: height // 4] = BUILDING, SKY
    void_ids = np.full_like(labels, 7)
    void_ids[-20:-8, 100:132] = 5  # something on the road that is of no class
    colors = {ROAD: 90, BUILDING: 60, SKY: 220}
    watched = np.zeros_like(labels)
    watched[-20:, 40:80] = 1
    for folder in ("images", "labels"):
        (root / "watched" / folder).mkdir(parents=True)
    cv2.imwrite(str(root / "watched/labels/0.png"), watched)
    cv2.imwrite(str(root / "watched/images/0.png"), np.where(watched, 250, 90).astype(np.uint8))
    for index in range(count):
        grey = np.vectorize(colors.get)(labels)[..., None] + rng.normal(0, 6, (height, width, 3))
        cv2.imwrite(str(root / f"images/{index}.png"), np.clip(grey, 0, 255).astype(np.uint8))
        cv2.imwrite(str(root / f"labels/{index}.png"), labels)
        cv2.imwrite(str(root / f"void_ids/{index}.png"), void_ids)
    for index in range(2 * HOLD_OUT):  # every HOLD_OUT-th is kept for validation
        rgba = np.zeros((40, 60, 4), np.uint8)
        rgba[5:35, 5:55] = (30, 200, 200 + index, 255)
        cv2.imwrite(str(root / f"crops/box_{index:02}.png"), rgba)
    cv2.imwrite(str(root / "coco/images/a/0.jpg"), rng.integers(0, 255, (120, 160, 3), np.uint8))
    polygon = "0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9"
    (root / "coco/labels/a/0.txt").write_text(f"2 {polygon}\n39 {polygon}\n")
    config = {
        "name": "tiny",
        "data": str(root),
        "cache": str(root / "cache"),
        "sources": [{"images": "images", "labels": "labels", "horizon": 0.5}],
        "bank": {"objects": ["crops"], "erode": [1], "coco": "coco"},
        "stages": [{"epochs": 2, "height": 64, "width": 128, "batch": 2, "scale": [0.65, 1.5]}],
        "augment": {"reference_width": 192},
        "validation": {
            "every": 1,
            "height": 64,
            "width": 128,
            "anomalies": ["watched"],
            "segmentation": [{"images": "images", "labels": "labels"}],
            "pasted": {"images": "images", "labels": "labels", "void_ids": "void_ids", "horizon": 0.5},
            "pasted_images": 2,
        },
    }
    path = root / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
