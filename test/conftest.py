"""Fixtures that several packages share, and the mark of the tests that start a node."""

import importlib.util
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.street_package import build_street_package
from support.tiny_model import build_tiny_package

from fishy_ros.evaluation.replay.detector_process import DetectorProcess
from fishy_ros.model_package import ModelPackage
from fishy_ros.node.dds import dds_environment, remove_abandoned, segments_in
from fishy_ros.types import ImageArray

# A busy machine is no failure of what is tested.
settings.register_profile(
    "any_machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # a change is judged by the same examples as the one before
)
settings.load_profile("any_machine")


def pytest_configure() -> None:
    """Let tests interrupt what they start, also where the run itself was started in the background of a shell."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


LIVE_FIXTURES = {"domain", "start_detector", "start_rig"}
"""A test that uses one of these talks to a running node."""
LIVE_WORDS = re.compile(rf"\b({'|'.join(sorted(LIVE_FIXTURES))}|rig|mark\.live)\b")
"""What stands in every file with such a test."""
LONG_WEIGHT = 5
"""Ordinary live tests that take as long as one with the mark `long`."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without a live test where only those are asked for: every process would import torch and more."""
    if not config.option.markexpr.startswith("live") or not collection_path.match("test_*.py"):
        return None
    return None if LIVE_WORDS.search(collection_path.read_text(encoding="utf-8")) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `live` what talks to a node, so that `./dev test` runs it after all the rest, the longest files first."""
    for item in items:
        if LIVE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.live)
        if item.get_closest_marker("live") and not LIVE_WORDS.search(item.path.read_text(encoding="utf-8")):
            raise pytest.UsageError(f"{item.path}: a live test without any of {LIVE_WORDS.pattern} would never run")
    weights: Counter[Path] = Counter()
    for item in items:
        if item.get_closest_marker("live"):
            weights[item.path] += LONG_WEIGHT if item.get_closest_marker("long") else 1
    items.sort(key=lambda item: -weights[item.path])


@pytest.fixture(autouse=True)
def live_tests_are_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a node of the harness to a test without the mark, which would run beside busy ones."""

    def refuse(*_: object) -> None:
        pytest.fail(f"{request.node.nodeid} starts a node: mark it with `pytest.mark.live`")

    if request.node.get_closest_marker("live") is None:
        monkeypatch.setattr(DetectorProcess, "__init__", refuse)


@pytest.fixture(scope="session", autouse=True)
def shared_memory() -> None:
    """Give back what processes of earlier runs left when they were killed, so that there is room for large images."""
    remove_abandoned(segments_in())


@pytest.fixture(scope="session", autouse=True)
def profile_of_large_images(request: pytest.FixtureRequest) -> None:
    """Let Fast DDS read its profile: it does so once in a process, for the first participant, whoever makes that."""
    is_live = any(item.get_closest_marker("live") for item in request.session.items)
    if not is_live or importlib.util.find_spec("rclpy") is None:
        return
    rclpy = importlib.import_module("rclpy")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dds_environment().items():
            patch.setenv(name, value)
        context = rclpy.Context()
        rclpy.init(context=context)
        rclpy.create_node("profile", context=context).destroy_node()
        rclpy.shutdown(context=context)


@pytest.fixture(scope="session")
def tiny_package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """A real model package, 64 x 128 pixels in and out."""
    return build_tiny_package(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def street_package(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelPackage, list[ImageArray]]:
    """A tiny package with a baseline measured on a rendered street, and frames of it that are not in there."""
    return build_street_package(tmp_path_factory.mktemp("street") / "tiny")


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """The folder of a tiny package that a test may damage."""
    return build_tiny_package(tmp_path / "tiny").folder
