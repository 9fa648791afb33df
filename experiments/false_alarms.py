"""`python -m experiments.false_alarms MODEL FOLDER`: the normal regions of a labelled folder that score highest.

Objects of the void classes are left out where `void_ids` stands beside `labels`: a trailer is no false alarm.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from fishy_ros import AnomalyDetector
from fishy_ros.cityscapes import CITYSCAPES_CLASSES
from fishy_ros.commands.options import check_output
from fishy_ros.datasets.images import read_image
from fishy_ros.datasets.label_files import read_samples
from fishy_ros.obstacles import RegionRules, find_regions
from fishy_ros.training.sources import image_files, void_outliers
from fishy_ros.types import IGNORED, NORMAL, ImageArray

TILE = (200, 150)
"""Width and height of a region's picture in the sheet, in px."""
COLUMNS = 10
CONTEXT = 40
"""Pixels of the image around a region that its picture shows."""
THING = "nothing labelled"


@dataclass(frozen=True, order=True)
class FalseAlarm:
    """A normal region with a high score; `box` is left, top, right, bottom in px of the image."""

    peak: float
    frame: str
    box: tuple[int, int, int, int]
    area_px: int
    labelled: str
    """Class that most of its pixels have in the labels."""
    predicted: str


def false_alarms(
    model: Annotated[str, typer.Argument(help="Model package, or one of its scores: fishy-s, fishy-s:anywhere.")],
    folder: Annotated[Path, typer.Argument(help="Folder with images, labels (train ids) and perhaps void_ids.")],
    out: Annotated[Path, typer.Option(help="JSON file to write; a sheet of pictures is written beside it.")],
    count: Annotated[int, typer.Option(help="Number of regions.", min=1)] = 50,
    every: Annotated[int, typer.Option(help="Take every N-th image.", min=1)] = 1,
    runtime: Annotated[str, typer.Option(help="Inference runtime.")] = "auto",
) -> None:
    """List the normal regions above the default threshold by their highest score, and count them by class."""
    check_output(out)
    highest: list[FalseAlarm] = []
    above: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    paths = image_files(folder / "images")[::every]
    with AnomalyDetector(model, runtime) as detector:
        rules = RegionRules(detector.package.calibration.default_threshold)
        for path in paths:
            found, normal = look(detector, folder, path, rules)
            above.update(alarm.labelled for alarm in found)
            pixels.update(normal)
            highest = heapq.nlargest(count, [*highest, *found])
        name = f"{detector.package.name} {detector.package.version}"
    document = {
        "model": name,
        "folder": "/".join(folder.parts[-2:]),
        "images": len(paths),
        "threshold": rules.threshold,
        "regions": dict(above.most_common()),
        "regions_per_image": round(sum(above.values()) / len(paths), 3),
        "regions_per_megapixel": {key: round(1e6 * above[key] / pixels[key], 2) for key in above if pixels[key]},
        "highest": [vars(alarm) for alarm in highest],
    }
    out.write_text(json.dumps(document, indent=1) + "\n")
    cv2.imwrite(str(out.with_suffix(".jpg")), sheet(folder, highest))
    typer.echo(f"{name}: {document['regions_per_image']} regions an image; {dict(above.most_common(8))}; {out}")


def look(
    detector: AnomalyDetector, folder: Path, path: Path, rules: RegionRules
) -> tuple[list[FalseAlarm], Counter[str]]:
    """Return the normal regions of one image, and the number of its normal pixels by class, both in heatmap px."""
    image = read_image(path)
    found = detector.detect(image)
    size = (found.score.shape[1], found.score.shape[0])
    labels, normal = _truth(folder, path.stem, size)
    score = np.where(normal, found.score, np.float32(0))
    regions = find_regions(np.asarray(score, np.float32), found.labels, rules)
    alarms = []
    for region, component in zip(regions.regions, regions.components, strict=True):
        inside = labels[component.window][component.inside > 0]
        box = region.box.scaled(image.shape[1] / size[0], image.shape[0] / size[1])
        alarms.append(
            FalseAlarm(
                round(region.peak_score, 4),
                path.stem,
                (int(box.left), int(box.top), int(box.right), int(box.bottom)),
                region.area_px,
                _name(int(np.bincount(inside).argmax())),
                _name(region.class_id),
            )
        )
    classes, counts = np.unique(labels[normal], return_counts=True)
    return alarms, Counter({_name(int(c)): int(n) for c, n in zip(classes, counts, strict=True)})


def _truth(folder: Path, stem: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return train ids and where the image is known to be normal, at a size."""

    def read(name: str) -> NDArray[np.uint8]:
        values = read_samples(folder / name / f"{stem}.png")
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST), np.uint8)

    labels = read("labels")
    if not (folder / "void_ids").is_dir():
        return labels, labels != IGNORED
    return labels, void_outliers(read("void_ids")) == NORMAL


def _name(train_id: int) -> str:
    return CITYSCAPES_CLASSES[train_id].name if train_id < len(CITYSCAPES_CLASSES) else THING


def sheet(folder: Path, alarms: list[FalseAlarm]) -> ImageArray:
    """Draw the surroundings of each region, highest score first, row by row."""
    rows = -(-len(alarms) // COLUMNS)
    canvas: NDArray[Any] = np.zeros((max(rows, 1) * TILE[1], COLUMNS * TILE[0], 3), np.uint8)
    files = {path.stem: path for path in image_files(folder / "images")}
    for index, alarm in enumerate(alarms):
        image: NDArray[Any] = read_image(files[alarm.frame]).copy()
        left, top, right, bottom = alarm.box
        cv2.rectangle(image, (left, top), (right, bottom), (0, 0, 255), 1)
        part = image[max(0, top - CONTEXT) : bottom + CONTEXT, max(0, left - CONTEXT) : right + CONTEXT]
        scale = min(TILE[0] / part.shape[1], TILE[1] / part.shape[0])
        part = cv2.resize(
            part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        y, x = index // COLUMNS * TILE[1], index % COLUMNS * TILE[0]
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part[: TILE[1], : TILE[0]]
        cv2.putText(canvas, f"{alarm.peak:.2f} {alarm.labelled}", (x + 3, y + 12), 0, 0.4, (0, 255, 255), 1)
    return canvas


if __name__ == "__main__":
    typer.run(false_alarms)
