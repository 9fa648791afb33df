"""What each kind of fault of a soak does."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from fishy_ros.evaluation.soak.soak_driver import SoakDriver
from fishy_ros.evaluation.soak.soak_plan import FAULTS
from fishy_ros.evaluation.sources.source import PlayFrame

_BURST = 10.0
_BEHIND_S = 60.0
_FAN_OUT = 5
_MALFORMED_EVERY_S = 0.02
_CDR_HEADER = b"\0\1\0\0"

Fault: TypeAlias = Callable[[SoakDriver, float, Sequence[PlayFrame], random.Random], None]
"""Called with the driver, the seconds, pictures of another size, and a source of chance."""


def _silence(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    driver.play(seconds, rate_hz=0.0)


def _burst(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    driver.play(seconds, rate_hz=_BURST * driver.rate_hz)


def _malformed(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    whole = others[0].message
    for _ in range(round(seconds / _MALFORMED_EVERY_S)):
        noise = _CDR_HEADER + rng.randbytes(rng.randrange(12, 400))
        driver.send_as_it_is(rng.choice((noise, whole[: rng.randrange(12, len(whole) - 4)])))
        driver.play(_MALFORMED_EVERY_S)


def _stale_stamps(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    for _ in range(3):
        driver.send_as_it_is(others[0].message, _BEHIND_S)
        driver.play(seconds / 3)


def _other_size(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    driver.play(seconds, pictures=others)


def _subscribers(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    with driver.player.fan_out(_FAN_OUT):
        driver.play(seconds)


def _freeze(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    driver.freeze(seconds)


def _cycle(driver: SoakDriver, seconds: float, others: Sequence[PlayFrame], rng: random.Random) -> None:
    driver.player.deactivate_node(driver.detector.check)
    driver.play(seconds, rate_hz=0.0)
    driver.player.activate_node(driver.detector.check)


ACTIONS: Mapping[str, Fault] = MappingProxyType(
    dict(
        zip(
            FAULTS,
            (_silence, _burst, _malformed, _stale_stamps, _other_size, _subscribers, _freeze, _cycle),
            strict=True,
        )
    )
)
"""By the names of `FAULTS`."""
