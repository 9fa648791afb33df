"""Writing a model package around an exported graph."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from fishy_ros.errors import ModelPackageError
from fishy_ros.files import file_sha256, replacing
from fishy_ros.model_package.baseline import Baseline, baseline_document
from fishy_ros.model_package.description import (
    CARD_FILE,
    DESCRIPTION_FILE,
    Calibration,
    EngineFile,
    ModelPackage,
    OtherScore,
)
from fishy_ros.model_package.reading import FORMAT, load_model_package, read_document
from fishy_ros.types import SemanticClass


def write_model_package(
    folder: str | Path,
    graph: str | Path,
    *,
    name: str,
    version: str,
    description: str,
    input_height: int,
    input_width: int,
    classes: Sequence[SemanticClass],
    calibration: Calibration,
    license: str,
    training_data: Sequence[str] = (),
    metrics: Mapping[str, object] | None = None,
    variants: Mapping[str, str | Path] | None = None,
    card: str | None = None,
    scores: Mapping[str, OtherScore] | None = None,
) -> ModelPackage:
    """Write a package into `folder` (made if need be) and return it as read back from there.

    `graph` is the ONNX file in full precision and `variants` maps `fp16`, `int8`, ... to further ones; they are
    copied as `model.onnx`, `model.fp16.onnx`, ... unless they are there already. `card` is the text of `card.md`.
    `metrics` may hold texts, numbers, lists and mappings. `scores` are what the graphs give beside the default score.

    Raises:
        ModelPackageError: a graph cannot be read, or the description would not be readable again.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "description": description,
        "input": {"name": "image", "height": input_height, "width": input_width, "color_order": "bgr"},
        "outputs": {"score": {"name": "score"}, "labels": {"name": "labels"}},
        "graph": _place(Path(graph), folder, "model.onnx"),
        "classes": [{"id": item.id, "name": item.name, "color": list(item.color)} for item in classes],
        "calibration": _calibration_entry(calibration),
        "license": license,
        "training_data": list(training_data),
        "metrics": dict(metrics or {}),
    }
    if variants:
        document["variants"] = {
            precision: _place(Path(path), folder, f"model.{precision}.onnx") for precision, path in variants.items()
        }
    if scores:
        document["scores"] = {score: _score_entry(entry) for score, entry in scores.items()}
    text = _dump(document, folder / DESCRIPTION_FILE)
    if card is not None:
        _replace(folder / CARD_FILE, card)
    _replace(folder / DESCRIPTION_FILE, text)
    return load_model_package(folder)


def _calibration_entry(calibration: Calibration) -> dict[str, object]:
    return {
        "meaning": calibration.meaning,
        "default_threshold": calibration.default_threshold,
        "normal_share_above": [list(pair) for pair in calibration.normal_share_above],
    }


def _score_entry(score: OtherScore) -> dict[str, object]:
    return {
        "description": score.description,
        "output": score.output,
        "calibration": _calibration_entry(score.calibration),
    }


def add_variants(package: ModelPackage, graphs: Mapping[str, str | Path]) -> ModelPackage:
    """Copy graphs of further precisions into a package, replace those of the same name, and return it as read back.

    `graphs` maps a precision to an ONNX file, as `variants` of `write_model_package`; the description stays.

    Raises:
        ModelPackageError: a graph cannot be read, or the package cannot be written.
    """
    path = package.folder / DESCRIPTION_FILE
    document = read_document(path)
    entries = {name: _place(Path(graph), package.folder, f"model.{name}.onnx") for name, graph in graphs.items()}
    variants = document.get("variants")
    document["variants"] = {**(variants if isinstance(variants, dict) else {}), **entries}
    _replace(path, _dump(document, path))
    return load_model_package(package.folder)


