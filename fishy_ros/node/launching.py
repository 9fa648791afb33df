"""What the launch files share: what they begin with, typed arguments, a log level that reaches the node, no leaks."""

from __future__ import annotations

import atexit
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, SetEnvironmentVariable
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration

from fishy_ros.node.dds import dds_environment
from fishy_ros.node.parameters import DetectorParameters

BAD_PARAMETER_STATUS: int = 2
"""Exit status of a node that was started with a parameter that is not allowed."""

RESPAWN_DELAY_S: float = 2.0

_KINDS: dict[str, type] = {item.name: type(item.default) for item in fields(DetectorParameters)}

Arguments = Mapping[str, tuple[str | None, str]]
"""Name -> default (None: has to be given) and meaning."""


def describe_launch(arguments: Arguments, *actions: LaunchDescriptionEntity) -> LaunchDescription:
    """Declare arguments and set up the middleware for large images before `actions`."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=meaning)
                for name, (default, meaning) in arguments.items()
            ),
            *(SetEnvironmentVariable(name, value) for name, value in dds_environment().items()),
            *actions,
        ]
    )


def describe_scoped_launch(arguments: Arguments, *actions: LaunchDescriptionEntity) -> LaunchDescription:
    """Do as `describe_launch` for a launch file that may be included several times, each time with other arguments."""
    scope = IncludeScope(arguments)
    return LaunchDescription([scope.begin(), *describe_launch(arguments, *actions).entities, scope.end()])


def values_of(context: LaunchContext, names: Iterable[str]) -> dict[str, str]:
    """Return the values that arguments have in this launch."""
    return {name: LaunchConfiguration(name).perform(context) for name in names}


def parameter_files(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Return the parameter files of a node: `params_file`, then one of what is given of `names` and `use_sim_time`.

    Raises:
        FileNotFoundError: `params_file` is given and no file; launch itself would only warn.
        ValueError: a value is not of the parameter's type.
    """
    path = values["params_file"]
    if path and not Path(path).is_file():
        raise FileNotFoundError(f"params_file is {path!r}: no such file")
    given = {name: typed_parameter(name, values[name]) for name in names if values[name]}
    if values["use_sim_time"]:
        given["use_sim_time"] = is_true(values["use_sim_time"])
    return [*([path] if path else []), *([parameters_file(given)] if given else [])]


def typed_parameter(name: str, text: str) -> str | bool | int | float:
    """Turn the text of a launch argument into a value of the parameter's type; texts stay as they are.

    Raises:
        ValueError: it is not such a value; the message names the argument.
    """
    kind = _KINDS.get(name, str)
    try:
        if kind is bool:
            return is_true(text)
        value: str | bool | int | float = kind(text)
    except ValueError:
        raise ValueError(f"argument {name} is {text!r}; expected a value of type {kind.__name__}") from None
    return value


def is_true(text: str) -> bool:
    """Read a launch argument that is true or false.

    Raises:
        ValueError: it is neither.
    """
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")


def parameters_file(values: Mapping[str, str | bool | int | float]) -> str:
    """Write parameters for any node into a file that lasts until the launch ends.

    launch would write a text such as 1e3 in a way that the node reads as a number; here texts are quoted.
    """
    # libyaml refuses the pairs of escapes that JSON writes for characters such as emoji
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    lines = ["/**:", "  ros__parameters:", *(f"    {name}: {text}" for name, text in quoted.items())]
    with tempfile.NamedTemporaryFile("w", prefix="fishy_ros_", suffix=".yaml", delete=False, encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def full_namespace(context: LaunchContext, namespace: str) -> str:
    """Return a namespace below those that including launch files have pushed, such as `/front`; `/` for none."""
    pushed = str(context.launch_configurations.get("ros_namespace", ""))
    parts = namespace if namespace.startswith("/") else f"{pushed}/{namespace}"
    return "/" + "/".join(part for part in parts.split("/") if part)


def logger_name(context: LaunchContext, namespace: str, name: str) -> str:
    """Return the name of the logger of a node, such as `front.detector`."""
    return ".".join([*(part for part in full_namespace(context, namespace).split("/") if part), name])


def fail_on_bad_parameters(event: ProcessExited, context: LaunchContext) -> None:
    """End the launch with a failure where a node was started with parameters that are not allowed.

    An exception is what gives `ros2 launch` an exit status of 1.
    """
    if event.returncode == BAD_PARAMETER_STATUS:
        raise RuntimeError(f"{event.process_name}: started with parameters that are not allowed; its log names them")


class Leftover(str):
    """A value that an earlier include was given; it is not meant for the next one.

    launch keeps the arguments of an include for everything that follows, so that a second camera would get those of
    the first one which it is not given itself. Other launch files read the value as before.
    """

    __slots__ = ()


class IncludeScope:
    """Keeps the arguments of one include of a launch file from the next one.

    To be made by `generate_launch_description`; `begin` goes before the declarations, `end` comes last.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Watch over the arguments `names`."""
        self._names = frozenset(names)
        self._given = _given_arguments()
        self._forgotten: dict[str, Leftover] = {}

    def begin(self) -> OpaqueFunction:
        """Return an action that takes away what an earlier include has left behind."""

        def forget(context: LaunchContext) -> None:
            for name in self._names - self._given:
                value = context.launch_configurations.get(name)
                if isinstance(value, Leftover):
                    self._forgotten[name] = value
                    del context.launch_configurations[name]

        return OpaqueFunction(function=forget)

    def end(self) -> OpaqueFunction:
        """Return an action that marks what this include was given, and puts back what `begin` took away."""

        def mark(context: LaunchContext) -> None:
            for name in self._given & context.launch_configurations.keys():
                context.launch_configurations[name] = Leftover(context.launch_configurations[name])
            context.launch_configurations.update(self._forgotten)

        return OpaqueFunction(function=mark)


def _given_arguments() -> frozenset[str]:
    """Return the names of the arguments that the including action gives.

    launch tells a launch file the values of its arguments, but not where they come from.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        include = frame.f_locals.get("self")
        if isinstance(include, IncludeLaunchDescription):
            return frozenset(_text_of(name) for name, _ in include.launch_arguments)
    return frozenset()


def _text_of(name: Any) -> str:
    """Return the name of an argument, which may be a text or substitutions of plain texts."""
    if isinstance(name, str):
        return name
    parts: Sequence[Any] = name if isinstance(name, Sequence) else (name,)
    return "".join(part if isinstance(part, str) else str(getattr(part, "text", "")) for part in parts)
