"""Where regions are placed by depth, by the ground, by both or not at all."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image

from fishy_ros.errors import ImageError
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.obstacle_finder import ObstacleFinder, ObstacleSettings
from fishy_ros.node.obstacle_inputs import ObstacleInputs
from fishy_ros.node.parameters import DetectorParameters
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

    def depth_of(self, header, size):
        if self.depth_m is None:
            raise ImageError("no depth image has come")
        return np.full(SIZE, self.depth_m, np.float32)

    def speed_m_s(self):
        return None


class Listener:
    """A node as far as subscriptions need one."""

    def create_subscription(self, *arguments, **options):
        return None


def depth_message(stamp_s, value, frame_id="camera"):
    message = Image(height=1, width=2, encoding="16UC1", step=4)
    message.header.frame_id = frame_id
    message.header.stamp = Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9))
    message.data.frombytes(np.full(2, value, np.uint16).tobytes())
    return serialize_message(message)


def depth_at(inputs, stamp_ns, frame_id="camera", size=(100, 200)):
    return inputs.depth_of(FrameHeader(stamp_ns // 10**9, stamp_ns % 10**9, frame_id), size)


def test_depth_images_wait_for_their_image_by_their_stamps():
    inputs = ObstacleInputs(Listener(), DetectorParameters(use_depth=True))
    for index in range(300):
        inputs._on_depth(depth_message(5 + index / 30, 1000 + index))
    assert depth_at(inputs, 5_000_000_000 + 280 * 1_000_000_000 // 30)[0, 0] == pytest.approx(1.28)
    with pytest.raises(ImageError, match=r"the nearest depth image is 7\.9"):
        depth_at(inputs, 6_000_000_000)
    with pytest.raises(ImageError, match="stamp of an image is 0"):
        depth_at(inputs, 0)


def test_depth_images_without_advancing_stamps_replace_each_other():
    inputs = ObstacleInputs(Listener(), DetectorParameters(use_depth=True))
    for index in range(10):
        inputs._on_depth(depth_message(5, 1000 + index))
    assert depth_at(inputs, 5_000_000_000)[0, 0] == pytest.approx(1.009)
    assert len(inputs._depths) == 1


def test_depth_that_is_not_registered_to_the_camera_is_refused():
    inputs = ObstacleInputs(Listener(), DetectorParameters(use_depth=True))
    inputs._on_depth(depth_message(5, 1000))
    with pytest.raises(ImageError, match="in frame 'camera', its image in 'color'; depth_topic must be registered"):
        depth_at(inputs, 5_000_000_000, "color")
    assert depth_at(inputs, 5_000_000_000, "").shape == (1, 2), "a frame without a name tells nothing"
    with pytest.raises(ImageError, match="is 2x1, its image 160x96: another shape"):
        depth_at(inputs, 5_000_000_000, size=(96, 160))


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
