"""Leave out what cannot run on this machine, say so above the tests, and end when they are done."""

import faulthandler
from importlib.util import find_spec

import pytest

NEEDS = {
    "torch": (
        *("fishy_ros/training", "fishy_ros/evaluation/bench/erfnet.py"),
        *("test/training", "test/support/network_contract.py", "experiments"),
    ),
    "rclpy": (
        *("fishy_ros/node", "fishy_ros/evaluation/live", "fishy_ros/evaluation/bench/probes"),
        *(f"fishy_ros/evaluation/soak/{name}.py" for name in ("run_soak", "soak_driver", "soak_faults")),
        *("test/node", "test/evaluation/live", "test/faults"),
    ),
    "launch_ros": ("fishy_ros/node/launching.py",),
    "openvino": ("fishy_ros/runtimes/openvino*",),
    "cuda": ("fishy_ros/runtimes/cuda_*", "fishy_ros/runtimes/tensorrt_runtime.py"),
}
"""For each module that need not be installed: the folders and files whose import needs it."""

MISSING = {module: places for module, places in NEEDS.items() if find_spec(module) is None}

collect_ignore_glob = [pattern for places in MISSING.values() for place in places for pattern in (place, f"{place}/*")]


def pytest_report_header() -> list[str]:
    """Say which packages are left out because a module is not installed."""
    return [f"skipped: {', '.join(places)}, because {module} is not installed" for module, places in MISSING.items()]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let no thread that still waits keep the finished run from ending; its stack is shown.

    A process of pytest-xdist that has no test left waits for the others, as long as it takes, and ends with the run.
    """
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(120, exit=True)
