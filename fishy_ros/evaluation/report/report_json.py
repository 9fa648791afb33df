"""The machine-readable report: a `ReplayResult` as JSON values, and the schema that describes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from fishy_ros.documents import parse_json, read_limited
from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.result import ModelDescription, ReplayResult
from fishy_ros.evaluation.scoring.bootstrap import Interval
from fishy_ros.evaluation.scoring.summary import FrameScore, ScoreSummary
from fishy_ros.metrics.pixel import PixelMetrics
from fishy_ros.terminal import printable

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields keep it."""

MAX_REPORT_BYTES = 256 << 20

Json = Any
"""What `json` can write: dict, list, str, int, float, bool or None."""


def result_to_json(result: ReplayResult, intervals: Mapping[str, Interval] | None = None) -> dict[str, Json]:
    """Convert a result to JSON values as `report.schema.json` describes them; what is not finite is null.

    Args:
        result: what to report.
        intervals: 95 % intervals by metric.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "mode": result.mode,
        "metrics": _metrics(result.score),
        "intervals95": {name: [interval.low, interval.high] for name, interval in (intervals or {}).items()},
        "frames": asdict(result.frames),
        "latency_ms": _finite({stage: asdict(summary) for stage, summary in result.latency_ms().items()}),
        "model": _model(result.model) if result.model else None,
        "runtime": asdict(result.runtime) if result.runtime else None,
        "source": {"kind": result.source.kind, "name": result.source.name},
        "input_sha256": result.source.sha256,
        **_environment(result),
        "score": _finite(_score(result.score)) if result.score else None,
        "per_frame_latency_ms": [
            {"frame": latency.frame, "stages": _finite(dict(latency.stages_ms))} for latency in result.latencies
        ],
        "regions": _finite(asdict(result.regions)) if result.regions else None,
        "streaming": _finite(asdict(result.streaming)) if result.streaming else None,
        "consistency": _finite(asdict(result.consistency)) if result.consistency else None,
        "warnings": list(result.all_warnings()),
        "extra": _finite(dict(result.extra)),
    }


def load_schema() -> dict[str, Json]:
    """Read the JSON Schema of `report.json` that ships in the package."""
    text = resources.files("fishy_ros.evaluation.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Json] = json.loads(text)
    return schema


def load_report(path: Path) -> dict[str, Json]:
    """Read a `report.json`.

    Raises:
        ScoreError: the file cannot be read, is not a report as `report.schema.json` has it, or of a later schema.
    """
    report = parse_json(read_limited(path, MAX_REPORT_BYTES, ScoreError), path, ScoreError)
    version = report.get("schema_version") if isinstance(report, dict) else None
    if not isinstance(report, dict) or version != SCHEMA_VERSION:
        raise ScoreError(f"{path}: schema_version is {repr(version)[:60]}, expected {SCHEMA_VERSION}")
    error = next(jsonschema.Draft202012Validator(_open(load_schema())).iter_errors(report), None)
    if error is not None:
        raise ScoreError(f"{path}: `{error.json_path}`: {printable(error.message[:200])}")
    return report


def _open(schema: dict[str, Json]) -> dict[str, Json]:
    """Accept fields that the schema does not know: later versions add some."""
    opened = {name: value for name, value in schema.items() if not (name == "additionalProperties" and value is False)}
    for name in ("items", "additionalProperties"):
        if isinstance(opened.get(name), dict):
            opened[name] = _open(opened[name])
    if "properties" in opened:
        opened["properties"] = {name: _open(value) for name, value in opened["properties"].items()}
    return opened


def _model(model: ModelDescription) -> dict[str, Json]:
    """Keep the key that reports have had from the beginning."""
    described = asdict(model)
    described["licence"] = described.pop("license")
    return described


def _metrics(score: ScoreSummary | None) -> dict[str, Json]:
    """The numbers that people quote, fractions of 1."""
    if score is None:
        return {"AP": None, "FPR95": None, "AUROC": None}
    metrics: dict[str, Json] = {"AP": None, "FPR95": None, "AUROC": None}
    if score.pixel:
        metrics |= {
            "AP": score.pixel.ap,
            "FPR95": score.pixel.fpr95,
            "AUROC": score.pixel.auroc,
            "best_F1": score.pixel.best_f1,
        }
    if score.per_image.images:
        metrics["per_image"] = {
            "AUPR": score.per_image.aupr,
            "AUROC": score.per_image.auroc,
            "FPR95": score.per_image.fpr95,
            "images": score.per_image.images,
            "skipped": score.per_image.skipped,
        }
    if score.component:
        metrics["component"] = _finite(asdict(score.component))
    if score.segmentation:
        metrics["segmentation"] = _finite(asdict(score.segmentation))
    if score.misclassification:
        metrics["misclassification"] = _finite(asdict(score.misclassification))
    return metrics


def _score(score: ScoreSummary) -> dict[str, Json]:
    """What curves, histograms and tables are drawn from."""
    return {
        "pixel": _pixel(score.pixel) if score.pixel else None,
        "by_size": [asdict(group) for group in score.by_size],
        "by_distance": [asdict(group) for group in score.by_distance],
        "distribution": {
            "edges": score.distribution.edges.tolist(),
            "ordinary": score.distribution.normal.tolist(),
            "anomalous": score.distribution.anomalous.tolist(),
        },
        "per_frame": [_frame(frame) for frame in score.frames],
        "unlabelled_frames": score.unlabelled,
    }


def _pixel(pixel: PixelMetrics) -> dict[str, Json]:
    return {
        "positives": pixel.positives,
        "negatives": pixel.negatives,
        "fpr95_threshold": pixel.fpr95_threshold,
        "best_f1_threshold": pixel.best_f1_threshold,
        "curve": {
            "threshold": pixel.curve.thresholds.tolist(),
            "precision": pixel.curve.precision.tolist(),
            "recall": pixel.curve.recall.tolist(),
            "fpr": pixel.curve.fpr.tolist(),
        },
    }


def _frame(frame: FrameScore) -> dict[str, Json]:
    return {
        "frame": frame.id,
        "positives": frame.positives,
        "negatives": frame.negatives,
        "AP": frame.metrics.aupr,
        "AUROC": frame.metrics.auroc,
        "FPR95": frame.metrics.fpr95,
    }


def _environment(result: ReplayResult) -> dict[str, Json]:
    environment = result.environment
    return {
        "created": environment.created,
        "command": environment.command,
        "host": {
            "name": environment.host,
            "system": environment.system,
            "cpu": environment.cpu,
            "cores": environment.cores,
            "memory_gib": environment.memory_gib,
            "gpus": list(environment.gpus),
        },
        "versions": {"python": environment.python, **environment.versions},
        "environment_variables": dict(environment.variables),
    }


def _finite(value: Json) -> Json:
    """Replace what JSON cannot say: infinities and NaN become null, tuples lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
