"""Real-time anomaly detection for driving cameras, as a ROS 2 node and as a library.

The names below are the library's front door. Each is imported when it is first used, so that `import fishy_ros`
loads neither an inference engine nor ROS 2.

>>> from fishy_ros import AnomalyDetector
>>> from fishy_ros.datasets.synthetic import SyntheticStreet
>>> image = SyntheticStreet(height=256, width=512)[0].image  # or cv2.imread("street.png"): uint8 [H, W, 3], BGR
>>> score = AnomalyDetector("fishy-s").detect(image).score  # float32 [h, w] in [0, 1], larger is stranger
>>> score.shape, bool(score.max() > 0.5)
((256, 512), True)
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fishy_ros.detector import AnomalyDetector
    from fishy_ros.metrics.pixel import PixelMetrics
    from fishy_ros.model_package import load_model_package
    from fishy_ros.types import Detection

__version__ = "0.2.0"

__all__ = ["AnomalyDetector", "Detection", "PixelMetrics", "__version__", "load_model_package"]

_MODULES: dict[str, str] = {
    "AnomalyDetector": "fishy_ros.detector",
    "Detection": "fishy_ros.types",
    "PixelMetrics": "fishy_ros.metrics.pixel",
    "load_model_package": "fishy_ros.model_package",
}
"""The module that defines each name of the front door."""

# From 1.29 on, ONNX Runtime's packages report each process and model to their maker, with a device identifier and a
# store of events under ~/.cache, unless this is set when the library is loaded. Whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if not TYPE_CHECKING:  # a type checker that saw this would accept every name

    def __getattr__(name: str) -> object:
        """Import a name of the front door when it is first used."""
        if name not in _MODULES:
            raise AttributeError(f"module 'fishy_ros' has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List the front door for `dir` and for completion."""
    return sorted({*globals(), *__all__})
