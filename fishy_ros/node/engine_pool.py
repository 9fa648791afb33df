"""One engine for several cameras in one process: shared detectors, and turns in the order of asking."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import InferenceError, RuntimeUnavailableError
from fishy_ros.imaging import Fit
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.node.engine_opening import Opener, Opening
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.runtimes import RuntimeInfo, SelectionNote
from fishy_ros.types import Detection, ImageArray

TURN_TIMEOUT_S: float = 5.0
"""So long the thread of a camera's callbacks waits for the other cameras; their frames take less, unless one hangs."""
OPENING_TIMEOUT_S: float = 120.0
"""So long a camera waits for a sign of life of an engine that is opened; compiling gives one at every step."""
ANYBODY = Opener()


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

    @property
    def has_hung(self) -> bool:
        """Whether a thread may still be inside a runtime that it was to open."""
        with self._lock:
            return any(engine.has_hung for engine in self._engines.values())

    def open(
        self, package: ModelPackage, parameters: DetectorParameters, precision: str, opener: Opener = ANYBODY
    ) -> SharedDetector:
        """Return a detector that shares its engine with those of the same package, runtime, device and precision.

        Raises:
            RuntimeUnavailableError: the engine gives no sign of life for `OPENING_TIMEOUT_S` while it is opened, be
                it for another node.
            FishyError: the engine cannot be loaded.
        """
        choice = _choice(parameters, precision)
        with self._lock:
            engine = self._engines.setdefault((package.sha256, package.input_shape, *choice), _Engine(package, *choice))
        return SharedDetector(engine, opener)


class _Engine:
    """An engine, opened when somebody uses it and closed when nobody does; abandoned ones are opened anew."""

    def __init__(
        self, package: ModelPackage, runtime: str, device: str, precision: str, threads: int, fit: Fit
    ) -> None:
        self.package = package
        self._choice = (runtime, device, precision, threads, fit)
        self._name = f"{precision} of {package.name} (runtime {runtime}, device {device})"
        self._lock = threading.Lock()
        """Never held while an engine is opened or closed."""
        self._opening: Opening | None = None
        self._given_up: list[Opening] = []
        self._users = 0

    @property
    def has_hung(self) -> bool:
        """Whether a thread is still inside a runtime that was given up while it was opened."""
        return any(not opening.is_done for opening in self._given_up)

    def join(self, opener: Opener) -> Opening:
        """Count one user more, and return the engine once it is open.

        Raises:
            FishyError: as `EnginePool.open`.
        """
        with self._lock:
            self._users += 1
        opening = self.opening(opener)
        try:
            opening.wait(lambda: opening.silent_s > OPENING_TIMEOUT_S)
        except Exception:
            self.abandon(opening)
            self.leave()
            raise
        return opening

    def opening(self, opener: Opener) -> Opening:
        """Return the opening of the engine in use; where there is none, or it failed, begin one."""
        with self._lock:
            if self._opening is None or self._opening.has_failed:
                self._opening = Opening(
                    self._name,
                    opener,
                    lambda is_cancelled: AnomalyDetector(self.package, *self._choice, is_cancelled=is_cancelled),
                )
            return self._opening

    def abandon(self, hanging: Opening) -> None:
        """Forget an engine that hangs, open or not; whoever comes next opens another."""
        with self._lock:
            if self._opening is hanging:
                self._forget()
        hanging.give_up()

    def leave(self) -> None:
        """Count one user less, and close the engine after the last one."""
        with self._lock:
            self._users = max(0, self._users - 1)
            unused = None if self._users else self._forget()
        if unused is not None:
            unused.close()

    def _forget(self) -> Opening | None:
        """Have no engine any more, and return the one of before; the lock is held."""
        before, self._opening = self._opening, None
        openings = [*self._given_up, before]
        self._given_up = [one for one in openings if one is not None and not one.is_done]
        return before


class SharedDetector(AnomalyDetector):
    """An `AnomalyDetector` over a shared engine; to be used within a turn of the pool."""

    def __init__(self, engine: _Engine, opener: Opener) -> None:
        """Use an engine of a pool.

        Raises:
            FishyError: as `EnginePool.open`.
        """
        self._engine, self._opener = engine, opener
        self._opening = engine.join(opener)
        self._used = self._opening.wait()
        self._is_abandoned = False

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

    @property
    def opening(self) -> str:
        """What the frame in work waits for where the engine is being opened again; empty where it is open."""
        return str(self._opening) if self._opening.is_pending else ""

    @property
    def ready_s(self) -> float:
        """See `Opening.ready_s`."""
        return self._opening.ready_s

    def detect(self, image: ImageArray) -> Detection:
        """Score an image; see `AnomalyDetector.detect`. An engine that was abandoned is opened again first.

        Raises:
            FishyError: it cannot be.
        """
        if self._is_abandoned:
            raise InferenceError("the thread comes back too late: the engine in which it was is abandoned")
        self._opening = self._engine.opening(self._opener)
        self._used = self._opening.wait()
        return self._used.detect(image)

    def abandon(self) -> SharedDetector:
        """Leave this detector and its engine to a thread of this node that hangs in it; all nodes get a new one.

        Returns:
            The detector that takes its place; it opens the engine for its first frame.
        """
        successor = copy.copy(self)
        self._is_abandoned = True
        self._engine.abandon(self._opening)
        return successor

    def close(self) -> None:
        """Leave the engine; it is freed with its last user."""
        self._engine.leave()


def open_detector(parameters: DetectorParameters, pool: EnginePool | None, opener: Opener) -> AnomalyDetector:
    """Open the detector that the parameters ask for, of its own or shared.

    Raises:
        FishyError: it cannot be loaded.
    """
    package = load_model_package(parameters.model, parameters.trusted_key)
    return open_configuration(package, parameters, parameters.precision, pool, opener)


def open_configuration(
    package: ModelPackage, parameters: DetectorParameters, precision: str, pool: EnginePool | None, opener: Opener
) -> AnomalyDetector:
    """Open one configuration of a model, of its own or shared.

    Raises:
        FishyError: it cannot be loaded.
    """
    if pool is not None:
        return pool.open(package, parameters, precision, opener)
    return AnomalyDetector(package, *_choice(parameters, precision), is_cancelled=opener.is_ending)


def _choice(parameters: DetectorParameters, precision: str) -> tuple[str, str, str, int, Fit]:
    """Return what `AnomalyDetector` takes after the package."""
    return parameters.runtime, parameters.device, precision, parameters.threads, parameters.input_fit
