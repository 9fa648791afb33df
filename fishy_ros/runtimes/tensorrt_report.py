"""What engines are made of, in a line for people and as JSON for `docs/results`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fishy_ros.errors import ConfigError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.tensorrt_ahead import AheadEngine
from fishy_ros.runtimes.tensorrt_layers import count_kinds, unwanted_layers


def describe_engine(package: ModelPackage, engine: AheadEngine) -> str:
    """Return one line about an engine."""
    return (
        f"{package.name} {engine.precision} {engine.height}x{engine.width} for {', '.join(engine.entry.targets)}: "
        f"{engine.entry.path.name}, {len(engine.content) / 1e6:.1f} MB, {len(engine.layers)} layers, "
        f"{len(unwanted_layers(engine.layers))} of them unwanted"
    )


def layer_entry(package: ModelPackage, engine: AheadEngine) -> dict[str, Any]:
    """Return what is recorded of an engine."""
    return {
        "model": f"{package.name} {package.version}",
        "precision": engine.precision,
        "input": [engine.height, engine.width],
        "targets": list(engine.entry.targets),
        "library": engine.entry.library,
        "graph_sha256": engine.entry.graph_sha256,
        "bytes": len(engine.content),
        "layers": len(engine.layers),
        "kinds": count_kinds(engine.layers),
        "unwanted": unwanted_layers(engine.layers),
    }


def write_layer_report(path: Path, package: ModelPackage, engines: Sequence[AheadEngine]) -> None:
    """Write the entries of engines into a JSON file, in place of those of the same model, precision, size and target.

    Raises:
        ConfigError: the file cannot be written, or holds something else.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["tensorrt_layers"] if path.exists() else []
        entries = {_identity(entry): entry for entry in (*known, *(layer_entry(package, engine) for engine in engines))}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"tensorrt_layers": [entries[name] for name in sorted(entries)]}, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: layers cannot be recorded there: {error}") from error


def _identity(entry: dict[str, Any]) -> tuple[str, ...]:
    name = str(entry["model"]).partition(" ")[0]
    return name, str(entry["precision"]), str(entry["input"]), str(entry["targets"])
