"""Pasted objects: exact labels, sizes by perspective, effects that do what their names say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.datasets.folder import open_folder
from fishy_ros.datasets.object_crops import ObjectCrop, find_object_crops, read_object_crop
from fishy_ros.datasets.overlay import OverlayDataset, OverlaySettings, Placement, draw_placement, paste
from fishy_ros.datasets.overlay_effects import (
    color_noise,
    depth_blur,
    glow,
    match_histogram,
    premultiply,
    radial_motion_blur,
    soften_edge,
)
from fishy_ros.errors import ConfigError, DatasetError

PLAIN = OverlaySettings(histogram=0, motion=0, defocus=0, noise=0, glow=0)


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
    pasted = OverlayDataset(base, folder / "objects", seed=1)
    for before, after in zip(base, pasted, strict=True):
        changed = (before.image != after.image).any(-1)
        assert not changed[cv2.dilate(after.labels * (after.labels == 1), np.ones((31, 31))) == 0].any()
        kept = after.labels != 1
        np.testing.assert_array_equal(after.labels[kept], before.labels[kept])
        assert (after.labels == 1).any()


def test_distractors_are_normal_even_on_ignored_ground():
    image, labels = np.zeros((60, 80, 3), np.float32), np.full((60, 80), 255, np.uint8)
    paste(image, labels, _square(), Placement(40, 50, 30), 0, PLAIN, np.random.default_rng(0))
    assert set(np.unique(labels)) == {0, 255}
    assert (labels == 0).sum() == pytest.approx(30 * 30, rel=0.15)


def test_the_foot_stands_where_it_was_placed_and_the_label_is_as_tall():
    image, labels = np.zeros((200, 300, 3), np.float32), np.zeros((200, 300), np.uint8)
    paste(image, labels, _square(), Placement(150, 160, 60), 1, PLAIN, np.random.default_rng(0))
    rows, columns = np.nonzero(labels)
    assert abs(rows.max() + 1 - 160) <= 2
    assert abs(np.ptp(rows) + 1 - 60) <= 3
    assert abs(columns.mean() - 150) <= 1
    np.testing.assert_allclose(image[130, 150], (10, 200, 60), atol=1)
    assert not image[labels == 0].max(initial=0) > 200


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_size_follows_from_the_row_by_perspective(seed):
    options = OverlaySettings(horizon=0.4, camera_height=1.5, object_height=(0.3, 0.9))
    placement = draw_placement(np.zeros((500, 800, 3), np.uint8), options, np.random.default_rng(seed))
    metres = placement.height * 1.5 / (placement.y - 0.4 * 500)
    assert 0.3 - 1e-9 <= metres <= 0.9 + 1e-9
    assert 200 < placement.y < 500
    assert 0 <= placement.x <= 800


@given(x=st.integers(-100, 400), y=st.integers(-100, 400), height=st.floats(0.1, 900))
@settings(max_examples=60, deadline=None)
def test_pasting_over_any_edge_is_safe(x, y, height):
    image, labels = np.full((60, 90, 3), 50, np.float32), np.zeros((60, 90), np.uint8)
    paste(image, labels, _square(12), Placement(x, y, height), 1, OverlaySettings(), np.random.default_rng(0))
    assert np.isfinite(image).all()
    assert set(np.unique(labels)) <= {0, 1}


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
        (np.zeros((5, 5, 3), np.uint8), "with an alpha channel, found shape"),
        (np.zeros((5, 5, 4), np.uint8), "nothing in it is visible"),
    ],
)
def test_a_picture_that_is_no_object_crop_is_named(tmp_path, picture, message):
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    with pytest.raises(DatasetError, match=rf"a\.png.*{message}"):
        read_object_crop(tmp_path / "a.png")


def test_a_folder_without_object_crops_says_what_is_there(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DatasetError, match=r"looked for \.png, \.webp or \.tif .* found notes\.txt"):
        find_object_crops(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("horizon", 1.0), ("glow", -0.1), ("objects", (2, 1)), ("noise", -1.0), ("camera_height", 0.0), ("noise", np.nan)],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(ConfigError, match=f"overlay {name} is"):
        OverlaySettings(**{name: value})
