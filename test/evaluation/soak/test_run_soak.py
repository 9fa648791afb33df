"""`fishy soak` for a few seconds, through a real node."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.sources import python_path

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.soak.run_soak import SoakRequest
from fishy_ros.evaluation.soak.soak_plan import FAULTS

pytestmark = pytest.mark.live


def run_fishy_soak(out, *options):
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "soak", "--runtime", "onnxruntime", "--threads", "1"]
    return subprocess.run(
        [*command, "--out", str(out), *options],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.mark.long
def test_a_short_soak_under_faults_keeps_the_contract(tiny_package, tmp_path):
    options = ("--hours", "0.004", "--fault-every", "1", "--recovery", "10", "--model", str(tiny_package.folder))
    done = run_fishy_soak(tmp_path, *options, "--seed", "1", "--height", "96")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "contract   kept" in done.stdout
    content = json.loads((tmp_path / "soak.json").read_text())["soak"]
    assert content["wrong"] == content["breaches"] == []
    assert {outcome["fault"]["kind"] for outcome in content["faults"]} == set(FAULTS)
    assert 0 < content["published"] <= content["sent"]
    assert all(sample["rss_bytes"] > sample["shared_bytes"] > 0 for sample in content["samples"])
    assert (tmp_path / "soak.png").is_file()


@pytest.mark.parametrize(("name", "value"), [("seconds", 1.0), ("rate_hz", 0.0), ("height", 1)])
def test_a_soak_out_of_range_is_refused(name, value):
    values = {"seconds": 60.0, name: value}
    with pytest.raises(ConfigError, match="of a soak is"):
        SoakRequest(choice=DetectorChoice(), **values)
