"""What each precision of a model costs in quality: anomaly metrics, mean IoU, and how far the scores move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.table import Table

from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.images import image_files, read_image
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import DatasetError
from fishy_ros.evaluation.environment import Environment, describe_environment
from fishy_ros.files import write_json
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.pixel import PixelAccumulator
from fishy_ros.metrics.segmentation import SegmentationAccumulator
from fishy_ros.types import Detection, LabelMap

Detectors = Mapping[str, AnomalyDetector]


@dataclass(frozen=True)
class Quality:
    """One precision; rates are fractions of 1."""

    precision: str
    graph_sha256: str
    graph_bytes: int
    ap: float
    fpr95: float
    auroc: float
    miou: float | None
    """None where no segmentation was given."""
    score_difference: float
    """Mean absolute difference of the heatmap from that of the first precision."""
    same_class: float
    """Share of pixels with the class that the first precision gives."""


@dataclass(frozen=True)
class QualityResult:
    """A comparison with what is needed to repeat it."""

    model: str
    runtime: str
    dataset: str
    frames: int
    environment: Environment
    precisions: tuple[Quality, ...]

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, {"precisions": asdict(self)})


def compare_precisions(
    model: str,
    runtime: str,
    device: str,
    precisions: Sequence[str],
    dataset: Dataset,
    segmentation: Path | None,
    progress: Callable[[], None],
) -> QualityResult:
    """Run every precision on every labelled frame of `dataset`, and on `segmentation` where that is given.

    `segmentation` is a folder with `images/` and `labels/NAME.png` of Cityscapes train ids. `progress` is called after
    each frame of either.

    Raises:
        FishyError: a precision cannot be loaded, or a frame cannot be read or scored.
    """
    with ExitStack() as stack:
        detectors = {
            name: stack.enter_context(AnomalyDetector(model, runtime, device, name))
            for name in dict.fromkeys(precisions)
        }
        anomalies = {name: _Anomalies() for name in detectors}
        for sample in dataset:
            found = {name: detector.detect(sample.image) for name, detector in detectors.items()}
            for name, detection in found.items():
                anomalies[name].update(detection, found[precisions[0]], sample.labels, sample.id)
            progress()
        miou = _segmentation_quality(detectors, segmentation, progress) if segmentation else {}
        first = detectors[precisions[0]]
        rows = tuple(anomalies[name].quality(name, detector, miou.get(name)) for name, detector in detectors.items())
        engine = str(first.runtime_info)
        title = f"{first.package.name} {first.package.version}"
    return QualityResult(title, engine, dataset.name, len(dataset), describe_environment(), rows)


def quality_table(result: QualityResult) -> Table:
    """Lay the precisions out, the change against the first in brackets; rates in percent."""
    table = Table(title=f"{result.model}, {result.runtime}, {result.dataset}: {result.frames} frames")
    for column in ("precision", "MB", "AP", "FPR95", "AUROC", "mIoU", "score moved", "same class"):
        table.add_column(column, justify="left" if column == "precision" else "right")
    first = result.precisions[0]
    for row in result.precisions:
        rates = zip(
            (row.ap, row.fpr95, row.auroc, row.miou), (first.ap, first.fpr95, first.auroc, first.miou), strict=True
        )
        cells = [_cell(value, base, row is first) for value, base in rates]
        moved = f"{row.score_difference:.4f}"
        table.add_row(row.precision, f"{row.graph_bytes / 1e6:.1f}", *cells, moved, f"{100 * row.same_class:.2f}")
    return table


class _Anomalies:
    """Collect what one precision says about the frames of the anomaly dataset."""

    def __init__(self) -> None:
        self._pool = PixelAccumulator()
        self._moved: list[float] = []
        self._same: list[float] = []

    def update(self, found: Detection, first: Detection, labels: LabelMap | None, frame: str) -> None:
        self._moved.append(float(np.abs(found.score - first.score).mean()))
        self._same.append(float((found.labels == first.labels).mean()))
        if labels is not None:
            self._pool.update(resize_score(found.score, *labels.shape), labels, frame)

    def quality(self, precision: str, detector: AnomalyDetector, miou: float | None) -> Quality:
        pixels = self._pool.compute()
        graph = detector.package.graph(precision, detector.runtime_info.name)
        return Quality(
            precision=precision,
            graph_sha256=graph.sha256,
            graph_bytes=graph.path.stat().st_size,
            ap=pixels.ap,
            fpr95=pixels.fpr95,
            auroc=pixels.auroc,
            miou=miou,
            score_difference=float(np.mean(self._moved)),
            same_class=float(np.mean(self._same)),
        )


def _segmentation_quality(detectors: Detectors, folder: Path, progress: Callable[[], None]) -> dict[str, float]:
    pools = {name: SegmentationAccumulator() for name in detectors}
    for image, truth in _segmented_files(folder):
        picture, classes = read_image(image), read_label_ids(truth)
        for name, detector in detectors.items():
            labels = detector.detect(picture).labels
            enlarged = cv2.resize(labels, classes.shape[::-1], interpolation=cv2.INTER_NEAREST)
            pools[name].update(np.asarray(enlarged, np.uint8), classes, image.stem)
        progress()
    return {name: pool.compute().miou for name, pool in pools.items()}


def count_segmented(folder: Path) -> int:
    """Count the images of a segmentation folder that have labels."""
    return len(_segmented_files(folder))


def _segmented_files(folder: Path) -> list[tuple[Path, Path]]:
    labels = {path.stem: path for path in image_files(folder / "labels")}
    pairs = [(path, labels[path.stem]) for path in image_files(folder / "images") if path.stem in labels]
    if not pairs:
        raise DatasetError(f"{folder}: expected images/NAME.* with labels/NAME.png of Cityscapes train ids, found none")
    return pairs


def _cell(value: float | None, base: float | None, is_first: bool) -> str:
    if value is None or base is None:
        return "-"
    return f"{100 * value:.2f}" if is_first else f"{100 * value:.2f} ({100 * (value - base):+.2f})"
