"""Shared memory goes only when its owner is dead, and nobody else looks at it."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import pytest

from fishy_ros.node.dds import Removed, remove_abandoned, segments_in, segments_of

pytest.importorskip("fcntl", reason="needs POSIX locks")

OWNER = """
import fcntl, mmap, sys
segment, lock = open(sys.argv[1], "w+b"), open(sys.argv[1] + "_el", "wb")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
segment.truncate(8192)
mapped = mmap.mmap(segment.fileno(), 8192)
print("ready", flush=True)
sys.stdin.read()
"""
"""Does with the file that it is given what Fast DDS does with a segment."""


@pytest.fixture
def owner(tmp_path):
    segment = tmp_path / "fastrtps_0123456789abcdef"
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(segment)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process, segment
        process.kill()


def kill(process):
    process.kill()
    process.wait()


def test_the_segment_of_a_living_process_stays(owner):
    process, segment = owner
    assert segments_in(segment.parent) == segments_of(process.pid) == [segment]
    assert remove_abandoned([segment], min_age_s=0.0) == Removed()
    assert segment.exists()


def test_the_segment_of_a_killed_process_goes_with_its_lock(owner):
    process, segment = owner
    kill(process)
    assert remove_abandoned(segments_in(segment.parent), min_age_s=0.0) == Removed(1, 8192)
    assert list(segment.parent.iterdir()) == []


def test_what_somebody_else_has_mapped_stays_until_it_is_unmapped(owner):
    process, segment = owner
    kill(process)
    with segment.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        assert remove_abandoned([segment], min_age_s=0.0) == Removed()
    assert remove_abandoned([segment], min_age_s=0.0).segments == 1


def test_a_young_lock_and_what_is_no_segment_stay(owner):
    process, segment = owner
    kill(process)
    others = [segment.with_name(name) for name in ("fastrtps_port7000", "fastrtps_0123", "sem.fastrtps_x", "other")]
    for path in others:
        path.touch()
    without_a_lock = segment.with_name("fastrtps_fedcba9876543210")
    without_a_lock.touch()
    assert segments_in(segment.parent) == [segment, without_a_lock]
    assert remove_abandoned(segments_in(segment.parent)) == Removed()
    lock = segment.with_name(f"{segment.name}_el")
    os.utime(lock, (0, 0))
    assert remove_abandoned(segments_in(segment.parent)).segments == 1
    assert all(path.exists() for path in (without_a_lock, *others))


def test_no_folder_and_no_process_have_no_segments(tmp_path):
    assert segments_in(tmp_path / "none") == []
    assert segments_of(2**22 + 1) == []
