"""Write and read rosbag2 bags with camera images and ground truth, without ROS (through `rosbags`)."""

from fishy_ros.bags.frame import BagFrame
from fishy_ros.bags.reader import BagReader
from fishy_ros.bags.topics import CAMERA_INFO_TOPIC, COMPRESSED_IMAGE_TOPIC, IMAGE_TOPIC, LABELS_TOPIC
from fishy_ros.bags.writer import BagWriter

__all__ = [
    "CAMERA_INFO_TOPIC",
    "COMPRESSED_IMAGE_TOPIC",
    "IMAGE_TOPIC",
    "LABELS_TOPIC",
    "BagFrame",
    "BagReader",
    "BagWriter",
]
