"""Find the peak input rate of a node of our own, or of a running one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.live.replay_session import ReplaySession, replay_session
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.live import watched
from fishy_ros.evaluation.replay.match import Recorder
from fishy_ros.evaluation.replay.peak import RUNS, Peak, PeakTrial, find_peak, hold_in_memory, trial_of, until_hopeless
from fishy_ros.evaluation.replay.play import Lockstep, Pacing, Timed, play, warm_up
from fishy_ros.evaluation.replay.request import ReplayRequest, StartStage
from fishy_ros.evaluation.sources.source import PlayFrame, repeat

_GUESS_FRAMES = 20


def run_peak(request: ReplayRequest, frames: int, start_stage: StartStage, runs: int = RUNS) -> Peak:
    """Search for the highest rate at which under 1 % of `frames` frames are dropped, `runs` times over.

    Raises:
        ConfigError: the request is an offline one, which has no rate.
        FishyError: the node cannot be reached, or drops frames at any rate.
    """
    options = request.live
    if options is None:
        raise ConfigError("--peak needs the node; it has no meaning with --offline")
    source = request.source.open()
    start_stage("reading the frames into memory", 0)
    in_memory = hold_in_memory(source)
    with tempfile.TemporaryDirectory(prefix="fishy-peak-") as scratch:
        folder = Path(scratch)
        start_stage("starting the detector", 0)
        with replay_session(request.detector, options, source.message_type, folder) as session:
            trials = _Trials(session, in_memory, folder, start_stage)
            return find_peak(lambda rate_hz: trials.run(Timed(rate_hz), frames), trials.guess_hz(), runs)


class _Trials:
    """Plays the same frames over and over, every time with a fresh recorder."""

    def __init__(
        self, session: ReplaySession, in_memory: tuple[PlayFrame, ...], folder: Path, start_stage: StartStage
    ) -> None:
        self._session = session
        self._in_memory = in_memory
        self._folder = folder
        self._start_stage = start_stage

    def guess_hz(self) -> float:
        """Warm the node up and return the rate of lockstep."""
        with HeatmapStore(self._folder) as store:
            recorder = Recorder(store)
            with watched(self._session.detector, recorder):
                warm_up(self._in_memory[0], self._session.player, recorder)
        return 1e3 / self.run(Lockstep(), _GUESS_FRAMES).latency_ms

    def run(self, pacing: Pacing, frames: int) -> PeakTrial:
        """Play `frames` frames, or fewer where too many are dropped before."""
        rate = f"{pacing.rate_hz:.2f} Hz" if isinstance(pacing, Timed) and pacing.rate_hz else "one after the other"
        progress = self._start_stage(f"playing {rate}", frames)
        with HeatmapStore(self._folder) as store:
            recorder = Recorder(store)
            with watched(self._session.detector, recorder):
                played = until_hopeless(repeat(self._in_memory, frames), recorder, frames)
                play(played, self._session.player, recorder, pacing, progress)
            return trial_of(recorder.playback())
