"""The scores of a trained network that leave one graph together: the default one, and others beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fishy_ros.errors import ConfigError
from fishy_ros.files import file_sha256
from fishy_ros.training.calibrate import MeasuredCalibration, load_calibration
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.graph import DeployedModel, OncePerImage, ScoreScale
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.registry import create_head, require_in_graph
from fishy_ros.training.statistics import load_statistics
from fishy_ros.training.views import view

DEFAULT = ""
"""Name of the default score among the others."""


@dataclass(frozen=True)
class Deployment:
    """A trained network, its heads and their calibrations, by the names of the scores; the default one has no name."""

    model: AnomalyModel
    heads: Mapping[str, nn.Module]
    calibrations: Mapping[str, MeasuredCalibration]

    @property
    def fovea(self) -> bool:
        """Whether the scores were calibrated with a second look at the road ahead."""
        return self.calibrations[DEFAULT].fovea

    def deployed(self, scales: Mapping[str, ScoreScale], fovea: bool) -> DeployedModel:
        """Join network and heads, each with its scale, as a graph is exported."""
        others = {name: (head, scales[name]) for name, head in self.heads.items() if name != DEFAULT}
        return DeployedModel(self.model, self.heads[DEFAULT], scales[DEFAULT], others, view(fovea))


def load_deployment(checkpoint: Path, calibration: Path, others: Mapping[str, Path]) -> Deployment:
    """Load a checkpoint with the heads that folders written by `fishy calibrate` name.

    `others` maps the names of further scores to their folders.

    Raises:
        TrainingError: checkpoint, statistics or a calibration cannot be used.
        ConfigError: a head is unknown, or one of studies, only some were calibrated with a fovea, or a calibration is
            of other weights.
    """
    model = load_model(checkpoint)
    model.head = OncePerImage(model.head)  # type: ignore[assignment]
    heads, calibrations, sha256 = {}, {}, file_sha256(checkpoint)
    for name, folder in {DEFAULT: calibration, **others}.items():
        measured = load_calibration(folder / "calibration.json")
        require_in_graph(measured.head)
        statistics = load_statistics(folder / "statistics.safetensors", sha256)
        heads[name] = create_head(measured.head, model, statistics)
        calibrations[name] = measured
    if len({measured.fovea for measured in calibrations.values()}) > 1:
        raise ConfigError("some scores were calibrated with --fovea and some without; expected all alike")
    return Deployment(model, heads, calibrations)
