"""A fault as data, and what becomes of it on a live node."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from support.faults.rig import FaultRig

Step = Callable[[FaultRig], object]


def nothing(rig: FaultRig) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class FaultCase:
    """One fault, put in while a healthy node is at work."""

    family: str
    name: str
    expected: str
    """The reaction in words, for the table."""
    inject: Step
    reaction: Callable[[DiagnosticStatus], bool] | None = None
    """Accepts the status that reports the fault; None where the node has only to go on."""
    clear: Step = nothing
    hold_s: float = 1.0
    """How long the fault stays where no reaction is waited for."""
    clock_steps_back: int = 0
    """How often the camera's clock goes back."""
    seen: Callable[[FaultRig], bool] | None = None
    """Tells the reaction where it is no status."""

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


@dataclass(frozen=True)
class Outcome:
    """What a fault did. Times in s."""

    family: str
    fault: str
    expected: str
    react_s: float | None
    """From the fault to the status that reports it, as seen on the bus; None where no report is expected."""
    recover_s: float
    """From the first good frame after the fault's end to the first heatmap of any frame from then on."""
    frames_sent: int
    """Good frames from the fault to the recovery."""
    frames_lost: int
    """Those without a heatmap."""
    wrong: tuple[str, ...]


def says(*words: str, level: bytes | None = None) -> Callable[[DiagnosticStatus], bool]:
    """Accept a status whose message holds all `words`, and whose level is `level` where one is given."""
    return lambda status: all(word in status.message for word in words) and level in (None, status.level)


def run_case(rig: FaultRig, case: FaultCase) -> Outcome:
    """Put the fault into a healthy node, wait for the reaction, take the fault out and wait for the recovery.

    Fails where the reaction or the recovery does not come, or the node ends.
    """
    rig.play_until_heatmap(time.monotonic(), f"a healthy node before: {case.name}")
    before, sent, started = rig.counts(), len(rig.sent), time.monotonic()
    said = len(rig.bench.diagnostics)
    case.inject(rig)
    react_s = _await_reaction(rig, case, started, said)
    case.clear(rig)
    cleared, first_after = time.monotonic(), len(rig.sent)
    answer = rig.play_until_heatmap(cleared, f"the recovery from: {case.name}")
    recovered = len(rig.sent)
    rig.play_until(lambda: rig.has_regions_since(cleared), f"mask and points after: {case.name}")
    # Everything is published in the order of the frames: with these, all that was under way has come.
    rig.play_until_heatmap(rig.sent[-1].at, f"the newest frame after: {case.name}")
    rig.play_until(lambda: rig.has_regions_since(rig.heard[-1].at), f"its mask and points after: {case.name}")
    answered = Counter(one.stamp_ns for one in rig.heard[before["heatmap"] :])
    during = Counter(frame.stamp_ns for frame in rig.sent[sent:recovered])
    return Outcome(
        family=case.family,
        fault=case.name,
        expected=case.expected,
        react_s=react_s,
        recover_s=answer.at - rig.sent[first_after].at,
        frames_sent=during.total(),
        frames_lost=(during - answered).total(),
        wrong=tuple(rig.wrong_since(before, case.clock_steps_back)),
    )


def _await_reaction(rig: FaultRig, case: FaultCase, started: float, said: int) -> float | None:
    seen = case.seen
    if seen is not None:
        return rig.play_until(lambda: seen(rig), case.expected) - started
    if case.reaction is not None:
        return rig.await_status(case.reaction, case.expected, said) - started
    rig.play(case.hold_s)
    return None
