"""The parameters of the detector node: names, defaults, meaning and what is allowed."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeAlias

from fishy_ros.errors import ConfigError
from fishy_ros.imaging import COLOR_MAPS
from fishy_ros.node.degradation import DeadlineRules

Value: TypeAlias = str | bool | int | float

MODEL_THRESHOLD: float = -1.0
"""The `threshold` that stands for the default of the model."""


@dataclass(frozen=True)
class Rule:
    """What a parameter means, which values it may have, and when it may change."""

    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    """Fixed at start."""
    at_configure: bool = False
    """Read by the `configure` transition: it may change only while the node is unconfigured."""


def _parameter(default: Any, description: str, **rule: Any) -> Any:
    return field(default=default, metadata={"rule": Rule(description, **rule)})


@dataclass(frozen=True)
class DetectorParameters:
    """Values of all parameters of the node; `fields` of this class are the parameters it declares.

    Raises:
        ConfigError: a value is not allowed.
    """

    model: str = _parameter("fishy-s", "Name of a model package, or path of its folder.", at_configure=True)
    trusted_key: str = _parameter(
        "",
        "File of the public key that must have signed the model package; empty takes any package.",
        at_configure=True,
    )
    runtime: str = _parameter(
        "auto",
        "Inference runtime; auto takes the fastest that works here.",
        choices=("auto", "tensorrt", "onnxruntime", "openvino", "torch"),
        at_configure=True,
    )
    device: str = _parameter("auto", "Device of the runtime: auto, cpu, cuda or cuda:N.", at_configure=True)
    precision: str = _parameter(
        "fp32",
        "Precision of the graph, if the model package has it.",
        choices=("fp32", "fp16", "int8"),
        at_configure=True,
    )
    threads: int = _parameter(
        0, "Processor threads of a CPU runtime; 0 takes all processors.", low=0, high=256, at_configure=True
    )
    image_transport: str = _parameter(
        "raw",
        "Which topic to subscribe to: image (raw) or image/compressed.",
        choices=("raw", "compressed"),
        at_configure=True,
    )
    autostart: bool = _parameter(True, "Configure and activate at start, without a lifecycle manager.", read_only=True)
    threshold: float = _parameter(
        MODEL_THRESHOLD,
        "Score in [0, 1] above which a pixel counts as anomalous; -1 takes the default of the model.",
        low=-1.0,
        high=1.0,
    )
    heatmap_size: str = _parameter(
        "network", "Resolution of the heatmap: that of the network or that of the image.", choices=("network", "image")
    )
    overlay_opacity: float = _parameter(0.6, "Weight of the heatmap in the overlay.", low=0.0, high=1.0)
    color_map: str = _parameter("turbo", "Color map of the overlay.", choices=tuple(COLOR_MAPS))
    overlay_jpeg_quality: int = _parameter(80, "JPEG quality of ~/overlay/compressed.", low=1, high=100)
    publish_overlay: bool = _parameter(True, "Publish ~/overlay and ~/overlay/compressed while somebody subscribes.")
    publish_segmentation: bool = _parameter(True, "Publish ~/segmentation while somebody subscribes.")
    publish_camera_info: bool = _parameter(True, "Publish ~/camera_info, scaled to the heatmap.")
    publish_latency: bool = _parameter(True, "Publish ~/latency and ~/latency_ms for every frame.")
    no_image_timeout_s: float = _parameter(1.0, "Warn when no image came for this many seconds.", low=0.1, high=3600.0)
    max_drop_share: float = _parameter(
        0.5, "Warn when more than this share of the images of a second is dropped.", low=0.0, high=1.0
    )
    inference_deadline_s: float = _parameter(
        0.7, "Report an error while one frame takes longer than this many seconds.", low=0.01, high=3600.0
    )
    hang_timeout_s: float = _parameter(
        10.0, "Restart the runtime when one frame takes longer than this many seconds.", low=0.1, high=3600.0
    )
    max_restarts: int = _parameter(
        3, "Stop with an error when the runtime hangs again after this many restarts in a row.", low=0, high=1000
    )
    frame_deadline_ms: float = _parameter(
        0.0,
        "Time that a frame may take from its arrival to its heatmap, in ms; 0 sets no deadline and no degraded mode.",
        low=0.0,
        high=1e6,
        at_configure=True,
    )
    max_missed_deadlines: int = _parameter(
        5,
        "Switch to a cheaper configuration of the model when this many frames in a row miss frame_deadline_ms.",
        low=1,
        high=1000,
    )
    recovery_s: float = _parameter(
        10.0,
        "Try the better configuration again after this many seconds without a missed deadline; doubled, up to 16 "
        "times, each time that does not last.",
        low=0.1,
        high=3600.0,
    )
    publish_on_failure: bool = _parameter(
        False, "Publish a heatmap of ones (all unknown) for a frame whose inference fails or hangs."
    )
    drift_window_s: float = _parameter(
        1.0,
        "Warn when the images of this many seconds are not like the training data of the model; 0 does not look.",
        low=0.0,
        high=3600.0,
    )

    @property
    def deadline_rules(self) -> DeadlineRules:
        """When to change the configuration of the model."""
        return DeadlineRules(self.frame_deadline_ms, self.max_missed_deadlines, self.recovery_s)

    def __post_init__(self) -> None:
        """Check every value."""
        for item in fields(self):
            check_value(item, getattr(self, item.name))
        if MODEL_THRESHOLD < self.threshold < 0.0:
            raise ConfigError(
                f"parameter threshold is {self.threshold}; expected 0 to 1, or -1 for the model's default"
            )
        if not self.model:
            raise ConfigError("parameter model is empty; expected the name or the path of a model package")


def rule_of(item: Field[Any]) -> Rule:
    """Return the rule of one field of `DetectorParameters`."""
    rule: Rule = item.metadata["rule"]
    return rule


def check_value(item: Field[Any], value: Value) -> None:
    """Check the type, the range and the choices of one value.

    Raises:
        ConfigError: the value is not allowed; the message names it and what is.
    """
    rule, kind = rule_of(item), type(item.default)
    if type(value) is not kind:
        raise ConfigError(f"parameter {item.name} is {value!r}; expected a value of type {kind.__name__}")
    if rule.choices and value not in rule.choices:
        raise ConfigError(f"parameter {item.name} is {value!r}; expected one of {', '.join(rule.choices)}")
    if rule.low is not None and rule.high is not None and not rule.low <= float(value) <= rule.high:
        raise ConfigError(f"parameter {item.name} is {value}; expected {rule.low:g} to {rule.high:g}")
