"""Containers, shapes and names in which other people's score maps come."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.scoring.evaluate import score_frames
from fishy_ros.evaluation.scoring.saved_maps import SavedMaps

LABELS = np.zeros((12, 20), np.uint8)
LABELS[3:6, 4:9] = 1
SCORE = np.random.default_rng(0).random(LABELS.shape)


def write_labels(folder: Path, *names: str, labels: np.ndarray = LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.png").write_bytes(cv2.imencode(".png", labels)[1].tobytes())
    return folder


def hdf5(path: Path, **arrays: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip")


WRITERS: dict[str, Callable[[Path, np.ndarray], object]] = {
    "npy": np.save,
    "npz": lambda path, score: np.savez(path, score),
    "packed.npz": lambda path, score: np.savez_compressed(path, anomaly_score=score, labels=np.zeros(3)),
    "hdf5": lambda path, score: hdf5(path, value=score),
    "h5": lambda path, score: hdf5(path, anything=score),
    "tiff": lambda path, score: path.write_bytes(cv2.imencode(".tiff", score)[1].tobytes()),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_container_gives_the_map_that_was_written(tmp_path, kind):
    (tmp_path / "scores").mkdir()
    WRITERS[kind](tmp_path / "scores" / f"a.{kind.rpartition('.')[2]}", SCORE)
    (frame,) = SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a"))
    np.testing.assert_array_equal(frame.score, SCORE.astype(np.float32))


@pytest.mark.parametrize("shape", [(12, 20), (1, 12, 20), (12, 20, 1), (1, 12, 20, 1), (1, 1, 12, 20)])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_axes_of_one_around_a_map_are_dropped(tmp_path, shape, dtype):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "a.npy", SCORE.astype(dtype).reshape(shape))
    (frame,) = SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a"))
    np.testing.assert_array_equal(frame.score, SCORE.astype(dtype).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, bool])
def test_whole_numbers_are_scored_as_they_are_with_a_warning(tmp_path, dtype):
    whole = (SCORE * 200).astype(np.uint8) if dtype is not bool else SCORE > 0.5
    for name, score in (("whole", whole.astype(dtype)), ("real", whole.astype(np.float64))):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", score)
    labels = write_labels(tmp_path / "labels", "a")
    maps = {name: SavedMaps(tmp_path / name, labels) for name in ("whole", "real")}
    summaries = {name: score_frames(lambda pairs=pairs: pairs) for name, pairs in maps.items()}
    assert summaries["whole"].pixel.ap == summaries["real"].pixel.ap
    assert maps["real"].warnings == ()
    assert "1 score maps hold whole numbers" in maps["whole"].warnings[0]


@pytest.mark.parametrize(
    ("score", "is_told"),
    [
        (1 - 1e-9 * SCORE, True),
        (SCORE * 1e300, True),
        (SCORE * 1e-60, True),
        ((2**40 + 1000 * SCORE).astype(np.int64), True),
        (SCORE, False),
        (np.where(SCORE > 0.5, np.inf, SCORE), False),
        (np.full_like(SCORE, np.nan), False),
        ((255 * SCORE).astype(np.int64), False),
        (1 - np.float32(1e-6) * SCORE.astype(np.float32), False),
    ],
)
def test_numbers_that_single_precision_cannot_tell_apart_are_told_of(tmp_path, score, is_told):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "a.npy", score)
    maps = SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a"))
    list(maps)
    assert any("float32 cannot tell apart" in warning for warning in maps.warnings) is is_told


SCHEMES = {
    "equal": ("a", "a"),
    "segment me if you can": ("validation0003_labels_semantic", "validation0003"),
    "fishyscapes, whole": ("0007_04_Maurener_Weg_8_000000_000030_labels", "0007_04_Maurener_Weg_8_000000_000030"),
    "fishyscapes, of the image": ("0007_04_Maurener_Weg_8_labels", "04_Maurener_Weg_8_leftImg8bit"),
    "fishyscapes, of the picture": ("0007_04_Maurener_Weg_8_labels", "0007_04_Maurener_Weg_8_rgb"),
    "fishyscapes, number": ("0007_04_Maurener_Weg_8_labels", "0007"),
    "of the labels": ("0007_04_Maurener_Weg_8_labels", "0007_04_Maurener_Weg_8_labels"),
    "of the image": ("04_Maurener_Weg_8", "04_Maurener_Weg_8_leftImg8bit"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_files_are_paired_by_the_names_of_the_benchmarks(tmp_path, scheme):
    label, score = SCHEMES[scheme]
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / f"{score}.npy", SCORE)
    labels = write_labels(tmp_path / "labels", label)
    if label.endswith(("_labels", "_labels_semantic")):
        write_labels(
            labels, f"{label}_color", f"{label.removesuffix('_labels')}_rgb", labels=np.zeros((2, 2, 3), np.uint8)
        )
    maps = SavedMaps(tmp_path / "scores", labels)
    (frame,) = maps
    np.testing.assert_array_equal(frame.labels, LABELS)
    assert maps.unscored == ()


def test_an_image_that_two_frames_share_is_not_guessed(tmp_path):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "munich.npy", SCORE)
    labels = write_labels(tmp_path / "labels", "0001_munich_labels", "0002_munich_labels")
    with pytest.raises(ScoreError, match=r"no munich\.png .*called like 000._munich_labels\.png"):
        SavedMaps(tmp_path / "scores", labels)


def test_two_maps_of_one_frame_are_refused(tmp_path):
    (tmp_path / "scores").mkdir()
    for name in ("0001_munich", "munich_leftImg8bit"):
        np.save(tmp_path / "scores" / f"{name}.npy", SCORE)
    with pytest.raises(ScoreError, match="belong to the labels 0001_munich"):
        SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "0001_munich_labels"))


@pytest.mark.parametrize("shrink", [1, 2])
def test_a_transposed_map_is_refused(tmp_path, shrink):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "a.npy", SCORE.T[::shrink, ::shrink])
    with pytest.raises(ScoreError, match=r"a\.npy: the map is .* it is transposed"):
        list(SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a")))


@pytest.mark.parametrize(
    ("shape", "is_told"), [((6, 10), False), ((12, 12), True), ((12, 40), True), ((24, 40), False)]
)
def test_a_map_of_another_aspect_ratio_is_scored_with_a_warning(tmp_path, shape, is_told):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "a.npy", np.random.default_rng(0).random(shape))
    maps = SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a"))
    list(maps)
    assert any("another aspect ratio" in warning for warning in maps.warnings) is is_told


def test_several_arrays_without_a_usual_name_are_listed(tmp_path):
    (tmp_path / "scores").mkdir()
    np.savez(tmp_path / "scores" / "a.npz", first=SCORE, second=SCORE)
    with pytest.raises(ScoreError, match=r"a\.npz: holds first, second; expected one array"):
        list(SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a")))


def test_hdf5_that_leads_out_of_its_file_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "scores").mkdir()
    SCORE.tofile(tmp_path / "secret")
    with h5py.File(tmp_path / "scores" / "a.hdf5", "w") as file:
        file.create_dataset(
            "value", SCORE.shape, SCORE.dtype, external=[(os.fspath(tmp_path / "secret"), 0, SCORE.nbytes)]
        )
    with pytest.raises(ScoreError, match=r"a\.hdf5: /value lies outside the file"):
        list(SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a")))


@pytest.mark.parametrize("suffix", ["npy", "npz", "hdf5", "tiff"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4 no archive", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_damaged_containers_are_named(tmp_path, suffix, content):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / f"a.{suffix}").write_bytes(content)
    with pytest.raises(ScoreError, match=rf"a\.{suffix}"):
        list(SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a")))


@pytest.mark.parametrize("kind", ["scores/b.npy", "labels/b.png"])
@pytest.mark.parametrize("size", [0, 60])
def test_a_torn_file_costs_its_frame_and_is_named(tmp_path, kind, size):
    (tmp_path / "scores").mkdir()
    for name in "abc":
        np.save(tmp_path / "scores" / f"{name}.npy", SCORE)
    labels = write_labels(tmp_path / "labels", "a", "b", "c")
    torn = tmp_path / kind
    torn.write_bytes(torn.read_bytes()[:size])
    maps = SavedMaps(tmp_path / "scores", labels)
    assert [frame.id for frame in score_frames(maps.readable).frames] == ["a", "c"]
    assert f"b cannot be read and counts as without map: {torn}" in maps.warnings[0]
    for name in "ac":
        (tmp_path / kind).with_stem(name).write_bytes(b"")
    with pytest.raises(ScoreError, match="a\\."):
        score_frames(SavedMaps(tmp_path / "scores", labels).readable)


def test_a_torn_image_costs_its_picture_only(tmp_path):
    (tmp_path / "scores").mkdir()
    np.save(tmp_path / "scores" / "a.npy", SCORE)
    images = write_labels(tmp_path / "images", "a")
    (images / "a.png").write_bytes(b"torn")
    maps = SavedMaps(tmp_path / "scores", write_labels(tmp_path / "labels", "a"), images)
    assert score_frames(maps.readable).pixel is not None
    assert "a.png" in maps.warnings[0]
