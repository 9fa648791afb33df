"""Regions of a rendered street are placed where its objects stand, whose distances are known."""

import numpy as np
import pytest

from fishy_ros.datasets.synthetic import FRAME_RATE, SyntheticStreet
from fishy_ros.obstacles import (
    Camera,
    GroundMotion,
    GroundPlane,
    Intrinsics,
    PersistenceRules,
    RegionRules,
    RegionTracker,
    depth_points,
    find_regions,
    ground_points,
)

HEIGHT, WIDTH = 512, 1024
RULES = RegionRules(0.5, smallest_px=30, drivable_ids=frozenset({0}))


@pytest.fixture(scope="module")
def street() -> SyntheticStreet:
    return SyntheticStreet(frames=40, height=HEIGHT, width=WIDTH, seed=5)


def camera_of(street: SyntheticStreet) -> tuple[Camera, GroundPlane]:
    k = street.intrinsics
    camera = Camera(Intrinsics(k[0, 0], k[1, 1], k[0, 2], k[1, 2]), WIDTH, HEIGHT)
    return camera, GroundPlane(street.camera_height)


def found_in(street: SyntheticStreet, index: int):
    """The regions of a perfect heatmap, and the object that each shows."""
    truth = street.truth(index)
    score = (truth.numbers > 0).astype(np.float32)
    found = find_regions(score, street.segmentation(index), RULES)
    numbers = []
    for position, region in enumerate(found.regions):
        box = region.box
        window = truth.numbers[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
        numbers.append(set(np.unique(window[found.pixels_of(position)]).tolist()))
    return truth, found, numbers


def test_regions_are_placed_on_the_ground_within_their_stated_error_and_by_depth_exactly(street):
    camera, ground = camera_of(street)
    placed, within = 0, 0
    for index in range(0, 40, 3):
        truth, found, numbers = found_in(street, index)
        near = {one.number: one for one in truth.objects}
        by_depth = {one.index: one for one in depth_points(found, np.nan_to_num(truth.depth), camera)}
        for one in ground_points([region.box for region in found.regions], camera, ground):
            if len(numbers[one.index]) != 1 or found.regions[one.index].box.bottom > HEIGHT * 0.9:
                continue  # two objects in one region, or a foot behind the bonnet
            target = near[min(numbers[one.index])]
            depth = float(one.points[:, 2].mean())
            # The foot that is seen lies between the nearest point and the middle of the object.
            error = max(target.near - depth, 0.0, depth - target.ahead)
            placed += 1
            within += error <= 2 * one.error_m
            middle = float(one.points[:, 0].mean())
            assert middle == pytest.approx(target.x, abs=0.3 + 0.02 * target.ahead)
            assert by_depth[one.index].points[0, 2] == pytest.approx(target.near, abs=1e-3)
    assert placed >= 6
    assert within >= 0.9 * placed


def test_an_object_keeps_its_id_over_the_drive(street):
    camera, ground = camera_of(street)
    tracker = RegionTracker(PersistenceRules(2, 3), GroundMotion(camera, ground))
    ids: dict[int, set[int]] = {}
    for index in range(0, 40, 2):
        _, found, numbers = found_in(street, index)
        tracks = tracker.update(found.regions, index / FRAME_RATE, 2 * street.speed / FRAME_RATE)
        for track in tracks:
            if track.index is not None and len(numbers[track.index]) == 1:
                ids.setdefault(min(numbers[track.index]), set()).add(track.id)
    assert len(ids) >= 4
    # Objects that hide behind each other for a while make one region; such may change their id once.
    assert np.mean([len(owners) == 1 for owners in ids.values()]) >= 0.75
    assert max(len(owners) for owners in ids.values()) <= 3


def test_depth_of_the_ground_agrees_with_the_plane(street):
    camera, ground = camera_of(street)
    depth = street.truth(0).depth
    rows, columns = np.nonzero(np.isfinite(depth) & (street.segmentation(0) == 0))
    chosen = np.linspace(0, len(rows) - 1, 200).astype(int)
    pixels = np.column_stack([columns[chosen], rows[chosen]]) + 0.5
    met = ground.meet(camera.intrinsics.rays(pixels))
    assert met[:, 2] == pytest.approx(depth[rows[chosen], columns[chosen]], rel=1e-5)
