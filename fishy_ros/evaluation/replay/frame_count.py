"""Notice that a source gave another number of frames than it counts."""

from __future__ import annotations

from dataclasses import replace

from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.sources.source import FrameSource


def with_frame_count_checked(result: ReplayResult, source: FrameSource) -> ReplayResult:
    """Add a warning where `result` has more or fewer frames than `source` counts, as in a bag with a false index."""
    if result.frames.played == len(source):
        return result
    warning = f"{source.name} counts {len(source)} frames, but {result.frames.played} could be read: its index is wrong"
    return replace(result, warnings=(*result.warnings, warning))
