"""How often a drift monitor warns of images as they are, and of the same images corrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from fishy_ros.datasets.images import image_files, read_image
from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift.corruptions import CORRUPTIONS
from fishy_ros.drift.monitor import DriftMonitor
from fishy_ros.errors import DatasetError
from fishy_ros.files import write_json
from fishy_ros.types import Detection, ImageArray

WINDOW = 10
"""Images of a window: a second of a 10 Hz camera."""
AS_IT_IS = "as it is"
CONDITIONS: tuple[str, ...] = (AS_IT_IS, *CORRUPTIONS)
"""Every way in which each image is shown."""


@dataclass(frozen=True)
class Warned:
    """Of how many images, and of how many windows of `WINDOW` images in a row, the monitor warned."""

    images: int
    windows: int


@dataclass(frozen=True)
class FolderDrift:
    """The images of one folder."""

    folder: str
    images: int
    windows: int
    """0 where there are fewer images than a window has."""
    warned: Mapping[str, Warned]
    """By condition, one of `CONDITIONS`."""


@dataclass(frozen=True)
class DriftResult:
    """All folders, with what is needed to repeat the measurement."""

    model: str
    version: str
    graph_sha256: str
    runtime: str
    baseline_images: int
    """Normal images that the package's baseline was measured on; 0 without a baseline."""
    environment: Mapping[str, object]
    """The machine and the command."""
    folders: tuple[FolderDrift, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, {"drift": asdict(self)})


def choose_images(folder: Path, count: int) -> tuple[Path, ...]:
    """Return up to `count` images of a folder that follow each other, from the middle of their natural order.

    Raises:
        DatasetError: there are none.
    """
    files = image_files(folder)
    if not files:
        raise DatasetError(f"{folder}: expected a folder of images, found none")
    first = max(0, (len(files) - count) // 2)
    return tuple(files[first : first + count])


def measure_drift(
    detector: AnomalyDetector,
    folders: Mapping[str, Sequence[Path]],
    environment: Mapping[str, object],
    progress: Callable[[], None],
) -> DriftResult:
    """Judge the images of each folder in every condition; `progress` is called after each image in each condition.

    Raises:
        DatasetError: an image cannot be read.
        InferenceError: the engine failed.
    """
    package = detector.package
    return DriftResult(
        model=package.name,
        version=package.version,
        graph_sha256=package.sha256,
        runtime=str(detector.runtime_info),
        baseline_images=package.baseline.images if package.baseline else 0,
        environment=environment,
        folders=tuple(
            FolderDrift(
                folder=name,
                images=len(files),
                windows=max(0, len(files) - WINDOW + 1),
                warned={
                    condition: _count(detector, _show(files, CORRUPTIONS.get(condition), progress))
                    for condition in CONDITIONS
                },
            )
            for name, files in folders.items()
        ),
    )


def drift_table(result: DriftResult) -> Table:
    """Lay the conditions out, a column for each folder: warned of, images and windows."""
    table = Table(title=f"{result.model} {result.version}: warned of, images / windows of {WINDOW} in a row")
    table.add_column("condition")
    for row in result.folders:
        table.add_column(f"{row.folder}\n{row.images} / {row.windows}", justify="right", overflow="fold")
    for name in CONDITIONS:
        table.add_row(name, *(f"{row.warned[name].images} / {row.warned[name].windows}" for row in result.folders))
    return table


def _show(
    files: Sequence[Path], corrupt: Callable[[ImageArray], ImageArray] | None, progress: Callable[[], None]
) -> Iterable[ImageArray]:
    for file in files:
        image = read_image(file)
        yield corrupt(image) if corrupt else image
        progress()


def _count(detector: AnomalyDetector, images: Iterable[ImageArray]) -> Warned:
    lasting, single, several = _monitor(detector), 0, 0
    for index, image in enumerate(images):
        detection = detector.detect(image)
        single += _warns(_monitor(detector), index, detector.network_image, detection, 1)
        several += _warns(lasting, index, detector.network_image, detection, WINDOW) and index >= WINDOW - 1
    return Warned(single, several)


def _monitor(detector: AnomalyDetector) -> DriftMonitor:
    return DriftMonitor(detector.package.calibration, detector.package.baseline)


def _warns(monitor: DriftMonitor, index: int, image: ImageArray, detection: Detection, window: int) -> bool:
    monitor.add(index, image, detection)
    return bool(monitor.judge(index, window).reasons)
