"""One torn or empty frame costs its own heatmap, is named, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from support.torn_bag import DAMAGES, write_torn_bag

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.replay.request import DetectorChoice, ReplayRequest
from fishy_ros.evaluation.replay.run_offline import run_offline
from fishy_ros.evaluation.replay.timing import time_detector
from fishy_ros.evaluation.sources.bag_source import BagSource
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sweep.sweep_job import SweepChunk, SweepJob, score_chunk
from fishy_ros.metrics.component import find_track

CASES = Path(__file__).resolve().parents[4] / "shared" / "field_cases" / "torn_frame"


@pytest.fixture(scope="module")
def choice(tiny_package):
    return DetectorChoice(str(tiny_package.folder), "onnxruntime")


@pytest.fixture(scope="module")
def whole(street, choice, tmp_path_factory):
    """The result for the bag without damage."""
    path = write_torn_bag(tmp_path_factory.mktemp("whole") / "bag", street, {})
    return run_offline(BagSource(path), choice, lambda stage, total: lambda done: None)


@pytest.fixture
def folder(street, tmp_path) -> Path:
    """The street as a plain folder."""
    root = tmp_path / "folder"
    for sample in street:
        for kind, picture in (("images", sample.image), ("labels", sample.labels)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            (root / kind / f"{sample.id}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return root


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("torn", [(0,), (2, 5)])
def test_an_offline_replay_scores_the_others_and_names_the_torn_ones(
    street, choice, no_stages, tmp_path, damage, torn, whole
):
    path = write_torn_bag(tmp_path / "bag", street, dict.fromkeys(torn, damage))
    result = run_offline(BagSource(path), choice, no_stages)
    assert (result.frames.played, result.frames.dropped) == (6, len(torn))
    for index in torn:
        (told,) = (line for line in result.warnings if line.startswith(f"frame 00000{index} cannot be read"))
        assert f"{path}, /camera/image_raw/compressed" in told
    expected = {frame.id: frame for frame in whole.score.frames}
    assert {frame.id for frame in result.score.frames} == {f"00000{i}" for i in range(6) if i not in torn}
    assert all(frame == expected[frame.id] for frame in result.score.frames)


@pytest.mark.live
def test_components_film_and_report_leave_torn_frames_out(street, choice, no_stages, tmp_path):
    path = write_torn_bag(tmp_path / "bag", street, {0: "torn", 3: "empty"})
    request = ReplayRequest(
        source=SourceChoice(bag=path), detector=choice, out=tmp_path / "out", components="obstacle", video=True
    )
    result = run_replay(request, no_stages)
    assert result.score.component is not None
    assert (tmp_path / "out" / "report.html").is_file()
    assert "000003 cannot be read" in (tmp_path / "out" / "report.json").read_text()


def test_timing_and_sweeps_leave_torn_frames_out(street, choice, tmp_path):
    path = write_torn_bag(tmp_path / "bag", street, {0: "torn"})
    with choice.open() as detector:
        assert time_detector(detector, BagSource(path), 3).frames == 3
    chunk = SweepChunk(SweepJob("bag/tiny", SourceChoice(bag=path), choice), 0, 6)
    result = score_chunk(chunk)
    assert [frame.id for frame in result.unreadable] == ["000000"]
    assert len(result.latencies) == 6


@pytest.mark.parametrize("track", [None, find_track("obstacle")])
def test_a_bag_of_nothing_but_torn_frames_is_an_error_that_says_why(street, choice, no_stages, tmp_path, track):
    path = write_torn_bag(tmp_path / "bag", street, dict.fromkeys(range(6), "torn"))
    with pytest.raises(ReplayError, match=r"none of the 6 frames can be read; the first is 000000: .*cut off"):
        run_offline(BagSource(path), choice, no_stages, track=track)


@pytest.mark.parametrize("kind", ["images", "labels"])
@pytest.mark.parametrize(("place", "damage"), [(0, "torn"), (2, "empty"), (5, "gone")])
def test_a_torn_file_of_a_folder_is_named_and_the_rest_scored(folder, choice, no_stages, kind, place, damage):
    file = folder / kind / f"00000{place}.png"
    dataset = open_dataset("folder", folder)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 100 if damage == "torn" else 0])
    result = run_offline(DatasetSource(dataset), choice, no_stages)
    assert (result.frames.played, result.frames.dropped) == (6, 1)
    assert any(f"00000{place} cannot be read" in line and str(file) in line for line in result.warnings)
    assert len(result.score.frames) == 5


def test_what_is_played_of_a_folder_leaves_torn_files_out_and_keeps_the_places(folder):
    (folder / "images" / "000001.png").write_bytes(b"torn")
    frames = list(DatasetSource(open_dataset("folder", folder)).play_frames())
    assert [(frame.index, frame.id) for frame in frames] == [(i, f"00000{i}") for i in (0, 2, 3, 4, 5)]


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_the_torn_bag_from_the_field_is_scored(choice, no_stages, tmp_path):
    shutil.copytree(CASES, tmp_path / "bag")
    result = run_offline(BagSource(tmp_path / "bag"), choice, no_stages)
    assert result.frames.dropped == 1
    assert result.frames.published == result.frames.played - 1
    assert any("cannot be read" in line and "/bag" in line for line in result.warnings)
