"""How objects are placed into driving images and blended with them."""

from __future__ import annotations

from dataclasses import dataclass

from fishy_ros.errors import ConfigError


@dataclass(frozen=True)
class OverlaySettings:
    """Strengths of the steps of Fishyscapes, section 3.1; the paper names the steps, the numbers are this project's.

    `anomalies` is the share of frames with an anomaly, the others have a distractor. `size` is the lowest and highest
    height of an anomaly as a share of the height of the image. `horizon` and `bonnet` are rows as shares of the height:
    where the horizon lies, and where the ego vehicle begins in frames whose labels do not say so (1: nowhere).
    `brightness` and `histogram` (0 to 1), `motion` (growth while the shutter is open), `defocus` (px per 1000 px of
    height, at the horizon), `noise` (of 255) and `glow` (0 to 1) are strengths of the effects. `fog` is the chance that
    a frame is foggy.
    """

    anomalies: float = 0.5
    size: tuple[float, float] = (0.04, 0.45)
    horizon: float = 0.44
    bonnet: float = 0.86
    brightness: float = 0.5
    histogram: float = 0.45
    motion: float = 0.015
    defocus: float = 2.5
    noise: float = 3.0
    glow: float = 0.25
    fog: float = 0.25

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one is out of range.
        """
        for name in ("anomalies", "bonnet", "brightness", "histogram", "fog"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ConfigError(f"overlay {name} is {value}, expected 0 to 1")
        for name in ("horizon", "glow"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ConfigError(f"overlay {name} is {value}, expected 0 to 1")
        for name in ("motion", "defocus", "noise"):
            if not (value := getattr(self, name)) >= 0:
                raise ConfigError(f"overlay {name} is {value}, expected 0 or more")
        low, high = self.size
        if not 0 < low <= high <= 1:
            raise ConfigError(f"overlay size is {low} to {high}, expected a range within 0 to 1")
