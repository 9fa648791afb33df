"""Find anomalies in a video: write a video of overlays, and print the frames that hold something strange.

python examples/video.py drive.mp4 --out out/drive.avi
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.imaging import render_overlay
from fishy_ros.types import ImageArray

SMALLEST_SHARE = 2e-4
"""A frame is reported where more than this share of its pixels is anomalous; fewer are noise."""


def read_frames(video: Path) -> Iterator[ImageArray]:
    """Yield every frame of a video, uint8 `[H, W, 3]` BGR."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise SystemExit(f"{video}: OpenCV cannot read it as a video")
    while True:
        there_is_one, frame = capture.read()
        if not there_is_one:
            return
        yield np.asarray(frame, np.uint8)


def main() -> None:
    """Score a video, by default a short drive through a rendered street."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, nargs="?", help="video file; a rendered drive where none is given")
    parser.add_argument("--model", default="fishy-s", help="model package: a name or a folder")
    parser.add_argument("--frames", type=int, default=20, help="frames of the rendered drive")
    parser.add_argument("--out", type=Path, default=Path("out/overlay.avi"), help="video of overlays to write")
    options = parser.parse_args()

    frames: Iterator[ImageArray]
    if options.video is None:
        frames = (sample.image for sample in SyntheticStreet(options.frames))
    else:
        frames = read_frames(options.video)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    writer: cv2.VideoWriter | None = None
    count = 0
    with AnomalyDetector(options.model) as detector:
        threshold = detector.package.calibration.default_threshold
        for count, frame in enumerate(frames, start=1):
            score = detector.detect(frame).score
            overlay = render_overlay(frame, score, threshold)
            if writer is None:
                codec = cv2.VideoWriter.fourcc(*"MJPG")
                writer = cv2.VideoWriter(str(options.out), codec, 10.0, (overlay.shape[1], overlay.shape[0]))
            writer.write(overlay)
            share = np.count_nonzero(score >= threshold) / score.size
            if share > SMALLEST_SHARE:
                print(f"frame {count}: {share:.2%} of the pixels reach {threshold:.3f}")
    if writer is not None:
        writer.release()
    print(f"{count} frames in {options.out}")


if __name__ == "__main__":
    main()
