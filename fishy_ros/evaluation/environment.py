"""Describe the machine, the software and the command that made a result."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from fishy_ros.files import file_sha256

_PACKAGES = (
    "fishy_ros",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "opencv-python",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
    "tensorrt-rtx-cu12",
    "tensorrt-rtx-cu13",
    "onnxruntime-ep-nv-tensorrt-rtx-cu12",
    "onnxruntime-ep-nv-tensorrt-rtx-cu13",
    "torch",
    "rosbags",
    "rclpy",
    "ros-humble-rclpy",
    "ros-jazzy-rclpy",
    "ros-kilted-rclpy",
)
_VARIABLES = ("ROS_DISTRO", "RMW_IMPLEMENTATION", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Environment:
    """Where and how a result was made."""

    created: str
    """UTC, ISO 8601."""
    command: str
    """The exact command line, quoted for a shell."""
    host: str
    system: str
    cpu: str
    cores: int
    """Processors that this process may use."""
    memory_gib: float
    gpus: tuple[str, ...]
    """Name and driver of every NVIDIA GPU; empty without one."""
    python: str
    versions: Mapping[str, str] = field(default_factory=dict)
    """Installed versions of the packages that make numbers."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that change behaviour, where set."""


def describe_environment(command: Iterable[str] | None = None) -> Environment:
    """Describe this machine and process.

    Args:
        command: the command line to report; default: this process's own.
    """
    return Environment(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=shlex.join(_own_command() if command is None else command),
        host=platform.node(),
        system=f"{_distribution()}, {platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=_memory_gib(),
        gpus=_nvidia_gpus(),
        python=platform.python_version(),
        versions=_versions(),
        variables={name: os.environ[name] for name in _VARIABLES if name in os.environ},
    )


def hash_files(paths: Iterable[Path]) -> str:
    """Hash names and contents of files, in order of name: SHA-256, lower-case hex.

    A file that cannot be read counts with its name alone; whoever reads the input says so.
    """
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(f"{_hash_file(path)}  {path.name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return "unreadable"


def _own_command() -> list[str]:
    program = Path(sys.argv[0]).name if sys.argv else "python"
    return [program, *sys.argv[1:]]


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return 0.0


def _nvidia_gpus() -> tuple[str, ...]:
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in listing.splitlines() if line.strip())


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
