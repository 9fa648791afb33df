"""Missed deadlines: the node goes on with a cheaper configuration, says so, and comes back, without losing a frame."""

from __future__ import annotations

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import LIMIT_S, header, image_message, stamp_of, values_of
from support.odd_models import build_slow_package

ROUNDS = 1_500_000
"""Enough to take several times the deadline on any machine."""
DEADLINE = {"frame_deadline_ms": 200.0, "max_missed_deadlines": 2, "inference_deadline_s": 60.0, "hang_timeout_s": 60.0}
BRIGHT = np.full((16, 16, 3), 250, np.uint8)
DARK = np.full((16, 16, 3), 60, np.uint8)


def play(bench, image, count):
    """Publish images one after the other, each after the heatmap of the one before; returns the heatmaps."""
    before = len(bench.received["heatmap"])
    sent = []
    for index in range(count):
        message = image_message(image, header(before + index))
        sent.append(stamp_of(message))
        bench.image.publish(message)
        bench.spin_until(lambda: len(bench.received["heatmap"]) == before + len(sent), "a heatmap")
    heatmaps = bench.received["heatmap"][before:]
    assert [stamp_of(heatmap) for heatmap in heatmaps] == sent
    return heatmaps


def test_missed_deadlines_lead_to_the_cheaper_precision_and_calm_leads_back(start_detector, tmp_path):
    model = build_slow_package(tmp_path / "slow", ROUNDS).folder
    bench = start_detector(model=model, recovery_s=2.0, max_drop_share=1.0, **DEADLINE)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    full = bench.wait_for_diagnostics(lambda s: values_of(s)["mode"] == "full", "the start")
    assert values_of(full)["configuration"] == "fp32"
    slow = play(bench, BRIGHT, 2)
    degraded = bench.wait_for_diagnostics(lambda s: values_of(s)["mode"] == "degraded", "the cheaper precision")
    assert degraded.level == DiagnosticStatus.WARN
    assert "degraded to int8" in degraded.message
    assert values_of(degraded)["configuration"] == "int8"
    assert values_of(degraded)["frames_late"] == "2"
    quick = play(bench, BRIGHT, 5)
    assert quick[0].data == slow[0].data, "the heatmap keeps its meaning"
    deadline = time.monotonic() + LIMIT_S
    while values_of(bench.diagnostics[-1])["mode"] != "full":
        assert time.monotonic() < deadline, bench.log()
        play(bench, DARK, 1)
        bench.spin_for(0.1)
    assert values_of(bench.diagnostics[-1])["configuration"] == "fp32"
    counts = values_of(bench.wait_for_diagnostics(lambda s: True, "the counts"))
    assert counts["frames_published"] == counts["frames_received"] == str(len(bench.received["heatmap"]))
    assert "degraded" not in bench.diagnostics[-1].message


def test_the_graph_with_the_smaller_input_comes_after_the_variants_and_its_heatmap_is_smaller(start_detector, tmp_path):
    model = build_slow_package(tmp_path / "slow", ROUNDS, variant=False, reduced=True).folder
    bench = start_detector(model=model, recovery_s=600.0, **DEADLINE)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    sizes = [(heatmap.height, heatmap.width) for heatmap in play(bench, BRIGHT, 4)]
    assert sizes == [(8, 8), (8, 8), (4, 4), (4, 4)]
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["mode"] == "degraded", "the smaller input")
    assert values_of(status)["configuration"] == "4x4"


def test_without_a_cheaper_configuration_missed_deadlines_are_reported(start_detector, tmp_path):
    model = build_slow_package(tmp_path / "slow", ROUNDS, variant=False).folder
    bench = start_detector(model=model, **DEADLINE)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(BRIGHT, header(0)))
    late = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_late"] == "1", "the missed deadline")
    assert late.level == DiagnosticStatus.WARN
    assert "took longer than 200 ms" in late.message
    assert values_of(late)["mode"] == "full"
    assert "the model has none" in bench.log()
