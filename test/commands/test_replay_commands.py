"""`fishy replay`, `fishy sweep` and `fishy demo` as a user runs them."""

import json
import os
import subprocess
import sys

import pytest
from support.command_line import fishy
from support.sources import python_path

from fishy_ros.errors import BagError, ConfigError, ModelPackageError, ScoreError

SMALL = ("--option", "frames=3", "--option", "height=96", "--option", "width=192")


def test_offline_replay_prints_the_table_last_and_writes_a_report(tiny_package, tmp_path):
    done = fishy(
        "replay", "--dataset", "synthetic", *SMALL, "--offline", "--model", tiny_package.folder, "--out", tmp_path,
        "--timing-frames", 5,
    )  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert f"AP                 {100 * report['metrics']['AP']:.2f} %" in done.stdout
    assert "3 played, 3 published, 0 dropped" in done.stdout
    assert f"{report['extra']['timing']['mean_ms']:.1f} ms, mean of 5 frames" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("latency")
    assert (tmp_path / "report.html").is_file()


def test_a_video_or_log_of_an_earlier_replay_does_not_stay_beside_a_new_report(tiny_package, tmp_path):
    arguments = ("replay", "--dataset", "synthetic", *SMALL, "--offline", "--model", tiny_package.folder)
    fishy(*arguments, "--out", tmp_path, "--video")
    assert list(tmp_path.glob("overlay.*")), "the video of this run stays"
    for name in ("overlay.mp4", "overlay.webp", "detector.log", "mine.txt"):
        (tmp_path / name).write_text("of a run before")
    fishy(*arguments, "--out", tmp_path, "--video")
    assert not (tmp_path / "detector.log").exists()
    (video,) = tmp_path.glob("overlay.*")
    assert video.read_bytes() != b"of a run before"
    fishy(*arguments, "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine.txt", "report.json", "report.html", "frames.npz", "pictures",
    }  # fmt: skip


def test_several_models_are_ranked_and_have_a_report_each(tiny_package, tiny_folder, tmp_path):
    other = tiny_folder.rename(tmp_path / "other")
    done = fishy(
        "replay", "--dataset", "synthetic", *SMALL, "--offline", "--models", f"{tiny_package.folder},{other}",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert [line.split()[:2] for line in done.stdout.splitlines()[-3:]] == [
        ["rank", "model"], ["1", str(tiny_package.folder)], ["2", str(other)]
    ]  # fmt: skip
    for name in ("tiny", "other"):
        assert (tmp_path / "out" / name / "report.json").is_file()


def test_the_peak_of_every_model_is_searched_for_and_written_by_itself(tmp_path, monkeypatch):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    from fishy_ros.evaluation.live import run_peak
    from fishy_ros.evaluation.replay.peak import Peak, PeakTrial

    def search(request, frames, start_stage):
        rate_hz = {"a": 11.0, "b": 22.0}[request.detector.model]
        trial = PeakTrial(rate_hz, frames, frames, 1.0, 2.0, 0.1)
        return Peak(rate_hz, 1.0, 0.1, 0.0, (trial,), (), trial)

    monkeypatch.setattr(run_peak, "run_peak", search)
    done = fishy("replay", "--dataset", "synthetic", *SMALL, "--peak", "--models", "a,b", "--out", tmp_path)
    said = [line for line in done.stdout.splitlines() if line.startswith(("model", "peak rate"))]
    assert [line.split()[1:3] for line in said] == [["a"], ["rate", "11.00"], ["b"], ["rate", "22.00"]]
    for model, rate_hz in (("a", 11.0), ("b", 22.0)):
        report = json.loads((tmp_path / model / "peak.json").read_text())
        assert (report["model"], report["peak"]["rate_hz"]) == (model, rate_hz)


def test_a_peak_refuses_what_only_one_replay_has(tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    flags = (("--lockstep",), ("--regions",), ("--video", "--out", tmp_path))
    for option in (*flags, ("--rate", 5), ("--timing-frames", 9), ("--components", "obstacle"), ("--record", "a.mcap")):
        with pytest.raises(ConfigError, match=f"^{option[0]}: not with --peak"):
            fishy("replay", "--dataset", "synthetic", *SMALL, "--peak", *option)


def test_contradictions_are_named(tmp_path):
    with pytest.raises(ConfigError, match="either a bag"):
        fishy("replay")
    with pytest.raises(ConfigError, match="--peak needs the node"):
        fishy("replay", "--dataset", "synthetic", "--offline", "--peak")
    with pytest.raises(ScoreError, match="component track 'moon'"):
        fishy("replay", "--dataset", "synthetic", "--components", "moon")
    with pytest.raises(BagError, match="no such bag"):
        fishy("replay", "--bag", tmp_path / "missing")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--lockstep", None),
        ("--timeout", 5),
        ("--domain-id", 3),
        ("--attach", "/detector"),
        ("--play-topic", "/front/image_raw"),
        ("--param", "camera_height_m=1.4"),
        ("--record", "drive.mcap"),
    ],
)
def test_options_of_the_node_are_refused_offline(option, value):
    given = (option,) if value is None else (option, value)
    with pytest.raises(ConfigError, match=f"{option}: only for a replay through the node"):
        fishy("replay", "--dataset", "synthetic", *SMALL, "--offline", *given)


