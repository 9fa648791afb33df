"""Average the weights of several checkpoints of a run: better than any of them where the last steps still wander.

Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fishy_ros.errors import TrainingError
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.heads.model import AnomalyModel


def average_weights(paths: Sequence[Path]) -> AnomalyModel:
    """Return a model with the mean of trained weights (files that `load_model` reads), all weighing the same.

    Statistics of the normalisations are averaged too. The paper measures them anew on training images; here, where
    training images are full of pasted objects, that lost what averaging had gained (`docs/decisions`).

    Raises:
        TrainingError: a file is missing, damaged or of another network than the first.
    """
    model = load_model(paths[0])
    total = {name: value.double() for name, value in model.state_dict().items()}
    for path in paths[1:]:
        other = load_model(path)
        if other.size != model.size:
            raise TrainingError(f"{path}: network {other.size!r}; expected {model.size!r} as in {paths[0]}")
        for name, value in other.state_dict().items():
            total[name] += value.double()
    mean = {name: (total[name] / len(paths)).to(value.dtype) for name, value in model.state_dict().items()}
    model.load_state_dict(mean)
    return model.eval()
