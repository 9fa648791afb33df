"""The parameters of the detector node: names, defaults, what is allowed, and the server that keeps them valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, TypeAlias

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from fishy_ros.deprecated_names import PARAMETERS, warn_of_old_names
from fishy_ros.errors import ConfigError
from fishy_ros.imaging import COLOR_MAPS
from fishy_ros.node.compat import IS_HUMBLE

Value: TypeAlias = str | bool | int | float

MODEL_THRESHOLD: float = -1.0
"""The `threshold` that stands for the default of the model."""


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


_FIELDS = {item.name: item for item in fields(DetectorParameters)}


class ParameterServer:
    """The parameters of a node as one value that is replaced as a whole, so every reader sees a valid set.

    Raises:
        ConfigError: a value given at start is not allowed.
    """

    def __init__(self, node: Node, is_configured: Callable[[], bool]) -> None:
        """Declare all parameters; `is_configured` says whether those of `configure` are in use."""
        self._is_configured = is_configured
        try:
            values = {
                name: node.declare_parameter(name, item.default, _descriptor(item)).value
                for name, item in _FIELDS.items()
            }
            _adopt_old_names(node, values)
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(f"a parameter is not allowed: {error}") from error
        self._current = DetectorParameters(**values)
        node.add_on_set_parameters_callback(self._refuse_or_accept)
        if not IS_HUMBLE:
            node.add_post_set_parameters_callback(self._adopt)

    @property
    def current(self) -> DetectorParameters:
        """The values that hold now."""
        return self._current

    def _refuse_or_accept(self, changes: Sequence[Parameter]) -> SetParametersResult:
        try:
            changed = self._changed(changes)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if IS_HUMBLE:  # which says nothing once they are set
            self._current = changed
        return SetParametersResult(successful=True)

    def _adopt(self, changes: Sequence[Parameter]) -> None:
        self._current = self._changed(changes)

    def _changed(self, changes: Sequence[Parameter]) -> DetectorParameters:
        ours = {change.name: change.value for change in changes if change.name in _FIELDS}
        for name, value in ours.items():
            if rule_of(_FIELDS[name]).at_configure and self._is_configured() and value != getattr(self._current, name):
                raise ConfigError(f"parameter {name} is in use; deactivate and clean up the node to change it")
        return replace(self._current, **ours)


def _adopt_old_names(node: Node, values: dict[str, Any]) -> None:
    """Take over what was given at start under the name of an earlier release."""
    found = set()
    for old, new in PARAMETERS.items():
        given = node.declare_parameter(old, descriptor=ParameterDescriptor(dynamic_typing=True)).value
        if given is not None:
            found.add(old)
            values[new] = given
            node.set_parameters([Parameter(new, value=given)])
        node.undeclare_parameter(old)
    warn_of_old_names(found, PARAMETERS, "parameters")


def _descriptor(item: Field[Any]) -> ParameterDescriptor:
    rule = rule_of(item)
    descriptor = ParameterDescriptor(
        name=item.name,
        description=rule.description,
        read_only=rule.read_only,
        additional_constraints=f"one of {', '.join(rule.choices)}" if rule.choices else "",
    )
    if rule.low is not None and rule.high is not None:
        if isinstance(item.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=rule.low, to_value=rule.high)]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(rule.low), to_value=int(rule.high), step=1)]
    return descriptor
