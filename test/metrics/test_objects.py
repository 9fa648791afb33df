import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from fishy_ros.metrics.objects import (
    ROW_EDGES,
    SIZE_EDGES,
    find_objects,
    objects_by_distance,
    objects_by_size,
)
from fishy_ros.metrics.pixel import PixelAccumulator


def scene(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((300, 400), np.uint8)
    for row, column, side in ((20, 30, 10), (140, 60, 15), (175, 200, 40), (220, 300, 75), (10, 250, 110)):
        labels[row : row + side, column : column + side] = 1
    labels[:, 390:] = 255
    score = (rng.random(labels.shape) + 0.4 * (labels == 1)).astype(np.float32)
    return score, labels


@pytest.mark.parametrize(
    ("make", "measure", "edges"),
    [
        (objects_by_size, lambda area, bottom: area, SIZE_EDGES),
        (objects_by_distance, lambda area, bottom: bottom, ROW_EDGES),
    ],
)
def test_groups_equal_metrics_of_their_objects_against_all_normal_pixels(make, measure, edges):
    accumulators = make(), make()
    pixels = PixelAccumulator()
    truths, scores, groups, objects = [], [], [], np.zeros(len(edges) + 1, int)
    for seed in range(2):
        score, labels = scene(seed)
        accumulators[seed].update(find_objects(score, labels))
        pixels.update(score, labels, str(seed))
        numbered, count = ndimage.label(labels == 1, structure=np.ones((3, 3)))
        group_of_pixel = np.full(labels.shape, -1)
        for number in range(1, count + 1):
            rows = np.nonzero(numbered == number)[0]
            group = np.searchsorted(edges, measure(rows.size, (rows.max() + 1) / 300), side="right")
            group_of_pixel[numbered == number] = group
            objects[group] += 1
        truths.append(labels.ravel())
        scores.append(score.ravel())
        groups.append(group_of_pixel.ravel())
    truth, score, group = (np.concatenate(parts) for parts in (truths, scores, groups))

    accumulators[0].merge(accumulators[1])
    found = accumulators[0].compute(pixels.negatives)

    assert [one.objects for one in found] == objects[objects > 0].tolist()
    for one, number in zip(found, np.flatnonzero(objects), strict=True):
        counted = (truth == 0) | (group == number)
        assert one.ap == pytest.approx(average_precision_score(truth[counted], score[counted]))
        assert one.auroc == pytest.approx(roc_auc_score(truth[counted], score[counted]))
        assert one.pixels == np.sum(group == number)


def test_a_frame_without_anomalies_has_no_objects():
    objects = find_objects(np.zeros((5, 6), np.float32), np.zeros((5, 6), np.uint8))
    accumulator = objects_by_size()
    accumulator.update(objects)

    assert objects.areas.size == 0
    assert accumulator.compute(PixelAccumulator().negatives) == ()


@pytest.mark.parametrize(
    ("area", "name"),
    [
        (499, "under 500 px"),
        (500, "500 to 2,000 px"),
        (1999, "500 to 2,000 px"),
        (2000, "2,000 to 8,000 px"),
        (7999, "2,000 to 8,000 px"),
        (8000, "8,000 px and more"),
    ],
)
def test_a_size_class_holds_what_its_name_says(area, name):
    labels = np.zeros((100, 120), np.uint8)
    labels.reshape(-1)[:area] = 1
    assert group_names(objects_by_size(), labels) == [name]


@pytest.mark.parametrize(
    ("bottom", "name"),
    [
        (49, "far: above row 50 %"),
        (51, "rows 50 to 60 %"),
        (59, "rows 50 to 60 %"),
        (61, "rows 60 to 70 %"),
        (69, "rows 60 to 70 %"),
        (71, "near: below row 70 %"),
    ],
)
def test_a_distance_class_holds_the_rows_that_its_name_says(bottom, name):
    labels = np.zeros((100, 20), np.uint8)
    labels[bottom - 5 : bottom, 5:10] = 1
    assert group_names(objects_by_distance(), labels) == [name]


def group_names(accumulator, labels):
    accumulator.update(find_objects(labels.astype(np.float32), labels))
    pixels = PixelAccumulator()
    pixels.update(labels.astype(np.float32), labels, "frame")
    return [group.name for group in accumulator.compute(pixels.negatives)]
