"""The server that declares the parameters of the node and keeps them a valid set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from fishy_ros.deprecated_names import PARAMETERS, warn_of_old_names
from fishy_ros.errors import ConfigError
from fishy_ros.node.compat import IS_HUMBLE
from fishy_ros.node.parameters import DetectorParameters, describe_unknown, rule_of

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
        _check_confirmation(self._current)
        self._unknown = tuple(_unknown_parameters(node))
        for problem in self._unknown:
            node.get_logger().warning(problem)
        node.add_on_set_parameters_callback(self._refuse_or_accept)
        if not IS_HUMBLE:
            node.add_post_set_parameters_callback(self._adopt)

    @property
    def current(self) -> DetectorParameters:
        """The values that hold now."""
        return self._current

    @property
    def unknown(self) -> tuple[str, ...]:
        """Parameters given at start that the node does not have, one line each: a misspelt one changes nothing."""
        return self._unknown

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
        changed = replace(self._current, **ours)
        if ours.keys() >= {"confirm_hits", "confirm_window"}:
            _check_confirmation(changed)
        return changed


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


def _unknown_parameters(node: Node) -> Iterator[str]:
    """Name what was given at start and nobody has declared."""
    for name in sorted(node._parameter_overrides):  # rclpy has no other way to read them undeclared
        if node.has_parameter(name) or name in PARAMETERS or name.startswith("qos_overrides."):
            continue
        yield describe_unknown(name)


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


def _check_confirmation(parameters: DetectorParameters) -> None:
    """Check two values that were given together.

    Raises:
        ConfigError: more hits than frames.
    """
    if parameters.confirm_hits > parameters.confirm_window:
        raise ConfigError(
            f"parameters confirm_hits and confirm_window are {parameters.confirm_hits} and "
            f"{parameters.confirm_window}; expected at most as many hits as frames"
        )
