"""MCAP files without message indexes, as rosbag2 writes them with `noMessageIndex`, give all of their frames."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError
from fishy_ros.types import Sample

MAGIC = b"\x89MCAP0\r\n"
FOOTER, SCHEMA, CHANNEL, CHUNK, MESSAGE_INDEX, CHUNK_INDEX, STATISTICS, DATA_END = 2, 3, 4, 6, 7, 8, 11, 15
FRAMES = 5


def records(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield place, opcode and content of the records of a file."""
    place = len(MAGIC)
    while place < len(content) - len(MAGIC):
        opcode, size = struct.unpack_from("<BQ", content, place)
        yield place, opcode, content[place + 9 : place + 9 + size]
        place += 9 + size


def record(opcode: int, content: bytes) -> bytes:
    return struct.pack("<BQ", opcode, len(content)) + content


def drop_message_indexes(file: Path, has_statistics: bool = True) -> None:
    """Write a file anew without its message indexes, after the MCAP specification."""
    data, summary, places = MAGIC, b"", {}
    wanted = {SCHEMA, CHANNEL, STATISTICS} if has_statistics else {SCHEMA, CHANNEL}
    is_summary = False
    for place, opcode, content in records(file.read_bytes()):
        if opcode == CHUNK:
            places[place] = len(data)
        if opcode == CHUNK_INDEX:
            begin, end, chunk, length, size = struct.unpack_from("<QQQQI", content)
            summary += record(
                CHUNK_INDEX, struct.pack("<QQQQIQ", begin, end, places[chunk], length, 0, 0) + content[44 + size :]
            )
        elif is_summary:
            summary += record(opcode, content) if opcode in wanted else b""
        elif opcode != MESSAGE_INDEX:
            data += record(opcode, content)
        is_summary = is_summary or opcode == DATA_END
    file.write_bytes(data + summary + record(FOOTER, struct.pack("<QQI", len(data), 0, 0)) + MAGIC)


def write_part(folder: Path, first: int = 0, compression: str | None = None) -> Path:
    """Write frames in chunks of one each, with ground truth."""
    scratch = folder.with_name(f"{folder.name}.{first}")
    random = np.random.default_rng(first)
    with BagWriter(scratch, compression=compression) as writer:
        for index in range(first, first + FRAMES):
            image = random.integers(0, 255, (600, 600, 3), np.uint8)
            image[0, 0] = index
            writer.write(Sample(str(index), image, np.full((600, 600), index % 2, np.uint8)), 1_000_000 * (1 + index))
    (file,) = scratch.glob("*.mcap")
    folder.mkdir(exist_ok=True)
    return file.rename(folder / f"bag_{first}.mcap")


def read(path: Path) -> list[tuple[int, int]]:
    """Return the first pixel of every image and of its labels."""
    with BagReader(path) as reader:
        frames = [(int(frame.image[0, 0, 0]), int(frame.labels[0, 0])) for frame in reader]
        assert len(reader) == len(frames)
    return frames


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_file_without_message_indexes_gives_all_frames_with_their_labels(tmp_path, compression):
    file = write_part(tmp_path / "bag", compression=compression)
    assert sum(opcode == CHUNK for _, opcode, _ in records(file.read_bytes())) >= FRAMES
    drop_message_indexes(file)
    assert read(file) == [(index, index % 2) for index in range(FRAMES)]


@pytest.mark.parametrize("place", [0, 1])
def test_a_part_without_message_indexes_is_read_beside_one_with_them(tmp_path, place):
    files = [write_part(tmp_path / "bag", first) for first in (0, FRAMES)]
    drop_message_indexes(files[place])
    assert read(tmp_path / "bag") == [(index, index % 2) for index in range(2 * FRAMES)]


def test_a_file_that_counts_its_messages_nowhere_is_refused_with_advice(tmp_path):
    file = write_part(tmp_path / "bag")
    drop_message_indexes(file, has_statistics=False)
    with pytest.raises(BagError, match=r"bag_0\.mcap: has neither message indexes nor statistics; .*`mcap recover`"):
        read(file)
