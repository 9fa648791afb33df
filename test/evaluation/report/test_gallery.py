import numpy as np

from fishy_ros.evaluation.report.gallery import GalleryKeeper, gallery_entry


def keeper(aps):
    gallery = GalleryKeeper()
    for index, ap in enumerate(aps):
        gallery.add(gallery_entry(f"{index:04}", ap, np.zeros((4, 8), np.float32)))
    return gallery


def test_of_many_frames_the_ends_and_the_middle_are_shown():
    aps = np.random.default_rng(0).permutation(500) / 500

    gallery = keeper(aps).compute()

    assert [entry.ap for entry in gallery.best] == [499 / 500, 498 / 500, 497 / 500]
    assert [entry.ap for entry in gallery.worst] == [0, 1 / 500, 2 / 500]
    assert all(0.35 < entry.ap < 0.65 for entry in gallery.median)


def test_no_frame_is_shown_twice():
    for count in range(12):
        gallery = keeper(np.linspace(0, 1, count)).compute()
        shown = [entry.frame for entry in (*gallery.best, *gallery.median, *gallery.worst)]
        assert len(shown) == len(set(shown)) == min(count, 9)


def test_frames_without_a_score_rank_last():
    assert keeper([np.nan, 0.1, 0.5]).compute().worst[0].frame == "0000"


def test_large_frames_are_shrunk_and_small_anomalies_stay_visible():
    labels = np.zeros((1024, 2048), np.uint8)
    labels[500:503, 701:704] = 1
    score = labels.astype(np.float32)
    image = np.zeros((1024, 2048, 3), np.uint8)

    entry = gallery_entry("a", 1.0, score, labels, image)

    assert entry.score.shape == entry.labels.shape == entry.image.shape[:2]
    assert entry.score.shape[1] <= 720
    assert np.count_nonzero(entry.labels == 1) >= 1


def test_small_frames_are_copies():
    score = np.zeros((3, 5), np.float32)
    entry = gallery_entry("a", 1.0, score)
    score[:] = 7

    assert entry.score.max() == 0
