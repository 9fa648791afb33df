import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.scored_frames import save_maps, scored_frames

from fishy_ros.datasets.label_files import decode_label_ids
from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.scoring.saved_maps import SavedMaps

CASES = Path(__file__).resolve().parents[4] / "shared" / "field_cases" / "one_bit_labels"


@pytest.mark.parametrize("suffix", [".npy", ".tiff"])
def test_saved_maps_come_back_in_natural_order(tmp_path, suffix):
    frames = scored_frames(3)
    maps = SavedMaps(*save_maps(frames, tmp_path, suffix))

    read = list(maps)

    assert [frame.id for frame in read] == ["frame 00", "frame 01", "frame 02"]
    for ours, theirs in zip(read, frames, strict=True):
        assert np.array_equal(ours.score, theirs.score)
        assert np.array_equal(ours.labels, theirs.labels)


def test_maps_of_other_float_types_and_with_a_batch_axis_are_accepted(tmp_path):
    frame = scored_frames(1)[0]
    scores, labels = save_maps([frame], tmp_path)
    np.save(scores / f"{frame.id}.npy", frame.score[None].astype(np.float64))

    assert np.array_equal(next(iter(SavedMaps(scores, labels))).score, frame.score)


def test_the_hash_covers_contents_and_is_known_after_reading(tmp_path):
    frames = scored_frames(2)
    maps = SavedMaps(*save_maps(frames, tmp_path / "a"))
    assert maps.sha256 is None
    list(maps)
    other = scored_frames(2)
    other[1].score[0, 0] += 1
    changed = SavedMaps(*save_maps(other, tmp_path / "b"))
    list(changed)

    lines = []
    for frame in frames:
        paths = tmp_path / "a/scores" / f"{frame.id}.npy", tmp_path / "a/labels" / f"{frame.id}.png"
        lines.append(f"{frame.id} {hashlib.sha256(b''.join(path.read_bytes() for path in paths)).hexdigest()}\n")
    assert maps.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert changed.sha256 != maps.sha256


def test_labels_without_a_map_are_told(tmp_path):
    scores, labels = save_maps(scored_frames(2), tmp_path)
    (scores / "frame 01.npy").unlink()

    assert SavedMaps(scores, labels).unscored == ("frame 01",)


def test_a_map_without_labels_is_an_error_that_names_both(tmp_path):
    scores, labels = save_maps(scored_frames(2), tmp_path)
    (labels / "frame 01.png").unlink()

    with pytest.raises(ScoreError, match=r"no frame 01\.png for .*frame 01\.npy \(1 of 2"):
        SavedMaps(scores, labels)


def test_folders_without_maps_say_what_they_hold(tmp_path):
    scores, labels = save_maps(scored_frames(1), tmp_path)

    with pytest.raises(ScoreError, match=r"no score maps .*it holds frame 00\.png"):
        SavedMaps(labels, labels)
    with pytest.raises(ScoreError, match="nowhere: no such folder; expected labels"):
        SavedMaps(scores, tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY\x01\x00", b"no array at all"],
    ids=["empty", "truncated", "text"],
)
def test_a_damaged_map_is_an_error_that_names_the_file(tmp_path, content):
    scores, labels = save_maps(scored_frames(1), tmp_path)
    (scores / "frame 00.npy").write_bytes(content)

    with pytest.raises(ScoreError, match=r"frame 00\.npy"):
        list(SavedMaps(scores, labels))


def test_pickles_stacks_and_color_labels_are_refused(tmp_path):
    frame = scored_frames(1)[0]
    scores, labels = save_maps([frame], tmp_path)
    np.save(scores / f"{frame.id}.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ScoreError, match="no NumPy array"):
        list(SavedMaps(scores, labels))
    np.save(scores / f"{frame.id}.npy", np.zeros((2, 3, 4)))
    with pytest.raises(ScoreError, match=r"float64 \(2, 3, 4\), expected numbers"):
        list(SavedMaps(scores, labels))
    np.save(scores / f"{frame.id}.npy", frame.score)
    (labels / f"{frame.id}.png").write_bytes(_png(np.arange(36, dtype=np.uint8).reshape(3, 4, 3)))
    with pytest.raises(ScoreError, match="expected a single-channel image of label ids"):
        list(SavedMaps(scores, labels))


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_a_one_bit_mask_of_pillow_counts_its_anomalies():
    ids = decode_label_ids((CASES / "labels" / "f1.png").read_bytes(), Path("f1.png"))
    with Image.open(CASES / "labels" / "f1.png") as picture:
        np.testing.assert_array_equal(ids, np.asarray(picture).astype(np.uint8))
    assert set(np.unique(ids)) == {0, 1}


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def test_the_picture_of_a_map_comes_with_it_where_there_is_one(tmp_path):
    frames = scored_frames(2)
    images = tmp_path / "images"
    images.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    cv2.imwrite(str(images / "frame 01.png"), picture)

    without, given = SavedMaps(*save_maps(frames, tmp_path), images)

    assert without.image is None
    np.testing.assert_array_equal(given.image, picture)
