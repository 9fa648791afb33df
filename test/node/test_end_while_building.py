"""A node that is told to end while it builds an engine, or waits for one; real TensorRT for RTX, no GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.detector_bench import LIMIT_S, node_command
from support.sources import python_path

pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

NODE_THAT_BUILDS_SLOWLY = """
import time
from fishy_ros.node.process import main
from fishy_ros.runtimes import selection, tensorrt_library, tensorrt_runtime

create_progress = tensorrt_library.create_progress
tensorrt_library.create_progress = lambda trt, is_cancelled: create_progress(
    trt, lambda: time.sleep(0.5) or is_cancelled()
)
tensorrt_library.TensorRtLibrary.open_runtime = lambda self, dla_core=None: None
tensorrt_runtime.call = lambda *what: None
tensorrt_runtime.describe_gpu = lambda index: ("NVIDIA GeForce RTX 4090", "8.9")
selection.count_gpus = lambda: 1
main()
"""
"""A build of more than a minute, on a machine with a GPU or without."""


class BuildingNode:
    """A node in a process of its own that needs an engine; its output is in `log`."""

    def __init__(self, log: Path, cache: Path, domain: int, model: Path) -> None:
        self._log = log
        command = node_command(model=model, runtime="tensorrt", device="cuda")
        command[2:4] = ["-c", NODE_THAT_BUILDS_SLOWLY]
        variables = {"ROS_DOMAIN_ID": str(domain), "PYTHONPATH": python_path(), "XDG_CACHE_HOME": str(cache)}
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                command, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **variables}, start_new_session=True
            )

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until_it_says(self, words: str) -> None:
        ends = time.monotonic() + LIMIT_S
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < ends, self.said()
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> None:
        """Send a signal; the node has to end in good order."""
        self.process.send_signal(number)
        assert self.process.wait(20) == 0, self.said()
        assert "Traceback" not in self.said()
        assert "[ERROR]" not in self.said()


def test_a_signal_ends_a_node_that_builds_an_engine_and_one_that_waits_for_it(tmp_path, domain, tiny_package):
    cache, nodes = tmp_path / "cache", []
    try:
        for name, words in (("builds", "building the engine of tiny"), ("waits", "another process builds this engine")):
            nodes.append(BuildingNode(tmp_path / name, cache, domain, tiny_package.folder))
            nodes[-1].wait_until_it_says(words)
        builds, waits = nodes
        waits.end(signal.SIGINT)
        assert builds.process.poll() is None
        builds.end(signal.SIGTERM)
        left = {path.suffix for path in cache.rglob("*") if path.is_file()}
        assert left <= {".lock"}, "neither an engine nor half of one"
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()
