"""Where regions are placed by depth, by the ground, by both or not at all."""

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from fishy_ros.errors import ImageError
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.obstacle_finder import ObstacleFinder, ObstacleSettings
from fishy_ros.obstacles import PersistenceRules, RegionRules

SIZE = (96, 160)
SETTINGS = ObstacleSettings(RegionRules(0.5), PersistenceRules(), max_distance_m=20.0)
ON_GROUND = ObstacleSettings(RegionRules(0.5), PersistenceRules(), camera_height_m=1.5, max_distance_m=20.0)
INFO = CameraInfo(height=96, width=160, k=[100.0, 0.0, 79.5, 0.0, 100.0, 31.5, 0.0, 0.0, 1.0])


class Depth:
    """What the node has heard of depth: an image of one distance, or nothing."""

    transforms = None

    def __init__(self, depth_m=None, uses_depth=True):
        self.depth_m, self.uses_depth = depth_m, uses_depth

    def depth_of(self, stamp_ns):
        if self.depth_m is None:
            raise ImageError("no depth image has come")
        return np.full(SIZE, self.depth_m, np.float32)

    def speed_m_s(self):
        return None


def follow(inputs, settings, everything=False):
    finder = ObstacleFinder({0: "road"}, inputs)
    score = np.zeros(SIZE, np.float32)
    score[50:60, 70:90] = 0.9
    header = FrameHeader(1, 0, "camera")
    if everything:
        return finder, finder.follow_everything(header, finder.everything(SIZE), SIZE, INFO, settings)
    found = finder.find(score, np.zeros(SIZE, np.uint8), settings)
    return finder, finder.follow(header, found, SIZE, INFO, settings)


def test_depth_goes_before_the_ground():
    finder, obstacles = follow(Depth(4.0), ON_GROUND)
    assert obstacles.placed[0].source == "depth"
    assert obstacles.placed[0].points[0, 2] == pytest.approx(4.0)
    assert finder.problem == ""


def test_what_depth_says_is_too_far_is_not_placed_on_the_ground_instead():
    _, obstacles = follow(Depth(50.0), ON_GROUND)
    assert obstacles.placed == {}


def test_without_its_depth_image_a_frame_is_placed_on_the_ground_and_the_reason_is_told():
    finder, obstacles = follow(Depth(), ON_GROUND)
    assert obstacles.placed[0].source == "ground"
    assert finder.problem == "no depth image has come"


def test_without_depth_and_ground_it_is_not_known_where_regions_are():
    finder, obstacles = follow(Depth(), SETTINGS)
    assert obstacles.placed is None
    assert finder.problem == "no depth image has come"
    assert follow(Depth(uses_depth=False), SETTINGS)[1].placed is None


def test_a_frame_of_which_nothing_is_known_stands_at_the_near_depth():
    _, obstacles = follow(Depth(4.0), SETTINGS, everything=True)
    assert obstacles.placed[0].points[:, 2] == pytest.approx(4.0)
