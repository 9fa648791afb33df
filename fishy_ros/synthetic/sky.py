"""The sky, and what closes the street at the horizon."""

from __future__ import annotations

import cv2
import numpy as np

from fishy_ros.cityscapes import BUILDING, SKY, VEGETATION
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import Canvas
from fishy_ros.synthetic.noise import fractal_noise
from fishy_ros.synthetic.style import StreetStyle


def paint_background(style: StreetStyle, camera: StreetCamera, random: np.random.Generator) -> Canvas:
    """Paint sky, clouds and a hazy skyline at infinity, the size of the picture."""
    height, width = camera.height, camera.width
    up = np.clip((camera.centre_y - np.arange(height, dtype=np.float32)) / camera.centre_y, 0, 1)[:, None, None] ** 0.8
    haze, zenith = np.array(style.haze, np.float32), np.array(style.zenith, np.float32)
    sky = np.broadcast_to(haze * (1 - up) + zenith * up, (height, width, 3)).copy()
    clouds = cv2.resize(fractal_noise(random, 128, 256, (4, 4), 5), (width, height), interpolation=cv2.INTER_CUBIC)
    cover = np.clip((clouds + 2.2 * style.cloudiness - 0.9) / 2, 0, 1) * (0.35 + 0.65 * up[..., 0])
    lit = 238 + 9 * clouds - 14 * style.cloudiness
    sky += (lit[..., None] - sky) * cover[..., None]
    canvas = Canvas(np.clip(sky, 0, 255).astype(np.uint8), np.full((height, width), SKY, np.uint8))
    _draw_skyline(canvas, style, camera, random)
    return canvas


def _draw_skyline(canvas: Canvas, style: StreetStyle, camera: StreetCamera, random: np.random.Generator) -> None:
    horizon = int(np.ceil(camera.centre_y + 0.5))
    haze = np.array(style.haze)
    metre = camera.focal / 240
    kinds = ((BUILDING, (118, 124, 132), 14, 5, 13), (VEGETATION, (62, 84, 72), 40, 3, 8))
    for thing, color, count, low, high in kinds:
        for x in random.uniform(-40, 40, count):
            tall, wide = random.uniform(low, high), random.uniform(3, 9)
            shade = np.array(color) * random.uniform(0.85, 1.15)
            tint = tuple(float(value) for value in shade * 0.55 + haze * 0.45)
            centre = camera.centre_x + x * metre
            if thing == BUILDING:
                corner = (round(centre - wide * metre), round(horizon - tall * metre))
                opposite = (round(centre + wide * metre), horizon)
                cv2.rectangle(canvas.image, corner, opposite, tint, -1)
                cv2.rectangle(canvas.ids, corner, opposite, thing, -1)
            else:
                axes = (max(round(wide * metre * 0.6), 1), max(round(tall * metre), 1))
                cv2.ellipse(canvas.image, (round(centre), horizon), axes, 0, 0, 360, tint, -1)
                cv2.ellipse(canvas.ids, (round(centre), horizon), axes, 0, 0, 360, thing, -1)
    canvas.image[horizon:] = haze
    canvas.ids[horizon:] = VEGETATION
