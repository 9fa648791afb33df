"""What each kind of fault of a soak does."""

from __future__ import annotations

import random
from collections.abc import Sequence

from fishy_ros.evaluation.soak.soak_driver import SoakDriver
from fishy_ros.evaluation.soak.soak_plan import PlannedFault
from fishy_ros.evaluation.sources.source import PlayFrame

_BURST = 10.0
_BEHIND_S = 60.0
_FAN_OUT = 5
_MALFORMED_EVERY_S = 0.02
_CDR_HEADER = b"\0\1\0\0"


def inflict(fault: PlannedFault, driver: SoakDriver, others: Sequence[PlayFrame], rng: random.Random) -> None:
    """Let a fault happen; `others` are pictures of another size.

    Raises:
        ReplayError: the node has ended, or cannot be activated again.
        ValueError: the kind of the fault is not one of `FAULTS`.
    """
    if fault.kind == "silence":
        driver.play(fault.seconds, rate_hz=0.0)
    elif fault.kind == "burst":
        driver.play(fault.seconds, rate_hz=_BURST * driver.rate_hz)
    elif fault.kind == "malformed":
        _send_malformed(driver, fault.seconds, others[0].message, rng)
    elif fault.kind == "stale stamps":
        for _ in range(3):
            driver.send_as_it_is(others[0].message, _BEHIND_S)
            driver.play(fault.seconds / 3)
    elif fault.kind == "other size":
        driver.play(fault.seconds, pictures=others)
    elif fault.kind == "subscribers":
        with driver.player.fan_out(_FAN_OUT):
            driver.play(fault.seconds)
    elif fault.kind == "freeze":
        driver.freeze(fault.seconds)
    elif fault.kind == "cycle":
        driver.player.deactivate_node(driver.detector.check)
        driver.play(fault.seconds, rate_hz=0.0)
        driver.player.activate_node(driver.detector.check)
    else:
        raise ValueError(f"unknown kind of fault {fault.kind!r}")


def _send_malformed(driver: SoakDriver, seconds: float, whole: bytes, rng: random.Random) -> None:
    """Send noise, and the beginning of an image, among good frames."""
    for _ in range(round(seconds / _MALFORMED_EVERY_S)):
        noise = _CDR_HEADER + rng.randbytes(rng.randrange(12, 400))
        driver.send_as_it_is(rng.choice((noise, whole[: rng.randrange(12, len(whole) - 4)])))
        driver.play(_MALFORMED_EVERY_S)
