"""Upright pictures of things with soft outlines: trees, people, poles with signs and lamps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.synthetic.noise import fractal_noise, smooth_noise

Sprite = NDArray[np.uint8]
"""A picture, uint8 `[h, w, 4]`, BGR multiplied by alpha."""

_SKINS = ((140, 170, 215), (96, 128, 178), (70, 92, 130), (165, 190, 228))


def sprite_levels(sprite: Sprite) -> tuple[Sprite, ...]:
    """Halve a picture until it is about 16 px tall, for drawing it far away."""
    levels = [sprite]
    while min(levels[-1].shape[:2]) > 16:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.uint8))
    return tuple(levels)


def tree_sprite(random: np.random.Generator) -> Sprite:
    """Paint a tree with a trunk of a quarter of its height."""
    height, width = 512, 384
    crown = np.zeros((height, width), np.float32)
    light = np.zeros((height, width), np.float32)
    for _ in range(60):
        angle, reach = random.uniform(0, 2 * np.pi), np.sqrt(random.uniform(0, 1))
        centre = (int(width / 2 + 135 * reach * np.cos(angle)), int(190 + 145 * reach * np.sin(angle)))
        radius = int(random.uniform(24, 62))
        cv2.circle(crown, centre, radius, 1.0, -1)
        shade = 1.15 - 0.45 * (centre[1] - 40) / 320 + random.normal(0, 0.1)
        cv2.circle(light, centre, radius, float(shade), -1)
    leaves = fractal_noise(random, height, width, (28, 21), 5)
    shape = cv2.GaussianBlur(crown, (0, 0), 7)
    alpha = np.clip((shape - 0.42 + 0.2 * leaves * (shape > 0.1)) * 6, 0, 1)
    tone = np.array([random.uniform(34, 52), random.uniform(72, 92), random.uniform(52, 74)], np.float32)
    shaded = cv2.GaussianBlur(light, (0, 0), 5) * (1 + 0.28 * leaves)
    colors = tone * np.clip(shaded, 0.3, 1.45)[..., None]
    trunk = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(trunk, np.array([[180, 180], [204, 180], [212, height], [172, height]]), 1.0, cv2.LINE_AA)
    bark = np.array([58, 68, 78], np.float32) * (0.8 + 0.25 * smooth_noise(random, height, width, 40, 60))[..., None]
    return _sprite(colors * alpha[..., None] + bark * (trunk * (1 - alpha))[..., None], np.maximum(alpha, trunk))


def person_sprite(random: np.random.Generator) -> Sprite:
    """Paint a walking person from behind or in front."""
    picture = np.zeros((360, 150, 3), np.float32)
    alpha = np.zeros((360, 150), np.float32)

    def limb(start: tuple[float, float], end: tuple[float, float], thickness: int, color: NDArray[np.float32]) -> None:
        first, last = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
        cv2.line(picture, first, last, tuple(map(float, color)), thickness, cv2.LINE_AA)
        cv2.line(alpha, first, last, 1.0, thickness, cv2.LINE_AA)

    stride, coat = random.uniform(4, 26), random.uniform(25, 190, 3).astype(np.float32)
    trousers = random.uniform(25, 95, 3).astype(np.float32) * np.array([1.15, 1.0, 0.9], np.float32)
    skin = np.array(_SKINS[random.integers(len(_SKINS))], np.float32)
    for side in (-1, 1):
        knee, foot = (75 + side * (12 + stride / 3), 255), (75 + side * (10 + stride), 342)
        limb((75 + side * 13, 180), knee, 27, trousers * (1.0 if side > 0 else 0.8))
        limb(knee, foot, 20, trousers * (1.0 if side > 0 else 0.8))
        limb(foot, (foot[0] + 6 * side, 350), 16, np.array([30, 30, 32], np.float32))
        hand = (75 + side * (40 + stride / 3), 186)
        limb((75 + side * 30, 88), (75 + side * 39, 140), 18, coat * 0.85)
        limb((75 + side * 39, 140), hand, 15, coat * 0.85)
        limb(hand, (hand[0], hand[1] + 8), 12, skin)
    torso = np.array([[43, 80], [60, 66], [90, 66], [107, 80], [99, 150], [104, 200], [46, 200], [51, 150]])
    cv2.fillPoly(picture, [torso], tuple(map(float, coat)), cv2.LINE_AA)
    cv2.fillPoly(alpha, [torso], 1.0, cv2.LINE_AA)
    limb((75, 58), (75, 70), 17, skin * 0.85)
    cv2.ellipse(picture, (75, 38), (19, 25), 0, 0, 360, tuple(map(float, skin)), -1, cv2.LINE_AA)
    cv2.ellipse(alpha, (75, 38), (19, 25), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    hair = random.uniform(18, 70) * np.array([0.8, 0.95, 1.1])
    cv2.ellipse(picture, (75, 28), (20, 18), 0, 180, 360, tuple(map(float, hair)), -1, cv2.LINE_AA)
    folds = 1 + 0.12 * smooth_noise(random, 360, 150, 24, 10)
    return _sprite(picture * np.clip(folds, 0.6, 1.4)[..., None], np.clip(alpha, 0, 1))


def sign_sprite(random: np.random.Generator) -> tuple[Sprite, Sprite]:
    """Paint a traffic sign on a pole: the pole, and the plate at its top, as pictures of one size."""
    pole, plate = np.zeros((420, 120, 4), np.uint8), np.zeros((420, 120, 4), np.uint8)
    cv2.rectangle(pole, (57, 30), (63, 419), (140, 142, 142, 255), -1)
    red, blue, white = (40, 36, 190, 255), (150, 82, 24, 255), (232, 232, 232, 255)
    kind = random.integers(4)
    if kind == 0:
        cv2.circle(plate, (60, 52), 48, red, -1, cv2.LINE_AA)
        cv2.circle(plate, (60, 52), 36, white, -1, cv2.LINE_AA)
        cv2.putText(plate, str(random.choice([30, 50])), (34, 64), cv2.FONT_HERSHEY_DUPLEX, 1.1, (25, 25, 25, 255), 3)
    elif kind == 1:
        cv2.fillPoly(plate, [np.array([[60, 2], [114, 96], [6, 96]])], red, cv2.LINE_AA)
        cv2.fillPoly(plate, [np.array([[60, 28], [92, 84], [28, 84]])], white, cv2.LINE_AA)
    elif kind == 2:
        cv2.rectangle(plate, (10, 4), (110, 104), blue, -1)
        cv2.putText(plate, "P", (34, 86), cv2.FONT_HERSHEY_DUPLEX, 2.6, white, 8)
    else:
        cv2.circle(plate, (60, 52), 48, blue, -1, cv2.LINE_AA)
        cv2.arrowedLine(plate, (60, 84), (60, 22), white, 10, cv2.LINE_AA, tipLength=0.4)
    return pole, plate


def lamp_sprite() -> Sprite:
    """Paint a street lamp."""
    lamp = np.zeros((640, 160, 4), np.uint8)
    cv2.rectangle(lamp, (76, 24), (84, 639), (92, 94, 96, 255), -1)
    cv2.rectangle(lamp, (72, 520), (88, 639), (80, 82, 84, 255), -1)
    cv2.ellipse(lamp, (80, 20), (34, 13), 0, 0, 360, (126, 130, 132, 255), -1, cv2.LINE_AA)
    cv2.ellipse(lamp, (80, 28), (28, 9), 0, 0, 360, (206, 218, 222, 255), -1, cv2.LINE_AA)
    return lamp


def _sprite(colors: NDArray[np.float32], alpha: NDArray[np.float32]) -> Sprite:
    return np.dstack([np.clip(colors, 0, 255), alpha * 255]).astype(np.uint8)
