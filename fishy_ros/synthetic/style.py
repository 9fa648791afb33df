"""What makes one street differ from another: its widths, its light, its weather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Bgr = tuple[float, float, float]

STREET_LENGTH = 240.0
"""Metres after which the street repeats."""


@dataclass(frozen=True)
class StreetStyle:
    """Widths in metres, colors in BGR (0 to 255), light as factors.

    `sun_direction` points to the sun (unit length, y up); `sun` and `sky_light` are the strength of direct
    and of diffuse light; `haze_distance` is where half of the light comes from the air.
    """

    road_half: float
    pavement: float
    speed: float
    sun_direction: tuple[float, float, float]
    sun: float
    sky_light: float
    haze_distance: float
    haze: Bgr
    zenith: Bgr
    cloudiness: float
    asphalt: float
    noise: float

    @property
    def wall(self) -> float:
        """Distance of the facades from the middle of the road."""
        return self.road_half + self.pavement


def draw_style(random: np.random.Generator) -> StreetStyle:
    """Draw a street at random."""
    overcast = random.random() < 0.45
    elevation = np.radians(random.uniform(32, 62))
    azimuth = np.radians(random.uniform(35, 145)) * random.choice([-1, 1])
    grey = random.uniform(205, 245)
    return StreetStyle(
        road_half=random.uniform(5.2, 6.4),
        pavement=random.uniform(2.6, 4.2),
        speed=random.uniform(6.0, 10.0),
        sun_direction=(
            float(np.sin(azimuth) * np.cos(elevation)),
            float(np.sin(elevation)),
            float(np.cos(azimuth) * np.cos(elevation)),
        ),
        sun=random.uniform(0.06, 0.16) if overcast else random.uniform(0.55, 0.75),
        sky_light=random.uniform(0.86, 0.96) if overcast else random.uniform(0.54, 0.66),
        haze_distance=random.uniform(140, 320),
        haze=(grey, grey - 4, grey - 10),
        zenith=(230, 222, 214) if overcast else tuple(random.uniform((195, 152, 102), (222, 162, 116)).tolist()),
        cloudiness=random.uniform(0.75, 1.0) if overcast else random.uniform(0.1, 0.5),
        asphalt=random.uniform(82, 118),
        noise=random.uniform(1.2, 3.0),
    )
