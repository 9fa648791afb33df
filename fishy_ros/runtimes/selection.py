"""The choice of a runtime: by name, or the fastest that works on this machine."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from fishy_ros.errors import CancelledError, ConfigError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import Runtime
from fishy_ros.runtimes.nvidia import count_gpus
from fishy_ros.runtimes.options import RuntimeOptions, never
from fishy_ros.runtimes.registry import RUNTIMES, start, why_not_installed

AUTO = "auto"
_LOG = logging.getLogger(__name__)


class SelectionNote(NamedTuple):
    """One line about why a runtime was chosen, or why another was not."""

    level: str
    """`info`, or `warning` where something that should have worked did not."""
    text: str

    def __str__(self) -> str:
        return self.text


class Selection(NamedTuple):
    """The runtime that was started, and why that one."""

    runtime: Runtime
    notes: tuple[SelectionNote, ...]


class _Candidate(NamedTuple):
    """A runtime on a kind of device; `why` is its place in the ranking, empty where `auto` never takes it."""

    name: str
    device: str
    why: str


_RANKING: tuple[_Candidate, ...] = (
    _Candidate("tensorrt", "cuda", "an engine compiled for this very GPU is the fastest there is"),
    _Candidate("tensorrt", "dla", "it is the one for deep learning accelerators"),
    _Candidate("onnxruntime-tensorrt", "cuda", ""),
    _Candidate("onnxruntime", "cuda", "the fastest on a GPU without TensorRT"),
    _Candidate("openvino", "gpu", "it is the one for Intel GPUs"),
    _Candidate("openvino", "cpu", "the fastest on x86 processors (`fishy bench baselines` compares)"),
    _Candidate("onnxruntime", "cpu", "it runs on every processor"),
)


def create_runtime(
    name: str, package: ModelPackage, device: str = "auto", precision: str = "fp32", threads: int = 0
) -> Runtime:
    """Start a runtime by name, or with `auto` the fastest that works here.

    Raises:
        ConfigError: a name, device or precision is not known.
        RuntimeUnavailableError: a library or device is missing, or none works.
        ModelPackageError: the runtime cannot load the graph.
    """
    return select_runtime(name, package, device, precision, threads).runtime


def select_runtime(
    name: str,
    package: ModelPackage,
    device: str = "auto",
    precision: str = "fp32",
    threads: int = 0,
    is_cancelled: Callable[[], bool] = never,
) -> Selection:
    """Start a runtime as `create_runtime` does, and say why it was chosen.

    A candidate that is not installed or whose device is not there is passed over with an `info`; one that should work
    but fails is passed over with a `warning`. `is_cancelled` is asked as `RuntimeOptions` says.

    Raises:
        CancelledError: `is_cancelled` said yes.
    """
    notes: list[SelectionNote] = []

    def warn(text: str) -> None:
        notes.append(SelectionNote("warning", text))
        _LOG.warning("%s", text)

    options = RuntimeOptions(device, precision, threads, warn, is_cancelled)
    package.graph(precision)
    failures: list[ModelPackageError | RuntimeUnavailableError] = []
    for candidate in _candidates(name, options):
        if is_cancelled():
            raise CancelledError(f"{candidate.name}: not started, because the start was cancelled")
        absence = _why_absent(candidate)
        if absence:
            notes.append(SelectionNote("info", absence))
            continue
        try:
            chosen = (
                options if options.device.startswith(candidate.device) else replace(options, device=candidate.device)
            )
            runtime = start(candidate.name, package, chosen)
        except (ModelPackageError, RuntimeUnavailableError) as error:
            failures.append(error)
            warn(f"{candidate.name} on {candidate.device} passed over: {error}")
            continue
        why = candidate.why if name == AUTO else "asked for"
        notes.append(SelectionNote("info", f"{candidate.name} on {runtime.info.device} chosen: {why}"))
        _LOG.info("%s", notes[-1])
        return Selection(runtime, tuple(notes))
    raise _no_candidate(name, options, notes, failures)


def _candidates(name: str, options: RuntimeOptions) -> list[_Candidate]:
    if name == "torch":
        raise ConfigError("runtime 'torch' is gone: take onnxruntime (processors, CUDA), tensorrt or openvino")
    if name != AUTO and name not in RUNTIMES:
        raise ConfigError(f"runtime {name!r}: expected {AUTO}, {', '.join(RUNTIMES)}")
    kind = options.device.partition(":")[0]
    candidates = [
        candidate
        for candidate in _RANKING
        if (candidate.why if name == AUTO else candidate.name == name)
        and (candidate.device == kind or (kind == "auto" and candidate.device in ("cuda", "cpu")))
    ]
    if name == AUTO and platform.machine() not in ("x86_64", "AMD64"):
        candidates.sort(key=lambda candidate: candidate.name == "openvino")
    return candidates


def _why_absent(candidate: _Candidate) -> str | None:
    if candidate.device in ("cuda", "dla") and count_gpus() == 0:
        return f"{candidate.name} on {candidate.device}: there is no NVIDIA GPU with a working driver"
    return why_not_installed(candidate.name)


def _no_candidate(
    name: str,
    options: RuntimeOptions,
    notes: list[SelectionNote],
    failures: list[ModelPackageError | RuntimeUnavailableError],
) -> ModelPackageError | RuntimeUnavailableError:
    if len(failures) == 1 and len(notes) == 1:
        return failures[0]
    reasons = "; ".join(note.text for note in notes) or f"{name} does not run on {options.device}"
    if failures and all(isinstance(failure, ModelPackageError) for failure in failures):
        return ModelPackageError(reasons)
    return RuntimeUnavailableError(f"runtime {name!r} on device {options.device!r} cannot be used: {reasons}")
