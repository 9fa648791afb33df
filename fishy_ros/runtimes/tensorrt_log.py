"""What a TensorRT library says while it works, handed to Python's logging."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)
_LAYERS = "Layers:\n"
"""How the message begins that describes the layers of a new engine, one a line."""
_NO_DRIVER = ("cudaError 35", "cudaError 100", "CUDA driver version is insufficient", "no CUDA-capable device")
"""Parts of messages that only say that there is no GPU, which is no error where an engine is built for another."""
_CANCELED = "canceled by user"
"""Part of the message of a build that `create_progress` has ended."""
_KEPT = 20
"""Errors that are remembered."""


class Messages:
    """What a library has said since `clear`: its errors, and the layers of the engine that it has built.

    Without a GPU, complaints about the lack of one are logged as debugging; so is that a build was cancelled.
    """

    def __init__(self, has_gpu: bool) -> None:
        self.layers = ""
        self._errors: list[str] = []
        self._has_gpu = has_gpu

    def clear(self) -> None:
        """Forget everything, before something that may fail."""
        self._errors, self.layers = [], ""

    def take(self, level: int, text: str) -> None:
        """Take one message of a level of Python's logging."""
        if level >= logging.ERROR:
            self._errors = [*self._errors, text][:_KEPT]
            is_expected = not self._has_gpu and any(words in text for words in _NO_DRIVER)
            if is_expected or _CANCELED in text:
                level = logging.DEBUG
        elif text.startswith(_LAYERS):
            self.layers = text[len(_LAYERS) :]
        _LOG.log(level, "tensorrt: %s", text)

    def reason(self, otherwise: str = "no reason given") -> str:
        """Return the first error, which the others follow from, as one line of at most 400 characters."""
        return " ".join(self._errors[0].split())[:400] if self._errors else otherwise

    def mentions(self, word: str) -> bool:
        """Tell whether an error holds a word, in lower case."""
        return any(word in text.lower() for text in self._errors)


def create_logger(trt: Any, messages: Messages) -> Any:
    """Return an `ILogger` of a library that fills `messages`; the library calls it, also from its own threads."""
    levels = {
        trt.ILogger.Severity.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.Severity.ERROR: logging.ERROR,
        trt.ILogger.Severity.WARNING: logging.WARNING,
    }

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def log(self, severity: Any, message: str) -> None:
            messages.take(levels.get(severity, logging.DEBUG), message)

    return Logger()


def create_progress(trt: Any, is_cancelled: Callable[[], bool]) -> Any:
    """Return an `IProgressMonitor` that logs the steps of the outermost phase, at most one line in five seconds.

    It asks `is_cancelled` at every step of any phase, on the library's threads, and ends the build once that says yes.
    """

    class Progress(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._phases: dict[str, int] = {}
            self._logged = time.monotonic()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._phases[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._phases and time.monotonic() - self._logged > 5:
                self._logged = time.monotonic()
                _LOG.info("tensorrt: %s, step %d of %d", phase_name, step + 1, self._phases[phase_name])
            return not is_cancelled()

        def phase_finish(self, phase_name: str) -> None:
            self._phases.pop(phase_name, None)

    return Progress()
