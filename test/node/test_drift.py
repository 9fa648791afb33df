"""Images that are not like the training data: a warning that says why, and an end of it."""

from __future__ import annotations

import json
import time
from itertools import count

import cv2
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import header, image_message, values_of
from support.sources import ROOT
from support.street_package import REASONS

from fishy_ros.drift.corruptions import CORRUPTIONS
from fishy_ros.model_package import load_model_package

PHOTOGRAPHS = ROOT.parent / "shared/data/train/nuscenes/images"
WARNING = "input is not like the training data"
RATE_HZ = 10.0
REACTION_S = 2.0
BUSY_S = 3.0
"""What a busy machine may take on top."""


class Camera:
    """Plays images round and round, and listens to what the node says of them."""

    def __init__(self, bench):
        self._bench = bench
        self._indices = count()

    def play_until(self, images, is_it, what):
        """Play until a new status is accepted; returns it and the seconds that took."""
        start, seen = time.monotonic(), len(self._bench.diagnostics)
        while time.monotonic() - start < 20.0:
            index = next(self._indices)
            self._bench.image.publish(image_message(images[index % len(images)], header(index)))
            self._bench.spin_for(1.0 / RATE_HZ)
            for status in self._bench.diagnostics[seen:]:
                if is_it(status):
                    return status, time.monotonic() - start
        raise AssertionError(f"waited for {what}; last: {self._bench.diagnostics[-1].message}")


def is_normal(status):
    return int(values_of(status)["frames_published"]) > 3 and WARNING not in status.message


@pytest.fixture
def check_reactions(record_property):
    """Spoil images in these ways; each is named in time, and normal images end the warning in time."""

    def check(bench, model, pictures, images, ways=tuple(CORRUPTIONS)):
        bench.wait_until_connected()
        camera = Camera(bench)
        camera.play_until(images, is_normal, "normal images to be normal")
        for name in ways:
            corrupted = [CORRUPTIONS[name](image) for image in images]
            status, warn_s = camera.play_until(
                corrupted, lambda s, name=name: WARNING in s.message and REASONS[name] in s.message, f"{name} images"
            )
            assert status.level == DiagnosticStatus.WARN
            _, end_s = camera.play_until(images, is_normal, f"the end of {name}")
            case = {"model": model, "pictures": pictures, "condition": name, "warn_s": warn_s, "end_s": end_s}
            record_property("drift", json.dumps(case))
            assert max(warn_s, end_s) < REACTION_S + BUSY_S, case

    return check


@pytest.mark.long
def test_every_corrupted_street_is_named_and_forgotten_again(start_detector, street_package, check_reactions):
    package, images = street_package
    bench = start_detector(model=package.folder, drift_window_s=1.0)
    check_reactions(bench, package.name, "rendered streets", images)


@pytest.mark.long
def test_every_corrupted_photograph_is_named_and_forgotten_again(start_detector, check_reactions):
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))[::16]
    if not files:
        pytest.skip(f"no photographs in {PHOTOGRAPHS}")
    if load_model_package("fishy-s").baseline is None:
        pytest.skip("the package fishy-s has no baseline; `fishy baseline` writes it")
    images = [cv2.resize(cv2.imread(str(file)), (1024, 512), interpolation=cv2.INTER_AREA) for file in files]
    # Most turned images of this data set are noticed, but not enough of these few: see docs/decisions.
    ways = [name for name in CORRUPTIONS if name != "upside down"]
    bench = start_detector(model="fishy-s", runtime="auto", threads=0, drift_window_s=1.0)
    check_reactions(bench, "fishy-s", "photographs of nuScenes", images, ways)


def test_a_window_of_no_seconds_looks_at_nothing(start_detector, street_package):
    package, images = street_package
    bench = start_detector(model=package.folder, drift_window_s=0.0)
    bench.wait_until_connected()
    dark = [CORRUPTIONS["black"](image) for image in images]
    status, _ = Camera(bench).play_until(dark, is_normal, "silence")
    assert values_of(status)["drift"] == "0.00"
