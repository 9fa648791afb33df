"""What is measured of the path of an image through the bus: the nodes that compete, the stages, one run."""

from __future__ import annotations

from dataclasses import dataclass

THIS_NODE = "this node"
BASELINE_NODE = "baseline node"
BASELINE_NODE_OUR_PROFILE = "baseline node, our DDS profile"
METHODS: tuple[str, ...] = (THIS_NODE, BASELINE_NODE, BASELINE_NODE_OUR_PROFILE)

ARRIVE = "arrive"
"""From the publication of the image to its arrival in the node's middleware."""
NODE_STAGES: tuple[str, ...] = ("receive", "wait", "decode", "resize", "inference", "output", "publish")
"""What a node does with an image up to the publication of its heatmap; `receive` ends where its callback begins."""
HANDLING = "handling"
"""`NODE_STAGES` without inference."""
AGE = "age"
"""From the publication of the image to the publication of its heatmap."""
AROUND = "around"
"""`AGE` without inference."""
PATH = "path"
"""`match.ROUND_TRIP` without inference."""


@dataclass(frozen=True)
class PathRequest:
    """One run of one method; images are bgr8."""

    method: str
    model: str
    runtime: str = "auto"
    device: str = "auto"
    precision: str = "fp32"
    frames: int = 60
    height: int = 1024
    width: int = 2048
