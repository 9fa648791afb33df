"""The launch files, loaded by launch itself; run where ROS 2's launch and launch_ros are installed."""

from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 distribution and has no wheel")

from launch import LaunchContext, LaunchDescriptionSource
from launch.launch_description_sources import PythonLaunchDescriptionSource

FILES = sorted((Path(__file__).resolve().parents[2] / "launch").glob("*.launch.py"))


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def source(request: pytest.FixtureRequest) -> LaunchDescriptionSource:
    return PythonLaunchDescriptionSource(str(request.param))


def test_every_argument_of_a_launch_file_is_described(source):
    arguments = source.get_launch_description(LaunchContext()).get_launch_arguments()
    assert arguments
    for argument in arguments:
        assert argument.description not in (None, "", "no description given"), argument.name
