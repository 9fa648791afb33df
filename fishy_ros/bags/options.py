"""Options of a new bag, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from fishy_ros.bags.writer import ImageFormat, Storage
from fishy_ros.errors import ConfigError


@dataclass(frozen=True)
class BagOptions:
    """How a bag is stored, and the time between frames in ns."""

    storage: Storage
    image_format: ImageFormat
    compression: Literal["zstd"] | None
    period_ns: int


def bag_options(storage: str, image_format: str, compression: str, rate: float) -> BagOptions:
    """Check options as a user types them; `rate` is in frames per second.

    Raises:
        ConfigError: one of them has no meaning.
    """
    for name, value, choices in (
        ("storage", storage, ("mcap", "sqlite3")),
        ("image format", image_format, ("raw", "png", "jpeg")),
        ("compression", compression, ("none", "zstd")),
    ):
        if value not in choices:
            raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
    if not 1e-3 <= rate <= 1e4:
        raise ConfigError(f"rate is {rate} Hz, expected 0.001 to 10000")
    return BagOptions(
        cast(Storage, storage),
        cast(ImageFormat, image_format),
        None if compression == "none" else "zstd",
        round(1e9 / rate),
    )
