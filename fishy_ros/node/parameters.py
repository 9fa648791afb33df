"""The parameters of the detector node: names, defaults and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from fishy_ros.errors import ConfigError
from fishy_ros.imaging import CHANNEL_ORDERS, COLOR_MAPS, FITS, ChannelOrder, Fit

Value: TypeAlias = str | bool | int | float

RELIABILITIES: tuple[str, ...] = ("best_effort", "reliable")

MODEL_THRESHOLD: float = -1.0
"""The `threshold` that stands for the default of the model."""

SAME_THRESHOLD: float = -1.0
"""The `threshold_low` that stands for `threshold`."""


@dataclass(frozen=True)
class DeadlineRules:
    """When to step down and when to step up."""

    deadline_ms: float
    """Time that a frame may take; 0 for no limit."""
    max_missed: int
    """Frames in a row that miss the deadline before a step down."""
    recovery_s: float
    """Shortest time without a missed deadline before a step up."""


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
        choices=("auto", "tensorrt", "onnxruntime", "openvino"),
        at_configure=True,
    )
    device: str = _parameter(
        "auto", "Device of the runtime: auto, cpu, cuda[:N], dla[:N] (Jetson) or gpu[:N] (Intel).", at_configure=True
    )
    precision: str = _parameter(
        "fp32",
        "Precision of the graph, if the model package has it.",
        choices=("fp32", "fp16", "int8"),
        at_configure=True,
    )
    threads: int = _parameter(0, "CPU threads of a CPU runtime; 0 takes all cores.", low=0, high=256, at_configure=True)
    image_transport: str = _parameter(
        "raw",
        "Which topic to subscribe to: image (raw) or image/compressed.",
        choices=("raw", "compressed"),
        at_configure=True,
    )
    fit: str = _parameter(
        "stretch",
        "How an image of another aspect ratio than the network's 2:1 comes into it: stretch squeezes the whole image, "
        "crop looks at its middle only, pad shrinks it and leaves a margin.",
        choices=FITS,
        at_configure=True,
    )
    reliability: str = _parameter(
        "best_effort",
        "Whether lost images are asked for again (reliable) or not, as sensor data is sent; a reliable subscriber "
        "hears no best-effort publisher.",
        choices=RELIABILITIES,
        at_configure=True,
    )
    compressed_channel_order: str = _parameter(
        "auto",
        "Whose word counts for red and blue in image/compressed: that of the file or that of the message's format; "
        "auto takes the file's, except for what image_transport stores swapped.",
        choices=CHANNEL_ORDERS,
    )
    autostart: bool = _parameter(True, "Configure and activate at start, without a lifecycle manager.", read_only=True)
    threshold: float = _parameter(
        MODEL_THRESHOLD,
        "Score in [0, 1] from which a pixel counts as anomalous; -1 takes the default of the model.",
        low=-1.0,
        high=1.0,
    )
    threshold_low: float = _parameter(
        SAME_THRESHOLD,
        "Score in [0, 1] down to which a region spreads that reaches threshold somewhere; -1: that of threshold.",
        low=-1.0,
        high=1.0,
    )
    smallest_region_px: int = _parameter(
        1, "Regions with fewer pixels of the network's heatmap do not count.", low=1, high=10_000_000
    )
    drivable_classes: str = _parameter(
        "",
        "Names of classes, such as 'road' or 'road,sidewalk': only regions that lie or stand on them count; "
        "empty: all regions.",
        at_configure=True,
    )
    confirm_hits: int = _parameter(
        1, "A region counts once it was seen in this many of the last confirm_window frames.", low=1, high=1000
    )
    confirm_window: int = _parameter(1, "See confirm_hits.", low=1, high=1000)
    max_gap_s: float = _parameter(
        0.5,
        "A region that is not seen is kept for this many seconds, but not for longer than it had been seen.",
        low=0.0,
        high=60.0,
    )
    camera_height_m: float = _parameter(
        0.0, "Height of the camera above the ground, in m; 0 where that is not known.", low=0.0, high=1000.0
    )
    camera_pitch_deg: float = _parameter(0.0, "How far the camera looks down, in degrees.", low=-90.0, high=90.0)
    camera_roll_deg: float = _parameter(0.0, "How far the camera leans right, in degrees.", low=-180.0, high=180.0)
    camera_pitch_error_deg: float = _parameter(
        0.3,
        "Standard deviation of the pitch on the road, in degrees, for the error of distances.",
        low=0.0,
        high=45.0,
    )
    ground_frame: str = _parameter(
        "",
        "Frame on the ground, with z up, such as base_footprint: the ground comes from tf instead of camera_height_m, "
        "and obstacles are published in this frame; empty: not from tf.",
        at_configure=True,
    )
    image_rectified: str = _parameter(
        "auto",
        "Whether the image is rectified (the matrix P, no distortion) or not (K and D); auto: by 'rect' in its topic.",
        choices=("auto", "true", "false"),
    )
    use_depth: bool = _parameter(
        False, "Subscribe to depth, a depth image registered to the camera, to place regions by it.", at_configure=True
    )
    use_odometry: bool = _parameter(
        False, "Subscribe to odom (nav_msgs/Odometry): its speed tells where regions will be.", at_configure=True
    )
    max_obstacle_distance_m: float = _parameter(
        80.0, "Regions farther than this many metres are not placed.", low=0.1, high=10_000.0
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
    def input_fit(self) -> Fit:
        """How images come into the network."""
        return cast(Fit, self.fit)

    @property
    def channel_order(self) -> ChannelOrder:
        """Whose word counts for red and blue."""
        return cast(ChannelOrder, self.compressed_channel_order)

    @property
    def deadline_rules(self) -> DeadlineRules:
        """When to change the configuration of the model."""
        return DeadlineRules(self.frame_deadline_ms, self.max_missed_deadlines, self.recovery_s)

    @property
    def confirm_hits_in_force(self) -> int:
        """`confirm_hits`, or `confirm_window` where that is less."""
        return min(self.confirm_hits, self.confirm_window)

    def threshold_in_force(self, default: float) -> float:
        """Return the threshold, in [0, 1]; `default` is the model's."""
        return default if self.threshold == MODEL_THRESHOLD else self.threshold

    def threshold_low_in_force(self, default: float) -> float:
        """Return the low threshold, in [0, 1]: never above the other one."""
        threshold = self.threshold_in_force(default)
        return threshold if self.threshold_low == SAME_THRESHOLD else min(self.threshold_low, threshold)

    def contradictions(self, default: float | None) -> Iterator[str]:
        """Say which values wait for another one to follow, and what holds until then.

        Parameters are set one after the other, those of a file too, so a valid file may lead through such a state.
        `default` is the model's threshold; None while no model is loaded.
        """
        if self.confirm_hits > self.confirm_window:
            yield (
                f"confirm_hits is {self.confirm_hits}, more than confirm_window, which is {self.confirm_window}: "
                f"{self.confirm_hits_in_force} of {self.confirm_window} is in force"
            )
        if self.threshold == MODEL_THRESHOLD and default is None:
            return
        threshold = self.threshold_in_force(default or 0.0)
        if self.threshold_low > threshold:
            yield f"threshold_low is {self.threshold_low:g}, above threshold: {threshold:g} is in force for both"

    def __post_init__(self) -> None:
        """Check every value."""
        for item in fields(self):
            check_value(item, getattr(self, item.name))
        if MODEL_THRESHOLD < self.threshold < 0.0:
            raise ConfigError(
                f"parameter threshold is {self.threshold}; expected 0 to 1, or -1 for the model's default"
            )
        if SAME_THRESHOLD < self.threshold_low < 0.0:
            raise ConfigError(f"parameter threshold_low is {self.threshold_low}; expected 0 to 1, or -1 for threshold")
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


def describe_unknown(name: str) -> str:
    """Say that the node has no parameter of this name, and which may be meant."""
    near = get_close_matches(name, [item.name for item in fields(DetectorParameters)], n=1)
    return f"parameter {name} is not known and changes nothing{f'; {near[0]} may be meant' if near else ''}"
