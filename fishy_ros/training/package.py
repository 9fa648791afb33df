"""Build the model package of a trained and calibrated network."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fishy_ros.cityscapes import CITYSCAPES_CLASSES
from fishy_ros.deprecated_names import MODEL_KEYS, with_current_keys
from fishy_ros.documents import parse_yaml, read_limited
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import ModelPackage, OtherScore, score_output, write_model_package
from fishy_ros.training.config_files import MAX_CONFIG_BYTES
from fishy_ros.training.deployment import DEFAULT, load_deployment
from fishy_ros.training.graph import export_graph
from fishy_ros.training.heads.model import count_parameters

REQUIRED: tuple[str, ...] = ("name", "version", "description", "license", "training_data", "card")
METRICS: tuple[str, ...] = ("AP", "FPR95", "AUROC")


def build_package(
    checkpoint: Path,
    calibration: Path,
    description: Path,
    out: Path,
    height: int,
    width: int,
    reports: Mapping[str, Path],
    scores: Mapping[str, Path],
) -> ModelPackage:
    """Export the averaged weights of `checkpoint` with the calibrated heads and describe the result.

    `description` is a YAML mapping with `name`, `version`, `description`, `license`, `training_data` and `card`
    (Markdown). `reports` maps the name of a labelled set to the `report.json` of a replay of this model on it; its
    metrics go into `model.yaml` and into a table at the end of the card. `scores` maps the name of a further score to
    the folder of its calibration; the description says under `scores` what each is.

    Raises:
        TrainingError: checkpoint, statistics or calibration cannot be used.
        ConfigError: the description lacks a key, or a calibration is of other weights or another size.
    """
    words = _read_description(description)
    deployment = load_deployment(checkpoint, calibration, scores)
    measured = deployment.calibrations
    for name, each in measured.items():
        if each.input_height and (each.input_height, each.input_width) != (height, width):
            raise ConfigError(
                f"{scores.get(name, calibration)}: calibrated at {each.input_height}x{each.input_width}, exported at "
                f"{height}x{width}; expected the same --height and --width"
            )
    metrics = {name: _read_metrics(path) for name, path in reports.items()}
    said = words.get("scores", {})
    unsaid = [name for name in scores if name not in said]
    if unsaid:
        raise ConfigError(f"{description}: `scores` does not say what {', '.join(unsaid)} is")
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        deployed = deployment.deployed({name: each.scale for name, each in measured.items()}, deployment.fovea)
        export_graph(deployed, height, width, graph)
        return write_model_package(
            out,
            graph,
            name=words["name"],
            version=str(words["version"]),
            description=words["description"],
            input_height=height,
            input_width=width,
            classes=CITYSCAPES_CLASSES,
            calibration=measured[DEFAULT].describe(),
            license=words["license"],
            training_data=words["training_data"],
            metrics=metrics,
            card=words["card"].rstrip() + "\n" + _table(metrics, count_parameters(deployment.model)),
            scores={name: OtherScore(said[name], score_output(name), measured[name].describe()) for name in scores},
        )


def _read_metrics(path: Path) -> dict[str, float]:
    try:
        metrics = json.loads(path.read_text())["metrics"]
        return {name: round(float(metrics[name]), 5) for name in METRICS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a report of a replay with metrics {', '.join(METRICS)}: {error}") from error


def _table(metrics: Mapping[str, Mapping[str, float]], parameters: int) -> str:
    rows = [f"| {name} | " + " | ".join(f"{100 * row[m]:.2f}" for m in METRICS) + " |" for name, row in metrics.items()]
    head = ["| set | " + " | ".join(f"{name} (%)" for name in METRICS) + " |", "|---|" + "---|" * len(METRICS)]
    measured = ["", "Measured by `fishy replay`:", "", *head, *rows] if rows else []
    return "\n".join(["", f"{parameters:,} parameters.", *measured, ""])


def _read_description(path: Path) -> Mapping[str, Any]:
    words = parse_yaml(read_limited(path, MAX_CONFIG_BYTES, ConfigError), path, ConfigError)
    if isinstance(words, dict):
        words = with_current_keys(words, MODEL_KEYS, str(path), ConfigError)
    missing = [key for key in REQUIRED if not isinstance(words, dict) or key not in words]
    if missing or not isinstance(words, dict):
        raise ConfigError(f"{path}: missing {', '.join(missing)}; expected {', '.join(REQUIRED)}")
    return words
