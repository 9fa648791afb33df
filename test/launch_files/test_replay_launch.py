"""`replay.launch.py`, run by launch itself: detector and scorer as executables of an ament prefix."""

import os
import subprocess

import pytest

pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 distribution and has no wheel")

from support.launching import launch_command, make_prefix
from support.sources import python_path

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.evaluation.report.report_json import load_report

pytestmark = pytest.mark.live


@pytest.fixture
def run_launch(tmp_path):
    """Run `replay.launch.py` with arguments, to its end."""
    share = make_prefix(tmp_path / "prefix")

    def run(*arguments):
        with private_domain() as domain:
            return subprocess.run(
                launch_command(share / "launch/replay.launch.py", *arguments),
                env={
                    **os.environ,
                    "AMENT_PREFIX_PATH": str(tmp_path / "prefix"),
                    "PYTHONPATH": python_path(),
                    "ROS_DOMAIN_ID": str(domain),
                    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
                    "ROS_LOG_DIR": str(tmp_path / "log"),
                },
                capture_output=True,
                text=True,
                timeout=120,
            )

    return run


def test_a_bag_is_played_and_scored_and_the_launch_ends_by_itself(run_launch, tiny_package, tmp_path):
    bag, out = tmp_path / "bag", tmp_path / "out"
    with BagWriter(bag) as writer:
        for index, sample in enumerate(SyntheticStreet(6, height=96, width=192)):
            writer.write(sample, (index + 1) * 100_000_000)
    done = run_launch(
        f"bag:={bag}", f"out:={out}", "lockstep:=true", f"model:={tiny_package.folder}", "namespace:=front"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 played, 6 published, 0 dropped" in done.stdout
    assert load_report(out / "report.json")["frames"] == {"played": 6, "published": 6, "dropped": 0}


def test_a_replay_that_fails_is_a_launch_that_fails(run_launch, tiny_package, tmp_path):
    done = run_launch(f"bag:={tmp_path / 'missing'}", f"model:={tiny_package.folder}")
    assert done.returncode == 1
    assert "no such bag" in done.stdout + done.stderr
    assert "the replay failed with exit status 2" in done.stdout + done.stderr
