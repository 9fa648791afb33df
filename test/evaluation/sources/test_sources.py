"""Frames of bags and datasets, as they are played and as they are scored."""

import numpy as np
import pytest

from fishy_ros.bags import BagWriter
from fishy_ros.bags.messages import decode_image, read_header
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.evaluation.sources.bag_source import BagSource
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.open_source import SourceChoice, parse_options
from fishy_ros.evaluation.sources.source import PlayFrame, repeat
from fishy_ros.evaluation.sources.stamps import StampCheck


def test_what_is_played_is_what_is_scored(street, street_bag):
    for source in (DatasetSource(street), BagSource(street_bag)):
        played = list(source.play_frames())
        assert len(played) == len(source) == len(street)
        for frame, sample, truth in zip(played, source.samples(), street, strict=True):
            assert frame.id == sample.id
            assert np.array_equal(decode_image(frame.message, source.message_type), truth.image)
            assert np.array_equal(sample.image, truth.image)
            assert np.array_equal(sample.labels, truth.labels)


def test_a_bag_is_played_with_the_times_and_stamps_of_its_recording(street_bag):
    frames = list(BagSource(street_bag).play_frames())
    np.testing.assert_allclose(np.diff([frame.due_s for frame in frames]), 0.2, atol=1e-6)
    assert [frame.stamp_ns for frame in frames] == [read_header(frame.message).stamp_ns for frame in frames]


def test_a_part_of_the_samples_can_be_read(street, street_bag):
    for source in (DatasetSource(street), BagSource(street_bag)):
        assert [sample.id for sample in source.samples(2, 4)] == ["000002", "000003"]
        assert [sample.id for sample in source.samples(4)] == ["000004", "000005"]


def test_the_hash_names_the_input_and_nothing_else(street, street_bag, tmp_path):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for path in street_bag.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert BagSource(copy).describe().sha256 == BagSource(street_bag).describe().sha256
    other = type(street)(len(street), height=96, width=192, seed=4)
    assert DatasetSource(other).describe().sha256 != DatasetSource(street).describe().sha256


def test_a_choice_needs_one_input_and_only_its_own_options(tmp_path):
    for wrong in (
        {},
        {"bag": tmp_path, "dataset": "folder"},
        {"bag": tmp_path, "root": tmp_path},
        {"dataset": "folder", "image_topic": "/camera"},
    ):
        with pytest.raises(ConfigError):
            SourceChoice(**wrong)
    with pytest.raises(DatasetError, match="no-such-set"):
        SourceChoice(dataset="no-such-set").open()
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_options(["frames"])


def test_going_round_gives_every_frame_a_new_number_and_no_old_stamp():
    frames = [PlayFrame(index, str(index), b"", stamp_ns=index) for index in range(3)]
    repeated = list(repeat(frames, 7))
    assert [(frame.index, frame.id, frame.stamp_ns) for frame in repeated] == [
        (index, str(index % 3), None) for index in range(7)
    ]


def test_odd_stamps_are_counted_or_named():
    check = StampCheck()
    for index, stamp in enumerate([5, 0, 5, 4, None, 0]):
        check.see(PlayFrame(index, f"f{index}", b"", stamp_ns=stamp))
    assert check.notes == (
        "2 frames had no stamp",
        "frame f2 has the same stamp as frame f0",
        "frame f3 is older than a frame before it",
    )


def test_frames_of_a_bag_without_ground_truth_have_no_labels(street, tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(type(street[0])("a", street[0].image), 1)
    (sample,) = BagSource(tmp_path / "bag").samples()
    assert sample.labels is None
