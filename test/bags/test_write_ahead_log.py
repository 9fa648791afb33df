"""SQLite bags whose recorder was killed, against what the sqlite3 module itself reads from them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError
from fishy_ros.types import Sample

CASES = Path(__file__).resolve().parents[3] / "shared" / "field_cases"


def killed_recorder(folder: Path, frames: int = 4, compression: str | None = None, first: int = 0) -> Path:
    """Write a bag of which all but the first message of each topic lie in the write-ahead log; return its file."""
    whole = folder.with_name(f"{folder.name}.whole")
    with BagWriter(whole, storage="sqlite3", compression=compression) as writer:
        for index in range(first, first + frames):
            image = np.full((8, 8, 3), index, np.uint8)
            writer.write(Sample(str(index), image, np.zeros((8, 8), np.uint8)), 10 + index)
    (complete,) = whole.glob("*.db3")
    folder.mkdir(exist_ok=True)
    file = folder / f"{folder.name}_{first}.db3"
    with closing(sqlite3.connect(complete)) as database:
        rows = database.execute("SELECT id, topic_id, timestamp, data FROM messages ORDER BY id").fetchall()
        database.execute("DELETE FROM messages WHERE id > 3")
        database.commit()
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows[3:])
        database.commit()
        # Copied while the recorder lives: a clean end would bring the log in.
        shutil.copy(complete, file)
        shutil.copy(f"{complete}-wal", f"{file}-wal")
    return file


def stamps(path: Path) -> list[int]:
    with BagReader(path) as reader:
        return [frame.stamp_ns for frame in reader]


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("is_folder", [True, False])
def test_messages_in_the_log_are_read_with_a_warning(tmp_path, compression, is_folder):
    file = killed_recorder(tmp_path / "bag", compression=compression)
    with BagReader(file.parent if is_folder else file) as reader:
        frames = list(reader)
        assert len(reader) == 4
        assert f"{file}: its recorder was killed" in reader.warnings[0]
    assert [frame.stamp_ns for frame in frames] == [10, 11, 12, 13]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2, 3]
    assert all(frame.labels is not None for frame in frames)


def test_the_bag_itself_is_left_as_it_is(tmp_path):
    file = killed_recorder(tmp_path / "bag")
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    stamps(file)
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == before


def test_logs_of_a_split_bag_are_read_file_by_file(tmp_path):
    killed_recorder(tmp_path / "bag", first=4)
    first = tmp_path / "first"
    shutil.copy(killed_recorder(first), tmp_path / "bag" / "bag_0.db3")
    shutil.copy(next(first.glob("*-wal")), tmp_path / "bag" / "bag_0.db3-wal")
    assert stamps(tmp_path / "bag") == list(range(10, 18))


def test_a_log_behind_a_link_and_an_odd_name_is_found(tmp_path):
    folder = killed_recorder(tmp_path / "bag").parent.rename(tmp_path / "a bag #1")
    (file,) = folder.glob("*.db3")
    link = tmp_path / "50%.db3"
    link.symlink_to(file)
    assert stamps(link) == [10, 11, 12, 13]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_log_on_a_read_only_disk_is_read(tmp_path):
    file = killed_recorder(tmp_path / "bag")
    file.parent.chmod(0o555)
    assert stamps(file) == [10, 11, 12, 13]


@pytest.mark.parametrize("size", [0, 32])
def test_a_log_without_frames_changes_nothing(tmp_path, size):
    file = killed_recorder(tmp_path / "bag")
    log = file.with_name(f"{file.name}-wal")
    log.write_bytes(log.read_bytes()[:size])
    with BagReader(file) as reader:
        assert [frame.stamp_ns for frame in reader] == [10]
        assert reader.warnings == ()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_of_a_torn_log_as_much_is_read_as_sqlite_reads(tmp_path, share):
    file = killed_recorder(tmp_path / "bag")
    log = file.with_name(f"{file.name}-wal")
    log.write_bytes(log.read_bytes()[: int(share * log.stat().st_size)])
    shutil.copytree(file.parent, tmp_path / "reference")
    with closing(sqlite3.connect(tmp_path / "reference" / file.name)) as database:
        query = "SELECT timestamp FROM messages JOIN topics ON topic_id = topics.id WHERE name LIKE '%image_raw'"
        expected = [stamp for (stamp,) in database.execute(query)]
    assert stamps(file) == expected


@pytest.mark.parametrize("content", [bytes(5000), b"\x37\x7f\x06\x82" + bytes(range(250)) * 20])
def test_a_log_of_which_nothing_can_be_read_is_not_said_to_be_read(tmp_path, content):
    file = killed_recorder(tmp_path / "bag")
    file.with_name(f"{file.name}-wal").write_bytes(content)
    with BagReader(file) as reader:
        assert [frame.stamp_ns for frame in reader] == [10]
        assert "-wal holds nothing whole: messages are lost" in reader.warnings[0]


def test_a_log_whose_file_was_renamed_is_named(tmp_path):
    file = killed_recorder(tmp_path / "bag")
    file.rename(file.with_name("drive.db3"))
    with BagReader(file.parent) as reader:
        assert [frame.stamp_ns for frame in reader] == [10]
        (warning,) = reader.warnings
    assert warning.startswith(f"{file}-wal: holds messages of a killed recorder")


def test_a_journal_that_has_to_be_played_back_is_refused_with_advice(tmp_path):
    file = killed_recorder(tmp_path / "bag")
    file.with_name(f"{file.name}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    with pytest.raises(BagError, match=r"killed in the middle of a write.*integrity_check"):
        stamps(file)


def test_a_finished_journal_is_no_obstacle(tmp_path):
    file = killed_recorder(tmp_path / "bag")
    file.with_name(f"{file.name}-journal").write_bytes(bytes(512))
    assert stamps(file) == [10, 11, 12, 13]


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_the_bag_from_the_field_has_all_four_messages():
    assert len(stamps(CASES / "sqlite_wal")) == 4
