"""How a process that this package starts finds the same package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import fishy_ros


def with_package_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose `PYTHONPATH` has the folder of this package before what is there already."""
    root = str(Path(fishy_ros.__file__).resolve().parents[1])
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}
