"""The libraries of the extra `eval`, without which neither `fishy` nor the harness runs; the node needs none."""

from __future__ import annotations

import re
from importlib import metadata

from fishy_ros.errors import ConfigError

LIBRARIES: dict[str, tuple[int, ...]] = {
    "jinja2": (3, 0),
    "jsonschema": (4, 0),
    "matplotlib": (3, 7),
    "rich": (12, 3),
    "rosbags": (0, 11, 9),
    "typer": (0, 13),
}
"""Each library, and the oldest version that will do; Ubuntu 22.04 and 24.04 have older ones of some."""
KEPT: str = "'numpy<2'"
"""What to install with them: the extensions of ROS 2 Humble and Jazzy are built for NumPy 1."""


def check_libraries() -> None:
    """Make sure that the extra `eval` is there.

    Raises:
        ConfigError: a library is missing or too old; the message is the command that installs all of them.
    """
    for name, least in LIBRARIES.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise ConfigError(f"{name} is not installed; {_cure()}") from None
        if tuple(int(number) for number in re.findall(r"\d+", found)[: len(least)]) < least:
            raise ConfigError(f"{name} {found} is too old; {_cure()}")


def _cure() -> str:
    wanted = " ".join(f"'{name}>={'.'.join(map(str, least))}'" for name, least in LIBRARIES.items())
    return f"fishy and the harness need the extra `eval`: python3 -m pip install {wanted} {KEPT}"
