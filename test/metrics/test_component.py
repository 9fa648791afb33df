from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.component import LIMITS, TRACKS, ComponentAccumulator, Track, find_track, frame_components

ROAD_ANOMALY = Path(__file__).resolve().parents[2].parent / "shared/data/eval/road_anomaly21_dev"
EIGHT = np.ones((3, 3))


def components_by_definition(predicted, labels, track):
    """The definitions of the paper with sets of pixels, one component at a time."""

    def components(mask):
        numbered, count = ndimage.label(mask, structure=EIGHT)
        return [set(zip(*np.nonzero(numbered == number), strict=True)) for number in range(1, count + 1)]

    true = components(labels == 1)
    small = set().union(*(component for component in true if len(component) < track.min_true))
    true = [component for component in true if len(component) >= track.min_true]
    found = [part for part in components(predicted & (labels != 255)) if len(part) >= track.min_predicted]
    found = [part - small for part in found if part - small]
    siou = []
    for component in true:
        touching = [part for part in found if part & component]
        covered = set().union(*touching)
        others = set().union(*(other for other in true if other is not component))
        siou.append(len(covered & component) / len((covered | component) - (covered & others)))
    all_true = set().union(*true)
    return siou, [len(part & all_true) / len(part) for part in found]


def blobs(rng, shape, sigma, share):
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return field >= np.quantile(field, 1 - share)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.floats(0.02, 0.5), st.floats(0.02, 0.5), st.sampled_from([(1, 1), (8, 4), (30, 12)])
)
def test_random_blobs_equal_the_definition(seed, true_share, found_share, sizes):
    rng = np.random.default_rng(seed)
    labels = blobs(rng, (40, 60), 2, true_share).astype(np.uint8)
    labels[blobs(rng, (40, 60), 4, 0.1)] = 255
    predicted = blobs(rng, (40, 60), 2, found_share) | (blobs(rng, (40, 60), 3, 0.6) & (labels == 1))
    track = Track("test", *sizes)

    ours = frame_components(predicted, labels, track)
    siou, ppv = components_by_definition(predicted, labels, track)

    assert sorted(ours.siou.tolist()) == pytest.approx(sorted(siou))
    assert sorted(ours.ppv.tolist()) == pytest.approx(sorted(ppv))


@pytest.mark.skipif(not ROAD_ANOMALY.is_dir(), reason="needs shared/data/eval/road_anomaly21_dev")
def test_road_anomaly_frames_equal_the_definition():
    rng = np.random.default_rng(0)
    paths = sorted((ROAD_ANOMALY / "labels").glob("*.png"))[:3]
    track = TRACKS["anomaly"]
    accumulator = ComponentAccumulator(0.5, track)
    all_siou, all_ppv = [], []
    for path in paths:
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        score = ndimage.gaussian_filter(rng.standard_normal(labels.shape), 12)
        score = (score / np.abs(score).max() + 0.4 * (labels == 1)).astype(np.float32)
        accumulator.update(score, labels, path.stem)
        siou, ppv = components_by_definition(score >= np.float32(0.5), labels, track)
        all_siou += siou
        all_ppv += ppv
    f1 = []
    for limit in np.linspace(0.25, 0.75, 11):
        tp, fp = np.sum(np.array(all_siou) >= limit), np.sum(np.array(all_ppv) < limit)
        f1.append(2 * tp / (2 * tp + (len(all_siou) - tp) + fp))

    metrics = accumulator.compute()

    assert metrics.true_components == len(all_siou) > 0
    assert metrics.predicted_components == len(all_ppv) > 0
    assert metrics.siou == pytest.approx(np.mean(all_siou))
    assert metrics.ppv == pytest.approx(np.mean(all_ppv))
    assert metrics.f1 == pytest.approx(np.mean(f1))


def test_perfect_masks_are_found_at_every_limit():
    labels = np.zeros((40, 40), np.uint8)
    labels[5:15, 5:15] = labels[20:35, 20:35] = 1
    accumulator = ComponentAccumulator(1, TRACKS["obstacle"])
    accumulator.update(labels.astype(np.float32), labels, "frame")

    metrics = accumulator.compute()

    assert (metrics.siou, metrics.ppv, metrics.f1) == (1, 1, 1)
    assert metrics.f1_at == (1,) * LIMITS.size


def test_diagonal_neighbours_are_one_component():
    labels = np.uint8([[1, 0], [0, 1]])

    assert frame_components(labels == 1, labels, Track("test", 1, 1)).siou.tolist() == [1.0]


def test_frames_without_components_give_no_averages():
    accumulator = ComponentAccumulator(0.5)
    accumulator.update(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.uint8), "frame")

    metrics = accumulator.compute()

    assert np.isnan(metrics.siou)
    assert np.isnan(metrics.ppv)
    assert metrics.f1 == 0


def test_an_unknown_track_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ScoreError, match="expected one of anomaly, obstacle"):
        find_track("road")


def test_the_limits_and_smallest_sizes_are_those_of_the_paper():
    """Section 4.2 (F1* over 0.25, 0.30 ... 0.75) and the released evaluation code (sizes of both tracks)."""
    np.testing.assert_allclose(LIMITS, [0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75])
    sizes = {name: (track.min_predicted, track.min_true) for name, track in TRACKS.items()}
    assert sizes == {"anomaly": (500, 100), "obstacle": (50, 10)}


def test_a_component_found_to_28_percent_counts_at_the_lowest_limit_only():
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = 1
    score = np.zeros(labels.shape, np.float32)
    score.reshape(-1)[np.flatnonzero(labels)[:28]] = 1
    accumulator = ComponentAccumulator(0.5, Track("test", 1, 1))
    accumulator.update(score, labels, "frame")

    metrics = accumulator.compute()

    assert metrics.siou == pytest.approx(0.28)
    assert metrics.f1_at == (1.0,) + (0.0,) * 10
    assert metrics.f1 == pytest.approx(1 / 11)


@pytest.mark.parametrize(("track", "smallest"), [("anomaly", 500), ("obstacle", 50)])
def test_a_prediction_of_the_smallest_size_counts_and_one_pixel_less_does_not(track, smallest):
    for pixels, counted in ((smallest - 1, 0), (smallest, 1)):
        predicted = np.zeros((30, 30), bool)
        predicted.reshape(-1)[:pixels] = True
        assert frame_components(predicted, np.zeros((30, 30), np.uint8), TRACKS[track]).ppv.size == counted


def test_components_of_all_frames_are_counted():
    labels = np.zeros((20, 40), np.uint8)
    labels[2:6, 2:6] = labels[10:14, 2:6] = 1
    score = np.zeros(labels.shape, np.float32)
    score[2:6, 2:6] = score[2:6, 20:24] = score[12:16, 20:24] = 1
    accumulator = ComponentAccumulator(0.5, Track("test", 1, 1))
    for index in range(2):
        accumulator.update(score, labels, str(index))

    metrics = accumulator.compute()

    assert (metrics.true_components, metrics.predicted_components) == (4, 6)
    assert (metrics.siou, metrics.ppv) == pytest.approx((1 / 2, 1 / 3))
    assert (metrics.threshold, metrics.track) == (0.5, "test")
