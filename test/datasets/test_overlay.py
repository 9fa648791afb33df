"""Streets with pasted objects: exact labels, the same frames for the same seed, settings that are checked."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from support.overlay_objects import PLAIN

from fishy_ros.datasets.folder import open_folder
from fishy_ros.datasets.overlay import OverlayDataset
from fishy_ros.datasets.overlay_settings import OverlaySettings
from fishy_ros.errors import ConfigError
from fishy_ros.types import Sample

ALWAYS = OverlaySettings(anomalies=1, fog=0)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for part in ("images", "labels", "objects", "distractors"):
        (tmp_path / part).mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), random.integers(0, 256, (120, 200, 3), np.uint8))
        labels = np.zeros((120, 200), np.uint8)
        labels[110:] = 255
        cv2.imwrite(str(tmp_path / f"labels/{number}.png"), labels)
    for part, color in (("objects", (255, 0, 255)), ("distractors", (0, 255, 0))):
        picture = np.zeros((30, 30, 4), np.uint8)
        cv2.circle(picture, (15, 15), 12, (*color, 255), -1)
        cv2.imwrite(str(tmp_path / part / "disc.png"), picture)
    return tmp_path


class _Streets:
    """Two frames with classes: a car in the first, which touches no border, and nothing in the second."""

    name = "streets"

    def __len__(self):
        return 2

    def __getitem__(self, index):
        classes = np.zeros((100, 200), np.uint8)
        image = np.full((100, 200, 3), 90, np.uint8)
        if index == 0:
            classes[50:70, 120:160] = 13
            image[50:70, 120:160] = (30, 30, 220)
        return Sample(str(index), image, np.zeros((100, 200), np.uint8), classes)

    def __iter__(self):
        return (self[index] for index in range(2))


def test_frames_depend_on_the_seed_and_the_number_alone(folder):
    base = open_folder(folder)
    first, again = (OverlayDataset(base, folder / "objects", folder / "distractors", seed=5) for _ in range(2))
    other = OverlayDataset(base, folder / "objects", folder / "distractors", seed=6)
    for index in (3, 0):
        np.testing.assert_array_equal(first[index].image, again[index].image)
        np.testing.assert_array_equal(first[index].labels, again[index].labels)
    assert any(not np.array_equal(a.labels, b.labels) for a, b in zip(first, other, strict=True))
    assert first.name == "folder+overlay"


def test_nothing_changes_far_from_what_was_pasted_and_labels_stay(folder):
    base = open_folder(folder)
    pasted = OverlayDataset(base, folder / "objects", seed=1, settings=ALWAYS)
    for before, after in zip(base, pasted, strict=True):
        changed = (before.image != after.image).any(-1)
        assert not changed[cv2.dilate(after.labels * (after.labels == 1), np.ones((31, 31))) == 0].any()
        kept = after.labels != 1
        np.testing.assert_array_equal(after.labels[kept], before.labels[kept])
        assert (after.labels == 1).any()


def test_a_frame_has_an_anomaly_or_a_distractor_and_classes_follow(folder):
    settings = OverlaySettings(fog=0, bonnet=1)
    anomalies = distractors = 0
    for seed in range(30):
        frame = OverlayDataset(_Streets(), folder / "objects", seed=seed, settings=settings)[1]
        assert frame.classes is not None
        if (frame.labels == 1).any():
            anomalies += 1
            np.testing.assert_array_equal(frame.classes == 255, frame.labels == 1)
        elif (frame.classes == 13).any():
            distractors += 1
            rows, columns = np.nonzero(frame.classes == 13)
            assert abs(rows.mean() - 59.5) < 1.5, "at its own place"
            assert abs(columns.mean() - 139.5) < 1.5
    assert anomalies > 8
    assert distractors > 5


def test_an_anomaly_takes_on_the_histogram_of_the_image_and_a_distractor_keeps_its_colors(folder):
    """Of the whole image: whatever lies behind the object, its one color becomes the median."""
    settings = dataclasses.replace(PLAIN, histogram=1, bonnet=1)
    found = {}
    for seed in range(30):
        frame = OverlayDataset(_Streets(), folder / "objects", seed=seed, settings=settings)[1]
        kind = "anomaly" if (frame.labels == 1).any() else "distractor" if (frame.classes == 13).any() else "neither"
        inside = (frame.labels == 1) | (frame.classes == 13)
        found[kind] = cv2.erode(inside.astype(np.uint8), np.ones((7, 7))) > 0, frame.image
    inside, image = found["anomaly"]
    np.testing.assert_allclose(image[inside], 90, atol=2)
    inside, image = found["distractor"]
    np.testing.assert_allclose(image[inside], np.broadcast_to((30, 30, 220), image[inside].shape), atol=2)


def test_fog_lies_on_normal_pixels_only(folder):
    settings = OverlaySettings(
        1, (0.3, 0.5), bonnet=1, noise=0, brightness=0, histogram=0, motion=0, defocus=0, glow=0, fog=1
    )
    clear = dataclasses.replace(settings, fog=0)
    foggy, plain = (OverlayDataset(_Streets(), folder / "objects", seed=2, settings=s)[1] for s in (settings, clear))
    inside = cv2.erode((foggy.labels == 1).astype(np.uint8), np.ones((5, 5))) > 0
    assert inside.any()
    assert np.abs(foggy.image[inside].astype(int) - (255, 0, 255)).max() <= 3
    assert foggy.image[10].mean() > plain.image[10].mean() + 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("horizon", 1.0), ("glow", -0.1), ("size", (0.2, 0.1)), ("noise", -1.0), ("anomalies", 1.5), ("noise", np.nan)],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(ConfigError, match=f"overlay {name} is"):
        OverlaySettings(**{name: value})
