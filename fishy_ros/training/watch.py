"""What is written down of a run: curves for TensorBoard, and the scores of the watched sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from fishy_ros.files import write_json
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.validation import validate

CURVES_FOLDER = "curves"
SCORES_FILE = "scores.json"


class Watch:
    """Score a network every so many epochs and write curves below `out`; the last scores go to `scores.json`."""

    def __init__(self, config: TrainConfig, out: Path, epoch: float) -> None:
        self._config = config
        self._out = out
        self._curves = SummaryWriter(out / CURVES_FOLDER)
        self._epoch = epoch
        self._scores: tuple[int, dict[str, float]] | None = None

    def validate(self, model: AnomalyModel, crops: int, epoch: float) -> None:
        """Score the watched sets if the configured number of epochs has passed since it was last done."""
        every, before = self._config.validation.every, self._epoch
        self._epoch = epoch
        if every and epoch // every > before // every:
            self._validate(model, crops)

    def note(self, crops: int, values: Mapping[str, float | Tensor]) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self._curves.add_scalar(name, float(value), crops)
        self._curves.flush()

    def finish(self, model: AnomalyModel, crops: int, epoch: float) -> None:
        """Write the scores of the final weights, and close the curves."""
        if self._config.validation.every:
            if self._scores is None or self._scores[0] != crops:
                self._validate(model, crops)
            assert self._scores is not None
            found = {"crops": crops, "epochs": round(epoch, 3), "scores": self._scores[1]}
            write_json(self._out / SCORES_FILE, found)
        self._curves.close()

    def _validate(self, model: AnomalyModel, crops: int) -> None:
        scores = validate(model, self._config)
        self._scores = crops, scores
        self.note(crops, scores)
