"""Start ROS with the same arguments everywhere, and say in one line what it does not like."""

from __future__ import annotations

import os
from collections.abc import Sequence

import rclpy
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions

from fishy_ros.errors import ConfigError
from fishy_ros.failures import describe_failure
from fishy_ros.node.logs import log_arguments


def init_ros(arguments: Sequence[str], context: Context | None = None, domain_id: int | None = None) -> None:
    """Initialise `context`, or the default one, without signal handlers.

    Log files are left out where they cannot be written, as without a home in a container.

    Args:
        arguments: the command line, of which ROS reads what follows `--ros-args`.
        context: the context to initialise.
        domain_id: DDS domain; None takes `ROS_DOMAIN_ID`.

    Raises:
        ConfigError: an argument, a parameters file, a log level, a name or a variable of ROS is malformed.
    """
    try:
        rclpy.init(
            args=[*arguments, *log_arguments(os.environ)],
            context=context,
            domain_id=domain_id,
            signal_handler_options=SignalHandlerOptions.NO,
        )
    except Exception as error:  # the bindings raise classes of their own
        reason = describe_failure(error)
        if reason is None:
            raise
        raise ConfigError(reason) from error
