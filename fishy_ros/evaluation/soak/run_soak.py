"""Let a detector run for hours under random faults, and watch it from outside."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.bags.messages import image_message
from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import ConfigError, ReplayError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.live.replay_session import replay_session
from fishy_ros.evaluation.replay.play import Progress
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, StartStage
from fishy_ros.evaluation.soak.soak_audit import SoakAudit
from fishy_ros.evaluation.soak.soak_driver import SoakDriver
from fishy_ros.evaluation.soak.soak_faults import inflict
from fishy_ros.evaluation.soak.soak_plan import PlannedFault, plan_faults
from fishy_ros.evaluation.soak.soak_result import FaultOutcome, SoakResult
from fishy_ros.evaluation.sources.dataset_source import FRAME_ID
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.types import ImageArray

_PICTURES = 4
_SAMPLES = 600


@dataclass(frozen=True)
class SoakRequest:
    """How long to soak what.

    Raises:
        ConfigError: a value is outside its range.
    """

    seconds: float
    choice: DetectorChoice
    rate_hz: float = 5.0
    fault_every_s: float = 10.0
    """Time from fault to fault, on average."""
    seed: int = 0
    recovery_limit_s: float = 1.0
    """The contract is broken when the first heatmap after a fault takes longer than this."""
    height: int = 256
    """Of the camera's pictures, in px; they are twice as wide."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seconds", self.seconds, 8.0, 1e7),
            ("rate", self.rate_hz, 0.1, 100.0),
            ("time between faults", self.fault_every_s, 1.0, 1e6),
            ("recovery limit", self.recovery_limit_s, 0.05, 1e3),
            ("height", self.height, 64, 4096),
        ):
            if not low <= value <= high:
                raise ConfigError(f"{name} of a soak is {value:g}; expected {low:g} to {high:g}")


def run_soak(request: SoakRequest, folder: Path, start_stage: StartStage) -> SoakResult:
    """Play a synthetic street with faults in it through a detector process; its log goes into `folder`.

    A node that ends, or that cannot be activated again, ends the soak: the result says so.

    Raises:
        FishyError: the model cannot be loaded, or the node cannot be started.
    """
    start_stage("drawing the pictures", 0)
    images = [*_street(request.height, seed=0), *_street(request.height * 3 // 4, seed=1)]
    frames = [PlayFrame(i, str(i), image_message(image, "bgr8", 0, FRAME_ID)) for i, image in enumerate(images)]
    usual, others = frames[:_PICTURES], frames[_PICTURES:]
    audit, runtime = _audit(request.choice, images)
    start_stage("starting the detector", 0)
    outcomes: list[FaultOutcome] = []
    ended = ""
    with replay_session(request.choice, LiveOptions(), IMAGE_TYPE, folder) as session:
        assert session.detector is not None, "a soak starts a node of its own"
        every_s = max(0.5, request.seconds / _SAMPLES)
        driver = SoakDriver(session.player, session.detector, audit, usual, request.rate_hz, every_s)
        try:
            _run(request, driver, others, outcomes, start_stage)
        except ReplayError as error:
            ended = str(error)
        seconds = driver.now_s
    return SoakResult(
        environment=describe_environment(),
        model=request.choice.model,
        runtime=runtime,
        rate_hz=request.rate_hz,
        seconds=seconds,
        seed=request.seed,
        recovery_limit_s=request.recovery_limit_s,
        sent=audit.sent,
        published=audit.published,
        wrong=tuple(audit.wrong),
        ended=ended,
        faults=tuple(outcomes),
        samples=tuple(driver.samples),
    )


def _run(
    request: SoakRequest,
    driver: SoakDriver,
    others: Sequence[PlayFrame],
    outcomes: list[FaultOutcome],
    start_stage: StartStage,
) -> None:
    plan = plan_faults(request.seconds, request.fault_every_s, request.seed)
    rng = random.Random(request.seed)
    progress = start_stage(f"soaking for {request.seconds:.0f} s with {len(plan)} faults", round(request.seconds))
    for fault in plan:
        _play_to(fault.at_s, driver, progress)
        started_s = driver.now_s
        inflict(fault, driver, others, rng)
        recover_s = driver.recover()
        outcomes.append(FaultOutcome(PlannedFault(fault.kind, started_s, fault.seconds), recover_s))
    _play_to(request.seconds, driver, progress)


def _play_to(at_s: float, driver: SoakDriver, progress: Progress) -> None:
    while driver.now_s < at_s:
        driver.play(min(1.0, at_s - driver.now_s))
        progress(round(driver.now_s))


def _street(height: int, seed: int) -> list[ImageArray]:
    return [sample.image for sample in SyntheticStreet(_PICTURES, height, 2 * height, seed)]


def _audit(choice: DetectorChoice, images: Sequence[ImageArray]) -> tuple[SoakAudit, str]:
    with choice.open() as detector:
        audit = SoakAudit([detector.detect(image).score for image in images])
        return audit, str(detector.runtime_info)
