"""Run a measurement that needs ROS in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.package_path import with_package_path


def run_measurement(module: str, request: PathRequest, timeout_s: float = 600.0) -> dict[str, Any]:
    """Run `fishy_ros.evaluation.bench.probes.MODULE` on a request and return its result.

    Raises:
        ReplayError: it failed, in its own words, or gave no result in `timeout_s`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"fishy_ros.evaluation.bench.probes.{module}"],
            input=json.dumps(asdict(request)),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=with_package_path(os.environ),
        )
    except subprocess.TimeoutExpired as error:
        raise ReplayError(f"{request.method}: no result in {timeout_s:.0f} s") from error
    if done.returncode:
        raise ReplayError(f"{request.method}: {done.stderr.strip()[-2000:] or f'status {done.returncode}'}")
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return result
