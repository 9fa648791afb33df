"""Find heatmaps that must not have been published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from fishy_ros.evaluation.live.replay_messages import score_of
from fishy_ros.node.stamps import UNSTAMPED_NS
from support.faults.camera import SECOND, SentFrame


@dataclass(frozen=True)
class Heard:
    """A heatmap that came back."""

    message: Image
    at: float
    """Monotonic time of its arrival in s."""

    @property
    def stamp_ns(self) -> int:
        """The stamp that it carries."""
        stamp = self.message.header.stamp
        return int(stamp.sec * SECOND + stamp.nanosec)


def wrong_publications(
    heard: Sequence[Heard],
    sent: Callable[[int], Sequence[SentFrame]],
    score: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    last_before_ns: int | None,
    clock_steps_back: int = 0,
) -> list[str]:
    """Name every heatmap that was never due, came twice, came out of order, or shows another frame than its stamp's.

    Where the stamp is 0, the order is that in which the frames were sent.

    Args:
        heard: what came, in order.
        sent: all good frames with a stamp.
        score: the heatmap that an image has to give.
        last_before_ns: stamp of the heatmap before these.
        clock_steps_back: how often the camera's clock went back, after which older stamps are right.
    """
    wrong, seen, last_ns, unstamped = [], set(), last_before_ns, 0
    for one in heard:
        stamp_ns, name = one.stamp_ns, f"heatmap {one.stamp_ns}"
        frames = sent(stamp_ns)
        shown = next((number for number, frame in enumerate(frames, 1) if _shows(one.message, frame, score)), None)
        if not frames:
            wrong.append(f"{name}: no good frame had this stamp")
        elif shown is None:
            wrong.append(f"{name}: it is not the heatmap of its frame")
        if stamp_ns == UNSTAMPED_NS:
            if shown is not None and shown <= unstamped:
                wrong.append(f"{name}: of frame {shown} without a stamp, after that of frame {unstamped}")
            unstamped = shown or unstamped
            continue
        if stamp_ns in seen:
            wrong.append(f"{name}: published twice")
        elif last_ns is not None and stamp_ns <= last_ns:
            clock_steps_back -= 1
            if clock_steps_back < 0:
                wrong.append(f"{name}: older than {last_ns}, which came before")
        seen.add(stamp_ns)
        last_ns = stamp_ns
    return wrong


def _shows(message: Image, frame: SentFrame, score: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> bool:
    return message.header.frame_id == frame.frame_id and np.array_equal(score_of(message), score(frame.image))
