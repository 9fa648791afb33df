"""Run a launch file as `ros2 launch` does, with the executables of this project in an ament prefix."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from support.sources import ROOT

_EXECUTABLE = """#!{python}
from importlib.metadata import distribution
distribution("fishy_ros").entry_points["{name}"].load()()
"""
_LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
file, *arguments = sys.argv[1:]
service = LaunchService(argv=[])
source = PythonLaunchDescriptionSource(file)
pairs = [argument.split(":=") for argument in arguments]
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(source, launch_arguments=pairs)]))
sys.exit(service.run())
"""


def make_prefix(prefix: Path) -> Path:
    """Make an install prefix as colcon makes it, for `AMENT_PREFIX_PATH`; returns its share folder."""
    share, marker = prefix / "share/fishy_ros", prefix / "share/ament_index/resource_index/packages/fishy_ros"
    for folder in ("launch", "config", "rviz"):
        shutil.copytree(ROOT / folder, share / folder)
    shutil.copy(ROOT / "package.xml", share)
    marker.parent.mkdir(parents=True)
    marker.touch()
    executables = prefix / "lib/fishy_ros"
    executables.mkdir(parents=True)
    for name in ("detector", "replay"):
        path = executables / name
        path.write_text(_EXECUTABLE.format(python=sys.executable, name=name))
        path.chmod(0o755)
    return share


def launch_command(file: Path, *arguments: str) -> list[str]:
    """Return a command that runs a launch file with arguments `NAME:=VALUE`."""
    return [sys.executable, "-c", _LAUNCH, str(file), *arguments]
