import os
import platform

import numpy as np

from fishy_ros.evaluation.environment import describe_environment, hash_files


def test_the_machine_and_the_software_are_described():
    environment = describe_environment(["fishy", "score", "--out", "my folder"])

    assert environment.command == "fishy score --out 'my folder'"
    assert environment.host == platform.node()
    assert environment.cores == len(os.sched_getaffinity(0))
    assert environment.memory_gib > 0
    assert environment.cpu
    assert environment.versions["numpy"] == np.__version__
    assert environment.python == platform.python_version()


def test_only_variables_that_are_set_are_told(monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_x")
    monkeypatch.delenv("ROS_DISTRO", raising=False)

    variables = describe_environment().variables

    assert variables["RMW_IMPLEMENTATION"] == "rmw_x"
    assert "ROS_DISTRO" not in variables


def test_the_hash_of_files_covers_names_and_contents_but_not_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    b.write_bytes(b"2")
    first = hash_files([a, b])

    assert hash_files([b, a]) == first
    b.write_bytes(b"3")
    assert hash_files([a, b]) != first
