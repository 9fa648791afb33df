import numpy as np
import pytest

from fishy_ros.evaluation.scoring.bootstrap import METRICS, draw_frames, intervals, metric_intervals, resample
from fishy_ros.evaluation.scoring.frame_bins import FrameBinner, FrameBins
from fishy_ros.metrics.pixel import PixelAccumulator, sort_frame


def frames(count, seed=0):
    rng = np.random.default_rng(seed)
    for index in range(count):
        labels = rng.choice(np.uint8([0, 1]), (1, 20_000), p=[0.97, 0.03])
        skill = rng.uniform(0, 4)
        score = 1 / (1 + np.exp(-rng.normal(-2, 1.5, labels.shape) - skill * (labels == 1)))
        yield sort_frame(score.astype(np.float32), labels, str(index))


def exact(pixels):
    accumulator = PixelAccumulator()
    for one in pixels:
        accumulator.add(one)
    metrics = accumulator.compute()
    return metrics.ap, metrics.fpr95, metrics.auroc


def binned(pixels):
    binner = FrameBinner()
    for index, one in enumerate(pixels):
        binner.update(f"{index:03}", one)
    return binner.compute()


def test_drawing_every_frame_once_gives_nearly_the_exact_metrics():
    pixels = list(frames(8))

    ours = resample(binned(pixels), [np.ones((1, 8), np.int64)])[0]

    assert ours == pytest.approx(exact(pixels), abs=2e-3)


def test_a_sample_equals_metrics_of_the_frames_that_it_draws():
    pixels = list(frames(6))
    (draws,) = draw_frames(6, samples=3, seed=1)

    ours = resample(binned(pixels), [draws])

    for sample, draw in zip(ours, draws, strict=True):
        drawn = [pixels[index] for index in np.repeat(np.arange(6), draw)]
        assert sample == pytest.approx(exact(drawn), abs=4e-3)


def test_blocks_of_draws_are_those_of_one_draw_and_stay_small():
    blocks = list(draw_frames(3000, samples=100, seed=2))

    whole = np.random.default_rng(2).multinomial(3000, np.full(3000, 1 / 3000), size=100)
    assert len(blocks) > 1
    assert max(block.nbytes for block in blocks) <= 1 << 20
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_drive_of_days_takes_one_sample_at_a_time():
    assert next(draw_frames(1_000_000)).shape == (1, 1_000_000)


def test_intervals_hold_the_metric_and_narrow_with_more_frames():
    widths = []
    for count in (10, 90):
        pixels = list(frames(count, seed=4))
        found = metric_intervals(binned(pixels))
        for name, value in zip(METRICS, exact(pixels), strict=True):
            assert found[name].low < value < found[name].high
        widths.append(found["AP"].high - found["AP"].low)
    assert widths[1] < 0.6 * widths[0]


def test_samples_without_anomalies_are_left_out():
    samples = np.array([[0.5, 0.1, 0.9], [np.nan, np.nan, np.nan], [0.7, 0.3, 0.8]])

    assert intervals(samples, level=1.0)["AP"].low == 0.5
    assert intervals(samples[1:2]) == {}


def test_one_frame_has_no_interval():
    assert metric_intervals(binned(list(frames(1)))) == {}


def test_scores_within_a_bin_pass_a_threshold_together():
    """One bin with as many of each class: all or nothing is accepted, at a precision of 1/2; AUROC counts ties half."""
    frame = np.array([[0, 40, 0]]), np.array([[0, 40, 0]])
    bins = FrameBins(frames=("one",), positives=frame[0], negatives=frame[1])
    ap, fpr95, auroc = resample(bins, [np.ones((1, 1), np.int64)])[0]
    assert (ap, fpr95, auroc) == pytest.approx((0.5, 1.0, 0.5))


def test_ties_in_a_coarse_bin_have_the_precision_of_its_end():
    """3 positives alone above; then 2 positives tied with 6 negatives, and 4 negatives below."""
    bins = FrameBins(frames=("one",), positives=np.array([[3, 2, 0]]), negatives=np.array([[0, 6, 4]]))
    scores, labels = np.repeat([3.0, 2.0, 1.0], [3, 8, 4]), np.repeat([1, 0, 1, 0], [3, 6, 2, 4])
    ap, fpr95, auroc = resample(bins, [np.ones((1, 1), np.int64)])[0]
    assert ap == pytest.approx((3 * 1.0 + 2 * 5 / (5 + 6)) / 5)
    assert auroc == pytest.approx((3 * 1.0 + 2 * (4 + 6 / 2) / 10) / 5)
    assert fpr95 == pytest.approx(6 / 10)
    assert (ap, fpr95, auroc) == pytest.approx(exact([sort_frame(np.float32([scores]), np.uint8([labels]), "one")]))


@pytest.mark.parametrize(
    "quantize",
    [
        pytest.param(lambda score: np.round(score * 4), id="20 levels"),
        pytest.param(lambda score: np.round(255 / (1 + np.exp(7 - 2.5 * score))), id="8 bits"),
        pytest.param(lambda score: np.maximum(score - 0.7, 0), id="clipped at 0"),
        pytest.param(lambda score: score > 1.5, id="masks"),
    ],
)
def test_intervals_of_tied_scores_hold_their_own_metric(quantize):
    rng = np.random.default_rng(0)
    pixels = []
    for index in range(60):
        labels = (rng.random((1, 8000)) < 0.03).astype(np.uint8)
        score = quantize(rng.normal(size=labels.shape) + 2 * labels).astype(np.float32)
        pixels.append(sort_frame(score, labels, str(index)))
    found = metric_intervals(binned(pixels))
    for name, value in zip(METRICS, exact(pixels), strict=True):
        assert found[name].low <= value <= found[name].high, name


def test_an_interval_holds_the_central_95_percent_of_the_samples():
    samples = np.repeat(np.arange(1001)[:, None] / 1000, 3, axis=1)
    found = intervals(samples)["AP"]
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def test_a_sample_with_one_kind_of_pixel_only_has_no_metrics_and_one_pixel_of_either_is_enough():
    positives, negatives = np.array([[1, 0], [0, 0], [3, 0]]), np.array([[0, 1], [0, 5], [0, 0]])
    bins = FrameBins(frames=("both", "normal", "anomalous"), positives=positives, negatives=negatives)
    found = resample(bins, [np.eye(3, dtype=np.int64)])
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False]
    assert np.isnan(found[1:]).all()
