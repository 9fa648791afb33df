"""What a model package says about itself, and its graph files, checked by hash whenever they are read."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fishy_ros.documents import read_limited
from fishy_ros.errors import ConfigError, ModelPackageError
from fishy_ros.model_package.baseline import Baseline
from fishy_ros.model_package.external_data import has_external_data
from fishy_ros.types import SemanticClass

DESCRIPTION_FILE = "model.yaml"
CARD_FILE = "card.md"
SCORE_SEPARATOR = ":"
"""Between the name of a package and that of one of its scores, as in `fishy-s:anywhere`."""
FULL_PRECISION = "fp32"
MAX_DESCRIPTION_BYTES = 256 * 1024
MAX_CARD_BYTES = 1024 * 1024
MAX_GRAPH_BYTES = 2 * 1024**3 - 1
"""Largest graph file in bytes: the limit of a protobuf message."""


@dataclass(frozen=True)
class Calibration:
    """What a value of the heatmap means.

    `normal_share_above` holds pairs (threshold in [0, 1], share in [0, 1] of normal pixels scored
    above it), thresholds increasing.
    """

    meaning: str
    default_threshold: float
    normal_share_above: tuple[tuple[float, float], ...] = ()

    def share_above(self, threshold: float) -> float | None:
        """Estimate which share of the normal pixels is scored above a threshold; None where nothing was measured.

        Between two pairs the logarithm of the share is interpolated. Beyond the last pair its share is an upper bound,
        before the first one the share is taken to rise to 1 at a threshold of 0.
        """
        if not self.normal_share_above:
            return None
        pairs = [(0.0, 1.0), *self.normal_share_above]
        floor = 1e-12
        for (low, more), (high, less) in itertools.pairwise(pairs):
            if low <= threshold <= high:
                part = (threshold - low) / (high - low) if high > low else 1.0
                return math.exp((1 - part) * math.log(max(more, floor)) + part * math.log(max(less, floor)))
        return pairs[-1][1]


@dataclass(frozen=True)
class GraphFile:
    """One ONNX file of a package and the SHA-256 (lower-case hex) that it must have."""

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Read the graph, so that what is hashed is exactly what is handed to a runtime.

        Raises:
            ModelPackageError: the file is missing, too large, of another hash, or keeps weights in other files.
        """
        content = _read_checked(self.path, self.sha256)
        if has_external_data(content, self.path):
            raise ModelPackageError(
                f"{self.path}: the graph keeps weights in other files, expected a single self-contained file"
            )
        return content


