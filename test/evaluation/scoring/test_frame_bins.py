import numpy as np
import pytest

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.scoring import frame_bins
from fishy_ros.evaluation.scoring.frame_bins import BINS, FrameBinner, FrameBins
from fishy_ros.metrics.pixel import sort_frame


def frame(seed, size=20_000):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.uint8([0, 1, 255]), (1, size), p=[0.9, 0.05, 0.05])
    score = 1 / (1 + np.exp(-rng.normal(-3, 2, labels.shape) - 3 * (labels == 1)))
    return sort_frame(score.astype(np.float32), labels, str(seed))


def binned(seeds):
    binner = FrameBinner()
    for seed in seeds:
        binner.update(f"frame {seed}", frame(seed))
    return binner


def test_every_pixel_is_in_one_bin_of_its_frame():
    bins = binned(range(5)).compute()

    assert bins.frames == tuple(f"frame {seed}" for seed in range(5))
    for seed in range(5):
        assert bins.positives[seed].sum() == frame(seed).positives.size
        assert bins.negatives[seed].sum() == frame(seed).negatives.size
    assert 100 < bins.positives.shape[1] <= BINS + 2


def test_bins_are_ordered_from_the_highest_score_down():
    positives = np.sort(np.array([900, 901], np.uint32) << 16)
    negatives = np.sort(np.arange(0, 800, dtype=np.uint32) << 16)
    binner = FrameBinner()
    binner.update("a", frame_bins.SortedFrame(positives, negatives))

    bins = binner.compute()

    assert np.flatnonzero(bins.positives[0]).max() < np.flatnonzero(bins.negatives[0]).min()


def test_merged_parts_equal_the_whole():
    whole, left, right = binned(range(6)), binned([4, 1]), binned([5, 0, 3, 2])
    left.merge(right)

    ours, theirs = left.compute(), whole.compute()

    assert ours.frames == theirs.frames
    assert np.array_equal(ours.positives, theirs.positives)
    assert np.array_equal(ours.negatives, theirs.negatives)


def test_bits_are_dropped_when_memory_runs_out(monkeypatch):
    monkeypatch.setattr(frame_bins, "_MEMORY_LIMIT", 60_000)
    coarse = binned(range(4))
    monkeypatch.setattr(frame_bins, "_MEMORY_LIMIT", 1 << 30)
    fine = binned([7])
    fine.merge(coarse)

    bins = fine.compute()

    assert coarse._bytes <= 60_000
    assert bins.positives.sum(axis=1).tolist() == [frame(seed).positives.size for seed in (0, 1, 2, 3, 7)]


def test_saved_counts_come_back(tmp_path):
    bins = binned(range(3)).compute()
    bins.save(tmp_path / "frames.npz")

    loaded = FrameBins.load(tmp_path / "frames.npz")

    assert loaded.frames == bins.frames
    assert np.array_equal(loaded.positives, bins.positives)
    assert np.array_equal(loaded.negatives, bins.negatives)


def test_a_damaged_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "frames.npz").write_bytes(b"PK\x03\x04 nothing")

    with pytest.raises(ScoreError, match=r"frames\.npz"):
        FrameBins.load(tmp_path / "frames.npz")


def test_frames_without_bins_are_refused(tmp_path):
    empty = np.zeros((2, 0), np.uint32)
    FrameBins(("a", "b"), empty, empty).save(tmp_path / "frames.npz")

    with pytest.raises(ScoreError, match="2 frames without any bins"):
        FrameBins.load(tmp_path / "frames.npz")


def test_frames_without_evaluated_pixels_come_back(tmp_path):
    binner = FrameBinner()
    for name in ("a", "b"):
        binner.update(name, sort_frame(np.zeros((2, 3), np.float32), np.full((2, 3), 255, np.uint8), name))
    binner.compute().save(tmp_path / "frames.npz")

    loaded = FrameBins.load(tmp_path / "frames.npz")

    assert loaded.frames == ("a", "b")
    assert not loaded.positives.any()
    assert not loaded.negatives.any()


def test_no_frames_make_no_bins():
    assert FrameBinner().compute().frames == ()
