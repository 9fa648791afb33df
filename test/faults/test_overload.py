"""A camera that is up to ten times too fast: latency stays bounded, stamps increase, and both sides count the same."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass
from itertools import cycle

import numpy as np
import pytest
from support.detector_bench import stamp_of, values_of
from support.tiny_model import build_tiny_package

from fishy_ros.node.compat import IS_HUMBLE

pytestmark = pytest.mark.alone

FACTORS = (1, 2, 5, 10)
FRAMES_OF_THE_NETWORK = 60
"""So many frames could be answered in the time that each factor is played."""
SLACK_MS = 200.0
"""What a busy machine may add to a latency. A queue of only half of the frames would add seconds."""
COUNTS = ("published", "dropped", "overtaken", "lost", "received")
OWN_STAGES = ("decode_ms", "resize_ms", "inference_ms", "output_ms", "publish_ms")


@dataclass(frozen=True)
class Overload:
    """What came of one rate. Times in ms."""

    factor: int
    rate_hz: float
    """Frames a second that were really sent."""
    sent: int
    published: int
    dropped: int
    """Frames without a heatmap, as the player counts them."""
    node_dropped: int
    """The same as `/diagnostics` counts them."""
    frame_ms: float
    """Median time that the node works on a frame."""
    age_p50_ms: float
    age_p99_ms: float


@pytest.fixture(scope="module")
def slow_rig(start_rig, tmp_path_factory):
    """A node whose network is much slower than its camera could be."""
    package = build_tiny_package(tmp_path_factory.mktemp("models") / "slow", height=384, width=768)
    rig = start_rig(package)
    rig.camera.sizes = cycle([(48, 96)])
    rig.bench.subscribe("latency")
    rig.play_until_heatmap(time.monotonic(), "the first heatmap")
    return rig


@pytest.fixture(scope="module")
def sustainable_hz(slow_rig):
    """The rate at which every frame of the lockstep before would have been answered, with a fifth to spare."""
    slow_rig.camera.is_on = False
    round_trips = []
    for _ in range(12):
        slow_rig.play(0.02)
        sent, heard = time.monotonic(), len(slow_rig.heard)
        slow_rig.send()
        slow_rig.play_until(lambda heard=heard: len(slow_rig.heard) > heard, "a heatmap in lockstep")
        round_trips.append(time.monotonic() - sent)
    return 0.8 / statistics.median(round_trips)


@pytest.mark.parametrize("factor", FACTORS)
def test_latency_is_bounded_and_both_sides_count_the_same_drops(slow_rig, sustainable_hz, factor, record_property):
    rig = slow_rig
    before = settled_counts(rig)
    before_all, heard, sent = rig.counts(), len(rig.heard), len(rig.sent)
    rig.bench.received["latency"].clear()
    rig.camera.rate_hz = factor * sustainable_hz
    rig.camera.is_on = True
    rig.play(min(6.0, FRAMES_OF_THE_NETWORK / sustainable_hz))
    after = settled_counts(rig)
    frames = rig.sent[sent:]
    rig.play_until(lambda: len(rig.bench.received["latency"]) >= len(rig.heard) - heard, "the latency of every heatmap")
    change = {name: after[name] - before[name] for name in COUNTS}
    answered = [one.stamp_ns for one in rig.heard[heard:]]
    result = _measured(rig, factor, frames, len(answered), change["dropped"])
    record_property("overload", json.dumps(asdict(result)))
    assert answered == sorted(set(answered))
    assert answered[-1] == frames[-1].stamp_ns, "the newest frame wins"
    assert not rig.wrong_since(before_all, clock_steps_back=0)
    assert change["published"] == result.published
    if not IS_HUMBLE:  # which does not tell what the middleware lost
        assert change["received"] + change["lost"] == result.sent
        assert change["dropped"] == result.dropped
    ages = _values(rig, "age_ms")
    half = len(ages) // 2
    assert np.median(ages[half:]) < 2 * np.median(ages[:half]) + SLACK_MS, "latency does not grow with time"
    assert result.age_p50_ms < 3 * np.percentile(_own_times(rig), 95) + SLACK_MS


def settled_counts(rig):
    """Wait until the newest frame is answered and two statuses in a row count the same; returns the counts."""
    rig.settle()
    seen = []

    def is_repeated(values):
        seen.append({name: int(values[f"frames_{name}"]) for name in COUNTS})
        return seen[-2:] == [seen[-1]] * 2

    rig.await_counts(is_repeated, "two equal counts")
    return seen[-1]


def _measured(rig, factor, frames, published, node_dropped):
    stamps = {stamp_of(message) for message in rig.bench.received["latency"]}
    assert len(stamps) == published, "every heatmap has its latency"
    ages = _values(rig, "age_ms")
    return Overload(
        factor=factor,
        rate_hz=(len(frames) - 1) / (frames[-1].at - frames[0].at),
        sent=len(frames),
        published=published,
        dropped=len(frames) - published,
        node_dropped=node_dropped,
        frame_ms=float(np.median(_own_times(rig))),
        age_p50_ms=float(np.percentile(ages, 50)),
        age_p99_ms=float(np.percentile(ages, 99)),
    )


def _own_times(rig):
    return np.sum([_values(rig, stage) for stage in OWN_STAGES], axis=0)


def _values(rig, key):
    return np.array([float(values_of(message.status[0])[key]) for message in rig.bench.received["latency"]])
