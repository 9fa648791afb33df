"""`~/detections` and `~/label_info`: their messages, and the running node where vision_msgs is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from support import vision_messages
from support.detector_bench import EVERYTHING, LATCHED, header, heatmap_of, image_message, stamp_of
from support.tiny_model import CLASSES

from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.obstacle_messages import FrameObstacles, detections_message, label_info_message
from fishy_ros.obstacles import Box, Region, RegionRules, Track, find_regions

IS_INSTALLED = importlib.util.find_spec("vision_msgs") is not None
needs_vision_msgs = pytest.mark.skipif(not IS_INSTALLED, reason="vision_msgs comes with a ROS 2 distribution")
HEADER = FrameHeader(7, 8, "camera")


@pytest.fixture(params=["stand-in", pytest.param("installed", marks=needs_vision_msgs)])
def messages(request):
    return vision_messages if request.param == "stand-in" else pytest.importorskip("vision_msgs.msg")


def test_a_region_is_a_detection_in_px_of_the_image_and_names_the_class_it_hides_in(messages):
    seen = Track(41, Region(Box(10.0, 20.0, 14.0, 28.0), 30, 0.6, 0.8, 0), 0.3, True, 0)
    unknown = Track(2**31, Region(Box(0.0, 0.0, 1.0, 1.0), 1, 0.5, 0.5, 255), 0.0, True, None)
    found = FrameObstacles(HEADER, (seen, unknown), {}, (2.0, 3.0), {0: "road"})
    array = detections_message(found, messages)
    first, second = array.detections
    assert (first.id, second.id) == ("41", str(2**31))
    assert (first.bbox.center.position.x, first.bbox.center.position.y) == (24.0, 72.0)
    assert (first.bbox.size_x, first.bbox.size_y) == (8.0, 24.0)
    said = [[(one.hypothesis.class_id, one.hypothesis.score) for one in each.results] for each in array.detections]
    assert said == [[("anomaly", 0.8), ("road", 0.0)], [("anomaly", 0.5)]]
    for one in (array, first, second):
        assert (one.header.stamp.sec, one.header.stamp.nanosec, one.header.frame_id) == (7, 8, "camera")


def test_the_values_of_the_segmentation_are_named(messages):
    info = label_info_message(HEADER, {11: "person", 0: "road"}, messages)
    assert [(one.class_id, one.class_name) for one in info.class_map] == [(0, "road"), (11, "person")]
    assert info.header.frame_id == "camera"


@needs_vision_msgs
def test_the_node_publishes_the_regions_of_its_heatmap_as_detections(start_detector, street):
    from vision_msgs.msg import Detection2DArray, LabelInfo

    bench = start_detector(threshold=0.4)
    detections, labels = [], []
    bench.node.create_subscription(Detection2DArray, f"{bench.name}/detections", detections.append, EVERYTHING)
    bench.node.create_subscription(LabelInfo, f"{bench.name}/label_info", labels.append, LATCHED)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    message = image_message(street, header(1))
    bench.image.publish(message)
    bench.spin_until(lambda: detections and labels and bench.received["heatmap"], "detections, classes and the heatmap")
    score = heatmap_of(bench.received["heatmap"][0])
    regions = find_regions(score, None, RegionRules(0.4)).regions
    (array,) = detections
    assert stamp_of(array) == stamp_of(message)
    assert len(array.detections) == len(regions) > 0
    across, down = 160 / score.shape[1], 96 / score.shape[0]
    boxes = sorted(
        (one.bbox.center.position.x, one.bbox.center.position.y, one.bbox.size_x, one.bbox.size_y)
        for one in array.detections
    )
    expected = sorted(
        ((b.left + b.right) / 2 * across, (b.top + b.bottom) / 2 * down, b.width * across, b.height * down)
        for b in (region.box for region in regions)
    )
    assert np.array(boxes) == pytest.approx(np.array(expected))
    assert {one.class_name for one in labels[0].class_map} == {one.name for one in CLASSES}
