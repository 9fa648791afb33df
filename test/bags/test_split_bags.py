"""Bags of several files: without metadata, renamed, unpacked, out of order, cut off."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from backports import zstd

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError
from fishy_ros.types import Sample

CASES = Path(__file__).resolve().parents[3] / "shared" / "field_cases"


def write_part(folder: Path, name: str, first: int, storage: str = "mcap", count: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    scratch = folder.with_name(f"{folder.name}.{name}")
    with BagWriter(scratch, storage=storage) as writer:
        for index in range(first, first + count):
            writer.write(Sample(str(index), np.full((8, 8, 3), index, np.uint8)), 1_000_000 * (1 + index))
    (file,) = (path for path in scratch.iterdir() if path.suffix in {".mcap", ".db3"})
    target = folder / f"{name}{file.suffix}"
    shutil.move(file, target)
    return target


def write_metadata(folder: Path, *names: str) -> None:
    document = {"rosbag2_bagfile_information": {"relative_file_paths": list(names)}}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(document))


def pack(file: Path, keep: bool = False) -> Path:
    packed = file.with_name(f"{file.name}.zstd")
    packed.write_bytes(zstd.compress(file.read_bytes()))
    if not keep:
        file.unlink()
    return packed


def read(path: Path) -> tuple[list[int], tuple[str, ...]]:
    with BagReader(path) as reader:
        return [int(frame.image[0, 0, 0]) for frame in reader], reader.warnings


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("names", [("bag_0", "bag_1", "bag_2"), ("bag_9", "bag_10", "bag_11"), ("c", "b", "a")])
def test_parts_without_metadata_are_read_in_the_order_of_their_start_times(tmp_path, storage, names):
    for place, name in enumerate(names):
        write_part(tmp_path / "bag", name, 2 * place, storage)
    frames, warnings = read(tmp_path / "bag")
    assert frames == [0, 1, 2, 3, 4, 5]
    assert "no metadata.yaml, so its 3 files are read in the order of their start times" in warnings[0]


def test_parts_that_the_metadata_list_out_of_order_are_sorted(tmp_path):
    for place in range(3):
        write_part(tmp_path / "bag", f"bag_{place}", 2 * place)
    write_metadata(tmp_path / "bag", "bag_2.mcap", "bag_0.mcap", "bag_1.mcap")
    assert read(tmp_path / "bag") == ([0, 1, 2, 3, 4, 5], ())


def test_renamed_files_are_read_with_a_warning(tmp_path):
    for place, name in enumerate(("morning", "evening")):
        write_part(tmp_path / "bag", name, 2 * place)
    write_metadata(tmp_path / "bag", "drive/drive_0.mcap", "drive/drive_1.mcap")
    frames, warnings = read(tmp_path / "bag")
    assert frames == [0, 1, 2, 3]
    assert (
        "metadata.yaml names drive_0.mcap, drive_1.mcap, which are missing; read instead: evening.mcap, morning.mcap"
        in warnings[0]
    )


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("is_packed", [True, False])
def test_files_that_were_packed_or_unpacked_since_are_read(tmp_path, storage, is_packed):
    files = [write_part(tmp_path / "bag", f"bag_{place}", 2 * place, storage) for place in range(2)]
    write_metadata(tmp_path / "bag", *(file.name if is_packed else f"{file.name}.zstd" for file in files))
    for file in files:
        if is_packed:
            pack(file)
    assert read(tmp_path / "bag") == ([0, 1, 2, 3], ())


@pytest.mark.parametrize("has_metadata", [True, False])
def test_a_file_that_lies_there_packed_and_unpacked_is_read_once(tmp_path, has_metadata):
    file = write_part(tmp_path / "bag", "bag_0", 0)
    pack(file, keep=True)
    if has_metadata:
        write_metadata(tmp_path / "bag", f"{file.name}.zstd")
    assert read(tmp_path / "bag") == ([0, 1], ())


@pytest.mark.parametrize("content", [b"", b"\n", bytes(4096)])
def test_metadata_that_a_power_cut_left_empty_count_as_missing(tmp_path, content):
    for place, name in enumerate(("b", "a")):
        write_part(tmp_path / "bag", name, 2 * place)
    (tmp_path / "bag" / "metadata.yaml").write_bytes(content)
    frames, warnings = read(tmp_path / "bag")
    assert frames == [0, 1, 2, 3]
    assert "has an empty metadata.yaml, so its 2 files are read in the order of their start times" in warnings[0]


def test_a_part_that_the_metadata_do_not_name_is_told_of(tmp_path):
    for place in range(2):
        write_part(tmp_path / "bag", f"bag_{place}", 2 * place)
    write_metadata(tmp_path / "bag", "bag_0.mcap")
    frames, (warning,) = read(tmp_path / "bag")
    assert frames == [0, 1]
    assert warning.endswith("metadata.yaml does not name bag_1.mcap, which was not read")


def test_a_part_that_is_lost_is_named(tmp_path):
    write_part(tmp_path / "bag", "bag_0", 0)
    write_metadata(tmp_path / "bag", "bag_0.mcap", "bag_1.mcap")
    with pytest.raises(BagError, match=r"metadata\.yaml names bag_1\.mcap, which are missing; found bag_0\.mcap"):
        read(tmp_path / "bag")


@pytest.mark.parametrize("size", [0, 8, 300])
def test_a_last_part_that_was_cut_off_is_left_out_with_a_warning(tmp_path, size):
    write_part(tmp_path / "bag", "bag_0", 0)
    torn = write_part(tmp_path / "bag", "bag_1", 2)
    torn.write_bytes(torn.read_bytes()[:size])
    frames, warnings = read(tmp_path / "bag")
    assert frames == [0, 1]
    assert any(
        "bag_1.mcap: is cut off and was left out" in warning and "mcap recover" in warning for warning in warnings
    )


def test_a_bag_of_nothing_but_a_torn_file_is_refused_with_advice(tmp_path):
    torn = write_part(tmp_path / "bag", "bag_0", 0)
    torn.write_bytes(torn.read_bytes()[:-30])
    with pytest.raises(BagError, match="mcap recover"):
        read(tmp_path / "bag")


def test_two_recordings_of_the_same_time_are_not_joined(tmp_path):
    write_part(tmp_path / "bag", "front", 0)
    write_part(tmp_path / "bag", "rear", 0)
    with pytest.raises(BagError, match=r"front\.mcap and rear\.mcap overlap in time"):
        read(tmp_path / "bag")


def test_files_of_both_storages_are_not_joined(tmp_path):
    write_part(tmp_path / "bag", "bag_0", 0)
    write_part(tmp_path / "bag", "bag_1", 2, "sqlite3")
    with pytest.raises(BagError, match=r"holds \.mcap and \.db3 files"):
        read(tmp_path / "bag")


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_the_three_parts_from_the_field_are_one_recording():
    with BagReader(CASES / "split_without_metadata") as reader:
        stamps = [frame.stamp_ns for frame in reader]
    assert len(stamps) == 3
    assert stamps == sorted(stamps)
