"""Carry out `fishy detect`: read ahead, detect, find regions, write behind."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import FishyError
from fishy_ros.evaluation.detect.inputs import NamedImage, Source
from fishy_ros.evaluation.detect.journal import Journal
from fishy_ros.evaluation.detect.outputs import (
    FileWriter,
    Finding,
    SourceVideo,
    choose_kinds,
    find_video,
    remove_results,
)
from fishy_ros.evaluation.replay.request import StartStage
from fishy_ros.evaluation.sources.prefetch import Prefetch
from fishy_ros.obstacles import RegionRules, find_regions
from fishy_ros.types import ImageArray

READ_AHEAD: int = 3
WRITERS: int = 2
"""Threads that encode and write files."""


@dataclass(frozen=True)
class DetectPlan:
    """What to do with every image."""

    out: Path
    kinds: tuple[str, ...] = ()
    """Of `outputs.KINDS`; empty for overlays of pictures and videos of moving sources."""
    rules: RegionRules | None = None
    """What counts as a region; None takes the threshold of the model."""
    precision: str = "fp32"
    """Precision that the detector was loaded with."""
    max_images: int | None = None
    """Stop each source after so many images."""
    overwrite: bool = False


@dataclass
class DetectSummary:
    """What a run did."""

    done: int = 0
    skipped: int = 0
    """Done by an earlier run."""
    with_regions: int = 0
    failed: list[str] = field(default_factory=list)
    """Why images could not be read, the name first."""
    seconds: float = 0.0
    stages_ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def medians_ms(self) -> dict[str, float]:
        """Median time of every stage, in ms."""
        return {stage: float(np.median(times)) for stage, times in self.stages_ms.items()}


def detect_in(
    sources: list[Source], detector: AnomalyDetector, plan: DetectPlan, start_stage: StartStage
) -> DetectSummary:
    """Detect in every image of every source, and write what `plan` asks for.

    Images that an earlier run into the same folder has done are left out, unless their files have changed since. A
    video is made anew if any of its images is still to be done, and a camera always. An image that cannot be read is
    noted and the others go on.

    The precision and its graph are among the settings that must not differ between these runs. Runtime and device are
    not: every runtime computes a graph in the precision that it states, so results differ by rounding only.

    Raises:
        FishyError: nothing can be written, the settings are not those of the earlier run, or the engine failed.
    """
    summary = DetectSummary()
    rules = plan.rules or RegionRules(detector.package.calibration.default_threshold)
    engine = detector.runtime_info.name.removeprefix("onnxruntime-")  # whose TensorRT takes the graphs for TensorRT
    settings = {
        "fishy_detect": 1,
        "model": detector.package.name,
        "model_sha256": detector.package.graph(plan.precision, engine).sha256,
        "precision": plan.precision,
        "threshold": rules.threshold,
        "threshold_low": rules.threshold_low,
        "smallest_px": rules.smallest_px,
        "drivable_ids": sorted(rules.drivable_ids),
        "write": sorted(plan.kinds),
    }
    started = time.perf_counter()
    with Journal(plan.out, settings, plan.overwrite) as journal:
        remove_results(plan.out, journal.replaced)
        for source in sources:
            worker = _SourceRun(source, detector, replace(plan, rules=rules), journal, summary)
            worker.run(start_stage(source.name, source.count or 0))
    summary.seconds = time.perf_counter() - started
    return summary


class _SourceRun:
    """One source on its way through the detector."""

    def __init__(
        self, source: Source, detector: AnomalyDetector, plan: DetectPlan, journal: Journal, summary: DetectSummary
    ) -> None:
        assert plan.rules is not None
        self._source, self._detector, self._plan = source, detector, plan
        self._rules = plan.rules
        self._journal, self._summary = journal, summary
        self._kinds = choose_kinds(plan.kinds, source.moves)
        self._writer = FileWriter(plan.out, self._kinds, plan.rules.threshold)
        self._classes = [item.name for item in detector.package.classes]

    def run(self, progress: Callable[[int], None]) -> None:
        """Go through the source."""
        self._forget_changed()
        makes_video = "video" in self._kinds and self._source.moves
        if makes_video:
            finished = self._count_finished()
            if finished is not None:
                self._summary.skipped += finished
                progress(finished)
                return
            self._forget(self._journal.names_of(self._source.key))  # a video cannot be gone on with
        with contextlib.ExitStack() as stack:
            video: SourceVideo | None = None
            if makes_video:
                rate = self._source.rate_hz or 0.0
                video = stack.enter_context(SourceVideo(self._plan.out, self._source.key, rate, self._rules.threshold))
            pool = stack.enter_context(ThreadPoolExecutor(WRITERS, thread_name_prefix="write"))
            pending: deque[tuple[Future[None], NamedImage, Finding, float]] = deque()
            for count, (image, pixels) in enumerate(Prefetch(self._read(), READ_AHEAD), start=1):
                if pixels is not None:
                    finding, total_ms = self._detect(image, pixels)
                    if video is not None:
                        video.add(finding)
                    pending.append((pool.submit(self._writer.write, finding), image, finding, total_ms))
                if len(pending) > WRITERS:
                    self._finish(*pending.popleft())
                progress(count)
            while pending:
                self._finish(*pending.popleft())

    def _images(self) -> Iterator[NamedImage]:
        return itertools.islice(self._source.images(), self._plan.max_images)

    def _forget_changed(self) -> None:
        """Forget the images that are to be done again because they come from another file, or a changed one."""
        if self._source.moves:
            known = self._journal.names_of(self._source.key)
            origins = dict.fromkeys(known, self._source.origin)
        else:
            origins = {image.name: image.origin for image in self._images()}
        self._forget(name for name, origin in origins.items() if not self._journal.is_done(name, origin))

    def _forget(self, names: Iterable[str]) -> None:
        remove_results(self._plan.out, self._journal.forget(names))

    def _count_finished(self) -> int | None:
        """Count the images of a complete video; None where it is missing, or an image is still to be done."""
        if self._source.origin is None or find_video(self._plan.out, self._source.key) is None:
            return None
        finished = 0
        for image in self._images():
            if not self._journal.is_done(image.name, image.origin):
                return None
            finished += 1
        return finished

    def _read(self) -> Iterator[tuple[NamedImage, ImageArray | None]]:
        for image in self._images():
            if self._journal.is_done(image.name, image.origin):
                self._summary.skipped += 1
                yield image, None
                continue
            started = time.perf_counter()
            try:
                pixels = image.load()
            except FishyError as error:
                self._summary.failed.append(f"{image.name}: {error}")
                self._journal.add_failure(image.name, str(error))
                yield image, None
            else:
                self._note({"decode": (time.perf_counter() - started) * 1e3})
                yield image, pixels

    def _detect(self, image: NamedImage, pixels: ImageArray) -> tuple[Finding, float]:
        detection = self._detector.detect(pixels)
        started = time.perf_counter()
        found = find_regions(detection.score, detection.labels, self._rules)
        regions_ms = (time.perf_counter() - started) * 1e3
        stages_ms = {**detection.timings_ms, "regions": regions_ms}
        total_ms = sum(stages_ms.values())
        self._note({**stages_ms, "total": total_ms})
        self._summary.with_regions += bool(found.regions)
        return Finding(image.name, pixels, detection, found), total_ms

    def _finish(self, written: Future[None], image: NamedImage, finding: Finding, total_ms: float) -> None:
        written.result()
        self._journal.add(image, finding, self._classes, total_ms)
        self._summary.done += 1

    def _note(self, stages_ms: dict[str, float]) -> None:
        for stage, milliseconds in stages_ms.items():
            self._summary.stages_ms.setdefault(stage, []).append(milliseconds)
