"""Where a pixel's ray meets the ground: the camera, the ground plane, and how sure that is.

Coordinates are those of ROS's optical frames (REP 103): x right, y down, z forward, in metres. Pixels are continuous,
the first one spans 0 to 1; the matrix K of `sensor_msgs/CameraInfo` counts pixel centres as whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError

Vectors = NDArray[np.float64]
"""float64 `[N, 3]`, or `[3]`."""


COEFFICIENTS: dict[str, tuple[int, ...]] = {
    "plumb_bob": (4, 5, 8, 12, 14),
    "rational_polynomial": (4, 5, 8, 12, 14),
    "equidistant": (4,),
}
"""Distortion models, and the numbers of coefficients that OpenCV takes for them."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: focal lengths and principal point in px (pixel centres at whole numbers), and distortion.

    `distortion` holds the coefficients of `model`: `plumb_bob` and `rational_polynomial` as OpenCV's `calib3d` takes
    them, `equidistant` as its `fisheye`; empty, or all 0, for a rectified image.

    Raises:
        ConfigError: a focal length is not positive, the distortion model is not known, or its coefficients are not
            finite or of another number.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    model: str = ""
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        if not (self.fx > 0 and self.fy > 0 and all(map(math.isfinite, (self.fx, self.fy, self.cx, self.cy)))):
            raise ConfigError(
                f"the camera matrix has focal lengths {self.fx:g}, {self.fy:g} and centre {self.cx:g}, {self.cy:g}; "
                "expected a calibrated camera (fx, fy > 0)"
            )
        if not any(self.distortion):
            return
        if self.model not in COEFFICIENTS:
            raise ConfigError(f"distortion model {self.model!r}: expected one of {', '.join(COEFFICIENTS)}")
        values, expected = self.distortion, COEFFICIENTS[self.model]
        is_filled_up = len(values) > max(expected) and not any(values[max(expected) :])
        if len(values) not in expected and not is_filled_up:
            numbers = ", ".join(map(str, expected))
            raise ConfigError(
                f"{len(values)} coefficients of the distortion model {self.model!r}: expected one of these numbers: "
                f"{numbers}"
            )
        if not all(map(math.isfinite, values)):
            raise ConfigError(f"the distortion coefficients are {values}; expected finite numbers")

    @property
    def _coefficients(self) -> NDArray[np.float64]:
        """As OpenCV takes them: none where nothing is distorted, and without what a driver has filled up with."""
        given = self.distortion[: max(COEFFICIENTS[self.model])] if any(self.distortion) else ()
        return np.array(given, np.float64)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The matrix K, float64 `[3, 3]`."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def rays(self, pixels: NDArray[np.float64]) -> Vectors:
        """Return the rays through continuous pixels `[N, 2]` (x, y), float64 `[N, 3]` with z = 1."""
        points = np.asarray(pixels, np.float64).reshape(-1, 2) - 0.5
        coefficients = self._coefficients
        if coefficients.size:
            undistort = cv2.fisheye.undistortPoints if self.model == "equidistant" else cv2.undistortPoints
            flat = undistort(points[:, None], self.matrix, coefficients).reshape(-1, 2)
        else:
            flat = (points - [self.cx, self.cy]) / [self.fx, self.fy]
        return np.column_stack([flat, np.ones(len(flat))])

    def pixels(self, points: Vectors) -> NDArray[np.float64]:
        """Return the continuous pixels `[N, 2]` (x, y) where points `[N, 3]` in front of the camera are seen."""
        origin, coefficients = np.zeros(3), self._coefficients
        if self.model == "equidistant" and coefficients.size:
            flat, _ = cv2.fisheye.projectPoints(points[:, None], origin, origin, self.matrix, coefficients)
        else:
            flat, _ = cv2.projectPoints(points, origin, origin, self.matrix, coefficients)
        return np.asarray(flat, np.float64).reshape(-1, 2) + 0.5


@dataclass(frozen=True)
class Camera:
    """A camera and the size of its images in px, to which the intrinsics belong."""

    intrinsics: Intrinsics
    width: int
    height: int


