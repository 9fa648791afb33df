"""Score the maps of one's own method, by the protocol of Fishyscapes.

python examples/score_own_maps.py --out out/maps
fishy score --scores out/maps/scores --labels out/maps/labels --out out/maps/report

`my_method` is a stand-in, and a rendered street stands for the labelled frames. Memory does not grow with their number.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fishy_ros import PixelMetrics
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.types import ImageArray, LabelMap, ScoreMap


def my_method(image: ImageArray) -> ScoreMap:
    """Score every pixel by the saturation of its color, float32 `[H, W]`; any range will do, larger is stranger."""
    return np.asarray(np.ptp(image.astype(np.float32), axis=2), np.float32)


def main() -> None:
    """Print the pooled metrics; with `--out`, also keep the maps for `fishy score`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5, help="rendered frames to score")
    parser.add_argument("--out", type=Path, help="folder for scores/NAME.npy and labels/NAME.png")
    options = parser.parse_args()

    def frames() -> Iterator[tuple[ScoreMap, LabelMap]]:
        for sample in SyntheticStreet(options.frames, height=256, width=512):
            assert sample.labels is not None, "every rendered frame has labels: 0 normal, 1 anomaly, 255 ignored"
            score = my_method(sample.image)
            if options.out is not None:
                save(options.out, sample.id, score, sample.labels)
            yield score, sample.labels

    metrics = PixelMetrics.of(frames())
    print(f"AP {metrics.ap:.2%}  FPR95 {metrics.fpr95:.2%}  AUROC {metrics.auroc:.2%}")


def save(out: Path, name: str, score: ScoreMap, labels: LabelMap) -> None:
    """Write a map and its labels as `fishy score` reads them."""
    for folder in ("scores", "labels"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    np.save(out / "scores" / f"{name}.npy", score)
    cv2.imwrite(str(out / "labels" / f"{name}.png"), labels)


if __name__ == "__main__":
    main()
