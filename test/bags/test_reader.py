"""The reader copes with the bags that other people record."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError, FishyError
from fishy_ros.types import Sample

STORE = get_typestore(Stores.ROS2_HUMBLE)
IMAGE, STRING = "sensor_msgs/msg/Image", "std_msgs/msg/String"


def _image(stamp_ns: int, value: int, encoding: str = "bgr8", padding: int = 0) -> bytes:
    channels = {"bgr8": 3, "mono8": 1, "32FC1": 4}[encoding]
    step = 4 * channels + padding
    types = STORE.types
    stamp = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    header = types["std_msgs/msg/Header"](stamp, "cam")
    data = np.full(3 * step, 99, np.uint8)
    data.reshape(3, step)[:, : 4 * channels] = value
    return bytes(STORE.serialize_cdr(types[IMAGE](header, 3, 4, encoding, 0, step, data), IMAGE))


def _write(path: Path, messages: list[tuple[str, str, int, bytes]], version: int = 8, **options) -> Path:
    writer = Writer(path, version=version, storage_plugin=options.get("storage", StoragePlugin.MCAP))
    if mode := options.get("compression"):
        writer.set_compression(mode, CompressionFormat.ZSTD)
    connections: dict[str, object] = {}
    with writer:
        for topic, kind, log_time, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], log_time, data)
    return path


def _frames(path: Path, topic: str | None = None):
    with BagReader(path, topic) as reader:
        return list(reader)


def _labelled(count: int) -> list[tuple[str, str, int, bytes]]:
    return [
        message
        for index in range(1, count + 1)
        for message in (
            ("/camera/image_raw", IMAGE, index * 10, _image(index * 10, index)),
            ("/ground_truth/labels", IMAGE, index * 10, _image(index * 10, index, "mono8")),
        )
    ]


@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("mode", [None, CompressionMode.FILE, CompressionMode.MESSAGE])
def test_every_kind_of_compression_and_storage(tmp_path, version, storage, mode):
    if storage is StoragePlugin.MCAP and mode is CompressionMode.MESSAGE:
        pytest.skip("rosbag2 compresses MCAP in chunks, not by message")
    path = _write(tmp_path / "bag", _labelled(3), version, storage=storage, compression=mode)
    assert [int(frame.image[0, 0, 0]) for frame in _frames(path)] == [1, 2, 3]
    file = next(file for file in path.iterdir() if file.name != "metadata.yaml")
    assert [int(frame.labels[0, 0]) for frame in _frames(file)] == [1, 2, 3]
    (path / "metadata.yaml").unlink()
    assert len(_frames(path)) == 3


def test_metadata_as_humble_and_foxy_write_it(tmp_path):
    path = _write(tmp_path / "bag", _labelled(2), storage=StoragePlugin.SQLITE3)
    time = "sec: 9223372036\\n    nsec: 854775807"
    qos = "- history: 3\\n  depth: 0\\n  reliability: 1\\n  durability: 2\\n"
    qos += f"  deadline:\\n    {time}\\n  lifespan:\\n    {time}\\n  liveliness: 1\\n"
    qos += f"  liveliness_lease_duration:\\n    {time}\\n  avoid_ros_namespace_conventions: false"
    topics = "".join(
        f"""
    - topic_metadata:
        name: {name}
        type: {IMAGE}
        serialization_format: cdr
        offered_qos_profiles: "{qos}"
      message_count: 2"""
        for name in ("/camera/image_raw", "/ground_truth/labels")
    )
    for version in (4, 5):
        files = (
            """
  files:
    - path: bag.db3
      starting_time:
        nanoseconds_since_epoch: 10
      duration:
        nanoseconds: 10
      message_count: 4"""
            if version == 5
            else ""
        )
        (path / "metadata.yaml").write_text(
            f"""rosbag2_bagfile_information:
  version: {version}
  storage_identifier: sqlite3
  duration:
    nanoseconds: 10
  starting_time:
    nanoseconds_since_epoch: 10
  message_count: 4
  topics_with_message_count:{topics}
  compression_format: ""
  compression_mode: ""
  relative_file_paths:
    - bag.db3{files}
