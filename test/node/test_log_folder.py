"""Where ROS would log, and what the node does if it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishy_ros.node.logs import WITHOUT_LOG_FILES, log_arguments, log_folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"ROS_LOG_DIR": "/logs", "ROS_HOME": "/ros"}, Path("/logs")),
        ({"ROS_LOG_DIR": "", "ROS_HOME": "/ros"}, Path("/ros/log")),
        ({"HOME": str(Path.home()), "ROS_LOG_DIR": "~/logs"}, Path.home() / "logs"),
        ({"HOME": str(Path.home())}, Path.home() / ".ros" / "log"),
    ],
)
def test_the_folder_is_the_one_that_ros_takes(environment, folder):
    assert log_folder(environment) == folder


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"ROS_LOG_DIR": "~/logs"}, {"ROS_HOME": "~/ros"}])
def test_without_a_home_log_files_are_off_because_ros_asks_nobody_else(environment):
    assert log_arguments(environment) == WITHOUT_LOG_FILES


def test_a_folder_that_can_be_made_and_written_needs_no_arguments_and_keeps_no_trial(tmp_path):
    folder = tmp_path / "new" / "log"
    assert log_arguments({"ROS_LOG_DIR": str(folder)}) == ()
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_switches_log_files_off(tmp_path):
    (tmp_path / "file").touch()
    assert log_arguments({"ROS_LOG_DIR": str(tmp_path / "file" / "log")}) == WITHOUT_LOG_FILES
