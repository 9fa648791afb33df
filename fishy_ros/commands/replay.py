"""`fishy replay`: play a bag or a dataset through the detector and score what it publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fishy_ros.commands.options import (
    DatasetOptions,
    DatasetRoot,
    Device,
    Model,
    Precision,
    Runtime,
    Scores,
    Smallest,
    Threads,
    TrustedKey,
    check_output_folder,
)

if TYPE_CHECKING:
    from fishy_ros.evaluation.replay.region_pass import RegionRequest
    from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
    from fishy_ros.evaluation.result import ReplayResult

PEAK_FRAMES: int = 120

_NODE_OPTIONS = {
    "lockstep": "--lockstep",
    "timeout_s": "--timeout",
    "domain_id": "--domain-id",
    "attach": "--attach",
    "image_topic": "--play-topic",
    "parameters": "--param",
    "record": "--record",
}
"""Fields of `LiveOptions` that mean nothing without a node, and their options."""

_REGION_OPTIONS = {
    "threshold": "--threshold",
    "threshold_low": "--threshold-low",
    "smallest_px": "--smallest",
    "drivable": "--drivable",
    "persistence": "--confirm",
    "camera_height_m": "--camera-height",
    "camera_pitch_deg": "--camera-pitch",
    "speed_m_s": "--speed",
}
"""Fields of `RegionRequest`, and their options."""

_DETECTOR_OPTIONS = {name: f"--{name}" for name in ("model", "runtime", "device", "precision", "threads", "fit")}
"""Fields of `DetectorChoice` that a running node has chosen itself, and their options."""

_NO_PEAK_OPTIONS = {
    "rate_hz": "--rate",
    "lockstep": "--lockstep",
    "record": "--record",
    "components": "--components",
    "regions": "--regions",
    "streaming": "--streaming",
    "timing_frames": "--timing-frames",
    "video": "--video",
}
"""Fields of `LiveOptions` and `ReplayRequest` that mean nothing to a search for the peak rate, and their options."""


def replay(
    bag: Annotated[Path | None, typer.Option(help="Bag: a folder, or an .mcap or .db3 file.")] = None,
    image_topic: Annotated[
        str | None, typer.Option(help="Image topic to play, if the bag has several cameras.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset; `fishy datasets` lists them.")] = None,
    root: DatasetRoot = None,
    option: DatasetOptions = None,
    live: Annotated[
        bool, typer.Option("--live/--offline", help="Run the node over DDS, or the detector in this process.")
    ] = True,
    rate: Annotated[
        float | None,
        typer.Option(help="Frame rate in Hz, overriding the rate of the bag; offline, of a dataset for --regions."),
    ] = None,
    lockstep: Annotated[
        bool,
        typer.Option(
            "--lockstep", help="Wait for each heatmap before playing the next frame; the default for datasets."
        ),
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a heatmap in lockstep.")] = 30.0,
    attach: Annotated[str | None, typer.Option(help="Score a node that is already running, such as /detector.")] = None,
    play_topic: Annotated[str, typer.Option(help="Topic to publish the images on.")] = "/camera/image_raw",
    record: Annotated[
        Path | None, typer.Option(help="Bag of everything that the node hears and publishes, such as drive.mcap.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="Parameter of the node, such as camera_height_m=1.4; repeatable."),
    ] = None,
    domain_id: Annotated[int | None, typer.Option(help="ROS domain ID. Default: a free one.")] = None,
    peak: Annotated[
        bool,
        typer.Option("--peak", help="Find the highest frame rate at which less than 1 % of the frames are dropped."),
    ] = False,
    peak_frames: Annotated[int, typer.Option(help="Frames per trial of --peak.", min=20)] = PEAK_FRAMES,
    timing_frames: Annotated[
        int, typer.Option(help="Also time this many frames, as Fishyscapes does with 500.", min=0)
    ] = 0,
    model: Model = "fishy-s",
    models: Annotated[str | None, typer.Option(help="Comma-separated models to compare and rank.")] = None,
    scores: Scores = None,
    trusted_key: TrustedKey = "",
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    threads: Threads = 0,
    fit: Annotated[str, typer.Option(help="Images of another aspect ratio: stretch, crop or pad.")] = "stretch",
    components: Annotated[
        str | None, typer.Option(help="Also compute component metrics, for the track 'anomaly' or 'obstacle'.")
    ] = None,
    regions: Annotated[
        bool,
        typer.Option(
            "--regions", help="Also report false alarms per minute and objects found, before and after persistence."
        ),
    ] = False,
    streaming: Annotated[
        bool, typer.Option("--streaming", help="Also score the newest heatmap published by the time of each frame.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="Threshold of --regions. Default: the threshold of the model.", min=0, max=1)
    ] = None,
    threshold_low: Annotated[
        float | None, typer.Option(help="Score down to which a region grows (hysteresis).", min=0, max=1)
    ] = None,
    smallest: Smallest = 1,
    drivable: Annotated[
        str, typer.Option(help="Count only regions that lie or stand on these classes, such as road,sidewalk.")
    ] = "",
    confirm: Annotated[str, typer.Option(help="Confirm a region after N of M frames, N/M.")] = "3/5",
    camera_height: Annotated[
        float | None, typer.Option(help="Camera height above the ground in m, to compute distances.")
    ] = None,
    camera_pitch: Annotated[float, typer.Option(help="Downward pitch of the camera in degrees.")] = 0.0,
    speed: Annotated[float, typer.Option(help="Vehicle speed in m/s, to turn distances into times.", min=0)] = 13.9,
    video: Annotated[bool, typer.Option("--video", help="Write the overlays as a video.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for report.json, report.html and pictures.")] = None,
) -> None:
    """Play a bag or a dataset through the detector and score every heatmap."""
    from fishy_ros.evaluation.replay.region_pass import RegionRequest, parse_confirmation
    from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest, model_names
    from fishy_ros.evaluation.report.ranking import ranking_table
    from fishy_ros.evaluation.report.report_json import result_to_json
    from fishy_ros.evaluation.report.table import result_table
    from fishy_ros.evaluation.sources.open_source import SourceChoice, parse_options
    from fishy_ros.imaging import as_fit

    if out is not None:
        check_output_folder(out)
    parameters = tuple((key, str(value)) for key, value in parse_options(param or []))
    confirmation = parse_confirmation(confirm)
    wanted = RegionRequest(
        threshold, threshold_low, smallest, drivable, confirmation, camera_height, camera_pitch, speed
    )
    options = LiveOptions(rate, lockstep, timeout, domain_id, attach, play_topic, parameters, record)
    if not live:
        _refuse(_given(options, _NODE_OPTIONS), "only for a replay through the node, not with --offline")
    if not regions:
        _refuse(_given(wanted, _REGION_OPTIONS), "only with --regions")
    choice = DetectorChoice(model, runtime, device, precision, threads, trusted_key, as_fit(fit))
    if attach is not None:
        several = [name for name, value in (("--models", models), ("--scores", scores)) if value is not None]
        _refuse([*_given(choice, _DETECTOR_OPTIONS), *several], "not with --attach, whose node has chosen already")
    request = ReplayRequest(
        source=SourceChoice(bag, image_topic, dataset, root, parse_options(option or [])),
        detector=choice,
        live=options if live else None,
        out=out,
        timing_frames=timing_frames,
        components=components,
        regions=wanted if regions else None,
        streaming=streaming,
        video=video,
        offline_rate_hz=None if live else rate,
    )
    if peak_frames != PEAK_FRAMES and not peak:
        _refuse(["--peak-frames"], "only with --peak")
    requests = request.for_models(model_names(model, models, scores))
    if peak:
        if request.live is not None:
            useless = [*_given(options, _NO_PEAK_OPTIONS), *_given(request, _NO_PEAK_OPTIONS)]
            _refuse(useless, "not with --peak, which plays the same frames at many rates and scores nothing")
        for one in requests:
            heading = f"model      {one.detector.model}\n" if len(requests) > 1 else ""
            typer.echo(f"{heading}{_find_peak(one, peak_frames)}")
        return
    for one in requests if attach is None else ():
        one.detector.load()  # so that a misspelt name does not end a comparison half way
    results = [(one.detector.model, _run(one)) for one in requests]
    for _, result in results:
        typer.echo(result_table(result))
    if len(results) > 1:
        typer.echo(ranking_table([(name, result_to_json(result)) for name, result in results]))


def _given(
    settings: DetectorChoice | LiveOptions | RegionRequest | ReplayRequest, options: Mapping[str, str]
) -> list[str]:
    """Name the options whose fields in `settings`, if it has them, are not at their defaults."""
    defaults = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(settings)
    }
    return [
        option for name, option in options.items() if name in defaults and getattr(settings, name) != defaults[name]
    ]


def _refuse(given: Sequence[str], why: str) -> None:
    from fishy_ros.errors import ConfigError

    if given:
        raise ConfigError(f"{', '.join(given)}: {why}")


def _run(request: ReplayRequest) -> ReplayResult:
    from fishy_ros.evaluation.live.run_replay import run_replay
    from fishy_ros.evaluation.report.stage_progress import stage_progress

    with stage_progress() as progress:
        return run_replay(request, progress)


def _find_peak(request: ReplayRequest, frames: int) -> str:
    from fishy_ros.evaluation.live.run_replay import require_ros
    from fishy_ros.evaluation.replay.peak import peak_text, write_peak
    from fishy_ros.evaluation.report.stage_progress import stage_progress

    require_ros()
    from fishy_ros.evaluation.live.run_peak import run_peak

    with stage_progress() as progress:
        peak = run_peak(request, frames, progress)
    if request.out is not None:
        write_peak(peak, request, request.out)
    return peak_text(peak)
