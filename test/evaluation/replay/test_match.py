"""What comes back is matched with what was played, and everything odd is counted and named."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Recorder


def score_map(value: float) -> np.ndarray:
    return np.full((2, 3), value, np.float32)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_heatmap_goes_to_the_frame_with_its_stamp_in_whatever_order_they_arrive(data):
    stamps = data.draw(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=12, unique=True))
    arrivals = data.draw(st.lists(st.sampled_from([*stamps, -1]), max_size=20))
    with HeatmapStore() as store:
        recorder = Recorder(store)
        for index, stamp in enumerate(stamps):
            recorder.note_played(stamp, index, f"frame {index}")
        for count, stamp in enumerate(arrivals):
            recorder.note_heatmap(stamp, score_map(count))
        playback = recorder.playback()
        for frame, stamp in zip(playback.frames, stamps, strict=True):
            if stamp in arrivals:
                assert np.array_equal(store.read(frame.stored), score_map(arrivals.index(stamp)))
            else:
                assert frame.stored is None
    known = [stamp for stamp in arrivals if stamp != -1]
    assert playback.published == len(set(known))
    assert len(playback.duplicates) == len(known) - len(set(known))
    assert playback.unexpected == arrivals.count(-1)
    assert playback.missing == tuple(f"frame {i}" for i, stamp in enumerate(stamps) if stamp not in arrivals)


def test_latencies_are_kept_beside_the_measured_round_trip():
    with HeatmapStore() as store:
        recorder = Recorder(store)
        recorder.note_played(7, 0, "a")
        time.sleep(0.02)
        recorder.note_heatmap(7, score_map(1))
        recorder.note_latency(7, {"inference": 12.5})
        recorder.note_latency(8, {"inference": 99.0})
    (frame,) = recorder.playback().frames
    assert frame.stages_ms["inference"] == 12.5
    assert 20 <= frame.stages_ms[ROUND_TRIP] < 2000


def test_two_frames_with_one_stamp_are_refused():
    with HeatmapStore() as store:
        recorder = Recorder(store)
        recorder.note_played(7, 0, "a")
        with pytest.raises(ValueError, match=r"'b'.*'a'"):
            recorder.note_played(7, 1, "b")


def test_a_wait_ends_when_the_heatmap_arrives_and_not_before():
    with HeatmapStore() as store:
        recorder = Recorder(store)
        recorder.note_played(7, 0, "a")
        assert not recorder.wait_for(7, 0.05)
        threading.Timer(0.1, recorder.note_heatmap, (7, score_map(0))).start()
        assert recorder.wait_for(7, 10)


def test_a_failure_reported_by_another_thread_ends_a_wait():
    with HeatmapStore() as store:
        recorder = Recorder(store)
        threading.Timer(0.1, recorder.fail, (ReplayError("the node is gone"),)).start()
        with pytest.raises(ReplayError, match="the node is gone"):
            recorder.pause(10)


def test_waiting_for_the_rest_gives_up_when_nothing_comes_any_more():
    with HeatmapStore() as store:
        recorder = Recorder(store)
        recorder.note_played(1, 0, "a")
        recorder.note_played(2, 1, "b")
        recorder.note_heatmap(1, score_map(0))
        recorder.wait_for_all(quiet_s=0.05)
    assert recorder.playback().missing == ("b",)
