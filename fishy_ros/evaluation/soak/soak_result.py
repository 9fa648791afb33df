"""What a soak measured, whether the contract held, and both as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fishy_ros.evaluation.environment import Environment
from fishy_ros.evaluation.soak.soak_plan import PlannedFault
from fishy_ros.files import write_json

MAX_GROWTH: float = 0.01
"""Growth of the resident memory an hour, as a share, that breaks the contract."""
REPORTED_AFTER_S: float = 600.0
"""A shorter soak says nothing about growth by the hour."""
JUDGED_AFTER_S: float = 3600.0
"""A shorter soak is not judged by it: one step of the heap by 0.5 MiB looks like 1 % an hour in 10 minutes."""
SPARE_HANDLES: int = 4
"""File descriptors and threads that may come and go."""
WARM_UP_S: float = 600.0
"""Time in which memory settles; half of a soak that is shorter than twice that."""


@dataclass(frozen=True)
class SoakSample:
    """The node at one moment."""

    at_s: float
    """From the start of the soak."""
    rss_bytes: int
    shared_bytes: int
    """Of `rss_bytes`, what is shared with other processes: the segments of the middleware."""
    descriptors: int
    threads: int
    heatmaps: int
    """Heatmaps since the sample before."""
    round_trip_ms: float | None
    """Median time from sending a frame to hearing its heatmap since the sample before; None without any."""
    round_trip_max_ms: float | None


@dataclass(frozen=True)
class FaultOutcome:
    """A fault and the recovery from it."""

    fault: PlannedFault
    recover_s: float | None
    """From the first good frame after the fault to the first heatmap of one; None if none came."""


@dataclass(frozen=True)
class SoakResult:
    """A whole soak."""

    environment: Environment
    model: str
    runtime: str
    rate_hz: float
    seconds: float
    seed: int
    recovery_limit_s: float
    sent: int
    """Good frames that were sent."""
    published: int
    """Good frames whose heatmap came back."""
    wrong: tuple[str, ...]
    ended: str
    """Why the soak ended early; empty if it did not."""
    faults: tuple[FaultOutcome, ...]
    samples: tuple[SoakSample, ...]

    @property
    def growth_per_hour(self) -> float | None:
        """Growth of the resident memory after the warm-up, as a share an hour; None for a short soak."""
        settled = self._settled()
        if self.seconds < REPORTED_AFTER_S or len(settled) < 8:
            return None
        third = len(settled) // 3
        first, last = settled[:third], settled[-third:]
        hours = (statistics.fmean(s.at_s for s in last) - statistics.fmean(s.at_s for s in first)) / 3600
        before, after = (statistics.median(s.rss_bytes for s in part) for part in (first, last))
        return (after / before - 1) / hours

    def breaches(self) -> tuple[str, ...]:
        """Name what broke the contract; empty if it held."""
        found = [*self.wrong, *filter(None, [self.ended])]
        for outcome in self.faults:
            name = f"{outcome.fault.kind} at {outcome.fault.at_s:.1f} s"
            if outcome.recover_s is None:
                found.append(f"{name}: no heatmap came after it")
            elif outcome.recover_s > self.recovery_limit_s:
                found.append(f"{name}: {outcome.recover_s:.2f} s to the next heatmap, over {self.recovery_limit_s:g} s")
        growth = self.growth_per_hour
        if growth is not None and growth > MAX_GROWTH and self.seconds >= JUDGED_AFTER_S:
            found.append(f"resident memory grows by {growth:.1%} an hour, over {MAX_GROWTH:.0%}")
        found += self._risen("descriptors", [s.descriptors for s in self.samples])
        found += self._risen("threads", [s.threads for s in self.samples])
        return tuple(found)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        summary = {"growth_per_hour": self.growth_per_hour, "breaches": self.breaches()}
        write_json(path, {"soak": {**summary, **asdict(self)}})

    def text(self) -> str:
        """Say in a few lines what was found."""
        growth, recoveries = self.growth_per_hour, [o.recover_s for o in self.faults if o.recover_s is not None]
        lines = [
            f"soak       {self.seconds:.0f} s at {self.rate_hz:g} Hz, {len(self.faults)} faults, seed {self.seed}",
            f"frames     {self.sent} sent, {self.published} published, {len(self.wrong)} wrong",
            f"recovery   {max(recoveries, default=0.0):.2f} s at most",
            f"memory     {_span([s.rss_bytes / 2**20 for s in self.samples])} MiB, of it shared"
            f" {_span([s.shared_bytes / 2**20 for s in self.samples])}"
            + (f", {growth:+.2%} an hour" if growth is not None else ", too short for a growth by the hour"),
            f"threads    {_span([s.threads for s in self.samples])}",
            f"files      {_span([s.descriptors for s in self.samples])} descriptors",
        ]
        verdict = [f"broken     {breach}" for breach in self.breaches()] or ["contract   kept"]
        return "\n".join([*lines, *verdict])

    def _settled(self) -> Sequence[SoakSample]:
        warm_up_s = min(WARM_UP_S, self.seconds / 2)
        return [sample for sample in self.samples if sample.at_s >= warm_up_s]

    def _risen(self, name: str, values: Sequence[int]) -> list[str]:
        quarter = len(values) // 4
        if quarter < 2:
            return []
        before, after = max(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
        return [f"{name} rose from {before} to {after:.0f}"] if after > before + SPARE_HANDLES else []


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}" if values else "unknown"
