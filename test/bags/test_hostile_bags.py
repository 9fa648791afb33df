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
from rosbags.rosbag2.storage_mcap import ChunkInfo, McapReader

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.bags import unpacking as unpacking_module
from fishy_ros.bags.mcap_index import MAX_OPEN_BYTES, check_index
from fishy_ros.bags.messages import with_stamp
from fishy_ros.bags.unpacking import MAX_FRAMES, unpack_file, unpack_lz4, unpack_zstd
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
        "CREATE TABLE schema (ros_distro TEXT, schema_version INTEGER AS (4))",
        "CREATE TABLE extra (id INTEGER, data BLOB AS (zeroblob(60000000)) STORED)",
    ],
)
def test_a_database_that_computes_is_refused(tmp_path, statement):
    path = write_bag(tmp_path / "bag", storage="sqlite3")
    (file,) = path.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE IF EXISTS schema")
        database.execute(statement)
    database.close()
    with pytest.raises(BagError, match="not a plain table or column"):
        frames_of(path)


@pytest.mark.parametrize("name", ["..%2Foutside.db3", "a%2edb3.db3", "a?b.db3", "a#b.db3", "50%.db3"])
def test_the_file_that_is_named_is_the_one_that_is_read(tmp_path, name):
    """A path within a URI, in which the SQLite reader puts it, would be another one."""
    path = write_bag(tmp_path / "bag", storage="sqlite3")
    (file,) = path.glob("*.db3")
    shutil.copy(file, tmp_path / "outside.db3")
    with sqlite3.connect(tmp_path / "outside.db3") as database:
        database.execute("DELETE FROM messages")
    database.close()
    (path / "metadata.yaml").unlink()
    file.rename(path / name)
    assert len(frames_of(path)) == 1
    assert len(frames_of(path / name)) == 1


def test_a_bag_in_a_folder_of_any_name_is_read(tmp_path):
    path = tmp_path / "run #2, 50% light?"
    assert len(frames_of(write_bag(path / "a"))) == 1
    shutil.move(write_bag(tmp_path / "b", storage="sqlite3"), path)
    assert len(frames_of(path / "b")) == 1


def test_no_sqlite_bag_is_written_where_its_path_would_lead_elsewhere(tmp_path):
    with pytest.raises(BagError, match="choose another, or mcap"):
        write_bag(tmp_path / "run #2" / "a", storage="sqlite3")
    assert not list(tmp_path.iterdir())


def test_many_empty_frames_are_refused_at_once():
    content = zstd.compress(b"x")
    assert unpack_zstd(content + zstd.compress(b"") * (MAX_FRAMES - 1)) == b"x"
    with pytest.raises(BagError, match=f"more than {MAX_FRAMES} frames"):
        unpack_zstd(content + zstd.compress(b"") * 10**6)


def chunk(place: int = 0, begin: int = 0, end: int = 0, size: int = 100, length: int = 100) -> ChunkInfo:
    return ChunkInfo(begin, end, place, length, {1: place + length}, 0, "zstd", min(size, length), size, {})


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([chunk(), chunk()], "share byte 0"),
        ([chunk(200), chunk(0, length=201)], "share byte 200"),
        ([chunk(length=100)._replace(compressed_size=101)], "claims more data than it can hold"),
        ([chunk(100 * place, size=MAX_OPEN_BYTES // 2) for place in range(3)], "chunks that overlap"),
        ([chunk(100 * place, 5 - place, 5 + place, MAX_OPEN_BYTES // 2) for place in range(3)], "chunks that overlap"),
        ([chunk(100 * place, 5, 4, MAX_OPEN_BYTES // 2) for place in range(3)], "chunks that overlap"),
    ],
)
def test_an_index_that_would_have_too_much_unpacked_is_refused(chunks, message):
    reader = McapReader(Path("a.mcap"))
    reader.chunks = chunks
    with pytest.raises(BagError, match=message):
        check_index(reader, Path("a.mcap"))


def test_large_chunks_one_after_another_are_read():
    reader = McapReader(Path("a.mcap"))
    reader.chunks = [chunk(100 * place, 10 * place, 10 * place + 9, MAX_OPEN_BYTES) for place in range(9)]
    check_index(reader, Path("a.mcap"))


def test_an_index_that_names_a_chunk_twice_is_refused(tmp_path):
    """The record of the only chunk is repeated within the summary, whose offsets nobody checks."""
    path = write_bag(tmp_path / "bag")
    (file,) = path.glob("*.mcap")
    content = file.read_bytes()
    summary = int.from_bytes(content[-28:-20], "little")
    start = content.index(b"\x08", summary)
    while int.from_bytes(content[start + 1 : start + 9], "little") > len(content):
        start = content.index(b"\x08", start + 1)
    record = content[start : start + 9 + int.from_bytes(content[start + 1 : start + 9], "little")]
    file.write_bytes(content[:start] + record + content[start:])
    with pytest.raises(BagError, match="share byte"):
        frames_of(path)


def test_a_count_that_cannot_be_is_refused(tmp_path):
    path = write_bag(tmp_path / "bag")
    (file,) = path.glob("*.mcap")
    content = file.read_bytes()
    stated = (1).to_bytes(8, "little")  # each of the three topics has one message
    start = content.rindex(b"\x0b" + (46 + 30).to_bytes(8, "little"))
    file.write_bytes(content[: start + 55] + content[start + 55 :].replace(stated, (2**63).to_bytes(8, "little"), 3))
    with pytest.raises(BagError, match=f"claims {2**63} messages"):
        frames_of(path)


@pytest.mark.parametrize("stamp_ns", [-(2**31) * 10**9 - 1, 2**31 * 10**9, 2**63 - 1])
def test_a_stamp_that_no_message_can_hold_is_refused(stamp_ns):
    with pytest.raises(BagError, match="does not fit"):
        with_stamp(b"\0\1\0\0" + bytes(12), stamp_ns)