"""
        )
        _humble_schema(path / "bag.db3", "".join(qos.replace("\\n", "\n")))
        assert [int(frame.labels[0, 0]) for frame in _frames(path)] == [1, 2]


@pytest.mark.parametrize(
    ("edit", "value"),
    [("version: 8", "version: 99"), ("offered_qos_profiles: ''", "offered_qos_profiles: '- history: 1'")],
)
def test_metadata_edited_by_hand_or_of_a_future_version(tmp_path, edit, value):
    path = _write(tmp_path / "bag", _labelled(2))
    text = (path / "metadata.yaml").read_text()
    assert edit in text
    (path / "metadata.yaml").write_text(text.replace(edit, value))
    assert [int(frame.labels[0, 0]) for frame in _frames(path)] == [1, 2]


@pytest.mark.parametrize("content", ["{", "rosbag2_bagfile_information: 3"])
def test_damaged_metadata_is_named(tmp_path, content):
    path = _write(tmp_path / "bag", _labelled(1))
    (path / "metadata.yaml").write_text(content)
    with pytest.raises(BagError, match=r"metadata\.yaml: (expected rosbag2_bagfile_information|not a YAML)"):
        BagReader(path)


def test_a_bag_split_into_files_is_read_in_the_order_of_its_metadata(tmp_path):
    first = _write(tmp_path / "second", _labelled(2))
    second = _write(tmp_path / "first", _labelled(1))
    bag = tmp_path / "bag"
    bag.mkdir()
    for part in (first, second):
        (part / f"{part.name}.mcap").rename(bag / f"{part.name}.mcap")
    text = (first / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(text.replace("  - second.mcap\n", "  - second.mcap\n  - sub/first.mcap\n", 1))
    with BagReader(bag) as reader:
        assert len(reader) == 3
        assert [int(frame.image[0, 0, 0]) for frame in reader] == [1, 2, 1]


def test_a_recording_that_was_cut_off_is_an_error_with_advice(tmp_path):
    path = _write(tmp_path / "bag", _labelled(3)) / "bag.mcap"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BagError, match=r"bag\.mcap: cannot be read .* `mcap recover`"):
        BagReader(path)


def _humble_schema(file: Path, qos: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE topics SET offered_qos_profiles = ?", (qos,))
        database.execute("DROP TABLE IF EXISTS metadata")
        database.execute("DROP TABLE IF EXISTS message_definitions")
        if "type_description_hash" in [row[1] for row in database.execute("PRAGMA table_info(topics)")]:
            database.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
        database.execute("UPDATE schema SET schema_version = 3, ros_distro = 'humble'")
    database.close()


def test_labels_are_found_by_stamp_wherever_they_lie(tmp_path):
    messages = [
        ("/ground_truth/labels", IMAGE, 1, _image(300, 3, "mono8")),
        ("/camera/image_raw", IMAGE, 10, _image(100, 1)),
        ("/camera/image_raw", IMAGE, 20, _image(200, 2)),
        ("/camera/image_raw", IMAGE, 30, _image(300, 3)),
        ("/ground_truth/labels", IMAGE, 40, _image(100, 1, "mono8")),
        ("/ground_truth/labels", IMAGE, 20, _image(150, 9, "mono8")),
    ]
    frames = _frames(_write(tmp_path / "bag", messages))
    assert [None if frame.labels is None else int(frame.labels[0, 0]) for frame in frames] == [1, None, 3]


def test_frames_out_of_order_keep_the_order_of_recording(tmp_path):
    messages = [("/camera/image_raw", IMAGE, t, _image(stamp, t)) for t, stamp in ((1, 300), (2, 100), (3, 200))]
    frames = _frames(_write(tmp_path / "bag", messages))
    assert [frame.stamp_ns for frame in frames] == [300, 100, 200]
    assert [frame.log_time_ns for frame in frames] == [1, 2, 3]


def test_a_zero_stamp_becomes_the_time_of_recording_in_the_message_too(tmp_path):
    messages = [
        ("/camera/image_raw", IMAGE, 7_000_000_005, _image(0, 1)),
        ("/ground_truth/labels", IMAGE, 7_000_000_005, _image(0, 1, "mono8")),
        ("/camera/image_raw", IMAGE, 8_000_000_000, _image(8_000_000_000, 2)),
    ]
    first, second = _frames(_write(tmp_path / "bag", messages))
    assert (first.stamp_ns, first.stamped, second.stamped) == (7_000_000_005, False, True)
    assert first.labels is not None
    published = STORE.deserialize_cdr(first.message, IMAGE)
    assert (published.header.stamp.sec, published.header.stamp.nanosec) == (7, 5)
    assert published.header.frame_id == "cam"
    np.testing.assert_array_equal(published.data, np.full(36, 1, np.uint8))


def test_row_padding_of_labels_is_cut(tmp_path):
    messages = [
        ("/camera/image_raw", IMAGE, 1, _image(1, 5, padding=7)),
        ("/ground_truth/labels", IMAGE, 1, _image(1, 1, "mono8", padding=3)),
    ]
    (frame,) = _frames(_write(tmp_path / "bag", messages))
    assert (frame.image == 5).all()
    assert (frame.labels == 1).all()
    assert frame.labels.shape == (3, 4)


def test_the_only_camera_is_taken_whatever_its_name(tmp_path):
    path = _write(tmp_path / "bag", [("/front/rgb", IMAGE, 1, _image(1, 1)), ("/chatter", STRING, 1, b"\0\1\0\0")])
    assert len(_frames(path)) == 1


def test_several_cameras_need_a_choice(tmp_path):
    messages = [("/left/image", IMAGE, 1, _image(1, 1)), ("/right/image", IMAGE, 1, _image(1, 2))]
    path = _write(tmp_path / "bag", messages)
    with pytest.raises(BagError, match=r"--image-topic: /left/image .*, /right/image"):
        BagReader(path)
    assert [int(frame.image[0, 0, 0]) for frame in _frames(path, "/right/image")] == [2]


def test_the_compressed_companion_of_a_topic_is_found(tmp_path):
    with BagWriter(tmp_path / "bag", image_format="png") as writer:
        writer.write(Sample("a", np.full((4, 4, 3), 9, np.uint8)), 1)
    (frame,) = _frames(tmp_path / "bag", "/camera/image_raw")
    assert frame.message_type == "sensor_msgs/msg/CompressedImage"
    assert (frame.image == 9).all()


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("/other", r"no images on /other; it has /chatter \(std_msgs/msg/String, 1 messages\), /front/rgb"),
        ("/chatter", r"/chatter \(std_msgs/msg/String, 1 messages\) holds no images; it has /front/rgb"),
    ],
)
def test_a_wrong_topic_is_answered_with_those_that_exist(tmp_path, topic, message):
    path = _write(tmp_path / "bag", [("/front/rgb", IMAGE, 1, _image(1, 1)), ("/chatter", STRING, 1, b"\0\1\0\0")])
    with pytest.raises(BagError, match=message):
        BagReader(path, topic)


def test_a_bag_without_images_says_what_it_has(tmp_path):
    path = _write(tmp_path / "bag", [("/chatter", STRING, 1, b"\0\1\0\0")])
    with pytest.raises(BagError, match=r"no topic with camera images .* it has /chatter"):
        BagReader(path)


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_an_empty_bag_is_an_error(tmp_path, storage):
    with pytest.raises(BagError, match="it has no topics"):
        BagReader(_write(tmp_path / "bag", [], storage=storage))


def test_labels_of_another_type_are_refused(tmp_path):
    messages = [("/camera/image_raw", IMAGE, 1, _image(1, 1)), ("/ground_truth/labels", STRING, 1, b"\0\1\0\0")]
    with pytest.raises(BagError, match="expected /ground_truth/labels to hold sensor_msgs/msg/Image"):
        BagReader(_write(tmp_path / "bag", messages))


def test_labels_of_another_encoding_are_an_error_of_that_frame(tmp_path):
    messages = [
        ("/camera/image_raw", IMAGE, 1, _image(1, 1)),
        ("/ground_truth/labels", IMAGE, 1, _image(1, 1, "32FC1")),
    ]
    (frame,) = _frames(_write(tmp_path / "bag", messages))
    with pytest.raises(FishyError, match="mono8, found '32FC1'"):
        _ = frame.labels


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such bag"),
        (lambda path: path.mkdir(), "expected metadata.yaml, .mcap or .db3 files; found nothing"),
        (lambda path: path.write_text("hello"), "expected a bag folder, or a file ending in"),
    ],
)
def test_what_is_no_bag_is_named(tmp_path, make, message):
    make(tmp_path / "bag")
    with pytest.raises(BagError, match=message):
        BagReader(tmp_path / "bag")


@pytest.mark.parametrize("name", ["x.mcap", "x.db3", "x.mcap.zstd"])
def test_a_file_of_noise_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(BagError, match="cannot be read as a rosbag2 bag"):
        BagReader(tmp_path / name)


def test_a_lost_storage_file_is_named(tmp_path):
    path = _write(tmp_path / "bag", _labelled(1))
    (path / "bag.mcap").unlink()
    with pytest.raises(BagError, match=r"names bag\.mcap, which are missing; found metadata\.yaml"):
        BagReader(path)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("pristine")
    files = {}
    for storage, suffix in ((StoragePlugin.MCAP, "mcap"), (StoragePlugin.SQLITE3, "db3")):
        path = _write(folder / suffix, _labelled(3), storage=storage)
        files[suffix] = (path / f"{suffix}.{suffix}").read_bytes()
    files["mcap.zstd"] = zstd.compress(files["mcap"])
    return files


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_bag_gives_frames_or_a_named_error_and_never_anything_else(tmp_path, pristine, data):
    suffix = data.draw(st.sampled_from(sorted(pristine)))
    content = bytearray(pristine[suffix])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=8)):
        if content:
            content[position % len(content)] = value
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(FishyError):
        for frame in _frames(path):
            _ = frame.image, frame.labels
    path.unlink()
