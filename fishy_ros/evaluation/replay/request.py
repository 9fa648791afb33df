"""What to replay, through what, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

from fishy_ros.bags import IMAGE_TOPIC
from fishy_ros.deprecated_names import PARAMETERS
from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.play import Lockstep, Pacing, Progress, Timed
from fishy_ros.evaluation.replay.region_pass import RegionRequest
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.imaging import Fit
from fishy_ros.metrics.component import find_track
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.model_package.finding import DEFAULT_MODEL
from fishy_ros.node.parameters import DetectorParameters, describe_unknown

StartStage: TypeAlias = Callable[[str, int], Progress]
"""Announces a stage of a run with its number of steps; what it returns is told how many are done."""


@dataclass(frozen=True)
class DetectorChoice:
    """The detector that answers."""

    model: str = DEFAULT_MODEL
    """Name of a model package, or path to one."""
    runtime: str = "auto"
    device: str = "auto"
    precision: str = "fp32"
    threads: int = 0
    """CPU threads of a CPU runtime; 0 takes all cores."""
    trusted_key: str = ""
    """File of the public key that must have signed the package; empty if none must."""
    fit: Fit = "stretch"
    """How an image of another aspect ratio than the network's comes into it."""

    def load(self) -> ModelPackage:
        """Load the package, without a runtime.

        Raises:
            ModelPackageError: the package is damaged, or not signed as it must be.
            ConfigError: the key is none.
        """
        return load_model_package(self.model, self.trusted_key)

    def open(self) -> AnomalyDetector:
        """Load the detector into this process.

        Raises:
            FishyError: the model or the runtime cannot be loaded.
        """
        return AnomalyDetector(self.load(), self.runtime, self.device, self.precision, self.threads, self.fit)


_SET_BY_REPLAY: frozenset[str] = frozenset(
    {*(item.name for item in fields(DetectorChoice)), "image_transport", "autostart"}
)
"""Parameters that a replay gives its node itself."""


def _check_parameters(names: Iterable[str]) -> None:
    known = {"use_sim_time", *PARAMETERS, *(item.name for item in fields(DetectorParameters))}
    for name in names:
        if name in _SET_BY_REPLAY:
            raise ConfigError(f"parameter {name}: a replay sets it itself; expected its own option, such as --model")
        if name not in known and not name.startswith("qos_overrides."):
            raise ConfigError(describe_unknown(name))


def _check_rate(rate_hz: float | None) -> None:
    if rate_hz is not None and not 0 < rate_hz <= 1000:
        raise ConfigError(f"rate {rate_hz}: expected a number of frames per second in (0, 1000]")


@dataclass(frozen=True)
class LiveOptions:
    """How a replay reaches its node.

    Raises:
        ConfigError: a value is outside its range, two contradict each other, or a parameter is none of the node, or
            one that the replay sets itself.
    """

    rate_hz: float | None = None
    """Frames a second; None plays at the bag's own rate."""
    lockstep: bool = False
    """Play each frame only after the heatmap of the previous one."""
    timeout_s: float = 30.0
    """In lockstep, give up on a frame after this time."""
    domain_id: int | None = None
    """DDS domain; None takes a private one, or the environment's where a running node is scored."""
    attach: str | None = None
    """Name of a running node to score; None starts one."""
    image_topic: str = IMAGE_TOPIC
    """Where the node listens for images."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Parameters of a node that is started, name and value, beside those of the detector."""
    record: Path | None = None
    """File or folder of a bag of everything that the node publishes; None records nothing."""

    def __post_init__(self) -> None:
        _check_rate(self.rate_hz)
        if self.rate_hz is not None and self.lockstep:
            raise ConfigError("a rate and lockstep exclude each other; lockstep plays as fast as the node answers")
        if not self.timeout_s > 0:
            raise ConfigError(f"timeout {self.timeout_s}: expected a positive number of seconds")
        if self.domain_id is not None and not 0 <= self.domain_id <= 232:
            raise ConfigError(f"domain id {self.domain_id}: expected 0 to 232")
        _check_parameters(name for name, _ in self.parameters)
        if self.attach is not None and self.parameters:
            raise ConfigError(
                f"parameters were given, but {self.attach} runs already: expected `ros2 param set {self.attach} ...`"
            )

    def pacing(self, has_own_rate: bool) -> Pacing:
        """Choose how frames follow each other; without any rate that is lockstep."""
        if self.lockstep or (self.rate_hz is None and not has_own_rate):
            return Lockstep(self.timeout_s)
        return Timed(self.rate_hz)


