"""Pasted objects: exact labels, sizes by perspective, effects that do what their names say."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fishy_ros.datasets.folder import open_folder
from fishy_ros.datasets.object_crops import ObjectCrop, find_object_crops, read_object_crop
from fishy_ros.datasets.overlay import OverlayDataset
from fishy_ros.datasets.overlay_effects import (
    adapt_brightness,
    add_fog,
    color_noise,
    depth_blur,
    glow,
    is_smooth,
    match_histogram,
    overexpose,
    premultiply,
    radial_motion_blur,
    soften_edge,
)
from fishy_ros.datasets.overlay_paste import Placement, draw_placement, ego_vehicle, paste
from fishy_ros.datasets.overlay_settings import OverlaySettings
from fishy_ros.datasets.voc_objects import find_voc_objects
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.types import Sample

PLAIN = OverlaySettings(brightness=0, histogram=0, motion=0, defocus=0, noise=0, glow=0, fog=0)
ALWAYS = OverlaySettings(anomalies=1, fog=0)


def _square(size: int = 40, color: tuple[int, int, int] = (10, 200, 60)) -> ObjectCrop:
    return ObjectCrop("square", np.full((size, size, 3), color, np.uint8), np.ones((size, size), np.float32))


def _disc(size: int = 41) -> np.ndarray:
    alpha = np.zeros((size, size), np.float32)
    cv2.circle(alpha, (size // 2, size // 2), size // 4, 1.0, -1)
    return alpha


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


def test_the_foot_stands_where_it_was_placed_and_the_label_is_as_tall():
    image = np.zeros((200, 300, 3), np.float32)
    covered = paste(image, _square(), Placement(150, 160, 60), PLAIN, np.random.default_rng(0))
    rows, columns = np.nonzero(covered)
    assert abs(rows.max() + 1 - 160) <= 2
    assert abs(np.ptp(rows) + 1 - 60) <= 3
    assert abs(columns.mean() - 150) <= 1
    np.testing.assert_allclose(image[130, 150], (10, 200, 60), atol=1)
    assert not image[~covered].max(initial=0) > 200


def test_objects_lie_anywhere_but_never_on_the_ego_vehicle():
    labels = np.zeros((100, 200), np.uint8)
    labels[80:, 40:160] = 255  # the bonnet
    labels[10:30, 10:30] = 255  # void elsewhere is no vehicle
    ego = ego_vehicle(labels, labels.shape, 0.9)
    assert ego.sum() == 20 * 120
    seen = np.zeros((100, 200))
    for seed in range(400):
        placed = draw_placement(_square(), ego, OverlaySettings(size=(0.05, 0.2)), np.random.default_rng(seed))
        assert placed is not None
        side = placed.height / 2
        assert side <= placed.x <= 200 - side
        seen[
            max(0, round(placed.y - placed.height)) : round(placed.y), round(placed.x - side) : round(placed.x + side)
        ] += 1
    assert not seen[82:, 42:158].any()
    assert (seen[:80].reshape(8, 10, 200).sum((1, 2)) > 0).all(), "every tenth of the height above the bonnet"


def test_without_labels_the_ego_vehicle_begins_at_the_bonnet():
    assert ego_vehicle(None, (100, 10), 0.86)[:, 0].nonzero()[0].tolist() == list(range(86, 100))


def test_birds_fly_and_mammals_stand():
    ego = np.zeros((100, 200), bool)
    middles = {}
    for kind in ("bird", "dog", "sofa"):
        thing = ObjectCrop(f"{kind}_1", _square().image, _square().alpha)
        drawn = [draw_placement(thing, ego, OverlaySettings(), np.random.default_rng(seed)) for seed in range(300)]
        middles[kind] = np.mean([place.y - place.height / 2 > 50 for place in drawn if place])
    assert middles["bird"] < 0.35 < middles["sofa"] < 0.65 < middles["dog"]


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


def test_what_stands_far_away_is_blurred_and_what_stands_near_is_moved():
    """Depth blur by position: sharp at the lower edge, blurred at the horizon; motion the other way round."""
    crop, rng = _square(60), np.random.default_rng(0)

    def rim(settings, foot):
        image = np.zeros((1000, 400, 3), np.float32)
        paste(image, crop, Placement(200, foot, 60), settings, rng, mirror=False)
        edge = image[foot - 30, :, 1]
        return int(((edge > 10) & (edge < 190)).sum())

    horizon = round(1000 * PLAIN.horizon)
    defocused = dataclasses.replace(PLAIN, defocus=2.5)
    assert rim(defocused, horizon + 5) > rim(defocused, 990) + 4
    moved = dataclasses.replace(PLAIN, motion=0.06)
    assert rim(moved, 990) > rim(moved, horizon + 5)


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


@given(x=st.integers(-100, 400), y=st.integers(-100, 400), height=st.floats(0.1, 900))
@settings(max_examples=60, deadline=None)
def test_pasting_over_any_edge_is_safe(x, y, height):
    image = np.full((60, 90, 3), 50, np.float32)
    reference = np.full((60, 90, 3), 50, np.uint8)
    paste(image, _square(12), Placement(x, y, height), OverlaySettings(), np.random.default_rng(0), reference)
    assert np.isfinite(image).all()


def test_repeated_colors_get_the_mean_of_their_ranks():
    reference = np.arange(256, dtype=np.uint8).repeat(4)[:1020].reshape(10, 102, 1).repeat(3, 2)
    black_and_white = np.zeros((10, 10, 3), np.float32)
    black_and_white[6:] = 200
    alpha = np.ones((10, 10), np.float32)
    matched = match_histogram(black_and_white, alpha, reference, 1.0)
    np.testing.assert_allclose(matched[0, 0], 0.3 * 254.5, atol=1)  # 60 % black: ranks 0 to 0.6, the middle is 0.3
    np.testing.assert_allclose(matched[9, 9], 0.8 * 254.5, atol=1)
    plain = match_histogram(np.full((10, 10, 3), 7, np.float32), alpha, reference, 1.0)
    np.testing.assert_allclose(plain, 127, atol=1)


def test_brightness_moves_to_the_mean_of_what_is_covered():
    colors = np.full((8, 8, 3), (200, 220, 180), np.float32)
    covered = np.full((8, 8, 3), 60, np.float32)
    alpha = np.ones((8, 8), np.float32)
    np.testing.assert_allclose(adapt_brightness(colors, alpha, covered, 1.0)[0, 0], (60, 80, 40), atol=1e-3)
    np.testing.assert_array_equal(adapt_brightness(colors, alpha, covered, 0.0), colors)


def test_only_a_hard_mask_is_smoothed():
    hard = _disc()
    smooth = cv2.GaussianBlur(hard, (0, 0), 2)
    assert not is_smooth(hard)
    assert is_smooth(smooth)
    image = np.zeros((100, 100, 3), np.float32)
    thing = ObjectCrop("a", np.full((41, 41, 3), 255, np.uint8), smooth)
    paste(image, thing, Placement(50, 70, 41), PLAIN, np.random.default_rng(0), mirror=False)
    assert image.sum() / 255 / 3 == pytest.approx(smooth.sum(), rel=0.01), "its area stays"


def test_glow_brightens_and_never_darkens():
    alpha = _disc(81)
    grey = premultiply(np.full((81, 81, 3), 128, np.float32), alpha)[..., :3]
    share = glow(alpha, 3.0, 0.4)
    black, white = (np.full((81, 81, 3), level, np.float32) * alpha[..., None] for level in (0, 255))
    np.testing.assert_array_equal(overexpose(grey, black, share), grey)
    assert overexpose(grey, white, share).max() > 150


def test_fog_follows_the_distance_of_the_ground():
    grey = np.full((100, 10, 3), 40, np.float32)
    foggy = add_fog(grey, 0.4, np.random.default_rng(0))[:, 0, 0]
    assert (np.diff(foggy[41:]) <= 1e-4).all(), "the nearer, the clearer"
    assert foggy[0] == foggy[39] > foggy[99] > 40


def test_objects_for_validation_are_no_objects_for_training(tmp_path):
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"a{number}.png"), np.full((4, 4, 4), 255, np.uint8))
    parts = {split: set(find_object_crops(tmp_path, split)) for split in ("train", "validation", "all")}
    assert not parts["train"] & parts["validation"]
    assert parts["train"] | parts["validation"] == parts["all"]
    assert len(parts["train"]) > len(parts["validation"]) > 0


def _write_numbers(path, ids):
    cv2.imwrite(str(path), ids.astype(np.uint8))


def _write_palette(path, ids):
    picture = Image.fromarray(ids.astype(np.uint8), mode="P")
    picture.putpalette([value * 7 % 256 for value in range(768)])
    picture.save(path)


@pytest.mark.parametrize("write", [_write_numbers, _write_palette])
def test_voc_gives_whole_objects_of_classes_that_cityscapes_lacks(tmp_path, write):
    for part in ("JPEGImages", "SegmentationObject", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / part).mkdir(parents=True)
    numbers, classes = np.zeros((120, 200), int), np.zeros((120, 200), int)
    for number, (kind, box) in enumerate(
        {
            (13, (20, 20, 60, 60)): None,  # a whole horse
            (12, (20, 80, 60, 140)): None,  # a whole dog
            (15, (70, 20, 110, 60)): None,  # a person: known
            (10, (60, 150, 120, 199)): None,  # a cow, cut by the lower edge
            (3, (2, 2, 12, 12)): None,  # a bird, too small
        },
        start=1,
    ):
        top, left, bottom, right = box
        numbers[top:bottom, left:right], classes[top:bottom, left:right] = number, kind
    numbers[60, 20:60] = classes[60, 20:60] = 255  # the void rim of the horse
    cv2.imwrite(str(tmp_path / "JPEGImages/a.jpg"), np.full((120, 200, 3), 80, np.uint8))
    write(tmp_path / "SegmentationObject/a.png", numbers)
    write(tmp_path / "SegmentationClass/a.png", classes)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("a\n")
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("\n")
    found = find_voc_objects(tmp_path, "train")
    assert [each.kind for each in found] == ["horse", "dog"]
    horse = found[0].read()
    assert horse.image.shape == (40, 40, 3)
    assert horse.alpha.all()
    with pytest.raises(DatasetError, match="no whole object of"):
        find_voc_objects(tmp_path, "validation")


def test_histogram_matching_gives_the_distribution_of_the_reference():
    random = np.random.default_rng(0)
    colors = random.normal(200, 10, (60, 60, 3)).astype(np.float32)
    reference = random.normal(80, 25, (60, 60, 3)).clip(0, 255).astype(np.uint8)
    alpha = np.ones((60, 60), np.float32)
    full = match_histogram(colors, alpha, reference, 1.0)
    assert full.mean() == pytest.approx(80, abs=2)
    assert full.std() == pytest.approx(25, abs=2)
    half = match_histogram(colors, alpha, reference, 0.5)
    assert half.mean() == pytest.approx(140, abs=2)
    np.testing.assert_array_equal(match_histogram(colors, alpha, reference, 0.0), colors)
    order = np.argsort(colors[..., 0].ravel(), kind="stable")
    assert (np.diff(full[..., 0].ravel()[order]) >= -1e-3).all(), "brighter stays brighter"


def test_motion_blur_points_away_from_the_focus_and_keeps_the_light():
    picture = premultiply(np.full((41, 41, 3), 100, np.float32), _disc())
    blurred = radial_motion_blur(picture, (-400.0, 20.0), 0.03)
    assert blurred[..., 3].sum() == pytest.approx(picture[..., 3].sum(), rel=0.03)
    widths = [
        (np.ptp(np.nonzero(image[..., 3] > 0.02)[1]), np.ptp(np.nonzero(image[..., 3] > 0.02)[0]))
        for image in (picture, blurred)
    ]
    assert widths[1][0] > widths[0][0] + 4, "longer along the line to the focus"
    assert abs(int(widths[1][1]) - int(widths[0][1])) <= 1, "not across it"
    np.testing.assert_array_equal(radial_motion_blur(picture, (20.0, 20.0), 0.0), picture)


def test_depth_blur_softens_without_darkening_the_edge():
    picture = premultiply(np.full((41, 41, 3), 100, np.float32), _disc())
    blurred = depth_blur(picture, 2.0)
    cover = blurred[..., 3] > 0.05
    np.testing.assert_allclose(blurred[cover][:, :3] / blurred[cover][:, 3:], 100, rtol=1e-3)
    assert blurred[..., 3].sum() == pytest.approx(picture[..., 3].sum(), rel=1e-3)
    assert np.abs(np.diff(blurred[20, :, 3])).max() < 0.3


def test_noise_has_the_wanted_deviation():
    noisy = color_noise(np.full((200, 200, 3), 90, np.float32), 4.0, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(4.0, rel=0.02)
    assert noisy.mean() == pytest.approx(90, abs=0.1)


def test_glow_is_inside_the_edge_only():
    alpha = _disc(81)
    share = glow(alpha, 3.0, 0.4)
    assert not share[alpha == 0].any()
    assert share[40, 40] == pytest.approx(0, abs=1e-3)
    assert 0.25 < share.max() <= np.float32(0.4)


def test_a_softened_edge_lies_inside_the_old_one():
    alpha = _disc()
    soft = soften_edge(alpha, 1.0)
    assert (soft[alpha == 0] < 0.2).all()
    assert 0 < (soft > 0.5).sum() < (alpha > 0.5).sum()


def test_object_crops_are_cropped_to_what_is_visible(folder):
    (path,) = find_object_crops(folder / "objects")
    assert read_object_crop(path).image.shape == (25, 25, 3)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((5, 5, 3), np.uint8), "expected an 8-bit RGBA image, found shape"),
        (np.zeros((5, 5, 4), np.uint8), "every pixel is transparent"),
    ],
)
def test_a_picture_that_is_no_object_crop_is_named(tmp_path, picture, message):
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    with pytest.raises(DatasetError, match=rf"a\.png.*{message}"):
        read_object_crop(tmp_path / "a.png")


def test_a_folder_without_object_crops_says_what_is_there(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DatasetError, match=r"no \.png, \.webp or \.tif .* found notes\.txt"):
        find_object_crops(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("horizon", 1.0), ("glow", -0.1), ("size", (0.2, 0.1)), ("noise", -1.0), ("anomalies", 1.5), ("noise", np.nan)],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(ConfigError, match=f"overlay {name} is"):
        OverlaySettings(**{name: value})
