"""The ground plane and points against closed forms, OpenCV and Monte Carlo."""

import math

import cv2
import numpy as np
import pytest

from fishy_ros.errors import ConfigError
from fishy_ros.obstacles import (
    Box,
    Camera,
    GroundMotion,
    GroundPlane,
    Intrinsics,
    RegionRules,
    depth_points,
    find_regions,
    ground_points,
)

PINHOLE = Intrinsics(600.0, 620.0, 511.5, 200.5)
CAMERA = Camera(PINHOLE, 1024, 512)


def project(point: np.ndarray) -> np.ndarray:
    """Continuous pixel of a point in the optical frame."""
    return np.array(
        [PINHOLE.fx * point[0] / point[2] + PINHOLE.cx + 0.5, PINHOLE.fy * point[1] / point[2] + PINHOLE.cy + 0.5]
    )


def test_a_level_camera_sees_the_ground_at_f_h_over_the_rows_below_the_horizon():
    ground = GroundPlane(1.4)
    (point,) = ground.meet(PINHOLE.rays(np.array([[512.0, 201.0 + 31.0]])))
    assert point == pytest.approx([0.0, 1.4, 620.0 * 1.4 / 31.0])


@pytest.mark.parametrize("pitch", [-0.05, 0.0, 0.2])
@pytest.mark.parametrize("roll", [-0.1, 0.0, 0.1])
def test_points_on_the_ground_are_found_again_from_their_pixels(pitch, roll):
    ground = GroundPlane.mounted(1.2, pitch, roll)
    normal = np.array(ground.normal)
    rng = np.random.default_rng(1)
    across = np.cross(normal, [0.0, 0.0, 1.0])
    ahead = np.cross(across, normal)
    for right, far in zip(rng.uniform(-3, 3, 20), rng.uniform(4, 40, 20), strict=True):
        point = normal * 1.2 + across / np.linalg.norm(across) * right + ahead / np.linalg.norm(ahead) * far
        (found,) = ground.meet(PINHOLE.rays(project(point)[None]))
        assert found == pytest.approx(point, rel=1e-9)


def test_a_camera_that_looks_down_sees_the_ground_nearer():
    level, down = GroundPlane.mounted(1.2), GroundPlane.mounted(1.2, math.radians(5))
    ray = PINHOLE.rays(np.array([[512.0, 240.0]]))
    assert down.meet(ray)[0, 2] < level.meet(ray)[0, 2]


def test_a_transform_gives_the_same_ground_as_the_mounting():
    pitch = 0.1
    # REP 103: the body has x ahead, y left, z up; the optical frame z ahead, x right, y down.
    level = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    nod = cv2.Rodrigues(np.array([0.0, pitch, 0.0]))[0]
    found = GroundPlane.from_transform(nod @ level, np.array([1.0, 0.0, 1.5]))
    mounted = GroundPlane.mounted(1.5, pitch)
    assert found.normal == pytest.approx(mounted.normal)
    assert (found.height_m, found.pitch_error_rad, found.height_error_m) == (1.5, math.radians(0.3), 0.03)
    assert (mounted.height_m, mounted.pitch_error_rad, mounted.height_error_m) == (1.5, math.radians(0.3), 0.03)


def test_above_the_horizon_there_is_no_ground():
    assert np.isnan(GroundPlane(1.4).meet(PINHOLE.rays(np.array([[512.0, 150.0]])))).all()
    assert ground_points([Box(500, 100, 520, 150)], CAMERA, GroundPlane(1.4)) == ()


def test_the_error_is_the_closed_form_of_a_level_camera():
    far, pitch, height = 20.0, math.radians(0.4), 0.05
    ground = GroundPlane(1.4, pitch_error_rad=pitch, height_error_m=height)
    ray = np.array([[0.0, 1.4 / far, 1.0]])
    row = far**2 / (620.0 * 1.4)
    expected = math.hypot(row * 1.5, pitch * (far**2 + 1.4**2) / 1.4, height * math.hypot(far, 1.4) / 1.4)
    # The foot slides along the ground: its distance changes by dZ, the point by dZ (the height stays).
    assert ground.error_m(ray, 1.5, 620.0)[0] == pytest.approx(expected, rel=5e-3)


