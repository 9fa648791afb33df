"""Every head of one trained network side by side: what it finds on labelled sets, and what it costs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from fishy_ros.files import file_sha256, write_json
from fishy_ros.training.calibrate import normal_images
from fishy_ros.training.checkpoint import load_model, training_of
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.head_cost import NETWORK, HeadCost, measure_head_costs
from fishy_ros.training.heads.model import AnomalyModel, count_parameters
from fishy_ros.training.heads.registry import MEASURES, create_head, measures_of, usable_heads
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.pasted import pasted_images
from fishy_ros.training.statistics import load_statistics, measure_statistics, missing_measures, save_statistics
from fishy_ros.training.validation import count_watched, score_sets


@dataclass(frozen=True)
class HeadResult:
    """One head; rates are fractions of 1."""

    head: str
    sets: Mapping[str, Mapping[str, float]]
    """For each labelled set `AP`, `FPR95` and `AUROC`, and `image_AP` and so on, the means over images."""
    misclassification: Mapping[str, Mapping[str, float]]
    """For each set with the network's classes `max_J` and `AP` of finding what is classified wrongly."""
    cost: HeadCost | None
    """None where costs were not measured."""


@dataclass(frozen=True)
class StudyResult:
    """All heads, with what is needed to repeat the measurement."""

    network: str
    weights_sha256: str
    training: str
    """Name of the configuration that the weights were trained with; empty where they do not say it."""
    parameters: int
    height: int
    width: int
    every: int
    """Of every so many rows and columns of the labels one counts."""
    rounds: int
    """How often each graph was timed."""
    command: str
    environment: Mapping[str, object]
    """The machine that was measured on."""
    segmentation: Mapping[str, float]
    """Mean IoU by set, fractions of 1."""
    class_iou: Mapping[str, tuple[float | None, ...]]
    """IoU of each class by set."""
    prevalence: Mapping[str, float]
    """AP of a random score by labelled set; its FPR95 is 0.95."""
    network_alone_ms: float | None
    heads: tuple[HeadResult, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, {"heads": asdict(self)})


@dataclass(frozen=True)
class HeadStudy:
    """The sets that a configuration watches, scored with some heads of some weights."""

    config: TrainConfig
    """Its data root and its size of the images to be watched are those of the study."""
    weights: Path
    heads: tuple[str, ...]
    """Names of the heads; empty for all."""
    images: int
    """How many training images give the statistics."""
    objects: Path | None
    """Folder of objects to paste into training images, for heads that are fitted on anomalies; they are left out
    without it, unless they are asked for by name."""
    maps: Path | None
    """Folder that gets the score maps, `SET/HEAD/NAME.npy`."""
    every: int
    """Of every so many rows and columns of the labels one counts."""
    rounds: int
    """Costs are medians of so many."""
    statistics: Path | None
    """What heads learn from images is read from this file where it is there already, and written into it where not."""

    @property
    def root(self) -> Path:
        """The data root."""
        return Path(self.config.data)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input, in px."""
        return self.config.validation.height, self.config.validation.width

    @property
    def steps(self) -> int:
        """How often `run` calls its `progress`."""
        return count_watched(self.config.validation, self.root) + self.rounds

    def run(self, environment: Mapping[str, object], progress: Callable[[], None]) -> StudyResult:
        """Measure; `environment` describes the machine and goes into the result.

        Raises:
            TrainingError: the weights or a folder cannot be read.
            ConfigError: a head is unknown.
        """
        model = load_model(self.weights)
        names = self.heads or _all_heads(model, self.objects is not None)
        statistics = self._measure(model, names)
        heads = {name: create_head(name, model, statistics).eval() for name in names}
        scores = score_sets(
            model, heads, self.config.validation, self.root, progress, self.maps, self.every, misclassified=True
        )
        costs = measure_head_costs(model, heads, *self.size, progress, self.rounds) if self.rounds else None
        return StudyResult(
            network=model.size,
            weights_sha256=file_sha256(self.weights),
            training=training_of(self.weights),
            parameters=count_parameters(model),
            height=self.size[0],
            width=self.size[1],
            every=self.every,
            rounds=self.rounds,
            command=shlex.join(["fishy", *sys.argv[1:]]),
            environment=environment,
            segmentation=scores.segmentation,
            class_iou=scores.class_iou,
            prevalence=scores.prevalence,
            network_alone_ms=costs[NETWORK].latency_ms if costs else None,
            heads=tuple(
                HeadResult(name, scores.heads[name], scores.misclassification[name], costs[name] if costs else None)
                for name in heads
            ),
        )

    def _measure(self, model: AnomalyModel, names: tuple[str, ...]) -> Statistics:
        """Measure what the heads need and is not in the file of statistics yet."""
        sha256 = file_sha256(self.weights)
        known = Statistics() if self.statistics is None else load_statistics(self.statistics, sha256)
        if not missing_measures(names, known):
            return known
        sources = self.config.open_sources()
        images = normal_images(sources, self.images, *self.size)
        pasted = pasted_images(sources, self.objects, self.images, *self.size) if self.objects else None
        measured = measure_statistics(model, names, images, pasted, known)
        if self.statistics is not None:
            save_statistics(self.statistics, measured, sha256)
        return measured


def _all_heads(model: AnomalyModel, has_anomalies: bool) -> tuple[str, ...]:
    """Name all heads that these weights and images can give."""
    names = usable_heads(model)
    if has_anomalies:
        return names
    return tuple(name for name in names if not any(MEASURES[measure].pasted for measure in measures_of([name])))


def study_table(result: StudyResult) -> Table:
    """Lay the heads out, rates in percent as AP / FPR95; the last columns find what is classified wrongly."""
    folders = tuple(result.prevalence)
    labelled = tuple(result.heads[0].misclassification) if result.heads else ()
    table = Table(title=f"network {result.network}, {result.height} x {result.width}, AP / FPR95 in %")
    table.add_column("head")
    for column in (*(Path(folder).name for folder in folders), "times the network"):
        table.add_column(column, justify="right")
    for folder in labelled:
        table.add_column(f"max J / AP {Path(folder).parent.name}", justify="right")
    table.add_row("random", *(f"{100 * result.prevalence[folder]:.1f} / 95.0" for folder in folders), "")
    for head in result.heads:
        cells = [f"{100 * head.sets[folder]['AP']:.1f} / {100 * head.sets[folder]['FPR95']:.1f}" for folder in folders]
        wrong = [head.misclassification[folder] for folder in labelled]
        found = [f"{100 * rates['max_J']:.1f} / {100 * rates['AP']:.1f}" for rates in wrong]
        time = "" if head.cost is None else f"{head.cost.ratio:.3f}"
        time += " (torch)" if head.cost is not None and head.cost.engine == "torch" else ""
        table.add_row(head.head, *cells, time, *found)
    for folder, miou in result.segmentation.items():
        table.add_row(f"mIoU {folder}", f"{100 * miou:.1f}")
    return table
