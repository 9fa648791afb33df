"""Where these sources are, and how a process of a test finds them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python_path() -> str:
    """Return a `PYTHONPATH` with these sources before what is there already, such as a ROS installation."""
    return os.pathsep.join([str(ROOT), str(ROOT / "test"), *filter(None, [os.environ.get("PYTHONPATH")])])
