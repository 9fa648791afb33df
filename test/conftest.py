"""Fixtures that several packages share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.street_package import build_street_package
from support.tiny_model import build_tiny_package

from fishy_ros.model_package import ModelPackage
from fishy_ros.node.shared_memory import remove_abandoned, segments_in
from fishy_ros.types import ImageArray

# A busy machine is no failure of what is tested.
settings.register_profile(
    "any_machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # a change is judged by the same examples as the one before
)
settings.load_profile("any_machine")


@pytest.fixture(scope="session", autouse=True)
def shared_memory() -> None:
    """Give back what processes of earlier runs left when they were killed, so that there is room for large images."""
    remove_abandoned(segments_in())


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
