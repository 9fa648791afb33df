"""Regions and streaming accuracy in whole replays, their reports and comparisons."""

import json

import pytest

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.replay.region_pass import RegionRequest, parse_confirmation
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
from fishy_ros.evaluation.report.compare import compare_reports, read_report
from fishy_ros.evaluation.report.compare_output import comparison_table
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.report.table import result_table
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.obstacles import PersistenceRules

FRAMES = 8


def no_stages(stage, total):
    return lambda done: None


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """A drive of 8 frames at 10 Hz with its calibration."""
    path = tmp_path_factory.mktemp("bags") / "street"
    street = SyntheticStreet(FRAMES, height=96, width=192, seed=3)
    with BagWriter(path, intrinsics=street.intrinsics) as writer:
        for index, sample in enumerate(street):
            writer.write(sample, 10_000_000_000 + index * 100_000_000)
    return path


def request_of(bag, tiny_package, out, **changes) -> ReplayRequest:
    choice = DetectorChoice(model=str(tiny_package.folder), runtime="onnxruntime")
    regions = RegionRequest(0.45, persistence=PersistenceRules(2, 3), camera_height_m=1.3)
    return ReplayRequest(SourceChoice(bag=bag), choice, **{"live": None, "out": out, "regions": regions, **changes})


def test_regions_of_a_bag_reach_the_table_the_report_and_the_comparison(bag, tiny_package, tmp_path):
    result = run_replay(request_of(bag, tiny_package, tmp_path / "a"), no_stages)
    assert result.regions.frames == FRAMES
    assert result.regions.minutes == pytest.approx(FRAMES / 10 / 60)
    assert result.regions.labelled_frames == FRAMES
    assert result.regions.in_force.threshold == 0.45
    before, after = result.regions.in_force.before, result.regions.in_force.after
    assert before.false_alarms_per_min >= after.false_alarms_per_min
    assert "false alarms per min" in result_table(result)
    report = load_report(tmp_path / "a" / "report.json")
    assert report["regions"]["in_force"]["after"]["false_alarms_per_min"] == pytest.approx(after.false_alarms_per_min)
    page = (tmp_path / "a" / "report.html").read_text()
    assert "confirmed after 2 of 3 frames" in page
    assert (tmp_path / "a" / "pictures" / "regions.png").stat().st_size > 1000
    again = run_replay(request_of(bag, tiny_package, tmp_path / "b"), no_stages)
    assert again.regions == result.regions
    table = comparison_table(compare_reports(read_report(tmp_path / "a"), read_report(tmp_path / "b")))
    assert "false alarms per min" in table


def test_a_rendered_street_gives_consistency_and_the_distance_of_confirmation(tiny_package, tmp_path):
    source = SourceChoice(dataset="synthetic", options=(("frames", 6), ("height", 96), ("width", 192)))
    choice = DetectorChoice(model=str(tiny_package.folder), runtime="onnxruntime")
    request = ReplayRequest(source, choice, live=None, out=tmp_path, regions=RegionRequest(0.4))
    result = run_replay(request, no_stages)
    assert result.consistency.pixels > 10_000
    assert 0 < result.consistency.mean_change < 0.2
    assert any("no times" in warning for warning in result.warnings)
    assert json.loads((tmp_path / "report.json").read_text())["consistency"]["pixels"] == result.consistency.pixels


@pytest.mark.live
def test_streaming_accuracy_of_a_live_replay_is_below_that_of_its_own_heatmaps_or_equal(bag, tiny_package, tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    request = request_of(bag, tiny_package, tmp_path, live=LiveOptions(), regions=None, streaming=True)
    result = run_replay(request, no_stages)
    streaming = result.streaming
    assert streaming.frames + streaming.without == FRAMES
    assert streaming.without >= 1  # nothing can have been published by the time of the first frame
    assert streaming.mean_age_ms >= 90.0  # at 10 Hz the newest heatmap is of the frame before, at best
    assert streaming.plain_ap == pytest.approx(result.score.pixel.ap, abs=0.2)
    report = load_report(tmp_path / "report.json")
    assert report["streaming"]["ap"] == pytest.approx(streaming.ap)


@pytest.mark.live
def test_regions_on_the_drivable_area_are_the_same_through_a_node_and_in_process(bag, tiny_package, tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    regions = RegionRequest(0.45, drivable="road,sidewalk", persistence=PersistenceRules(2, 3))
    everywhere = run_replay(request_of(bag, tiny_package, None), no_stages)
    in_process = run_replay(request_of(bag, tiny_package, None, regions=regions), no_stages)
    lockstep = LiveOptions(lockstep=True)
    through_a_node = run_replay(request_of(bag, tiny_package, None, live=lockstep, regions=regions), no_stages)
    assert not any("segmentation" in warning for warning in through_a_node.warnings)
    assert through_a_node.regions == in_process.regions
    # The restriction restricts: some regions of this street are elsewhere.
    assert in_process.regions.in_force.before != everywhere.regions.in_force.before


def test_what_cannot_be_asked_together_is_refused(bag, tiny_package, tmp_path):
    with pytest.raises(ConfigError, match="real time"):
        request_of(bag, tiny_package, tmp_path, streaming=True)
    live = LiveOptions(attach="/detector")
    with pytest.raises(ConfigError, match="--attach"):
        request_of(bag, tiny_package, tmp_path, live=live, regions=RegionRequest(drivable="road"))
    for text in ("3", "3/", "a/b", "5/3"):
        with pytest.raises(ConfigError, match=r"N/M|N <= M"):
            parse_confirmation(text)