def test_options_without_a_use_are_refused():
    unseen = ("replay", "--dataset", "synthetic", *SMALL, "--offline")
    options = (("--threshold", 0.5), ("--threshold-low", 0.4), ("--smallest", 9), ("--drivable", "road"))
    more = (("--confirm", "2/3"), ("--camera-height", 1.4), ("--speed", 5))
    for option in (*options, *more):
        with pytest.raises(ConfigError, match=f"^{option[0]}: only with --regions"):
            fishy(*unseen, *option)
    with pytest.raises(ConfigError, match="--peak-frames: only with --peak"):
        fishy(*unseen, "--peak-frames", 40)
    for pitch, expected in ((5, "says nothing without a camera height"), ("nan", "expected -90 to 90")):
        with pytest.raises(ConfigError, match=expected):
            fishy(*unseen, "--regions", "--camera-pitch", pitch)
    attached = ("replay", "--dataset", "synthetic", *SMALL, "--attach", "/detector")
    chosen = (("--model", "a"), ("--models", "a"), ("--scores", "a"), ("--precision", "int8"), ("--threads", 3))
    for option in (*chosen, ("--runtime", "openvino"), ("--device", "cuda"), ("--fit", "pad")):
        with pytest.raises(ConfigError, match=f"^{option[0]}: not with --attach"):
            fishy(*attached, *option)


def test_a_model_that_is_missing_is_named_before_the_first_runs(tiny_package, tmp_path):
    unseen = ("replay", "--dataset", "synthetic", *SMALL, "--offline", "--out", tmp_path)
    with pytest.raises(ModelPackageError, match="nosuch"):
        fishy(*unseen, "--models", f"{tiny_package.folder},nosuch")
    assert not list(tmp_path.iterdir())


def test_the_rate_of_a_dataset_counts_for_regions_offline(tiny_package, tmp_path):
    done = fishy(
        "replay", "--dataset", "synthetic", *SMALL, "--offline", "--model", tiny_package.folder, "--out", tmp_path,
        "--regions", "--rate", 5,
    )  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["regions"]["minutes"] == pytest.approx(3 / 5 / 60)
    assert "no times" not in done.stdout


def test_models_whose_reports_would_overwrite_each_other_are_refused_before_the_first_runs(tmp_path):
    with pytest.raises(ConfigError, match="two models would write"):
        fishy(
            "replay", "--dataset", "synthetic", *SMALL, "--offline", "--models", "runs/a/package,runs/b/package",
            "--out", tmp_path,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_sweep_says_what_it_kept(tiny_package, tmp_path):
    arguments = ("sweep", "--dataset", f"folder={small_folder(tmp_path)}", "--models", tiny_package.folder,
                 "--workers", 1, "--out", tmp_path / "out")  # fmt: skip
    first, second = fishy(*arguments), fishy(*arguments)
    assert "folder\nrank" in first.stdout
    assert f"{tmp_path / 'out/folder/tiny'}: already finished, skipped" in second.stdout
    assert first.stdout.splitlines()[-1] == second.stdout.splitlines()[-1]


def test_the_demo_leaves_a_bag_a_report_a_video_and_pictures(tiny_package, tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "demo", "--short", "--model", tiny_package.folder]
    done = subprocess.run(
        [*command, "--out", tmp_path / "demo"],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    assert "12 played, 12 published, 0 dropped" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("latency")
    written = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"street", "report.html", "report.json", "pictures"} <= written
    assert written & {"overlay.mp4", "overlay.webp"}


def small_folder(tmp_path):
    import cv2

    from fishy_ros.datasets.synthetic import SyntheticStreet

    root = tmp_path / "frames"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for sample in SyntheticStreet(3, height=96, width=192):
        cv2.imwrite(str(root / "images" / f"{sample.id}.png"), sample.image)
        cv2.imwrite(str(root / "labels" / f"{sample.id}.png"), sample.labels)
    return root
