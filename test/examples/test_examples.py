"""The examples run as they stand, and do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.sources import ROOT, load_script

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.model_package import ModelPackage

EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: object) -> str:
    """Run an example as a user does and return what it printed."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout


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
    example = load_script(EXAMPLES / "own_network.py")
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


@pytest.fixture
def layer():
    """The layers of the costmap example, without persistence unless it is asked for."""
    source = {"min_obstacle_height": 0.1, "max_obstacle_height": 2.0, "obstacle_min_range": 0.5}
    source |= {"obstacle_max_range": 20.0, "raytrace_max_range": 25.0, "observation_persistence": 0.0}
    return load_script(EXAMPLES / "costmap.py").ObstacleLayer(source, radius_m=0.5, inflation_m=1.5, scaling=2.0)


def points(*coordinates: tuple[float, float, float]) -> np.ndarray:
    return np.array(coordinates, np.float64).reshape(-1, 3)


def lethal(cells: np.ndarray) -> list[tuple[float, float]]:
    """Middles of the lethal cells, ahead and to the left, in m."""
    rows, columns = np.nonzero(cells == 254)
    return sorted(zip((columns * 0.1 + 0.05).round(2).tolist(), (7.95 - rows * 0.1).round(2).tolist(), strict=True))


def test_the_costmap_marks_points_within_its_heights_and_ranges_where_they_are(layer) -> None:
    frame = load_script(EXAMPLES / "costmap.py").Frame
    seen = points((10.02, 2.03, 0.5), (10.0, -3.0, 0.05), (10.0, -3.0, 2.1), (20.5, 0.0, 0.5), (0.3, 0.0, 0.5))
    assert lethal(layer.update(frame(0.0, seen), 0.0)) == [(10.05, 2.05)]


def test_the_costmap_keeps_marks_until_a_ray_to_a_new_point_passes_them(layer) -> None:
    frame = load_script(EXAMPLES / "costmap.py").Frame
    layer.update(frame(0.0, points((5.02, -0.05, 0.5), (5.02, 4.02, 0.5))), 0.0)
    assert lethal(layer.update(frame(0.1, points()), 1.0)) == [(4.05, -0.05), (4.05, 4.05)]  # the car drove 1 m
    assert lethal(layer.update(frame(0.2, points((9.02, -0.05, 0.5))), 0.0)) == [(4.05, 4.05), (9.05, -0.05)]


def test_the_costmap_inflates_by_the_formula_of_its_layer(layer) -> None:
    layer.update(load_script(EXAMPLES / "costmap.py").Frame(0.0, points((10.02, 0.02, 0.5))), 0.0)
    row = layer.inflated()[79, 100:120]  # from the lethal cell on, away from the car
    away = np.arange(20) * 0.1
    expected = np.where(away <= 0.5, 253, np.where(away <= 1.45, 252 * np.exp(-2.0 * (away - 0.5)), 0))
    expected[0] = 254
    assert np.abs(row.astype(float) - expected)[away != 1.5].max() <= 2  # the distances of OpenCV are rounded


def test_the_costmap_of_a_recording_is_that_of_its_points(tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    kinds = store.types
    field, cloud = kinds["sensor_msgs/msg/PointField"], kinds["sensor_msgs/msg/PointCloud2"]
    time, head = kinds["builtin_interfaces/msg/Time"], kinds["std_msgs/msg/Header"]
    fields = [field(name, 4 * number, 7, 1) for number, name in enumerate("xyz")]
    optical = np.array([[0.5, 1.0, 10.0], [1.0, 1.0, 10.0]], np.float32)  # right, down, ahead of a camera at 1.4 m
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection("/detector/obstacles", "sensor_msgs/msg/PointCloud2", typestore=store)
        for index in range(3):
            stamp = head(time(index, 0), "camera")
            data = optical.view(np.uint8).reshape(-1)
            message = cloud(stamp, 1, 2, fields, False, 12, 24, data, True)
            writer.write(topic, index * 10**9, store.serialize_cdr(message, "sensor_msgs/msg/PointCloud2"))
    frames = list(load_script(EXAMPLES / "costmap.py").recorded_drive(tmp_path / "bag", 1.4, 0.0))
    assert [frame.time_s for frame in frames] == [0.0, 1.0, 2.0]
    assert frames[0].points == pytest.approx(np.array([[10.0, -0.5, 0.4], [10.0, -1.0, 0.4]]))
    printed = run("costmap.py", tmp_path / "bag", "--out", tmp_path)
    assert printed.startswith("3 frames: 2 lethal cells in the median frame, 2 at most")
    assert cv2.imread(str(tmp_path / "costmap.png")) is not None


def test_the_costmap_of_a_rendered_street_says_how_many_of_its_objects_are_marked(
    tiny_package: ModelPackage, tmp_path: Path
) -> None:
    printed = run("costmap.py", "--model", tiny_package.folder, "--frames", "5", "--out", tmp_path, "--confirm", "1/1")
    assert "sightings" in printed
