"""Frames at the rate of a camera: all arrive, the newest wins, the counts add up."""

from __future__ import annotations

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import header, image_message, stamp_of, values_of

pytestmark = pytest.mark.alone

FULL_SIZE = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), np.uint8)


def wait_for_all_but_three(bench, sent):
    """Wait, for a second at most, while more frames are under way than the queue of a camera holds.

    A machine that has no time to take ten frames per second tells nothing about whether they would arrive.
    """
    end = time.monotonic() + 1.0
    while len(bench.received["heatmap"]) < sent - 3 and time.monotonic() < end:
        bench.spin_once(0.02)


def play_at(bench, image, count, rate_hz, first=0):
    """Publish `count` images at a fixed rate; returns their stamps."""
    stamps = []
    start = time.monotonic()
    for index in range(count):
        message = image_message(image, header(first + index))
        bench.image.publish(message)
        stamps.append(stamp_of(message))
        bench.spin_for(max(0.0, start + (index + 1) / rate_hz - time.monotonic()))
    return stamps


def test_every_full_size_frame_at_ten_hertz_arrives(start_detector):
    bench = start_detector()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    stamps = []
    for _ in range(60):
        stamps += play_at(bench, FULL_SIZE, 1, 10.0, len(stamps))
        wait_for_all_but_three(bench, len(stamps))
    status = bench.wait_for_diagnostics(
        lambda s: sum(int(values_of(s)[f"frames_{end}"]) for end in ("published", "overtaken", "failed")) == 60,
        "60 frames",
    )
    values = values_of(status)
    assert (values["frames_received"], values["frames_lost"], values["frames_bad"]) == ("60", "0", "0")
    heard = [stamp_of(message) for message in bench.received["heatmap"]]
    assert heard == [stamp for stamp in stamps if stamp in set(heard)]
    assert len(heard) == int(values["frames_published"])


def test_under_overload_the_newest_frame_wins_and_every_other_is_counted(start_detector, street):
    bench = start_detector()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    stamps = play_at(bench, np.tile(street, (8, 8, 1)), 300, 400.0)

    reports = []

    def is_settled(status):
        counts = counts_of(status)
        reports.append(counts)
        offered = counts["frames_received"] + counts["frames_lost"]
        is_over = reports[-2:] == [counts, counts] and len(bench.received["heatmap"]) == counts["frames_published"]
        return is_over and offered > 0 and counts["frames_published"] + counts["frames_dropped"] == offered

    counts = counts_of(bench.wait_for_diagnostics(is_settled, "an account of every frame, and every heatmap"))
    heard = [stamp_of(message) for message in bench.received["heatmap"]]
    assert heard == sorted(set(heard)), "stamps increase strictly"
    assert set(heard) <= set(stamps)
    assert counts["frames_received"] <= len(stamps)
    assert heard[-1] == stamps[-1] or counts["frames_received"] < len(stamps)


def test_silence_is_a_warning_and_images_end_it(start_detector, street):
    bench = start_detector(no_image_timeout_s=1.0, max_drop_share=1.0)
    silent = bench.wait_for_diagnostics(lambda s: "no image for" in s.message, "silence")
    assert silent.level == DiagnosticStatus.WARN
    bench.wait_until_connected()
    start = len(bench.diagnostics)
    for _ in range(10):
        play_at(bench, street, 15, 15.0)
        good = [status for status in bench.diagnostics[start:] if status.level == DiagnosticStatus.OK]
        if len(good) > 1:
            break
    values = values_of(good[-1])
    assert values["model"] == "tiny"
    assert values["runtime"].startswith("onnxruntime")
    assert 1.0 < float(values["input_rate_hz"]) < 30.0
    assert float(values["total_ms_p50"]) <= float(values["total_ms_p95"]) <= float(values["total_ms_p99"])


def counts_of(status):
    return {key: int(value) for key, value in values_of(status).items() if key.startswith("frames_")}