def test_the_error_is_the_spread_of_points_whose_causes_are_drawn_at_random():
    rng = np.random.default_rng(2)
    ground = GroundPlane.mounted(1.4, 0.05, pitch_error_rad=0.002, height_error_m=0.02)
    foot = np.array([[700.0, 300.0]])
    (centre,) = ground.meet(PINHOLE.rays(foot))
    spread = []
    for row, pitch, height in rng.normal(0, [0.5, 0.002, 0.02], (4000, 3)):
        other = GroundPlane.mounted(1.4 + height, 0.05 + pitch)
        (point,) = other.meet(PINHOLE.rays(foot + np.array([0.0, row])))
        spread.append(np.linalg.norm(point) - np.linalg.norm(centre))
    assert ground.error_m(PINHOLE.rays(foot), 0.5, PINHOLE.fy)[0] == pytest.approx(np.std(spread), rel=0.06)


@pytest.mark.parametrize(
    ("model", "distortion"),
    [
        ("plumb_bob", (-0.3, 0.1, 1e-3, -1e-3, 0.01)),
        ("rational_polynomial", (-0.2, 0.05, 0.0, 0.0, 0.01, 0.1, 0.0, 0.0)),
    ],
)
def test_rays_of_a_distorted_camera_project_back_to_their_pixels(model, distortion):
    camera = Intrinsics(600.0, 620.0, 511.5, 255.5, model, distortion)
    pixels = np.array([[300.0, 250.0], [700.0, 400.0], [512.0, 256.0]])
    again, _ = cv2.projectPoints(camera.rays(pixels), np.zeros(3), np.zeros(3), camera.matrix, np.array(distortion))
    assert again[:, 0] + 0.5 == pytest.approx(pixels, abs=0.01)


def test_rays_of_a_fisheye_project_back_to_their_pixels():
    coefficients = (0.05, -0.01, 0.002, 0.0)
    camera = Intrinsics(400.0, 400.0, 511.5, 255.5, "equidistant", coefficients)
    pixels = np.array([[200.0, 250.0], [800.0, 400.0]])
    again, _ = cv2.fisheye.projectPoints(
        camera.rays(pixels)[:, None], np.zeros(3), np.zeros(3), camera.matrix, np.array(coefficients)
    )
    assert again[:, 0] + 0.5 == pytest.approx(pixels, abs=0.01)


def test_coefficients_that_a_driver_fills_up_with_zeros_change_nothing():
    pixels = np.array([[200.0, 250.0], [800.0, 400.0]])
    for model, coefficients in (("equidistant", (0.05, -0.01, 0.002, 0.001)), ("plumb_bob", ())):
        plain = Intrinsics(400.0, 400.0, 511.5, 255.5, model, coefficients)
        filled = Intrinsics(400.0, 400.0, 511.5, 255.5, model, (*coefficients, 0.0, 0.0, 0.0))
        assert np.array_equal(filled.rays(pixels), plain.rays(pixels))
        assert filled.pixels(plain.rays(pixels)) == pytest.approx(pixels, abs=0.01)


