"""The search for the peak rate, on a queue whose capacity is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.full_disk import full_disk

from fishy_ros.errors import ReplayError, ScoreError
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore, StoredHeatmap
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Playback, PlayedFrame, Recorder
from fishy_ros.evaluation.replay.peak import PeakTrial, find_peak, peak_text, trial_of, until_hopeless, write_peak
from fishy_ros.evaluation.replay.request import LiveOptions, ReplayRequest
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sources.source import PlayFrame

REQUEST = ReplayRequest(SourceChoice(dataset="synthetic", options=(("frames", 1), ("height", 64), ("width", 128))))


def node_of(capacities):
    """Play 1000 frames into a node that handles so many frames per second, another number at every run."""
    rates = []

    def run(rate_hz):
        rates.append(rate_hz)
        capacity = capacities[min(len(rates) - 1, len(capacities) - 1)]
        published = 1000 if rate_hz <= capacity else int(1000 * capacity / rate_hz)
        return PeakTrial(rate_hz, 1000, published, 1e3 / capacity, 2e3 / capacity, 0.1)

    return run


@pytest.mark.parametrize("start_hz", [1.0, 23.0, 400.0])
def test_the_capacity_of_a_node_is_found_from_below_and_from_above(start_hz):
    peak = find_peak(node_of([31.0]), start_hz)
    assert 31.0 / 1.05 <= peak.rate_hz <= 31.0 / 0.99
    assert peak.spread < 0.05
    assert (len(peak.counted), len(peak.discarded)) == (3, 2)


def test_the_best_and_the_worst_run_are_discarded():
    capacities = [30.0] * 15 + [60.0] * 15 + [10.0] * 15 + [30.0] * 60
    peak = find_peak(node_of(capacities), 20.0)
    rates = [trial.rate_hz for trial in peak.counted]
    assert peak.discarded[0].rate_hz <= min(rates)
    assert peak.discarded[1].rate_hz >= max(rates)


def test_latency_is_also_measured_at_four_fifths_of_the_peak():
    peak = find_peak(node_of([31.0]), 20.0)
    assert peak.calm.rate_hz == pytest.approx(0.8 * peak.rate_hz)
    assert peak.calm.published == peak.calm.played == 1000
    assert f"{peak.calm.latency_ms:.1f} ms in the median, {peak.calm.latency_p99_ms:.1f} ms" in peak_text(peak)


def test_a_node_that_drops_at_any_rate_is_an_error():
    with pytest.raises(ReplayError, match=r"even at 0\.1"):
        find_peak(node_of([0.001]), 5.0)


def test_a_trial_counts_what_a_run_gave():
    slot = StoredHeatmap(0, 1, 1)
    frames = tuple(
        PlayedFrame(i, str(i), slot if i != 3 else None, {ROUND_TRIP: 20.0} if i != 3 else {}, i * 100_000_000)
        for i in range(5)
    )
    trial = trial_of(Playback(frames))
    assert trial.rate_hz == pytest.approx(10.0)
    assert (trial.played, trial.published, trial.keeps_up) == (5, 4, False)
    assert trial.latency_ms == 20.0
    assert trial.jitter_ms == pytest.approx(47.14, abs=0.01)  # gaps of 100, 100 and 200 ms


def test_a_search_that_starts_where_another_ended_takes_fewer_tries():
    tries = []
    for runs in (1, 2, 3):
        node = node_of([31.0])
        rates = []
        find_peak(lambda rate_hz, rates=rates, node=node: rates.append(rate_hz) or node(rate_hz), 20.0, runs)
        tries.append(len(rates))
    assert tries[1] - tries[0] < tries[0]
    assert tries[2] - tries[1] <= 4


def test_a_try_ends_once_too_many_frames_are_dropped(tmp_path):
    frames = [PlayFrame(index, str(index), b"", index / 10) for index in range(200)]
    with HeatmapStore(tmp_path) as store:
        recorder = Recorder(store)
        played = []
        for frame in until_hopeless(frames, recorder, 200):
            recorder.note_played(frame.index + 1, frame.index, frame.id)
            if frame.index % 5 == 4:
                recorder.note_heatmap(frame.index + 1, np.zeros((1, 1), np.float32))
            played.append(frame.index)
    assert played == list(range(5))
    assert not trial_of(recorder.playback()).keeps_up


def test_a_full_disk_leaves_the_peak_of_before(tmp_path):
    peak = find_peak(node_of([31.0]), 20.0)
    before = write_peak(peak, REQUEST, tmp_path).read_bytes()
    with full_disk(100), pytest.raises(ScoreError, match="the peak cannot be written: File too large"):
        write_peak(peak, REQUEST, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["peak.json"]
    assert (tmp_path / "peak.json").read_bytes() == before


def test_the_report_of_a_peak_says_every_run_and_the_machine(tmp_path):
    peak = find_peak(node_of([31.0]), 20.0)
    path = write_peak(peak, REQUEST, tmp_path)
    report = json.loads(path.read_text())
    assert len(report["peak"]["counted"]) == 3
    assert report["environment"]["cores"] >= 1
    assert (report["source"]["name"], len(report["source"]["sha256"])) == ("synthetic", 64)
    assert f"{peak.rate_hz:.2f} frames/s" in peak_text(peak)


def test_the_report_of_a_peak_names_the_model_only_of_a_node_of_its_own(tmp_path):
    peak = find_peak(node_of([31.0]), 20.0)
    attached = replace(REQUEST, live=LiveOptions(attach="/detector"))
    for request, model in ((REQUEST, REQUEST.detector.model), (attached, None)):
        assert json.loads(write_peak(peak, request, tmp_path).read_text())["model"] == model
