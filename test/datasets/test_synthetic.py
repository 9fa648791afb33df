"""The synthetic street: deterministic, exactly labelled, varied, and like a street."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from fishy_ros.cityscapes import BUILDING, ROAD, SIDEWALK, SKY, VEGETATION
from fishy_ros.datasets.registry import open_dataset
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import UNKNOWN, Canvas
from fishy_ros.synthetic.mesh import cuboid, sphere
from fishy_ros.synthetic.objects import KINDS, build_unknown_object
from fishy_ros.synthetic.raster import View, draw_mesh
from fishy_ros.synthetic.style import draw_style


@pytest.fixture(scope="module")
def street() -> SyntheticStreet:
    return SyntheticStreet(frames=30, height=256, width=512, seed=3)


def test_a_frame_depends_on_seed_and_number_alone(street):
    again = SyntheticStreet(frames=200, height=256, width=512, seed=3)
    for index in (17, 4):
        np.testing.assert_array_equal(street[index].image, again[index].image)
        np.testing.assert_array_equal(street[index].labels, again[index].labels)
    assert not np.array_equal(street[17].image, street[16].image)


def test_another_seed_is_another_street(street):
    other = SyntheticStreet(frames=1, height=256, width=512, seed=4)
    assert (street[0].image != other[0].image).mean() > 0.9


def test_shapes_types_and_ids(street):
    sample = street[5]
    assert sample.id == "000005"
    assert sample.image.shape == (256, 512, 3)
    assert sample.image.dtype == sample.labels.dtype == np.uint8
    assert sample.labels.shape == (256, 512)
    assert set(np.unique(sample.labels)) <= {0, 1, 255}
    assert len(list(street)) == len(street) == 30
    with pytest.raises(IndexError):
        street[30]


def test_labels_and_segmentation_agree(street):
    labels, segmentation = street[8].labels, street.segmentation(8)
    np.testing.assert_array_equal(labels != 0, segmentation == 255)
    assert set(np.unique(segmentation)) <= {*range(19), 255}


def test_the_street_has_what_a_street_has(street):
    shares = np.bincount(street.segmentation(10).ravel(), minlength=256) / (256 * 512)
    assert shares[ROAD] > 0.2
    assert min(shares[BUILDING], shares[SKY], shares[VEGETATION], shares[SIDEWALK]) > 0.003
    assert shares[13:16].sum() > 0.01, "vehicles"


def test_most_frames_show_an_unknown_object_and_none_is_full_of_them(street):
    shares = [(street[index].labels == 1).mean() for index in range(0, 30, 3)]
    assert np.mean([share > 1e-4 for share in shares]) > 0.7
    assert max(shares) < 0.2


def test_objects_grow_and_come_down_as_the_car_drives_on(street):
    """Flow of the road: whatever stands still moves away from the horizon."""
    first, second = street._render(3), street._render(4)
    rows = [np.flatnonzero((canvas.ids == UNKNOWN).any(1)).max(initial=0) for canvas in (first, second)]
    assert rows[1] >= rows[0] - 2 or rows[0] > 230


def test_the_labels_of_a_box_cover_its_projection_exactly():
    """Compare with the polygon of the projected silhouette, by the centre of every pixel."""
    camera = StreetCamera(400, 300, 400.0, 200.0, 120.0, 0.0, 1.3)
    canvas = Canvas(np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.uint8))
    box = cuboid(0.8, 0.5, 0.6, (100, 150, 200))
    at = np.array([0.7, 0, 6.0], np.float32)
    view = View(camera, draw_style(np.random.default_rng(0)), 0.0)
    draw_mesh(canvas, box, at, view, UNKNOWN)
    corners = camera.project(box.quads + at, 0.0).reshape(-1, 2)
    hull = cv2.convexHull(corners)
    inside = np.array([[cv2.pointPolygonTest(hull, (x + 0.5, y + 0.5), True) for x in range(400)] for y in range(300)])
    labelled = canvas.ids == UNKNOWN
    assert labelled[inside > 0.5].all()
    assert not labelled[inside < -0.5].any()
    assert abs(labelled.sum() - cv2.contourArea(hull)) < 0.02 * cv2.contourArea(hull)


def test_the_intrinsics_project_as_the_renderer_does(street):
    camera = street._street.camera
    point = np.array([1.0, 0.4, 9.0])
    expected = camera.project(point.astype(np.float32), 2.0)
    seen = street.intrinsics @ ((point - [camera.x, camera.y, 2.0]) * [1, -1, 1])
    np.testing.assert_allclose(seen[:2] / seen[2] + 0.5, expected, rtol=1e-5)


def test_every_kind_of_object_stands_on_the_ground_and_is_of_a_size_that_matters():
    random = np.random.default_rng(0)
    for build in KINDS.values():
        for _ in range(20):
            quads = build(random).quads
            assert abs(quads[..., 1].min()) < 0.02
            assert 0.1 < np.ptp(quads.reshape(-1, 3), axis=0).max() < 2.6
            assert np.isfinite(quads).all()
    assert {build_unknown_object(random).kind for _ in range(200)} == set(KINDS)


def test_closed_shapes_show_their_outside():
    for shape in (cuboid(1, 1, 1, (1, 1, 1)), sphere(0.5, (1, 1, 1))):
        outwards = np.einsum("fc,fc->f", shape.normals, shape.centres - [0, 0.5, 0])
        assert (outwards > 0).all()


@pytest.mark.parametrize(
    ("option", "value"), [("frames", 0), ("height", 8), ("width", 10), ("seed", -1), ("frames", "many")]
)
def test_a_number_out_of_range_is_named(option, value):
    with pytest.raises(ConfigError, match=f"{option} is {value!r}"):
        open_dataset("synthetic", **{option: value})


def test_a_root_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="takes no --root"):
        open_dataset("synthetic", tmp_path)


def test_text_options_are_converted():
    assert len(open_dataset("synthetic", frames="7", width="128", height="64")) == 7


def test_a_frame_takes_well_under_a_second():
    street = SyntheticStreet(frames=10, height=512, width=1024)
    start = time.process_time()
    for index in range(5):
        street[index]
    assert (time.process_time() - start) / 5 < 0.5
