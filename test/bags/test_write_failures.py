"""A bag is there complete, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError
from fishy_ros.types import Sample

SAMPLE = Sample("a", np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8))


def test_nothing_is_left_after_an_error_in_the_caller(tmp_path):
    def write_until_interrupted():
        with BagWriter(tmp_path / "bag") as writer:
            writer.write(SAMPLE, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_until_interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_bag_without_frames_is_refused(tmp_path):
    with pytest.raises(BagError, match="no frame"), BagWriter(tmp_path / "bag"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_path_is_not_overwritten(tmp_path):
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagError, match="already exists"):
        BagWriter(tmp_path / "bag")


def test_a_parent_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be written"):
        BagWriter(tmp_path / "file" / "bag")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_running_out_of_space_is_an_error_and_leaves_nothing(tmp_path, storage, compression):
    """The kernel refuses writes past a file size limit just as a full disk does, in the middle of the bag."""
    script = f"""
    import resource, sys
    import numpy as np
    from fishy_ros.bags import BagWriter
    from fishy_ros.errors import BagError
    from fishy_ros.types import Sample
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    random = np.random.default_rng(0)
    try:
        with BagWriter({str(tmp_path / "bag")!r}, {storage!r}, "raw", {compression!r}) as writer:
            for index in range(20):
                writer.write(Sample(str(index), random.integers(0, 256, (300, 500, 3), np.uint8)), index + 1)
    except BagError as error:
        print(error)
        sys.exit(7)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 7, done.stderr
    assert str(tmp_path / "bag") in done.stdout
    assert "cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_writer_leaves_no_bag_at_the_path(tmp_path):
    script = f"""
    import time
    import numpy as np
    from fishy_ros.bags import BagWriter
    from fishy_ros.types import Sample
    with BagWriter({str(tmp_path / "bag")!r}) as writer:
        writer.write(Sample("a", np.zeros((1000, 1000, 3), np.uint8)), 1)
        print("written", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    assert not (tmp_path / "bag").exists()
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(SAMPLE, 1)
    with BagReader(tmp_path / "bag") as reader:
        assert len(reader) == 1
