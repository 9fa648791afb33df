"""The examples run as they stand, and do what they say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from support.sources import ROOT

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.model_package import ModelPackage

EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: object) -> str:
    """Run an example as a user does and return what it printed."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout


def load(name: str) -> ModuleType:
    """Import an example as a module."""
    specification = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_picture_writes_a_mask_of_the_pixels_above_the_threshold(tiny_package: ModelPackage, tmp_path: Path) -> None:
    image = np.full((64, 128, 3), 90, np.uint8)
    image[30:34, 60:64] = 255
    cv2.imwrite(str(tmp_path / "spot.png"), image)
    printed = run("picture.py", tmp_path / "spot.png", "--model", tiny_package.folder, "--out", tmp_path)
    mask = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_GRAYSCALE)
    with AnomalyDetector(tiny_package) as detector:
        score = detector.detect(image).score
    np.testing.assert_array_equal(mask == 255, score >= tiny_package.calibration.default_threshold)
    assert (mask == 255).any()
    assert (mask == 0).any()
    assert cv2.imread(str(tmp_path / "overlay.png")).shape == image.shape
    row, column = np.unravel_index(score.argmax(), score.shape)
    assert f"is at {column},{row}" in printed


def test_video_holds_an_overlay_of_every_frame(tiny_package: ModelPackage, tmp_path: Path) -> None:
    drive = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(drive), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (128, 64))
    for sample in SyntheticStreet(frames=4, height=64, width=128):
        writer.write(sample.image)
    writer.release()
    printed = run("video.py", drive, "--model", tiny_package.folder, "--out", tmp_path / "out.avi")
    capture = cv2.VideoCapture(str(tmp_path / "out.avi"))
    frames = 0
    while capture.read()[0]:
        frames += 1
    assert frames == 4
    assert "4 frames in" in printed


def test_own_network_becomes_a_package_whose_score_and_calibration_are_right(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the example of one's own network cannot run")
    run("own_network.py", "--out", tmp_path / "mine")
    example = load("own_network.py")
    image = SyntheticStreet(height=256, width=512, seed=5)[0].image
    with AnomalyDetector(tmp_path / "mine", "onnxruntime", "cpu") as detector:
        score = detector.detect(image).score
        shares = dict(detector.package.calibration.normal_share_above)
    small = image.reshape(128, 2, 256, 2, 3).mean((1, 3)) / 255
    contrast = np.abs(small - cv2.blur(small, (31, 31), borderType=cv2.BORDER_REFLECT)).mean(2)
    inner = np.s_[16:-16, 16:-16]  # borders are averaged over fewer pixels
    order = np.argsort(contrast[inner].ravel())
    assert np.all(np.diff(score[inner].ravel()[order]) > -1e-4), "the score increases with the contrast"
    assert sorted(shares.values()) == sorted(example.SHARES)
    assert shares[max(shares)] == min(example.SHARES)
    at_one_percent = next(threshold for threshold, share in shares.items() if share == 0.01)
    assert at_one_percent == pytest.approx(0.5, abs=1e-6)


def test_own_maps_score_as_scikit_learn_and_the_command_do(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: nothing to compare with")
    printed = run("score_own_maps.py", "--frames", 2, "--out", tmp_path)
    scores, truth = [], []
    for path in sorted((tmp_path / "scores").iterdir()):
        labels = cv2.imread(str(tmp_path / "labels" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        scores.append(np.load(path)[labels != 255])
        truth.append(labels[labels != 255])
    expected = metrics.average_precision_score(np.concatenate(truth), np.concatenate(scores))
    assert f"AP {expected:.2%} " in printed
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "score"]
    command += ["--scores", str(tmp_path / "scores"), "--labels", str(tmp_path / "labels")]
    table = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert f"{100 * expected:.2f}" in table


def test_the_notebook_runs_and_shows_the_average_precision(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is not run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebook is not run")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: the notebook is not run")
    notebook = nbformat.read(EXAMPLES / "report.ipynb", as_version=4)
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", environment["PATH"])
        patch.delenv("REPORT", raising=False)
        client = nbclient.NotebookClient(
            notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "AP " in printed
    assert "at the default threshold: recall" in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_committed_notebooks_hold_no_outputs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: notebooks cannot be read")
    cells = nbformat.read(EXAMPLES / "report.ipynb", as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