@dataclass(frozen=True)
class EngineFile:
    """A graph of the package that was compiled ahead of time, and what for.

    `graph` is the name of the graph's file and `graph_sha256` the hash that it had; `library` is name and version of
    the compiler, such as `tensorrt_rtx 1.7.1.116`; `targets` are compute capabilities, `8.6` or `8.0+` for 8.0 and all
    later ones; `flags` are settings of the compiler.
    """

    path: Path
    sha256: str
    graph: str
    graph_sha256: str
    library: str
    targets: tuple[str, ...]
    flags: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Read the engine.

        Raises:
            ModelPackageError: the file is missing, too large or of another hash.
        """
        return _read_checked(self.path, self.sha256)


def score_output(name: str) -> str:
    """Name the output of a graph that gives a further score."""
    return f"score_{name}"


@dataclass(frozen=True)
class OtherScore:
    """A further score that the graphs of a package give beside the default one, with what its values mean."""

    description: str
    output: str
    calibration: Calibration
    baseline: Baseline | None = None


@dataclass(frozen=True)
class ReducedGraph:
    """The model for images of a smaller size (px); its heatmap is calibrated so that it means the same."""

    graph: GraphFile
    height: int
    width: int


@dataclass(frozen=True)
class ModelPackage:
    """A model on disk: its description, and where its graphs are.

    Sizes are in pixels. `metrics` are the numbers that the package states of itself, `variants` maps a
    precision (`fp16`, `int8`), or a precision and the one runtime that it is for (`int8-tensorrt`), to its graph.
    `reduced` are graphs with a smaller input for a machine that is too slow, the largest first. `baseline` says what
    normal input looks like, None where that was not measured. `engines` are graphs that were compiled ahead of time.
    `scores` are what the graphs give beside the default score, by name; `chosen_score` is the one that is read, empty
    for the default. `score_outputs` names the outputs of all scores.
    """

    name: str
    version: str
    description: str
    folder: Path
    graph_path: Path
    sha256: str
    input_height: int
    input_width: int
    color_order: str
    classes: tuple[SemanticClass, ...]
    calibration: Calibration
    license: str
    training_data: tuple[str, ...] = ()
    metrics: Mapping[str, object] = field(default_factory=dict)
    variants: Mapping[str, GraphFile] = field(default_factory=dict)
    input_name: str = "image"
    score_name: str = "score"
    labels_name: str = "labels"
    reduced: tuple[ReducedGraph, ...] = ()
    baseline: Baseline | None = None
    engines: tuple[EngineFile, ...] = ()
    scores: Mapping[str, OtherScore] = field(default_factory=dict)
    chosen_score: str = ""
    score_outputs: tuple[str, ...] = ("score",)

    def with_score(self, name: str) -> ModelPackage:
        """Return the package as if its further score `name` were the one that it gives.

        Raises:
            ConfigError: it has no such score.
        """
        if name not in self.scores:
            known = ", ".join(self.scores) or "none"
            raise ConfigError(f"{self.name} ({self.folder}) has no score {name!r} beside its own; it has {known}")
        score = self.scores[name]
        return replace(
            self,
            name=f"{self.name}{SCORE_SEPARATOR}{name}",
            description=score.description,
            calibration=score.calibration,
            baseline=score.baseline,
            score_name=score.output,
            chosen_score=name,
        )

    @property
    def precisions(self) -> tuple[str, ...]:
        """Precisions that the package has a graph for, in some runtime at least."""
        return (FULL_PRECISION, *dict.fromkeys(name.partition("-")[0] for name in self.variants))

    def class_ids(self, names: str) -> frozenset[int]:
        """Return the ids of classes named in a text such as `road,sidewalk`; empty for an empty text.

        Raises:
            ConfigError: the model has no such class.
        """
        known = {item.name: item.id for item in self.classes}
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        for name in wanted:
            if name not in known:
                raise ConfigError(f"{self.name} has no class {name!r}; expected any of {', '.join(known)}")
        return frozenset(known[name] for name in wanted)

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of the graph's input, `[1, H, W, 3]`."""
        return (1, self.input_height, self.input_width, 3)

    def graph(self, precision: str = FULL_PRECISION, runtime: str = "") -> GraphFile:
        """Return the graph for a precision; one made for `runtime` comes before the one for all.

        Raises:
            ConfigError: the package has no graph of that precision.
        """
        if precision == FULL_PRECISION:
            return GraphFile(self.graph_path, self.sha256)
        graph = self.variants.get(f"{precision}-{runtime}") or self.variants.get(precision)
        if graph is None:
            available = ", ".join(self.precisions)
            raise ConfigError(f"precision {precision!r}: model {self.name} ({self.folder}) has only {available}")
        return graph

    def at_reduced_size(self, index: int) -> ModelPackage:
        """Return the package as if its entry `index` of `reduced` were all that it had."""
        reduced = self.reduced[index]
        return replace(
            self,
            graph_path=reduced.graph.path,
            sha256=reduced.graph.sha256,
            input_height=reduced.height,
            input_width=reduced.width,
            variants={},
            reduced=(),
        )

    def check_files(self) -> None:
        """Read every graph and engine of the package.

        Raises:
            ModelPackageError: one is missing, or its hash is not the one that the description states.
        """
        for graph in (GraphFile(self.graph_path, self.sha256), *self.variants.values()):
            graph.read()
        for reduced in self.reduced:
            reduced.graph.read()
        for engine in self.engines:
            engine.read()

    def card(self) -> str | None:
        """Return the model card (Markdown), or None where the package has none."""
        path = self.folder / CARD_FILE
        if not path.is_file():
            return None
        return read_limited(path, MAX_CARD_BYTES, ModelPackageError).decode("utf-8", "replace")


def _read_checked(path: Path, sha256: str) -> bytes:
    content = read_limited(path, MAX_GRAPH_BYTES, ModelPackageError)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelPackageError(
            f"{path}: sha256 is {found} ({len(content)} bytes), but {DESCRIPTION_FILE} expects {sha256}; "
            "the file is truncated, damaged or belongs to another version"
        )
    return content
