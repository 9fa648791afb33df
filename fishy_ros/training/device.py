"""Whether torch can compute where it is asked to."""

from __future__ import annotations

import torch

from fishy_ros.errors import ConfigError


def require_device(name: str) -> None:
    """Check that torch can compute on a device.

    Raises:
        ConfigError: there is no such device, or it is not here.
    """
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name!r}: {str(error).splitlines()[0]}; expected cpu, cuda or cuda:N") from error
