"""Topics that image_transport, Foxglove and recorders put beside the images of a camera."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from rosbags.rosbag2 import StoragePlugin, Writer

from fishy_ros.bags import BagReader
from fishy_ros.bags.messages import compressed_image_message, image_message, typestore
from fishy_ros.bags.topics import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, Topic, choose_image_topic
from fishy_ros.errors import BagError

PICTURE = np.full((16, 24, 3), 90, np.uint8)
RAW, JPEG = image_message(PICTURE, "bgr8", 10, "camera"), compressed_image_message(PICTURE, "jpeg", 95, 10, "camera")


def write(path: Path, *topics: tuple[str, str, bytes], pack: Callable[[bytes], bytes] = bytes) -> Path:
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        for name, kind, message in topics:
            writer.write(writer.add_connection(name, kind, typestore=typestore()), 10, pack(message))
    return path


def camera_of(path: Path) -> str:
    with BagReader(path) as reader:
        assert [frame.image.shape for frame in reader] == [PICTURE.shape]
        return reader.image_topic.name


@pytest.mark.parametrize("other", ["/depth/image/compressedDepth", "/cam/image_raw/zstd", "/cam/image_raw/theora"])
@pytest.mark.parametrize(
    ("name", "kind", "message"), [("", IMAGE_TYPE, RAW), ("/compressed", COMPRESSED_IMAGE_TYPE, JPEG)]
)
def test_messages_of_other_transports_are_no_second_camera(tmp_path, other, name, kind, message):
    path = write(tmp_path / "bag", (f"/cam/image_raw{name}", kind, message), (other, COMPRESSED_IMAGE_TYPE, JPEG))
    assert camera_of(path) == f"/cam/image_raw{name}"


def test_messages_that_were_compressed_one_by_one_are_read_from_mcap_too(tmp_path):
    path = write(tmp_path / "bag", ("/cam/image_raw", IMAGE_TYPE, RAW), pack=zstd.compress)
    assert camera_of(path) == "/cam/image_raw"


def test_files_that_the_command_zstd_compressed_are_read(tmp_path):
    (file,) = write(tmp_path / "bag", ("/cam/image_raw", IMAGE_TYPE, RAW)).glob("*.mcap")
    packed = tmp_path / "drive.mcap.zst"
    packed.write_bytes(zstd.compress(file.read_bytes()))
    assert camera_of(packed) == "/cam/image_raw"
    file.rename(file.with_name(f"{file.name}.zst")).write_bytes(packed.read_bytes())
    assert camera_of(tmp_path / "bag") == "/cam/image_raw"


def test_an_mcap_file_without_a_summary_is_read(tmp_path):
    (file,) = write(tmp_path / "bag", ("/cam/image_raw", IMAGE_TYPE, RAW)).glob("*.mcap")
    content = file.read_bytes()
    footer = content[-37:]
    (start,) = struct.unpack_from("<Q", footer, 9)
    file.write_bytes(content[:start] + footer[:9] + bytes(20) + footer[-8:])
    assert camera_of(file) == "/cam/image_raw"


def test_counts_and_times_of_the_metadata_do_not_matter(tmp_path):
    path = write(tmp_path / "bag", ("/cam/image_raw", IMAGE_TYPE, RAW))
    text = (path / "metadata.yaml").read_text()
    (path / "metadata.yaml").write_text(text.replace("message_count: 1", "message_count: 99"))
    assert camera_of(path) == "/cam/image_raw"


@pytest.mark.parametrize("kind", ["ffmpeg_image_transport_msgs/msg/FFMPEGPacket", "foxglove_msgs/msg/CompressedVideo"])
def test_a_bag_with_a_video_alone_says_how_to_get_images(kind):
    topics = {"/cam/image_raw/ffmpeg": Topic("/cam/image_raw/ffmpeg", kind, 9)}
    with pytest.raises(BagError, match="holds a video: play the bag through `ros2 run image_transport republish`"):
        choose_image_topic(topics, None, "/labels", "bag")
