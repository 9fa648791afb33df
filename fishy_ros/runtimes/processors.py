"""How many processors this process may use: its affinity, and the quotas of every control group that it is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def default_threads(root: Path = ROOT) -> int:
    """Return the number of processors that this process may use.

    A container or service limits processor time by a quota, which the affinity does not show. The smallest quota from
    the group of this process up to the root counts, of version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`).

    Args:
        root: where `proc` and `sys` lie.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = min(_quotas(root), default=float(allowed))
    return max(1, min(allowed, round(limit)))


def _quotas(root: Path) -> Iterator[float]:
    """Yield every quota that is set, in processors."""
    mounts = _mounts(root)
    for controllers, group in _groups(root):
        for mounted, within in mounts:
            if mounted != controllers:
                continue
            for folder in _up_to_the_root(root, within, group):
                quota = _quota_v2(folder) if not controllers else _quota_v1(folder)
                if quota is not None:
                    yield quota


def _groups(root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """Yield ("", group) for version 2 and ("cpu", group) for version 1, from `/proc/self/cgroup`."""
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            yield "", PurePosixPath(group)
        elif "cpu" in controllers.split(","):
            yield "cpu", PurePosixPath(group)


def _mounts(root: Path) -> list[tuple[str, tuple[PurePosixPath, PurePosixPath]]]:
    """List the mounted hierarchies as (controller as in `_groups`, (what of it is mounted, where)).

    In a container, the part that is mounted may begin below the root of the hierarchy.
    """
    found: list[tuple[str, tuple[PurePosixPath, PurePosixPath]]] = []
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        place = (PurePosixPath(fields[3]), PurePosixPath(fields[4].replace("\\040", " ")))
        if kind[0] == "cgroup2":
            found.append(("", place))
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            found.append(("cpu", place))
    if not found:  # without mountinfo, the usual places
        found = [("", (PurePosixPath("/"), PurePosixPath("/sys/fs/cgroup")))]
        for name in ("cpu", "cpu,cpuacct", "cpuacct,cpu"):
            found.append(("cpu", (PurePosixPath("/"), PurePosixPath("/sys/fs/cgroup", name))))
    return found


def _up_to_the_root(root: Path, mount: tuple[PurePosixPath, PurePosixPath], group: PurePosixPath) -> Iterator[Path]:
    begin, mounted = mount
    try:
        inside = group.relative_to(begin)
    except ValueError:  # the group lies outside what is mounted here; its mount shows the limits of the container
        inside = PurePosixPath()
    if ".." in inside.parts:
        inside = PurePosixPath()
    base = root / str(mounted).lstrip("/")
    yield base
    for depth in range(len(inside.parts)):
        yield base.joinpath(*inside.parts[: depth + 1])


def _quota_v2(folder: Path) -> float | None:
    words = " ".join(_lines(folder / "cpu.max")).split()
    return _share(*words) if len(words) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    quota, period = _lines(folder / "cpu.cfs_quota_us"), _lines(folder / "cpu.cfs_period_us")
    return _share(quota[0], period[0]) if quota and period else None


def _share(quota: str, period: str) -> float | None:
    try:
        numerator, denominator = int(quota), int(period)
    except ValueError:  # "max": no limit
        return None
    return numerator / denominator if numerator > 0 and denominator > 0 else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
