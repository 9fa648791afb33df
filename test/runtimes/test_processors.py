"""The quotas of containers and services, of both versions of control groups, nested as systems nest them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishy_ros.runtimes import processors
from fishy_ros.runtimes.processors import default_threads

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
INSIDE = "31 23 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct"
"""A container of version 1 sees its own part of the hierarchy at the usual place."""


@pytest.fixture(autouse=True)
def sixteen(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


def machine(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


C2 = "sys/fs/cgroup"
C1 = "sys/fs/cgroup/cpu,cpuacct"
MACHINES = {
    "nothing": ("", "", {}, 16),
    "no limit": ("0::/", V2, {f"{C2}/cpu.max": "max 100000"}, 16),
    "container of version 2": ("0::/", V2, {f"{C2}/cpu.max": "200000 100000"}, 2),
    "service": ("0::/system.slice/fishy.service", V2, {f"{C2}/system.slice/fishy.service/cpu.max": "300000 100000"}, 3),
    "slice above the service": (
        "0::/robot.slice/fishy.service", V2,
        {f"{C2}/robot.slice/cpu.max": "150000 100000", f"{C2}/robot.slice/fishy.service/cpu.max": "400000 100000"}, 2,
    ),
    "service below the slice": (
        "0::/robot.slice/fishy.service", V2,
        {f"{C2}/robot.slice/cpu.max": "800000 100000", f"{C2}/robot.slice/fishy.service/cpu.max": "400000 100000"}, 4,
    ),
    "less than one": ("0::/a", V2, {f"{C2}/a/cpu.max": "30000 100000"}, 1),
    "other period": ("0::/a", V2, {f"{C2}/a/cpu.max": "25000 5000"}, 5),
    "version 1": (
        "4:cpu,cpuacct:/a/b\n3:memory:/a", V1,
        {f"{C1}/a/b/cpu.cfs_quota_us": "600000", f"{C1}/a/b/cpu.cfs_period_us": "100000"}, 6,
    ),
    "version 1, limit above": (
        "4:cpu,cpuacct:/a/b", V1,
        {
            f"{C1}/a/cpu.cfs_quota_us": "200000", f"{C1}/a/cpu.cfs_period_us": "100000",
            f"{C1}/a/b/cpu.cfs_quota_us": "-1", f"{C1}/a/b/cpu.cfs_period_us": "100000",
        }, 2,
    ),
    "container of version 1": (
        "4:cpu,cpuacct:/docker/abc", INSIDE,
        {f"{C1}/cpu.cfs_quota_us": "700000", f"{C1}/cpu.cfs_period_us": "100000"}, 7,
    ),
    "both versions": (
        "4:cpu,cpuacct:/a\n0::/b", f"{V1}\n{V2.replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified')}",
        {
            f"{C1}/a/cpu.cfs_quota_us": "500000", f"{C1}/a/cpu.cfs_period_us": "100000",
            f"{C2}/unified/b/cpu.max": "max 100000",
        }, 5,
    ),
    "group outside the mount": ("0::/../../other", V2, {f"{C2}/cpu.max": "900000 100000"}, 9),
    "without mountinfo": ("0::/a", "", {f"{C2}/a/cpu.max": "200000 100000"}, 2),
    "damaged": ("0::/a", V2, {f"{C2}/a/cpu.max": "many"}, 16),
    "zero": ("0::/a", V2, {f"{C2}/a/cpu.max": "0 100000"}, 16),
    "more than there are": ("0::/", V2, {f"{C2}/cpu.max": "6400000 100000"}, 16),
}  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_threads_are_those_of_the_smallest_quota_on_the_way_to_the_root(tmp_path, name):
    groups, mounts, files, expected = MACHINES[name]
    assert default_threads(machine(tmp_path, groups, mounts, files)) == expected


def test_this_machine_allows_at_least_one_and_no_more_than_its_affinity(monkeypatch):
    monkeypatch.undo()
    assert 1 <= default_threads() <= len(os.sched_getaffinity(0))
    assert Path("/") == processors.ROOT


@pytest.mark.parametrize("name", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_without_a_list_of_mounts_the_usual_places_of_version_1_are_looked_at(tmp_path, name):
    group = f"sys/fs/cgroup/{name}/a"
    files = {f"{group}/cpu.cfs_quota_us": "300000", f"{group}/cpu.cfs_period_us": "100000"}
    assert default_threads(machine(tmp_path, f"4:{name}:/a", "", files)) == 3
