"""Bags that are made to fill memory or disk, to lead out of their folder or to loop are refused by name."""

from __future__ import annotations

import shutil
import sqlite3
import tracemalloc
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from lz4 import frame as lz4_frame

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.bags import unpacking as unpacking_module
from fishy_ros.bags.messages import with_stamp
from fishy_ros.bags.unpacking import unpack_file, unpack_lz4, unpack_zstd
from fishy_ros.errors import BagError
from fishy_ros.types import Sample

BOMB_BYTES = 1 << 29


def write_bag(path: Path, storage: str = "mcap", compression: str | None = None) -> Path:
    with BagWriter(path, storage=storage, compression=compression) as writer:
        writer.write(Sample("a", np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)), 10)
    return path


def frames_of(path: Path) -> list:
    with BagReader(path) as reader:
        return list(reader)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A frame of 16 kB that holds half a gigabyte of zeros."""
    compressor, block = zstd.ZstdCompressor(), bytes(1 << 20)
    return b"".join([*(compressor.compress(block) for _ in range(BOMB_BYTES >> 20)), compressor.flush()])


@pytest.mark.parametrize("limit", [0, 1, 1000, 10**6])
def test_no_more_is_unpacked_than_is_allowed(limit):
    content = np.random.default_rng(0).bytes(limit)
    assert unpack_zstd(zstd.compress(content), limit) == content
    assert unpack_lz4(lz4_frame.compress(content), limit) == content
    half = limit // 2
    assert unpack_zstd(zstd.compress(content[:half]) + zstd.compress(content[half:]), limit) == content
    for unpack, compress in ((unpack_zstd, zstd.compress), (unpack_lz4, lz4_frame.compress)):
        with pytest.raises(BagError, match=f"more than the {limit} bytes"):
            unpack(compress(content + b"x"), limit)


def test_a_bomb_is_refused_without_the_memory_that_it_asks_for(bomb):
    tracemalloc.start()
    with pytest.raises(BagError, match="more than the 1000000 bytes"):
        unpack_zstd(bomb, 10**6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BOMB_BYTES // 16


def test_a_chunk_that_holds_more_than_it_states_is_refused(tmp_path, bomb):
    """The compressed bytes of the only chunk are replaced by the bomb, and its sizes made to agree with them."""
    path = write_bag(tmp_path / "bag", compression="zstd")
    (file,) = path.glob("*.mcap")
    content = file.read_bytes()
    start = content.index(b"\x04\0\0\0zstd") + 16
    size = int.from_bytes(content[start - 8 : start], "little")
    assert len(bomb) > size > 0
    padded = bomb[:size]  # the beginning of the bomb already unpacks to more than the chunk states
    assert len(zstd.ZstdDecompressor().decompress(padded)) > 10**6
    file.write_bytes(content[:start] + padded + content[start + size :])
    with pytest.raises(BagError, match="more than the"):
        frames_of(path)


def test_a_whole_file_is_unpacked_only_while_there_is_room_for_it(tmp_path, bomb, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage(2**40, 0, unpacking_module.DISK_RESERVE_BYTES + (1 << 22))
    )
    (tmp_path / "a.mcap.zstd").write_bytes(bomb)
    with pytest.raises(BagError, match="1 GiB has to stay free"):
        unpack_file(tmp_path / "a.mcap.zstd", tmp_path / "a.mcap")
    assert (tmp_path / "a.mcap").stat().st_size <= 1 << 22


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.mcap", "..", "a/../../outside.mcap", "a\0.mcap", ""])
def test_metadata_lead_nowhere_else(tmp_path, name):
    path = write_bag(tmp_path / "bag")
    shutil.copy(next(path.glob("*.mcap")), tmp_path / "outside.mcap")
    listed = name.replace("\0", "\\0")
    (path / "metadata.yaml").write_text(f'rosbag2_bagfile_information: {{relative_file_paths: ["{listed}"]}}\n')
    with pytest.raises(BagError, match=r"metadata\.yaml"):
        frames_of(path)


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [x]\nb: *a\n",
        "!!python/object/apply:os.system ['true']",
        "rosbag2_bagfile_information: {relative_file_paths: !!int ''}",
        "rosbag2_bagfile_information: {relative_file_paths: [!!timestamp x]}",
        "rosbag2_bagfile_information: {relative_file_paths: 1}",
        "[" * 10_000,
        "x" * 2**21,
    ],
)
def test_hostile_metadata_are_refused(tmp_path, content):
    path = write_bag(tmp_path / "bag")
    (path / "metadata.yaml").write_text(content)
    with pytest.raises(BagError, match=r"metadata\.yaml"):
        frames_of(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW schema AS WITH RECURSIVE n(schema_version) AS "
        "(SELECT 1 UNION ALL SELECT schema_version FROM n) SELECT schema_version FROM n",
        "CREATE VIRTUAL TABLE extra USING fts5(x)",
    ],
)
def test_a_database_that_computes_is_refused(tmp_path, statement):
    path = write_bag(tmp_path / "bag", storage="sqlite3")
    (file,) = path.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE IF EXISTS schema")
        database.execute(statement)
    database.close()
    with pytest.raises(BagError, match="no plain table"):
        frames_of(path)


@pytest.mark.parametrize("stamp_ns", [-(2**31) * 10**9 - 1, 2**31 * 10**9, 2**63 - 1])
def test_a_stamp_that_no_message_can_hold_is_refused(stamp_ns):
    with pytest.raises(BagError, match="does not fit"):
        with_stamp(b"\0\1\0\0" + bytes(12), stamp_ns)
