"""Names of what a replay may leave beside its report."""

from __future__ import annotations

LOG_FILE = "detector.log"
"""Log of a node of our own."""
VIDEO_ENDINGS: tuple[str, ...] = (".mp4", ".webp")
"""Of videos that OpenCV can encode, and of others."""
VIDEO_NAME = "overlay"
RUN_FILES: tuple[str, ...] = (LOG_FILE, *(f"{VIDEO_NAME}{ending}" for ending in VIDEO_ENDINGS))
