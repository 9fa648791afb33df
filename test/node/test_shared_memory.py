"""What a killed node leaves in shared memory is recognised, and given back."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from support.detector_bench import node_command
from support.sources import python_path

from fishy_ros.node.dds import SEGMENT_BYTES, SHARED_MEMORY, dds_environment, remove_abandoned, segments_of


def test_a_killed_node_leaves_a_segment_that_is_given_back(domain, tiny_package, tmp_path):
    if "FASTDDS_DEFAULT_PROFILES_FILE" not in {**os.environ, **dds_environment()}:
        pytest.skip(f"no room in {SHARED_MEMORY}")
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "PYTHONPATH": python_path()}
    with (tmp_path / "detector.log").open("wb") as log:
        command = node_command(model=tiny_package.folder, autostart=False)
        node = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    deadline = time.monotonic() + 60.0
    while not has_large(segments_of(node.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        segments = segments_of(node.pid)
        assert has_large(segments)
        assert remove_abandoned(segments, min_age_s=0.0).segments == 0, "it lives"
    finally:
        node.kill()
        node.wait()
    assert all(path.exists() for path in segments)
    assert remove_abandoned(segments, min_age_s=0.0).size >= SEGMENT_BYTES
    assert not any(path.exists() for path in segments)


def has_large(segments):
    """Tell whether one of these is the segment for large images; they may go away meanwhile."""
    return any(path.exists() and path.stat().st_size >= SEGMENT_BYTES for path in segments)
