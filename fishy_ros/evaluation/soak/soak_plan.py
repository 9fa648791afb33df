"""When a soak puts which fault into the stream: random, but the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

FAULTS: tuple[str, ...] = (
    "silence",
    "burst",
    "malformed",
    "stale stamps",
    "other size",
    "subscribers",
    "freeze",
    "cycle",
)
"""The camera pauses, sends at ten times its rate, sends messages that are no images, images with old stamps, images
of another size; subscribers come and go; the process of the node is stopped for a while; the node is deactivated and
activated."""

QUIET_S: float = 3.0
"""Time without faults at either end of a soak."""


@dataclass(frozen=True)
class PlannedFault:
    """One fault of a soak."""

    kind: str
    """One of `FAULTS`."""
    at_s: float
    """When it begins, in s from the start of the soak."""
    seconds: float
    """How long it lasts."""


def plan_faults(duration_s: float, every_s: float, seed: int) -> tuple[PlannedFault, ...]:
    """Spread faults of 0.3 to 1.5 s over a soak of `duration_s`, one every `every_s` on average.

    Kinds come in shuffled rounds, so that none is missing from a soak of `len(FAULTS)` faults.
    """
    rng = random.Random(seed)
    planned: list[PlannedFault] = []
    kinds: list[str] = []
    at_s = QUIET_S
    while at_s < duration_s - QUIET_S:
        if not kinds:
            kinds = rng.sample(FAULTS, len(FAULTS))
        planned.append(PlannedFault(kinds.pop(), at_s, rng.uniform(0.3, 1.5)))
        at_s += rng.uniform(0.5, 1.5) * every_s
    return tuple(planned)
