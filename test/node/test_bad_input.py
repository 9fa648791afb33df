"""Bad images: dropped, counted, named on /diagnostics, logged at most once a second; then work goes on."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from support.detector_bench import header, image_message, stamp_of, values_of


def wrong_encoding(message):
    message.encoding = "hologram8"


def wrong_step(message):
    message.step = 7


def too_few_bytes(message):
    del message.data[-100:]


def no_pixels(message):
    message.height = message.width = message.step = 0
    del message.data[:]


def huge(message):
    message.height = message.width = 2**32 - 1


DAMAGES = {
    wrong_encoding: "hologram8",
    wrong_step: "step 7",
    too_few_bytes: "bytes; expected",
    no_pixels: "no pixels",
    huge: "pixels allowed",
}


def test_after_each_bad_image_the_next_good_one_is_processed(start_detector, street):
    bench = start_detector()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    for count, (damage, reason) in enumerate(DAMAGES.items(), 1):
        bad, good = image_message(street, header(2 * count)), image_message(street, header(2 * count + 1))
        damage(bad)
        bench.image.publish(bad)
        named = bench.wait_for_diagnostics(lambda s, reason=reason: reason in s.message, damage.__name__)
        assert named.level == DiagnosticStatus.WARN
        assert values_of(named)["frames_bad"] == str(count)
        assert reason in values_of(named)["last_bad_image"]
        bench.image.publish(good)
        bench.spin_until(lambda count=count: len(bench.received["heatmap"]) == count, "the good heatmap")
        assert stamp_of(bench.received["heatmap"][-1]) == stamp_of(good)


def test_messages_that_are_not_even_cdr_are_dropped_and_counted(start_detector, street):
    bench = start_detector()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    whole = bytes(serialize_message(image_message(street, header(0))))
    random = np.random.default_rng(0)
    hostile = [
        whole[:8],
        whole[:40],
        whole[: len(whole) // 2],
        whole[:4] + b"\xff" * 60,
        whole[:12] + b"\xff\xff\xff\x7f" + whole[16:],
        *(whole[:4] + random.bytes(size) for size in (9, 33, 120, 4000)),
    ]
    for message in hostile:
        bench.image.publish(message)
        bench.spin_for(0.05)
    status = bench.wait_for_diagnostics(
        lambda s: int(values_of(s)["frames_bad"]) + int(values_of(s)["frames_overtaken"]) == len(hostile), "all counted"
    )
    assert values_of(status)["frames_published"] == "0"
    good = image_message(street, header(1))
    bench.image.publish(good)
    bench.spin_until(lambda: bench.received["heatmap"], "the good heatmap")
    assert [stamp_of(message) for message in bench.received["heatmap"]] == [stamp_of(good)]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"not an image at all" * 10])
def test_an_undecodable_compressed_image_is_dropped(start_detector, street, data):
    bench = start_detector(image_transport="compressed")
    bench.wait_until_connected(bench.compressed)
    message = CompressedImage(header=header(0), format="jpeg")
    message.data.frombytes(data)
    bench.compressed.publish(message)
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_bad"] == "1", "the bad image")
    assert "JPEG" in status.message


def test_a_png_that_asks_for_gigabytes_is_dropped_before_it_gets_them(start_detector):
    case = Path(__file__).parents[1] / "fuzz" / "corpus" / "compressed_image" / "png_chunk_of_4_gib"
    bench = start_detector(image_transport="compressed")
    bench.wait_until_connected(bench.compressed)
    bench.compressed.publish(case.read_bytes())
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_bad"] == "1", "the bad image")
    assert "cut off" in status.message
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{bench.process.pid}/status").read_text())
    assert int(peak[1]) < 2 << 20


def test_a_stream_of_bad_images_is_logged_at_most_once_a_second(start_detector, street):
    bench = start_detector()
    bench.wait_until_connected()
    start = time.monotonic()
    for index in range(60):
        message = image_message(street, header(index))
        wrong_encoding(message)
        bench.image.publish(message)
        bench.spin_for(0.05)
    bench.wait_for_diagnostics(lambda s: int(values_of(s)["frames_bad"]) > 40, "the bad images")
    seconds = time.monotonic() - start
    assert 1 <= bench.log().count("bad image dropped") <= seconds + 2
