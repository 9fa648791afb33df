"""A camera that stops, comes back, or changes what it sends, while the node is at work."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import pytest
from support.faults.case import FaultCase, says


def switch(**changes):
    """Build a step that changes the camera."""

    def step(rig):
        rig.camera = replace(rig.camera, **changes)

    return step


USUAL = switch(rate_hz=10.0, sizes=cycle([(96, 160)]), encodings=cycle(["bgr8"]), frame_id="camera", is_on=True)
SIZES = cycle([(96, 160), (1, 1), (33, 17), (480, 640), (64, 128)])

CASES = [
    FaultCase(
        "camera",
        "stops",
        "WARN: no image for ... s",
        inject=switch(is_on=False),
        reaction=says("no image for"),
        clear=USUAL,
    ),
    FaultCase("camera", "starts anew", "goes on", inject=lambda rig: rig.replace_camera()),
    FaultCase("camera", "changes resolution", "goes on", inject=switch(sizes=cycle([(240, 320)])), clear=USUAL),
    FaultCase("camera", "has another resolution every frame", "goes on", inject=switch(sizes=SIZES), clear=USUAL),
    FaultCase(
        "camera",
        "changes encoding every frame",
        "goes on",
        inject=switch(encodings=cycle(["rgb8", "mono8", "bgra8"])),
        clear=USUAL,
    ),
    FaultCase("camera", "runs at 100 Hz instead of 10", "goes on", inject=switch(rate_hz=100.0), clear=USUAL),
    FaultCase("camera", "runs at 2 Hz instead of 10", "goes on", inject=switch(rate_hz=2.0), clear=USUAL),
    FaultCase("camera", "changes frame_id", "goes on", inject=switch(frame_id="other camera"), clear=USUAL),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_node_goes_on_with_what_the_camera_sends(rig, hold, case):
    hold(rig, case)
