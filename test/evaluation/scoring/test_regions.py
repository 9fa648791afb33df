"""Regions over a drive: counts of a drive that was made by hand, in both ways of following."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.region_pass import RegionPass, RegionRequest
from fishy_ros.evaluation.result import ReplayResult, SourceDescription
from fishy_ros.evaluation.scoring.regions import RegionPlan, RegionScorer
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.obstacles import Camera, GroundPlane, Intrinsics, PersistenceRules, RegionRules

HEIGHT, WIDTH = 64, 128
CAMERA = Camera(Intrinsics(100.0, 100.0, 63.5, 19.5), WIDTH, HEIGHT)


def plan(**changes) -> RegionPlan:
    values = {
        "threshold": 0.5,
        "rules": RegionRules(0.5),
        "persistence": PersistenceRules(2, 2, max_gap_s=0.0),
        "thresholds": (0.5, 0.85),
        **changes,
    }
    return RegionPlan(**values)


def frame(objects=(), found=(), ignored=()):
    """Labels with objects of 8x8 px, and a heatmap of half the size with what is found at (row, column, score)."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row, column in objects:
        labels[row : row + 8, column : column + 8] = 1
    for row, column in ignored:
        labels[row : row + 8, column : column + 8] = 255
    score = np.zeros((HEIGHT // 2, WIDTH // 2), np.float32)
    for row, column, value in found:
        score[row // 2 : row // 2 + 4, column // 2 : column // 2 + 4] = value
    return score, labels


def drive():
    """Ten frames, a tenth of a second apart: one object that is seen in eight, one that is never seen, a false region
    that flashes up twice, a false one that stays from frame 5 on, and one on ignored pixels."""
    for index in range(10):
        objects, found = [(30, 20), (30, 100)], [(50, 60, 0.9)]
        if index not in (3, 4):
            found.append((30, 20, 0.8))
        if index in (1, 7):
            found.append((8, 8, 0.9))
        if index >= 5:
            found.append((8, 100, 0.7))
        yield index / 10, *frame(objects, found, ignored=[(50, 60)])


def scored(**changes):
    scorer = RegionScorer(plan(**changes))
    for stamp, score, labels in drive():
        scorer.add(score, labels, stamp, str(stamp))
    return scorer.compute()


def test_counts_before_and_after_persistence_are_those_of_the_drive():
    result = scored()
    before, after = result.in_force.before, result.in_force.after
    assert result.minutes == pytest.approx(1.0 / 60)
    assert result.objects == 2
    assert (before.object_recall, after.object_recall) == (0.5, 0.5)
    assert before.frame_recall == pytest.approx(8 / 20)
    assert after.frame_recall == pytest.approx(6 / 20)  # confirmed in its second frame, and again after the gap
    assert before.false_per_frame == pytest.approx((2 + 5) / 10)
    assert after.false_per_frame == pytest.approx(4 / 10)  # the flashes are gone, the other one comes a frame later
    assert before.false_alarms_per_min == pytest.approx(3 * 60)
    assert after.false_alarms_per_min == pytest.approx(1 * 60)


def test_a_higher_threshold_finds_less():
    high = next(point for point in scored().curve if point.threshold == 0.85)
    assert high.before.object_recall == 0.0
    assert high.before.false_per_frame == pytest.approx(2 / 10)


def test_instances_are_scored_at_the_threshold_in_force():
    instances = scored().instances
    assert instances is None  # objects of 64 px are below the 100 px of the protocol
    scorer = RegionScorer(plan())
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:30, 10:30] = 1
    for index in range(2):
        scorer.add((labels > 0).astype(np.float32), labels, index / 10, str(index))
    assert scorer.compute().instances.ap == 1.0


def test_the_distance_of_confirmation_is_that_of_the_ground():
    """An object that comes nearer is found from 12 m on, and confirmed a frame later."""
    ground = GroundPlane(1.5)
    scorer = RegionScorer(plan(ground=(CAMERA, ground), min_object_px=1))
    for index, distance in enumerate([16.0, 14.0, 12.0, 10.0]):
        bottom = round(100.0 * 1.5 / distance + 20.0)
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[bottom - 6 : bottom, 60:68] = 1
        scorer.add((labels > 0).astype(np.float32) * (index >= 2), labels, index / 10, str(index))
    result = scorer.compute()
    assert result.confirmed_objects == 1
    assert result.confirmed_distance_m == pytest.approx(math.hypot(10.0, 1.5), rel=0.02)


def test_without_labels_every_region_is_false_and_there_is_no_recall():
    scorer = RegionScorer(plan())
    for stamp, score, _ in drive():
        scorer.add(score, None, stamp, str(stamp))
    result = scorer.compute()
    assert result.labelled_frames == 0
    assert math.isnan(result.in_force.before.object_recall)
    assert result.in_force.before.false_per_frame == pytest.approx((8 + 2 + 5 + 10) / 10)


def test_frames_without_labels_among_others_are_followed_but_not_judged():
    """A detector that is always right, with one false region that stays, on a drive with labels on every 5th frame."""
    every, some = RegionScorer(plan()), RegionScorer(plan())
    score, labels = frame([(30, 20)], [(30, 20, 0.9), (8, 100, 0.7)])
    for index in range(60):
        every.add(score, labels, index / 10, str(index))
        some.add(score, labels if index % 5 == 0 else None, index / 10, str(index))
    whole, part = every.compute(), some.compute()
    assert (part.frames, part.labelled_frames) == (60, 12)
    assert part.minutes == pytest.approx(whole.minutes / 5)
    assert part.objects == whole.objects == 1
    for ours in (part.in_force.before, part.in_force.after):
        assert (ours.object_recall, ours.false_per_frame) == pytest.approx((1.0, 1.0), abs=0.1)
    assert part.in_force.before.frame_recall == 1.0
    assert part.in_force.before.false_alarms_per_min == pytest.approx(1 / part.minutes)
    assert part.in_force.after.false_alarms_per_min == 0.0  # first reported in a frame without labels


@pytest.mark.parametrize(("every", "warned"), [(1, ""), (5, "16 of 20 frames have no labels"), (99, "every region")])
def test_a_replay_warns_of_frames_without_labels(every, warned):
    source = DatasetSource(SyntheticStreet(20, height=HEIGHT, width=WIDTH))
    regions = RegionPass(RegionRequest(0.5), source, None, 10.0)
    for index, sample in enumerate(source.samples()):
        labels = sample.labels if (index + 1) % every == 0 else None
        regions.add(DetectedFrame(replace(sample, labels=labels), np.zeros((HEIGHT, WIDTH), np.float32)))
    warnings = regions.add_to(ReplayResult("offline", SourceDescription("dataset", "street"))).warnings
    assert len(warnings) == bool(warned)
    assert warned in "".join(warnings)


def test_one_frame_has_no_duration():
    scorer = RegionScorer(plan())
    scorer.add(*frame(), 0.0, "0")
    assert scorer.compute() is None
