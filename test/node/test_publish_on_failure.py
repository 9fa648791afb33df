"""Where it is asked for, a frame that fails is answered by a heatmap of ones, once, and never by anything later."""

from __future__ import annotations

import numpy as np
import pytest
from support.detector_bench import header, heatmap_of, image_message, stamp_of, values_of
from support.odd_models import build_failing_package, build_hanging_package, build_slow_package

BRIGHT = np.full((24, 32, 3), 250, np.uint8)
DARK = np.full((24, 32, 3), 60, np.uint8)


@pytest.mark.parametrize(("size", "shape"), [("network", (8, 8)), ("image", (24, 32))])
def test_a_failed_inference_is_answered_by_ones_of_the_right_size(start_detector, tmp_path, size, shape):
    model = build_failing_package(tmp_path / "failing").folder
    bench = start_detector(model=model, publish_on_failure=True, heatmap_size=size)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    sent = [image_message(image, header(index, "front")) for index, image in enumerate((DARK, BRIGHT, DARK))]
    for count, message in enumerate(sent, 1):
        bench.image.publish(message)
        bench.spin_until(lambda count=count: len(bench.received["heatmap"]) == count, f"heatmap {count}")
    heard = bench.received["heatmap"]
    assert [stamp_of(message) for message in heard] == [stamp_of(message) for message in sent]
    assert {message.header.frame_id for message in heard} == {"front"}
    assert [message.encoding for message in heard] == ["32FC1"] * 3
    assert [heatmap_of(message).shape for message in heard] == [shape] * 3
    assert [bool((heatmap_of(message) == 1.0).all()) for message in heard] == [False, True, False]
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_published"] == "2", "the counts")
    assert (values_of(status)["frames_failed"], values_of(status)["frames_unknown"]) == ("1", "1")


def test_a_frame_on_which_the_runtime_hangs_is_answered_by_ones_when_it_is_given_up(start_detector, tmp_path):
    model = build_hanging_package(tmp_path / "hanging").folder
    bench = start_detector(model=model, publish_on_failure=True, inference_deadline_s=0.5, hang_timeout_s=3.0)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    stuck, waiting = image_message(BRIGHT, header(0)), image_message(DARK, header(1))
    bench.image.publish(stuck)
    bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the frame in work")
    bench.image.publish(waiting)
    bench.spin_until(lambda: bench.received["heatmap"], "the answer to the frame that hangs")
    bench.wait_until_connected()
    good = image_message(DARK, header(2))
    bench.image.publish(good)
    bench.spin_until(lambda: len(bench.received["heatmap"]) == 2, "the heatmap after the restart")
    assert [stamp_of(message) for message in bench.received["heatmap"]] == [stamp_of(stuck), stamp_of(good)]
    assert (heatmap_of(bench.received["heatmap"][0]) == 1.0).all()
    counts = values_of(bench.wait_for_diagnostics(lambda s: values_of(s)["frames_published"] == "1", "the counts"))
    assert [counts[f"frames_{end}"] for end in ("received", "failed", "unknown", "overtaken")] == ["3", "1", "1", "1"]


def test_what_comes_late_of_a_frame_that_was_given_up_is_never_published(start_detector, tmp_path):
    model = build_slow_package(tmp_path / "slow", 1_500_000, variant=False).folder
    bench = start_detector(model=model, publish_on_failure=True, hang_timeout_s=0.6)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    stuck = image_message(BRIGHT, header(0))
    bench.image.publish(stuck)
    bench.spin_until(lambda: bench.received["heatmap"], "the answer to the frame that takes too long")
    bench.wait_until_connected()
    sent = [stuck]
    for index in range(1, 30):  # longer than the frame that was given up takes
        message = image_message(DARK, header(index))
        sent.append(message)
        bench.image.publish(message)
        bench.spin_until(lambda: len(bench.received["heatmap"]) == len(sent), "the next heatmap")
        bench.spin_for(0.2)
    heard = [stamp_of(message) for message in bench.received["heatmap"]]
    assert heard == [stamp_of(message) for message in sent]
    assert heard == sorted(set(heard)), "stamps increase strictly"


def test_an_image_that_cannot_be_decoded_gets_no_heatmap(start_detector, tmp_path):
    bench = start_detector(publish_on_failure=True)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bad = image_message(DARK, header(0))
    bad.encoding = "hologram8"
    bench.image.publish(bad)
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_bad"] == "1", "the bad image")
    assert values_of(status)["frames_unknown"] == "0"
    bench.spin_for(0.3)
    assert not bench.received["heatmap"]
