"""Instance metrics against the script of Cityscapes, which OoDIS uses, and cases done by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy import ndimage

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.instances import LIMITS, Instance, InstanceAccumulator, average_precision


def square(top: int, left: int, size: int, score: float) -> Instance:
    return Instance(score, top, left, np.ones((size, size), np.bool_))


def labels_with(*squares: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros((64, 96), np.uint8)
    for top, left, size in squares:
        labels[top : top + size, left : left + size] = 1
    return labels


def test_a_perfect_frame_has_an_ap_of_1_and_a_false_instance_lowers_it():
    accumulator = InstanceAccumulator()
    labels = labels_with((2, 2, 12), (30, 40, 20))
    accumulator.update([square(2, 2, 12, 0.8), square(30, 40, 20, 0.9)], labels, "a")
    assert accumulator.compute().ap == 1.0
    accumulator.update([square(5, 5, 20, 0.95)], labels_with(), "b")
    metrics = accumulator.compute()
    # Confidences 0.95 (false), 0.9, 0.8: precision 1, 0, 1/2, 2/3 at recall 0, 0, 1/2, 1.
    assert metrics.ap50 == pytest.approx(1.0 * 0.0 + 0.0 * 0.25 + 0.5 * 0.5 + 2 / 3 * 0.25)
    assert (metrics.true_instances, metrics.predicted_instances) == (2, 3)


def test_small_true_instances_and_ignored_pixels_cost_nothing():
    accumulator = InstanceAccumulator()
    labels = labels_with((2, 2, 5), (30, 40, 20))
    labels[50:60, 0:20] = 255
    predicted = [square(2, 2, 5, 0.99), square(50, 0, 10, 0.98), square(30, 40, 20, 0.5)]
    accumulator.update(predicted, labels, "a")
    assert accumulator.compute().ap == 1.0


def test_without_true_instances_there_is_no_ap():
    accumulator = InstanceAccumulator()
    accumulator.update([square(2, 2, 5, 0.9)], labels_with(), "a")
    assert math.isnan(accumulator.compute().ap)


def test_an_instance_outside_the_frame_is_refused():
    with pytest.raises(ScoreError, match="frame-7"):
        InstanceAccumulator().update([square(60, 2, 12, 0.8)], labels_with(), "frame-7")


def frames_of(seed: int, count: int) -> list[tuple[np.ndarray, list[Instance]]]:
    """Frames with squares, and predictions that are near them, in ignored areas, small, or wrong."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        labels, predicted = np.zeros((64, 96), np.uint8), []
        for column in range(0, 96, 32):
            size = int(rng.integers(6, 20))
            top, left = int(rng.integers(2, 40)), column + int(rng.integers(2, 8))
            kind = rng.random()
            if kind < 0.6:
                labels[top : top + size, left : left + size] = 1
            elif kind < 0.8:
                labels[top : top + size, left : left + size] = 255
            if rng.random() < 0.8:
                shift = rng.integers(-2, 3, 2)
                score = float(rng.choice([0.2, 0.4, 0.6, 0.8]))
                predicted.append(square(top + int(shift[0]), left + int(shift[1]), size, score))
        frames.append((labels, predicted))
    return frames


def official(frames) -> np.ndarray:
    """AP at every limit by the script of Cityscapes."""
    script = pytest.importorskip(
        "cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling",
        reason="cityscapesScripts is not installed: instance metrics are not compared with it",
    )
    matches = {}
    for number, (labels, predicted) in enumerate(frames):
        true, count = ndimage.label(labels == 1, np.ones((3, 3)))
        truth = [
            {
                "instID": 1000 + one,
                "pixelCount": int((true == one).sum()),
                "medDist": -1,
                "distConf": 0.0,
                "matchedPred": [],
            }
            for one in range(1, count + 1)
        ]
        found = []
        for one, instance in enumerate(predicted):
            mask = np.zeros(labels.shape, bool)
            rows, columns = instance.inside.shape
            mask[instance.top : instance.top + rows, instance.left : instance.left + columns] = instance.inside
            entry = {
                "predID": one,
                "pixelCount": int(mask.sum()),
                "confidence": instance.score,
                "voidIntersection": int((mask & (labels == 255)).sum()),
                "matchedGt": [],
            }
            for index, gt in enumerate(truth):
                shared = int((mask & (true == index + 1)).sum())
                if shared:
                    gt["matchedPred"].append(
                        {**{k: entry[k] for k in ("predID", "pixelCount", "confidence")}, "intersection": shared}
                    )
                    entry["matchedGt"].append(
                        {**{k: gt[k] for k in ("instID", "pixelCount", "medDist", "distConf")}, "intersection": shared}
                    )
            found.append(entry)
        matches[str(number)] = {"prediction": {"anomaly": found}, "groundTruth": {"anomaly": truth}}
    arguments = script.CArgs()
    arguments.overlaps, arguments.minRegionSizes = np.arange(0.5, 1.0, 0.05), np.array([100])
    arguments.distanceThs, arguments.distanceConfs = np.array([np.inf]), np.array([-np.inf])
    arguments.distanceAvailable, arguments.instLabels = False, ["anomaly"]
    try:
        return script.evaluateMatches(matches, arguments)[0, 0]
    except IndexError:  # the script ends so where every prediction is ignored
        reject()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_ap_is_that_of_the_cityscapes_script(seed, count):
    frames = frames_of(seed, count)
    accumulator = InstanceAccumulator()
    for number, (labels, predicted) in enumerate(frames):
        accumulator.update(predicted, labels, str(number))
    metrics = accumulator.compute()
    assert metrics.ap_at == pytest.approx(official(frames).tolist(), nan_ok=True)
    assert len(metrics.ap_at) == LIMITS.size


def test_average_precision_of_no_predictions_is_0():
    assert average_precision(np.empty(0), np.empty(0, np.bool_), 3) == 0.0
