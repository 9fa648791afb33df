"""Every head of one trained network side by side: what it finds on labelled sets, and what it costs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from fishy_ros.training.calibrate import normal_images
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.head_cost import NETWORK, HeadCost, measure_head_costs
from fishy_ros.training.heads.model import count_parameters
from fishy_ros.training.heads.registry import HEADS, create_head
from fishy_ros.training.latency import ROUNDS
from fishy_ros.training.statistics import measure_statistics
from fishy_ros.training.validation import count_watched, score_sets


@dataclass(frozen=True)
class HeadResult:
    """One head; rates are fractions of 1."""

    head: str
    sets: Mapping[str, Mapping[str, float]]
    """For each labelled set `AP`, `FPR95` and `AUROC`."""
    cost: HeadCost


@dataclass(frozen=True)
class StudyResult:
    """All heads, with what is needed to repeat the measurement."""

    network: str
    weights_sha256: str
    parameters: int
    height: int
    width: int
    command: str
    environment: Mapping[str, object]
    """The machine that was measured on."""
    segmentation: Mapping[str, float]
    """Mean IoU by set, fractions of 1."""
    network_alone_ms: float
    heads: tuple[HeadResult, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"heads": asdict(self)}, indent=1) + "\n", encoding="utf-8")


class HeadStudy:
    """The sets that a configuration watches, scored with some heads of some weights."""

    def __init__(
        self,
        config: TrainConfig,
        data: str | None,
        weights: Path,
        heads: tuple[str, ...],
        images: int,
        height: int,
        width: int,
    ) -> None:
        """Name what is to be measured; no `heads` means all. `images` training images give the statistics."""
        self._config = config
        self._root = Path(data or config.data)
        self._weights = weights
        self._heads = heads or tuple(HEADS)
        self._images = images
        self._size = height, width
        self._watched = dataclasses.replace(config.validation, height=height, width=width)

    @property
    def steps(self) -> int:
        """How often `run` calls its `progress`."""
        return count_watched(self._watched, self._root) + ROUNDS

    def run(self, environment: Mapping[str, object], progress: Callable[[], None]) -> StudyResult:
        """Measure; `environment` describes the machine and goes into the result.

        Raises:
            TrainingError: the weights or a folder cannot be read.
            ConfigError: a head is unknown.
        """
        model = load_model(self._weights)
        sources = self._config.open_sources(str(self._root))
        statistics = measure_statistics(model, normal_images(sources, self._images, *self._size))
        heads = {name: create_head(name, model, statistics).eval() for name in self._heads}
        scores = score_sets(model, heads, self._watched, self._root, progress)
        costs = measure_head_costs(model, heads, *self._size, progress)
        return StudyResult(
            network=model.size,
            weights_sha256=hashlib.sha256(self._weights.read_bytes()).hexdigest(),
            parameters=count_parameters(model),
            height=self._size[0],
            width=self._size[1],
            command=" ".join(["fishy", *sys.argv[1:]]),
            environment=environment,
            segmentation=scores.segmentation,
            network_alone_ms=costs[NETWORK].latency_ms,
            heads=tuple(HeadResult(name, scores.heads[name], costs[name]) for name in heads),
        )


def study_table(result: StudyResult) -> Table:
    """Lay the heads out, rates in percent as AP / FPR95."""
    folders = tuple(result.heads[0].sets) if result.heads else ()
    table = Table(title=f"network {result.network}, {result.height} x {result.width}, AP / FPR95 in %")
    for column in ("head", *(Path(folder).name for folder in folders), "times the network"):
        table.add_column(column, justify="left" if column == "head" else "right")
    for head in result.heads:
        cells = [f"{100 * head.sets[folder]['AP']:.1f} / {100 * head.sets[folder]['FPR95']:.1f}" for folder in folders]
        table.add_row(head.head, *cells, f"{head.cost.ratio:.3f}")
    for folder, miou in result.segmentation.items():
        table.add_row(f"mIoU {folder}", f"{100 * miou:.1f}")
    return table