def add_reduced_graph(package: ModelPackage, graph: str | Path, height: int, width: int) -> ModelPackage:
    """Copy a graph with a smaller input into a package, replace one of the same size, and return it as read back.

    Raises:
        ModelPackageError: the graph cannot be read, or the package cannot be written.
    """
    path = package.folder / DESCRIPTION_FILE
    document = read_document(path)
    entry = {**_place(Path(graph), package.folder, f"model.{height}x{width}.onnx"), "height": height, "width": width}
    listed = document.get("reduced")
    others = [item for item in (listed if isinstance(listed, list) else []) if item.get("file") != entry["file"]]
    document["reduced"] = [*others, entry]
    _replace(path, _dump(document, path))
    return load_model_package(package.folder)


def add_engines(package: ModelPackage, engines: Mapping[EngineFile, bytes]) -> ModelPackage:
    """Write compiled engines into a package, replace those of the same file name, and return it as read back.

    Entries of graphs that the package no longer has are dropped, with their files.

    Raises:
        ModelPackageError: the package cannot be written.
    """
    path = package.folder / DESCRIPTION_FILE
    document = read_document(path)
    graphs = {package.sha256, *(graph.sha256 for graph in package.variants.values())}
    graphs.update(entry.graph.sha256 for entry in package.reduced)
    new = {engine.path for engine in engines}
    kept = [engine for engine in package.engines if engine.path not in new and engine.graph_sha256 in graphs]
    try:
        for engine, content in engines.items():
            _replace_bytes(engine.path, content)
        document["engines"] = [_engine_entry(engine) for engine in (*kept, *engines)]
        _replace(path, _dump(document, path))
        for engine in package.engines:
            if engine not in kept and engine.path not in new:
                engine.path.unlink(missing_ok=True)
    except OSError as error:
        raise ModelPackageError(f"{package.folder}: engines cannot be written: {error.strerror or error}") from error
    return load_model_package(package.folder)


def _engine_entry(engine: EngineFile) -> dict[str, object]:
    return {
        "file": engine.path.name,
        "sha256": engine.sha256,
        "graph": engine.graph,
        "graph_sha256": engine.graph_sha256,
        "library": engine.library,
        "targets": list(engine.targets),
        "flags": list(engine.flags),
    }


def add_baseline(package: ModelPackage, baseline: Baseline) -> ModelPackage:
    """Write what normal input looks like into a package's description, and return it as read back.

    It goes beside the score that is chosen: a part of it is about the score.

    Raises:
        ModelPackageError: the package cannot be written.
    """
    path = package.folder / DESCRIPTION_FILE
    document = read_document(path)
    place = document
    if package.chosen_score:
        place = document["scores"][package.chosen_score]  # type: ignore[index]
    place["baseline"] = baseline_document(baseline)
    _replace(path, _dump(document, path))
    written = load_model_package(package.folder)
    return written.with_score(package.chosen_score) if package.chosen_score else written


class _Dumper(yaml.SafeDumper):
    """A safe dumper that repeats shared values instead of writing aliases, and keeps lists of numbers on one line."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, data: list[object]) -> yaml.Node:
    short = all(isinstance(item, (int, float)) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=short)


_Dumper.add_representer(list, _represent_list)


def _dump(document: Mapping[str, object], path: Path) -> str:
    try:
        text: str = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    except yaml.YAMLError as error:
        raise ModelPackageError(f"{path}: cannot be written: {error}") from error
    return text


def _place(graph: Path, folder: Path, name: str) -> dict[str, str]:
    """Copy a graph into the package and return its entry in `model.yaml`."""
    target = folder / name
    try:
        if graph.resolve() != target.resolve():
            shutil.copyfile(graph, target)
        return {"file": name, "sha256": file_sha256(target)}
    except OSError as error:
        raise ModelPackageError(f"{graph}: cannot be copied to {target}: {error.strerror or error}") from error


def _replace(path: Path, text: str) -> None:
    _replace_bytes(path, text.encode("utf-8"))


def _replace_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
