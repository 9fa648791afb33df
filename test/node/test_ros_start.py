"""What ROS does not like about its arguments is one line and exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from support.sources import python_path

DOCUMENTS = {
    "no yaml": "a: [b\n",
    "no parameters": "model: fishy-s\n",
    "mixed": "/**:\n  ros__parameters:\n    model: [1, a]\n",
}


def start(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, "--ros-args", *arguments],
        env={**os.environ, "PYTHONPATH": python_path(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--log-level", "loud"),
        ("-r", "image:=bad!topic"),
        ("-r", "__ns:=bad!ns"),
        ("-p", "nonsense"),
        ("--nonsense",),
        ("--params-file", "/nowhere.yaml"),
        ("-p", "threads:=four"),
    ],
    ids=" ".join,
)
def test_a_malformed_argument_of_the_node_is_one_line(arguments):
    done = start("fishy_ros.node.process", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("detector: ")
    assert ".c:" not in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_malformed_parameters_file_is_named(document, tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(DOCUMENTS[document])
    done = start("fishy_ros.node.process", "--params-file", str(path))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(path) in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("module", ["fishy_ros.node.process", "fishy_ros.evaluation.live.replay_node"])
def test_a_malformed_domain_is_one_line(module):
    done = start(module, ROS_DOMAIN_ID="abc")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "ROS_DOMAIN_ID" in done.stderr


@pytest.mark.parametrize("arguments", [("-p", "rate:=fast"), ("-p", "image_topic:=bad!topic", "-p", "bag:=/nowhere")])
def test_a_malformed_parameter_of_the_replay_is_one_line(arguments):
    done = start("fishy_ros.evaluation.live.replay_node", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