@dataclass(frozen=True)
class ReplayRequest:
    """One replay from beginning to end.

    Raises:
        ScoreError: there is no such track of component metrics.
        ConfigError: a running node is asked to trust a key, streaming accuracy is asked for without real time, a rate
            is given that nothing would use, a video without a folder, or regions of a running node without a threshold.
    """

    source: SourceChoice
    detector: DetectorChoice = DetectorChoice()
    live: LiveOptions | None = LiveOptions()
    """None replays in this process."""
    out: Path | None = None
    """Folder of the report; None writes none."""
    timing_frames: int = 0
    """So many frames are timed by themselves."""
    components: str | None = None
    """Track of the component metrics, `anomaly` or `obstacle`; None leaves them out."""
    regions: RegionRequest | None = None
    """What to find out about regions; None nothing."""
    streaming: bool = False
    """Score what had been published by the time of each frame, too; in real time only."""
    video: bool = False
    """Write the overlays as a video; without ground truth a report has one anyway."""
    offline_rate_hz: float | None = None
    """Without a node: frames a second of a dataset, for the times of `regions`; a node has its rate in `live`."""

    def __post_init__(self) -> None:
        if self.components is not None:
            find_track(self.components)
        if self.streaming:
            if self.live is None or self.live.lockstep:
                raise ConfigError(
                    "streaming accuracy needs real time: through the node, not in lockstep and not offline"
                )
            if self.source.bag is None and self.live.rate_hz is None:
                raise ConfigError("streaming accuracy needs real time; a dataset has no rate of its own: give --rate")
        _check_rate(self.offline_rate_hz)
        if self.offline_rate_hz is not None and (self.regions is None or self.source.bag is not None):
            raise ConfigError(
                f"rate {self.offline_rate_hz}: with --offline only --regions of a dataset has a use for it; "
                "a bag has times of its own"
            )
        if self.regions is not None and self.is_elsewhere:
            if self.regions.drivable:
                raise ConfigError(
                    "regions on the drivable area need the names of the model's classes: not with --attach"
                )
            if self.regions.threshold is None:
                raise ConfigError(
                    "the model of a node that runs already is not known here: regions need a --threshold, such as "
                    "the one that the node publishes on ~/threshold"
                )
        if self.video and self.out is None:
            raise ConfigError("a video needs a folder to stay in: expected --out")
        if self.detector.trusted_key and self.live is not None and self.live.attach is not None:
            raise ConfigError(
                f"a trusted key was given, but {self.live.attach} loads its model itself: set its parameter trusted_key"
            )

    @property
    def is_elsewhere(self) -> bool:
        """Whether a node that was running already has the model, which is then not known here."""
        return self.live is not None and self.live.attach is not None

    def for_models(self, names: Sequence[str]) -> tuple[ReplayRequest, ...]:
        """Replace the model by each of `names`; of several, each report has a folder called by the model's last part.

        Raises:
            ConfigError: two reports would have the same folder, or a running node is to have several models.
        """
        if len(names) > 1 and self.is_elsewhere:
            raise ConfigError(f"{len(names)} models were given (--models, --scores), but --attach names one node")
        folders = [Path(name).name if len(names) > 1 else "" for name in names]
        if self.out is not None and (twice := sorted({part for part in folders if folders.count(part) > 1})):
            raise ConfigError(
                f"two models would write {self.out / twice[0]}; expected different last parts of their names"
            )
        return tuple(
            replace(self, detector=replace(self.detector, model=name), out=self.out and self.out / folder)
            for name, folder in zip(names, folders, strict=True)
        )


def model_names(model: str, models: str | None, scores: str | None) -> tuple[str, ...]:
    """List the model packages of a comparison.

    A score is compiled into the graph of its package: a model `M` with a score `S` is the package `M-S`.

    >>> model_names("fishy-s", "a,b", "msp,entropy")
    ('a-msp', 'a-entropy', 'b-msp', 'b-entropy')
    """
    bases = _split(models) if models is not None else (model,)
    if scores is None:
        return bases
    return tuple(f"{base}-{score}" for base in bases for score in _split(scores))


def _split(names: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in names.split(",") if name.strip())
    if not found or len(set(found)) < len(found):
        raise ConfigError(f"{names!r}: expected different names, separated by commas")
    return found
