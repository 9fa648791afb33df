"""Regions followed from frame to frame: confirmed after N of M frames, kept through gaps, with an id and an age."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError
from fishy_ros.obstacles.motion import GroundMotion
from fishy_ros.obstacles.regions import Box, Region

IMPOSSIBLE: float = 1e6
"""Cost of a pair that must not be matched."""

MAX_FOLLOWED: int = 256
"""Regions that are followed at most: those seen last."""

MOST_GROWTH: float = 2.0
"""A region that is missing is expected at most so many times as wide as it was seen, and at least this part of it."""

_Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class PersistenceRules:
    """When a region counts.

    Raises:
        ConfigError: a value is out of range.
    """

    confirm_hits: int = 1
    """A region is confirmed once it was seen in so many of the last `confirm_window` frames."""
    confirm_window: int = 1
    max_gap_s: float = 0.5
    """A confirmed region that is not seen is kept for so long, in s, but not for longer than it had been seen."""
    min_overlap: float = 0.1
    """Least overlap of the expected and the found box (intersection over union, both widened by `slack_px`)."""
    slack_px: float = 4.0
    """Small things move by more than their size: both boxes are widened by so much on each side, in px of the
    heatmap."""

    def __post_init__(self) -> None:
        """Check every value."""
        if not 1 <= self.confirm_hits <= self.confirm_window <= 1000:
            raise ConfigError(
                f"confirm after {self.confirm_hits} of {self.confirm_window} frames: expected 1 <= N <= M <= 1000"
            )
        if self.max_gap_s < 0 or not 0 < self.min_overlap <= 1 or self.slack_px < 0:
            raise ConfigError(
                f"gap {self.max_gap_s:g} s, overlap {self.min_overlap:g}, slack {self.slack_px:g} px: expected a gap "
                "and a slack of 0 or more, and an overlap in (0, 1]"
            )


@dataclass(frozen=True)
class Track:
    """A region that was followed.

    `index` is its number among the regions of this frame, None where it was not seen in it; `region` is then where it
    is expected, with the scores of the last time.
    """

    id: int
    """Counts up from 1; never used again."""
    region: Region
    age_s: float
    """Since it was first seen."""
    confirmed: bool
    index: int | None


@dataclass
class _Followed:
    id: int
    region: Region
    """Where it is, or is expected while it is missing."""
    seen: Box
    """Where it was seen last, at `last_s`."""
    first_s: float
    last_s: float
    hits: deque[bool] = field(default_factory=deque)
    confirmed: bool = False
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Motion of the foot in px/s, and growth a s, as seen; for regions whose motion the ground does not tell."""


