"""Find anomalies in one picture: write the overlay and the mask, and print where the score is highest.

python examples/picture.py street.png --out out/picture
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.imaging import render_overlay, resize_score


def main() -> None:
    """Score a picture, by default one of a rendered street."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, nargs="?", help="picture file; a rendered street where none is given")
    parser.add_argument("--model", default="fishy-s", help="model package: a name or a folder")
    parser.add_argument("--threshold", type=float, help="score in [0, 1]; the model's default where none is given")
    parser.add_argument("--out", type=Path, default=Path("out/picture"), help="folder of the results")
    options = parser.parse_args()

    image = SyntheticStreet()[0].image if options.picture is None else cv2.imread(str(options.picture))
    with AnomalyDetector(options.model) as detector:
        detection = detector.detect(image)  # an unreadable picture is None here, which the error says
        threshold = options.threshold
        if threshold is None:
            threshold = detector.package.calibration.default_threshold

    score = resize_score(detection.score, *image.shape[:2])  # from the network's resolution to that of the picture
    mask = np.where(score >= threshold, np.uint8(255), np.uint8(0))
    options.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out / "overlay.png"), render_overlay(image, score, threshold))
    cv2.imwrite(str(options.out / "mask.png"), mask)

    row, column = np.unravel_index(int(score.argmax()), score.shape)
    share = np.count_nonzero(mask) / mask.size
    print(
        f"{share:.2%} of the pixels reach {threshold:.3f}; the highest score, {score.max():.3f}, is at {column},{row}"
    )
    print(f"{detection.timings_ms['inference']:.1f} ms in {detector.runtime_info.name}; results in {options.out}")


if __name__ == "__main__":
    main()
