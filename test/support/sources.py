"""Where these sources are, and how a process of a test finds them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def python_path() -> str:
    """Return a `PYTHONPATH` with these sources before what is there already, such as a ROS installation."""
    return os.pathsep.join([str(ROOT), str(ROOT / "test"), *filter(None, [os.environ.get("PYTHONPATH")])])


def load_script(path: Path) -> ModuleType:
    """Import a file that belongs to no package, such as an example."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # where dataclasses look for the names in their annotations
    specification.loader.exec_module(module)
    return module
