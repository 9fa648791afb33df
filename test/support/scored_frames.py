"""Small frames with scores and labels, for tests of scoring and reports."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fishy_ros.evaluation.report.report import BINS_FILE, JSON_FILE
from fishy_ros.evaluation.report.report_json import result_to_json
from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.files import write_json


def scored_frames(count: int, seed: int = 0, skill: float = 2.0) -> list[ScoredFrame]:
    """Make frames of 60 x 90 with two square anomalies each; `skill` moves their scores up."""
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        labels = np.zeros((60, 90), np.uint8)
        labels[:6] = 255
        for side in (6, 10):
            row, column = rng.integers(10, 45), rng.integers(0, 75)
            labels[row : row + side, column : column + side] = 1
        logits = rng.normal(-2, 1.2, labels.shape) + skill * (labels == 1)
        score = (1 / (1 + np.exp(-logits))).astype(np.float32)
        image = rng.integers(0, 256, (60, 90, 3), np.uint8)
        frames.append(ScoredFrame(f"frame {index:02}", score, labels, image))
    return frames


def save_maps(frames: list[ScoredFrame], folder: Path, suffix: str = ".npy") -> tuple[Path, Path]:
    """Save frames as score maps and labels; return the two folders."""
    scores, labels = folder / "scores", folder / "labels"
    scores.mkdir(parents=True)
    labels.mkdir()
    for frame in frames:
        path = scores / f"{frame.id}{suffix}"
        if suffix == ".npy":
            np.save(path, frame.score)
        else:
            assert cv2.imwrite(str(path), frame.score)
        assert cv2.imwrite(str(labels / f"{frame.id}.png"), frame.labels)
    return scores, labels


def save_report(result: ReplayResult, folder: Path) -> Path:
    """Save what a comparison reads of a report, without its pictures and its page; returns the folder."""
    assert result.score is not None
    write_json(folder / JSON_FILE, result_to_json(result))
    result.score.frame_bins.save(folder / BINS_FILE)
    return folder