@dataclass(frozen=True)
class GroundPlane:
    """The plane on which things stand, as seen from the camera: `normal` . x = `height_m`; `normal` points down.

    `normal` is a unit vector in the optical frame. The deviations say how well mounting and road are known: the
    camera nods on its springs, and roads are not flat.

    Raises:
        ConfigError: a value is out of range.
    """

    height_m: float
    normal: tuple[float, float, float] = (0.0, 1.0, 0.0)
    pitch_error_rad: float = math.radians(0.3)
    """Standard deviation of the camera's pitch against the road. A car's body nods by some tenths of a degree."""
    height_error_m: float = 0.03
    """Standard deviation of the height."""

    def __post_init__(self) -> None:
        """Check the values."""
        length = math.sqrt(sum(part * part for part in self.normal))
        if not (0.0 < self.height_m < 1000.0 and abs(length - 1.0) < 1e-6):
            raise ConfigError(
                f"the camera is {self.height_m:g} m above the ground, with a normal of length {length:g}; expected a "
                "height in (0, 1000) m and a unit normal"
            )
        if not (0.0 <= self.pitch_error_rad < 1.0 and self.height_error_m >= 0.0):
            raise ConfigError(
                f"errors of {self.pitch_error_rad:g} rad and {self.height_error_m:g} m: expected 0 or more, and < 1 rad"
            )

    @classmethod
    def mounted(
        cls,
        height_m: float,
        pitch_rad: float = 0.0,
        roll_rad: float = 0.0,
        pitch_error_rad: float = math.radians(0.3),
        height_error_m: float = 0.03,
    ) -> GroundPlane:
        """Describe the ground under a camera that looks down by `pitch_rad` and leans to the right by `roll_rad`."""
        normal = (
            math.sin(roll_rad) * math.cos(pitch_rad),
            math.cos(roll_rad) * math.cos(pitch_rad),
            math.sin(pitch_rad),
        )
        return cls(height_m, normal, pitch_error_rad, height_error_m)

    @classmethod
    def from_transform(
        cls,
        rotation: NDArray[np.float64],
        translation: NDArray[np.float64],
        pitch_error_rad: float = math.radians(0.3),
        height_error_m: float = 0.03,
    ) -> GroundPlane:
        """Take the plane z = 0 of a frame as ground.

        Args:
            rotation: float64 `[3, 3]`; turns vectors of the optical frame into the ground's frame (z up).
            translation: float64 `[3]`, the camera in the ground's frame, in m.
            pitch_error_rad: see the class.
            height_error_m: see the class.

        Raises:
            ConfigError: the camera is not above the ground.
        """
        x, y, z = (-np.asarray(rotation, np.float64)[2]).tolist()
        return cls(float(translation[2]), (x, y, z), pitch_error_rad, height_error_m)

    def meet(self, rays: Vectors) -> Vectors:
        """Return where rays `[N, 3]` from the camera meet the ground, `[N, 3]`; NaN where they go up or along it."""
        slope = rays @ np.array(self.normal)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(slope > 1e-9, self.height_m / slope, np.nan)
        points: Vectors = rays * reach[:, None]
        return points

    def error_m(self, rays: Vectors, pixel_error: float, fy: float) -> NDArray[np.float64]:
        """Return the standard deviation of the distance of `meet(rays)`, float64 `[N]`, in m.

        Three independent errors, to first order: the row of the foot by `pixel_error` px, the pitch and the height.
        For a level camera and a point Z ahead these are Z^2 / (f h) a px, (Z^2 + h^2) / h a rad and Z / h a m.

        Args:
            rays: float64 `[N, 3]` with z = 1.
            pixel_error: standard deviation of the row of the foot, in px.
            fy: focal length in px.
        """
        normal = np.array(self.normal)
        points = self.meet(rays)
        slope = rays @ normal
        by_row = np.array([0.0, 1.0 / fy, 0.0])
        # X = t d with t = h / (n . d): dX = t (d' - d (n . d') / (n . d)), and the reach t alone changes with n and h.
        reach = self.height_m / slope
        row = np.linalg.norm(reach[:, None] * (by_row - rays * (by_row @ normal / slope)[:, None]), axis=1)
        turned = np.array([0.0, -normal[2], normal[1]])
        along = np.linalg.norm(points, axis=1)
        pitch = np.abs(rays @ turned / slope) * along
        height = along / self.height_m
        total: NDArray[np.float64] = np.sqrt(
            (row * pixel_error) ** 2 + (pitch * self.pitch_error_rad) ** 2 + (height * self.height_error_m) ** 2
        )
        return total
