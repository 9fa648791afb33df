"""Arrays that are decoded once: what all processes share, and what damage and a full disk leave."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from support.full_disk import full_disk

from fishy_ros.errors import TrainingError
from fishy_ros.training import array_store
from fishy_ros.training.array_store import ArrayStore, open_store, write_store

SHAPES = [(3, 4, 3), (3, 4), (1,), (0, 5), (7, 2, 4)]


def arrays(shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, np.uint8) for shape in shapes]


@given(shapes=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_arrays_come_back_as_they_were_written(tmp_path_factory, shapes):
    path = tmp_path_factory.mktemp("store") / "a"
    write_store(path, arrays(shapes))
    store = ArrayStore(path)
    assert len(store) == len(shapes)
    for found, expected in zip(store, arrays(shapes), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(store[-1], arrays(shapes)[-1])
    assert len(store[1:]) == len(shapes) - 1


def test_what_is_read_cannot_be_changed(tmp_path):
    store = open_store(tmp_path / "a", arrays())
    with pytest.raises(ValueError, match="read-only"):
        store[0][:] = 0


def test_a_store_is_written_once(tmp_path):
    open_store(tmp_path / "a", arrays())

    def again():
        raise AssertionError("decoded again")
        yield

    assert len(open_store(tmp_path / "a", again())) == len(SHAPES)
    assert not list(tmp_path.glob("*.tmp"))


OPEN_SLOWLY = """
import sys, time
from pathlib import Path
import numpy as np
from fishy_ros.training.array_store import open_store
folder = Path(sys.argv[1])
def decode():
    with (folder / "decoded.txt").open("a") as log:
        log.write("x")
    time.sleep(1.5)
    yield np.full(9, 7, np.uint8)
print(open_store(folder / "a", decode())[0][0])
"""


def test_of_processes_that_start_together_one_decodes(tmp_path):
    command = [sys.executable, "-c", OPEN_SLOWLY, str(tmp_path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == ["7", "7", "7"]
    assert (tmp_path / "decoded.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (".bytes", b"short", r"a: expected \d+ bytes, found 5; delete it"),
        (".bytes", b"", "a: not a readable store of arrays"),
        (".json", b"{", "a: not a readable store of arrays"),
        (".json", b'{"shapes": [["x"]]}', "a: not a readable store of arrays"),
        (".json", b"[]", "a: not a readable store of arrays"),
    ],
)
def test_a_damaged_store_is_named(tmp_path, suffix, content, message):
    write_store(tmp_path / "a", arrays())
    (tmp_path / "a").with_suffix(suffix).write_bytes(content)
    with pytest.raises(TrainingError, match=message):
        open_store(tmp_path / "a", arrays())


@pytest.mark.parametrize(("age", "kept"), [(2, {"middle", "new", "newest"}), (0, {"old", "middle", "new", "newest"})])
def test_the_store_unused_for_longest_makes_room_for_a_new_one(tmp_path, monkeypatch, caplog, age, kept):
    """A store that was opened within the last hour stays, however many there are."""
    monkeypatch.setattr(array_store, "CACHE_BYTES", 35)
    (tmp_path / "notes.json").write_text("not a store")
    for name in ("old", "middle", "new"):
        open_store(tmp_path / name, [np.zeros(10, np.uint8)])
    for hours, name in ((3, "old"), (2, "middle"), (1, "new")):
        used = time.time() - age * hours * 3600
        os.utime(tmp_path / f"{name}.json", (used, used))
    open_store(tmp_path / "newest", [np.zeros(10, np.uint8)])
    assert {path.stem for path in tmp_path.glob("*.bytes")} == kept
    assert {path.stem for path in tmp_path.glob("*.json")} == {*kept, "notes"}
    assert ("old.bytes" in caplog.text) == ("old" not in kept)


def test_opening_a_store_counts_as_use(tmp_path):
    open_store(tmp_path / "a", arrays())
    os.utime(tmp_path / "a.json", (0, 0))
    open_store(tmp_path / "a", arrays())
    assert time.time() - (tmp_path / "a.json").stat().st_mtime < 60


def test_a_full_disk_leaves_no_store(tmp_path):
    with full_disk(100_000), pytest.raises(TrainingError, match="a: decoded arrays cannot be written"):
        open_store(tmp_path / "a", [np.zeros(60_000, np.uint8)] * 3)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock"}


def test_a_cache_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="decoded arrays cannot be written"):
        open_store(tmp_path / "file" / "a", arrays())


def test_nothing_to_store_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="nothing to store"):
        open_store(tmp_path / "a", [])