def test_calibrations_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="calibrated"):
        Intrinsics(0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ConfigError, match="distortion model"):
        Intrinsics(1.0, 1.0, 0.0, 0.0, "odd", (0.1,))
    with pytest.raises(ConfigError, match="3 coefficients of the distortion model 'plumb_bob'"):
        Intrinsics(1.0, 1.0, 0.0, 0.0, "plumb_bob", (0.1, 0.0, 0.0))
    with pytest.raises(ConfigError, match="5 coefficients of the distortion model 'equidistant'"):
        Intrinsics(1.0, 1.0, 0.0, 0.0, "equidistant", (0.1, 0.0, 0.0, 0.0, 0.1))
    with pytest.raises(ConfigError, match="expected finite numbers"):
        Intrinsics(1.0, 1.0, 0.0, 0.0, "plumb_bob", (math.nan, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="above the ground"):
        GroundPlane(-1.0)


def box_of(width: float, height: float, x: float, z: float, ground: GroundPlane) -> Box:
    """The box of an upright board at (x, z) on the ground of a level camera."""
    left, foot = project(np.array([x - width / 2, ground.height_m, z]))
    right, top = project(np.array([x + width / 2, ground.height_m - height, z]))
    return Box(left, top, right, foot)


def test_a_board_on_the_ground_is_placed_where_it_stands_with_its_size():
    ground = GroundPlane(1.4)
    (placed,) = ground_points([box_of(1.0, 0.6, 2.0, 15.0, ground)], CAMERA, ground)
    assert placed.width_m == pytest.approx(1.0)
    assert placed.height_m == pytest.approx(0.6)
    assert placed.points[0] == pytest.approx([1.5, 1.4 - 0.3, 15.0])
    assert placed.points[-1] == pytest.approx([2.5, 1.4 - 0.3, 15.0])
    assert np.diff(placed.points[:, 0]).max() <= 0.1 + 1e-9
    assert placed.distance_m == pytest.approx(math.hypot(2.0, 1.4, 15.0))


def test_what_is_farther_than_the_limit_is_left_out():
    ground = GroundPlane(1.4)
    boxes = [box_of(1.0, 0.6, 0.0, z, ground) for z in (10.0, 60.0)]
    assert [one.index for one in ground_points(boxes, CAMERA, ground, max_distance_m=50.0)] == [0]


@pytest.mark.parametrize("pitch", [0.0, 0.1])
def test_a_box_moves_as_the_projection_of_a_board_does(pitch):
    ground = GroundPlane.mounted(1.4, pitch)
    normal = np.array(ground.normal)
    ahead = np.array([0.0, 0.0, 1.0]) - normal * normal[2]
    ahead /= np.linalg.norm(ahead)

    def seen(distance):
        foot = normal * 1.4 + ahead * distance + np.array([1.0, 0.0, 0.0])
        return project(foot)

    before, after = seen(20.0), seen(17.0)
    box = Box(before[0] - 10, before[1] - 8, before[0] + 10, before[1])
    moved = GroundMotion(CAMERA, ground).predict(box, 3.0)
    assert moved.foot == pytest.approx(tuple(after))
    assert GroundMotion(CAMERA, ground).predict(box, 19.9) is None


DISTORTED = [
    Intrinsics(600.0, 620.0, 511.5, 200.5, "plumb_bob", (-0.37, 0.2, 0.001, -0.001, -0.05)),
    Intrinsics(600.0, 620.0, 511.5, 200.5, "equidistant", (-0.02, 0.01, -0.004, 0.001)),
]


@pytest.mark.parametrize("intrinsics", [PINHOLE, *DISTORTED])
def test_a_point_on_the_ray_of_a_pixel_is_seen_there(intrinsics):
    pixels = np.array([[60.0, 200.0], [512.0, 201.0], [900.0, 500.0]])
    points = intrinsics.rays(pixels) * np.array([[3.0], [7.0], [20.0]])
    assert intrinsics.pixels(points) == pytest.approx(pixels, abs=0.3)


@pytest.mark.parametrize("intrinsics", DISTORTED)
def test_what_stands_still_before_a_car_that_stands_still_stays_where_it_was_seen(intrinsics):
    box = Box(60.0, 360.0, 72.0, 380.0)
    moved = GroundMotion(Camera(intrinsics, 1024, 512), GroundPlane(1.4)).predict(box, 0.0)
    assert (moved.left, moved.top, moved.right, moved.bottom) == pytest.approx((60.0, 360.0, 72.0, 380.0), abs=0.3)


def test_things_behind_the_car_grow_smaller_and_things_beside_it_go_by():
    ground, box = GroundPlane(1.4), box_of(1.0, 0.6, 0.0, 10.0, GroundPlane(1.4))
    behind = GroundMotion(CAMERA, ground, (0.0, 0.0, -1.0)).predict(box, 5.0)
    assert behind.width == pytest.approx(box.width * 10.0 / 15.0)
    beside = GroundMotion(CAMERA, ground, (1.0, 0.0, 0.0)).predict(box, 5.0)
    assert beside.width == pytest.approx(box.width)
    assert beside.foot[0] == pytest.approx(box.foot[0] - 600.0 * 5.0 / 10.0)


def test_depth_places_a_region_at_the_near_part_of_what_it_covers():
    score = np.zeros((512, 1024), np.float32)
    score[300:340, 500:540] = 0.9
    depth = np.full((256, 512), 30.0, np.float32)
    depth[150:170, 251:269] = 12.0
    depth[155, 255] = np.nan
    found = find_regions(score, None, RegionRules(0.5))
    (placed,) = depth_points(found, depth, CAMERA)
    assert placed.points[:, 2] == pytest.approx(12.0)
    assert placed.error_m == pytest.approx(0.02 * 12.0)
    expected = (np.array([500.0, 540.0]) - 0.5 - 511.5) / 600.0 * 12.0
    assert placed.points[[0, -1], 0] == pytest.approx(expected)
    assert depth_points(found, np.zeros((256, 512), np.float32), CAMERA) == ()


def test_a_region_without_depth_is_left_out_and_the_next_one_is_not():
    score = np.zeros((512, 1024), np.float32)
    score[300:340, 500:540] = score[300:340, 700:740] = 0.9
    found = find_regions(score, None, RegionRules(0.5))
    first = found.regions[0].box
    depth = np.full((512, 1024), 9.0, np.float32)
    depth[:, int(first.left) : int(first.right)] = np.nan
    assert [place.index for place in depth_points(found, depth, CAMERA)] == [1]
