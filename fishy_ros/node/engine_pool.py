"""One engine for several cameras in one process: shared detectors, and turns in the order of asking."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.imaging import Fit
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.runtimes import RuntimeInfo, SelectionNote
from fishy_ros.types import Detection, ImageArray


class Ticket:
    """The place of one worker in the order; once it is void, its thread waits for no turn any more."""

    def __init__(self) -> None:
        self.is_void = False


class EngineTurns:
    """Let one worker at a time use the engine, in the order in which they asked (first come, first served).

    A camera that is faster than its turns does not get more of them: it has one frame waiting, the newest.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[Ticket] = deque()
        """Tickets in the order of asking; the first one has the turn."""

    @contextmanager
    def turn(self, ticket: Ticket, timeout_s: float | None = None) -> Iterator[None]:
        """Wait for the turn of `ticket` and keep it while the context is open; a void one opens it without a turn.

        Raises:
            RuntimeUnavailableError: the turn did not come within `timeout_s` seconds.
        """
        try:
            self._wait(ticket, timeout_s)
            yield
        finally:
            self._remove(ticket)

    def give_up(self, ticket: Ticket) -> None:
        """Let the next one have its turn, for good: the thread of `ticket` hangs."""
        with self._condition:
            ticket.is_void = True
            self._remove(ticket)

    def stop_waiting(self, ticket: Ticket) -> None:
        """Give up `ticket`, unless it has the turn: its thread then keeps it to the end."""
        with self._condition:
            if next(iter(self._waiting), None) is not ticket:
                self.give_up(ticket)

    def _wait(self, ticket: Ticket, timeout_s: float | None) -> None:
        with self._condition:
            if not ticket.is_void:
                self._waiting.append(ticket)
            if not self._condition.wait_for(lambda: ticket.is_void or self._waiting[0] is ticket, timeout_s):
                raise RuntimeUnavailableError(
                    f"timed out after {timeout_s:g} s waiting for a turn at the shared engine; "
                    "does it hang on a frame of another camera?"
                )

    def _remove(self, ticket: Ticket) -> None:
        with self._condition:
            self._waiting = deque(other for other in self._waiting if other is not ticket)
            self._condition.notify_all()


class EnginePool:
    """Open each engine once, however many nodes of this process ask for it; any thread may use it."""

    def __init__(self) -> None:
        self.turns = EngineTurns()
        self._lock = threading.Lock()
        self._engines: dict[tuple[object, ...], _Engine] = {}

    def open(self, package: ModelPackage, parameters: DetectorParameters, precision: str) -> SharedDetector:
        """Return a detector that shares its engine with those of the same package, runtime, device and precision.

        Raises:
            FishyError: the engine cannot be loaded.
        """
        choice = (parameters.runtime, parameters.device, precision, parameters.threads, parameters.input_fit)
        with self._lock:
            engine = self._engines.setdefault((package.sha256, package.input_shape, *choice), _Engine(package, *choice))
            return SharedDetector(engine)


class _Engine:
    """An engine, opened when somebody uses it and closed when nobody does; abandoned ones are opened anew."""

    def __init__(
        self, package: ModelPackage, runtime: str, device: str, precision: str, threads: int, fit: Fit
    ) -> None:
        self.package = package
        self._choice = (runtime, device, precision, threads, fit)
        self._lock = threading.Lock()
        self._detector: AnomalyDetector | None = None
        self._users = 0

    def join(self) -> AnomalyDetector:
        """Count one user more, and return the detector."""
        detector = self.detector()
        with self._lock:
            self._users += 1
        return detector

    def detector(self) -> AnomalyDetector:
        """Return the detector in use."""
        with self._lock:
            if self._detector is None:
                self._detector = AnomalyDetector(self.package, *self._choice)
            return self._detector

    def abandon(self, hanging: AnomalyDetector) -> None:
        """Forget a detector in which a thread hangs; whoever comes next opens another."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._detector is hanging:
                self._detector = None

    def leave(self) -> None:
        """Count one user less, and close the detector after the last one."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if not self._users and self._detector is not None:
                self._detector.close()
                self._detector = None


class SharedDetector(AnomalyDetector):
    """An `AnomalyDetector` over a shared engine; to be used within a turn of the pool."""

    def __init__(self, engine: _Engine) -> None:
        """Use an engine of a pool."""
        self._engine = engine
        self._used = engine.join()

    @property
    def package(self) -> ModelPackage:
        """The model that is loaded."""
        return self._engine.package

    @property
    def runtime_info(self) -> RuntimeInfo:
        """Which engine runs the graph, and where."""
        return self._used.runtime_info

    @property
    def selection_notes(self) -> tuple[SelectionNote, ...]:
        """Why this runtime was chosen."""
        return self._used.selection_notes

    @property
    def score_size(self) -> tuple[int, int]:
        """Height and width of every score map, in px."""
        return self._used.score_size

    def score_size_of(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the score map of an image of this size, in px."""
        return self._used.score_size_of(height, width)

    @property
    def fit_of_last(self) -> str:
        """How the last image came into the network's input."""
        return self._used.fit_of_last

    @property
    def network_detection(self) -> Detection:
        """The last result as the network gave it."""
        return self._used.network_detection

    @property
    def network_image(self) -> ImageArray:
        """The last image as the network read it; valid until the turn ends."""
        return self._used.network_image

    def detect(self, image: ImageArray) -> Detection:
        """Score an image; see `AnomalyDetector.detect`."""
        self._used = self._engine.detector()
        return self._used.detect(image)

    def abandon(self) -> None:
        """Leave the engine in which a thread of this node hangs; the other nodes get a new one, too."""
        self._engine.abandon(self._used)

    def close(self) -> None:
        """Leave the engine; it is freed with its last user."""
        self._engine.leave()


def open_detector(parameters: DetectorParameters, pool: EnginePool | None) -> AnomalyDetector:
    """Open the detector that the parameters ask for, of its own or shared.

    Raises:
        FishyError: it cannot be loaded.
    """
    package = load_model_package(parameters.model, parameters.trusted_key)
    return open_configuration(package, parameters, parameters.precision, pool)


def open_configuration(
    package: ModelPackage, parameters: DetectorParameters, precision: str, pool: EnginePool | None
) -> AnomalyDetector:
    """Open one configuration of a model, of its own or shared.

    Raises:
        FishyError: it cannot be loaded.
    """
    if pool is not None:
        return pool.open(package, parameters, precision)
    return AnomalyDetector(
        package, parameters.runtime, parameters.device, precision, parameters.threads, parameters.input_fit
    )
