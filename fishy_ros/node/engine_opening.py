"""An engine that is opened on a thread of its own: where that hangs, whoever waits for it need not."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import CancelledError, RuntimeUnavailableError
from fishy_ros.runtimes.options import never

REOPENING_TIMEOUT_S: float = 30.0
"""So long an engine that was open before may give no sign of life while it is opened again; it is compiled already."""
_POLL_S = 0.1


@dataclass(frozen=True)
class Opener:
    """Who has an engine opened."""

    name: str = "this process"
    """Full name of the node, for messages."""
    is_ending: Callable[[], bool] = never
    """Whether it needs no engine any more; any thread may ask."""


class Opening:
    """One try to open an engine. Any thread may wait for it, and any may give it up."""

    def __init__(self, engine: str, opener: Opener, open_it: Callable[[Callable[[], bool]], AnomalyDetector]) -> None:
        """Begin.

        Args:
            engine: what messages call the engine.
            opener: who has it opened.
            open_it: opens it; what it is given says whether to stop, and to ask that is a sign of life.
        """
        self._engine, self._opener = engine, opener
        self._condition = threading.Condition()
        self._detector: AnomalyDetector | None = None
        self._error: Exception | None = None
        self._is_given_up = False
        self._done_at: float | None = None
        self._began_at = self._alive_at = time.monotonic()
        threading.Thread(target=self._run, args=(open_it,), name="opening", daemon=True).start()

    def __str__(self) -> str:
        """Say which engine is being opened, for whom and for how long."""
        silence = f", without a sign of life for {self.silent_s:.1f} s" if self.silent_s >= 1.0 else ""
        took_s = time.monotonic() - self._began_at
        return f"the engine {self._engine} is being opened for {self._opener.name}, since {took_s:.1f} s{silence}"

    @property
    def is_done(self) -> bool:
        """Whether the thread is out of the runtime, with an engine or without."""
        return self._done_at is not None

    @property
    def is_pending(self) -> bool:
        """Whether somebody may still wait for it."""
        return not self.is_done and not self._is_given_up

    @property
    def has_failed(self) -> bool:
        """Whether it ended without an engine."""
        return self._error is not None

    @property
    def silent_s(self) -> float:
        """For how many seconds it has given no sign of life."""
        return time.monotonic() - self._alive_at

    @property
    def ready_s(self) -> float:
        """For how many seconds a frame could have been in work.

        While the engine is opened, these are the seconds for which it should have been open by now.
        """
        if self._done_at is not None:
            return time.monotonic() - self._done_at
        return max(0.0, self.silent_s - REOPENING_TIMEOUT_S) if self.is_pending else math.inf

    def wait(self, is_overdue: Callable[[], bool] = never) -> AnomalyDetector:
        """Return the engine once it is open.

        Raises:
            RuntimeUnavailableError: `is_overdue` said yes, the opening was given up, or the runtime cannot be used.
            CancelledError: the opener needs no engine any more.
            FishyError: any other reason why it cannot be opened.
        """
        with self._condition:
            while self.is_pending:
                if self._opener.is_ending():
                    raise CancelledError(f"{self}: the node ends")
                if is_overdue():
                    raise RuntimeUnavailableError(f"timed out: {self}; does its device hang?")
                self._condition.wait(_POLL_S)
            if self._error is not None:
                raise self._error
            if self._detector is None or self._is_given_up:
                raise RuntimeUnavailableError(f"{self}: given up")
            return self._detector

    def give_up(self) -> None:
        """Let everybody who waits go on without it; an engine that comes late is closed, one in use is left alone."""
        with self._condition:
            self._is_given_up = True
            self._condition.notify_all()

    def close(self) -> None:
        """Close the engine, which nobody uses any more, now or as soon as it is open."""
        self.give_up()
        if self._detector is not None:
            self._detector.close()

    def _run(self, open_it: Callable[[Callable[[], bool]], AnomalyDetector]) -> None:
        detector, error = None, None
        try:
            detector = open_it(self._note_life)
        except Exception as raised:  # for those who wait
            error = raised
        with self._condition:
            is_late = self._is_given_up
            self._detector, self._error = (None if is_late else detector), error
            self._done_at = time.monotonic()
            self._condition.notify_all()
        if is_late and detector is not None:
            detector.close()

    def _note_life(self) -> bool:
        self._alive_at = time.monotonic()
        return self._is_given_up or self._opener.is_ending()
