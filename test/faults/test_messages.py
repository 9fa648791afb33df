"""Messages that are torn, damaged or made to harm: none ends the node, none becomes a heatmap, all are counted."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import values_of
from support.faults.camera import Camera, picture_of
from support.faults.case import FaultCase, Outcome, says
from support.faults.hostile import (
    compressed_image,
    damaged,
    jpeg_that_claims,
    png_bomb,
    random_cdr,
    raw_image,
    torn,
)

from fishy_ros.node.compat import IS_HUMBLE

MALFORMED = 10_000
SMALL = picture_of(7, (8, 8))
GOOD = raw_image(8, 8, 24, SMALL.tobytes())
JPEG = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
BAD = says("bad images", level=DiagnosticStatus.WARN)


def sends(*messages: bytes):
    """Build a step that sends messages as they are, then the last one again alone, so that none overtakes it."""

    def step(rig):
        rig.send_bytes(messages)
        rig.play_until_heatmap(time.monotonic(), "a good frame after them")
        rig.settle()
        said = len(rig.bench.diagnostics)
        rig.send_bytes(messages[-1:])
        rig.play_until(lambda: any(map(BAD, rig.bench.diagnostics[said:])), "the report of the last one")
        rig.camera.is_on = True

    return step


def raw(name, *messages):
    return FaultCase("messages", name, "WARN: bad images, the reason named", sends(*messages), BAD)


RAW = [
    raw("200 of random CDR", *random_cdr(200)),
    raw("50 torn images", *torn(raw_image(64, 64, 192, bytes(12288)), 50)),
    raw("50 images with one field out of bounds", *damaged(GOOD, 50)),
    raw("wrong step", raw_image(8, 8, 7, SMALL.tobytes()), raw_image(8, 8, 2**32 - 1, SMALL.tobytes())),
    raw("zero size", raw_image(0, 0, 0, b""), raw_image(8, 0, 0, b""), raw_image(0, 8, 24, b"")),
    raw("16k x 16k claimed", raw_image(16384, 16384, 49152, SMALL.tobytes())),
    raw("2^32 x 2^32 claimed", raw_image(2**32 - 1, 2**32 - 1, 2**32 - 1, SMALL.tobytes())),
    raw("unknown encoding", raw_image(8, 8, 24, SMALL.tobytes(), "hologram8")),
    raw("odd width for yuv422", raw_image(8, 7, 14, bytes(112), "yuv422")),
    FaultCase(
        "messages",
        "random CDR as camera_info",
        "WARN: a camera_info cannot be read",
        lambda rig: rig.send_bytes(list(random_cdr(50, seed=1)), rig.bench.camera_info),
        says("camera_info"),
    ),
]

COMPRESSED = [
    raw("JPEG that claims 65535 x 65535", compressed_image(jpeg_that_claims(65535, 65535))),
    raw("JPEG that claims 8000 x 8000", compressed_image(jpeg_that_claims(8000, 8000))),
    raw("PNG bomb of 20000 x 20000", compressed_image(png_bomb(20_000))),
    raw("torn JPEGs", *(compressed_image(JPEG[:size]) for size in (0, 1, 3, 20, len(JPEG) // 2, len(JPEG) - 4))),
    raw("noise as JPEG", *(compressed_image(b"\xff\xd8\xff" + bytes(message)) for message in random_cdr(50))),
    raw("200 of random CDR, compressed", *random_cdr(200, seed=2)),
]


@pytest.fixture(scope="module")
def compressed_rig(start_rig):
    return start_rig(camera=Camera(is_compressed=True), image_transport="compressed")


@pytest.mark.parametrize("case", RAW, ids=str)
def test_a_hostile_image_is_dropped_and_named(rig, hold, case):
    hold(rig, case)


@pytest.mark.parametrize("case", COMPRESSED, ids=str)
def test_a_hostile_compressed_image_is_dropped_and_named(compressed_rig, hold, case):
    hold(compressed_rig, case)


def test_ten_thousand_malformed_messages_end_nothing_and_publish_nothing(start_rig, hold):
    rig = start_rig()
    rig.play_until_heatmap(time.monotonic(), "a healthy node")
    pid, before, sent_before = rig.bench.process.pid, accounted(rig), len(rig.sent)
    rig.camera.is_on = True
    messages = [
        *random_cdr(MALFORMED // 2),
        *torn(GOOD, MALFORMED // 4),
        *damaged(GOOD, MALFORMED - MALFORMED // 2 - MALFORMED // 4),
    ]
    assert len(messages) == MALFORMED
    shuffled = [messages[index] for index in np.random.default_rng(3).permutation(MALFORMED)]

    def flood(rig):
        for start in range(0, MALFORMED, 20):
            for message in shuffled[start : start + 20]:
                rig.publisher.publish(message)
            rig.play(0.004)

    name = f"{MALFORMED} malformed messages among good frames"
    outcome: Outcome = hold(rig, FaultCase("messages", name, "WARN: bad images", flood, BAD))
    assert (rig.bench.process.poll(), rig.bench.process.pid) == (None, pid)
    assert outcome.frames_sent > 0
    counted = accounted(rig) - before
    if not IS_HUMBLE:  # which does not tell what the middleware lost
        assert counted == len(rig.sent) - sent_before + MALFORMED
    after = values_of(rig.bench.diagnostics[-1])
    assert int(after["frames_failed"]) == 0
    assert int(after["frames_published"]) == len(rig.heard)


def accounted(rig):
    """Turn the camera off and return how many messages the node has taken or knows to be lost."""
    rig.send()
    rig.settle()
    seen = []

    def is_repeated(values):
        seen.append(int(values["frames_received"]) + int(values["frames_lost"]))
        return seen[-2:] == [seen[-1]] * 2

    rig.await_counts(is_repeated, "two equal counts")
    return seen[-1]
