"""Declare the parameters of the detector node, and keep them valid while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from fishy_ros.deprecated_names import PARAMETERS, warn_of_old_names
from fishy_ros.errors import ConfigError
from fishy_ros.node.distributions import IS_HUMBLE
from fishy_ros.node.parameters import DetectorParameters, rule_of

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