class RegionTracker:
    """Follow regions over a stream of frames.

    A pair of a known and a new region costs 1 - overlap of the new box and the box that is expected; all pairs of a
    frame are matched at the least total cost (scipy's `linear_sum_assignment`). Expected is what the motion of the
    ground says where it is known, otherwise the region goes on as it moved before.
    """

    def __init__(self, rules: PersistenceRules, motion: GroundMotion | None = None) -> None:
        """Follow by `rules`; `motion` is in px of the same heatmap as the regions. Both may be replaced later."""
        # Imported by whoever follows regions: SciPy's optimisation takes 45 MiB and a third of a second to load.
        from scipy.optimize import linear_sum_assignment

        self._assign = linear_sum_assignment
        self.rules = rules
        self.motion = motion
        self._followed: list[_Followed] = []
        self._next_id = 1
        self._now_s: float | None = None

    def update(self, regions: Sequence[Region], stamp_s: float, forward_m: float | None = None) -> tuple[Track, ...]:
        """Take the regions of the next frame.

        Args:
            regions: what was found in it.
            stamp_s: when it was taken. A stamp that is not newer than the last one starts anew.
            forward_m: how far the car moved since the last frame; None if that is not known.

        Returns:
            Every region that is followed: those of this frame, and confirmed ones that are missing for a short time.
        """
        if self._now_s is not None and stamp_s <= self._now_s:
            self._followed.clear()
        step_s = 0.0 if self._now_s is None else stamp_s - self._now_s
        self._now_s = stamp_s
        expected = [self._expect(one, step_s, forward_m) for one in self._followed]
        index_of = self._match(expected, regions)
        for position, one in enumerate(self._followed):
            self._advance(one, expected[position], index_of.get(position), regions, stamp_s)
        new = sorted(set(range(len(regions))) - set(index_of.values()))
        indexes = [index_of.get(position) for position in range(len(self._followed))]
        followed = [*self._followed, *(self._start(regions[index], stamp_s) for index in new)]
        tracks = [
            Track(one.id, one.region, stamp_s - one.first_s, one.confirmed, index)
            for one, index in zip(followed, [*indexes, *new], strict=True)
        ]
        pairs = [(one, track) for one, track in zip(followed, tracks, strict=True) if self._is_alive(one, stamp_s)]
        self._followed = sorted((one for one, _ in pairs), key=lambda one: (-one.last_s, one.id))[:MAX_FOLLOWED]
        return tuple(track for _, track in pairs if track.index is not None or track.confirmed)

    def _expect(self, one: _Followed, step_s: float, forward_m: float | None) -> Box:
        box = one.region.box
        if forward_m is not None and self.motion is not None:
            moved = self.motion.predict(box, forward_m)
            if moved is not None:
                return moved
        across, down, growth = one.drift
        x, y = box.foot
        # Against the box that was seen last: a flickering region would else double with every frame that misses it.
        since_seen = box.width / one.seen.width
        scale = min(max(1.0 + growth * step_s, 1.0 / MOST_GROWTH / since_seen), MOST_GROWTH / since_seen)
        x, y = x + across * step_s, y + down * step_s
        return Box(x - box.width * scale / 2, y - box.height * scale, x + box.width * scale / 2, y)

    def _match(self, expected: Sequence[Box], regions: Sequence[Region]) -> dict[int, int]:
        """Return which region belongs to which expected box, by their numbers."""
        if not expected or not regions:
            return {}
        overlaps = _overlaps(_corners(expected, self.rules), _corners([one.box for one in regions], self.rules))
        costs = np.where(overlaps >= self.rules.min_overlap, 1.0 - overlaps, IMPOSSIBLE)
        rows, columns = self._assign(costs)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: column for row, column in pairs if costs[row, column] < IMPOSSIBLE}

    def _advance(
        self, one: _Followed, expected: Box, index: int | None, regions: Sequence[Region], stamp_s: float
    ) -> None:
        one.hits.append(index is not None)
        while len(one.hits) > self.rules.confirm_window:
            one.hits.popleft()
        if index is None:
            one.region = replace(one.region, box=expected)
            return
        found = regions[index]
        one.drift = _drift(one, found, stamp_s)
        one.region, one.seen, one.last_s = found, found.box, stamp_s
        one.confirmed = one.confirmed or sum(one.hits) >= self.rules.confirm_hits

    def _start(self, region: Region, stamp_s: float) -> _Followed:
        one = _Followed(self._next_id, region, region.box, stamp_s, stamp_s, deque([True]))
        one.confirmed = self.rules.confirm_hits == 1
        self._next_id += 1
        return one

    def _is_alive(self, one: _Followed, now_s: float) -> bool:
        if one.last_s == now_s:
            return True
        if one.confirmed:
            return now_s - one.last_s <= min(self.rules.max_gap_s, one.last_s - one.first_s)
        # Whatever comes, it can no longer be seen often enough within the window.
        return any(one.hits)


def _drift(one: _Followed, found: Region, stamp_s: float) -> tuple[float, float, float]:
    """Measure the motion since the region was last seen, and smooth it with what was known."""
    step_s = stamp_s - one.last_s
    weight = 1.0 if one.last_s == one.first_s else 0.5
    before, now = one.seen, found.box
    growth = ((now.width * now.height) / max(before.width * before.height, 1e-6)) ** 0.5 - 1.0
    seen = (
        (now.foot[0] - before.foot[0]) / step_s,
        (now.foot[1] - before.foot[1]) / step_s,
        min(max(growth, -0.5), 0.5) / step_s,
    )
    across, down, size = (old + weight * (new - old) for old, new in zip(one.drift, seen, strict=True))
    return across, down, size


def _corners(boxes: Sequence[Box], rules: PersistenceRules) -> _Matrix:
    """Return left, top, right and bottom of widened boxes, float64 `[N, 4]`."""
    corners = np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], np.float64)
    corners += rules.slack_px * np.array([-1.0, -1.0, 1.0, 1.0])
    return corners


def _overlaps(first: _Matrix, second: _Matrix) -> _Matrix:
    """Return the intersection over the union of all pairs, float64 `[N, M]`."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = _areas(np.maximum(high - low, 0.0))
    own, other = (_areas(boxes[:, 2:] - boxes[:, :2]) for boxes in (first, second))
    overlaps: _Matrix = shared / (own[:, None] + other - shared)
    return overlaps


def _areas(sides: _Matrix) -> _Matrix:
    """Return width times height, for `[..., 2]`; `np.prod` takes three times as long."""
    areas: _Matrix = sides[..., 0] * sides[..., 1]
    return areas
