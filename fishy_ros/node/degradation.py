"""Decide which of several configurations of a model is in use, from the best (level 0) to the cheapest."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PATIENCE: int = 16
"""How many times `recovery_s` the wait before a return may become."""


@dataclass(frozen=True)
class DeadlineRules:
    """When to step down and when to step up."""

    deadline_ms: float
    """Time that a frame may take; 0 for no limit."""
    max_missed: int
    """Frames in a row that miss the deadline before a step down."""
    recovery_s: float
    """Shortest time without a missed deadline before a step up."""


class Degradation:
    """Step down after `max_missed` missed deadlines in a row, step up after a time without any.

    That time is `recovery_s` at first. If the better configuration then lasts no longer than was waited for it, the
    next wait is twice as long, up to `MAX_PATIENCE` times; once it lasts, the wait is `recovery_s` again. So where the
    machine is too slow for good, the better configuration is tried ever more rarely, for `max_missed` frames a time.
    One thread calls `note_frame`, any thread may read.
    """

    def __init__(self, levels: int) -> None:
        """Start with the best of `levels` configurations."""
        self._lowest = levels - 1
        self._level = 0
        self._missed = 0
        self._in_a_row = 0
        self._degraded_since: float | None = None
        self._calm_since = 0.0
        self._returned_at: float | None = None
        self._patience = 1

    @property
    def level(self) -> int:
        """The configuration to use for the next frame."""
        return self._level

    @property
    def missed(self) -> int:
        """Frames that missed the deadline so far."""
        return self._missed

    @property
    def degraded_since(self) -> float | None:
        """Monotonic time in s at which level 0 was left; None while it is in use."""
        return self._degraded_since

    def wait_s(self, rules: DeadlineRules) -> float:
        """For how many seconds no deadline may be missed before the next step up."""
        return self._patience * rules.recovery_s

    def note_frame(self, took_ms: float, now_s: float, rules: DeadlineRules) -> bool:
        """Take in what a frame took, at a monotonic time in s; returns whether the level changed."""
        if rules.deadline_ms <= 0.0:
            return False
        if took_ms > rules.deadline_ms:
            self._missed += 1
            self._in_a_row += 1
            self._calm_since = now_s
            return self._in_a_row >= rules.max_missed and self._step_down(now_s, rules)
        self._in_a_row = 0
        if self._returned_at is not None and now_s - self._returned_at > self.wait_s(rules):
            self._returned_at, self._patience = None, 1
        return self._level > 0 and now_s - self._calm_since >= self.wait_s(rules) and self._step_up(now_s)

    def _step_down(self, now_s: float, rules: DeadlineRules) -> bool:
        if self._level == self._lowest:
            return False
        if self._returned_at is not None:
            lasted = now_s - self._returned_at > self.wait_s(rules)
            self._patience = 1 if lasted else min(2 * self._patience, MAX_PATIENCE)
        self._returned_at = None
        self._degraded_since = now_s if self._level == 0 else self._degraded_since
        self._level += 1
        self._in_a_row, self._calm_since = 0, now_s
        return True

    def _step_up(self, now_s: float) -> bool:
        self._level -= 1
        self._degraded_since = None if self._level == 0 else self._degraded_since
        self._returned_at = self._calm_since = now_s
        return True
