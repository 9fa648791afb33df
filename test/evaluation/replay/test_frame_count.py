"""A bag that gives another number of frames than its index counts is named in the report."""

import shutil

import pytest

from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.replay.request import DetectorChoice, ReplayRequest
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sweep.executors import process_pool
from fishy_ros.evaluation.sweep.sweep import Sweep
from fishy_ros.evaluation.sweep.sweep_job import plan_jobs

WARNING = "false counts 9 frames, but 6 could be read: its index is wrong"


@pytest.fixture
def false_bag(street_bag, tmp_path):
    """The drive of 6 frames whose statistics count 9 of each topic."""
    path = shutil.copytree(street_bag, tmp_path / "false")
    (file,) = path.glob("*.mcap")
    content = file.read_bytes()
    start = content.rindex(b"\x0b" + (46 + 30).to_bytes(8, "little")) + 55  # three topics, after the fixed fields
    counts = content[start:].replace((6).to_bytes(8, "little"), (9).to_bytes(8, "little"), 3)
    file.write_bytes(content[:start] + counts)
    return path


def test_frames_that_the_index_counts_and_the_bag_lacks_are_warned_of(false_bag, street_bag, tiny_package, no_stages):
    choice = DetectorChoice(str(tiny_package.folder), "onnxruntime")
    for bag, warned in ((false_bag, True), (street_bag, False)):
        result = run_replay(ReplayRequest(SourceChoice(bag=bag), choice, live=None), no_stages)
        assert result.frames.played == 6
        assert (WARNING in result.warnings) == warned


def test_a_sweep_warns_of_them_too(false_bag, tiny_package, tmp_path):
    jobs = plan_jobs([false_bag], [], [str(tiny_package.folder)], DetectorChoice("", "onnxruntime", threads=1))
    Sweep(jobs, tmp_path / "out", chunk_size=4).run(lambda: process_pool(1), lambda done: None)
    assert WARNING in load_report(tmp_path / "out" / jobs[0].name / "report.json")["warnings"]
