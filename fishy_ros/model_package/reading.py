"""Reading a model package: the description is parsed and checked, the graph is checked by its hash."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from fishy_ros.deprecated_names import MODEL_KEYS, with_current_keys
from fishy_ros.documents import parse_yaml, read_limited
from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package.baseline import read_baseline
from fishy_ros.model_package.description import (
    DESCRIPTION_FILE,
    FULL_PRECISION,
    MAX_DESCRIPTION_BYTES,
    Calibration,
    EngineFile,
    GraphFile,
    ModelPackage,
    OtherScore,
    ReducedGraph,
)
from fishy_ros.model_package.fields import Fields, as_fraction
from fishy_ros.model_package.finding import find_model, split_score
from fishy_ros.model_package.signing import verify_signature
from fishy_ros.types import SemanticClass

FORMAT = 1
MAX_SIDE = 16384
"""Largest input height or width in pixels."""


def load_model_package(path: str | Path, trusted_key: str | Path = "") -> ModelPackage:
    """Load the model package at a folder, at its `model.yaml`, or of a name that `find_model` knows.

    `PACKAGE:SCORE` chooses a score that the package gives beside its own, as `ModelPackage.with_score` does.

    With `trusted_key`, the file of a public key, the description must be signed by that key; it holds the hashes of
    all graphs, so they are covered too.

    Raises:
        ModelPackageError: a file is missing, damaged or of the wrong hash, a field has a value that is not allowed,
            or the signature is missing or by another key.
        ConfigError: `trusted_key` is not a public key, the library that checks signatures is not installed, or the
            package has no such score.
    """
    name, score = split_score(path)
    description = find_model(name) / DESCRIPTION_FILE
    content = read_limited(description, MAX_DESCRIPTION_BYTES, ModelPackageError)
    if trusted_key:
        verify_signature(content, description, Path(trusted_key))
    package = parse_description(content, description)
    package.graph().read()
    return package.with_score(score) if score else package


def parse_description(content: bytes, path: Path) -> ModelPackage:
    """Parse what stands in a `model.yaml`, without looking at the graphs that it names.

    Raises:
        ModelPackageError: as `load_model_package`.
    """
    fields = Fields(_parse_document(content, path), path)
    version = fields.values.get("format")
    if version != FORMAT:
        raise fields.error("format", f"{FORMAT}, the only format that this version reads")
    image, outputs = fields.mapping("input"), fields.mapping("outputs", optional=True)
    graph = _graph_file(fields.mapping("graph"))
    color_order = image.text("color_order", "bgr")
    score_name = outputs.mapping("score", optional=True).text("name", "score")
    scores = _scores(fields.mapping("scores", optional=True))
    if color_order != "bgr":
        raise image.error("color_order", "'bgr': the graph converts BGR to what the network expects")
    return ModelPackage(
        name=fields.text("name"),
        version=fields.text("version"),
        description=fields.text("description", ""),
        folder=path.parent,
        graph_path=graph.path,
        sha256=graph.sha256,
        input_height=image.integer("height", 1, MAX_SIDE),
        input_width=image.integer("width", 1, MAX_SIDE),
        color_order=color_order,
        classes=_classes(fields),
        calibration=_calibration(fields.mapping("calibration")),
        license=fields.text("license"),
        training_data=tuple(str(item) for item in fields.items("training_data")),
        metrics=fields.mapping("metrics", optional=True).values,
        variants=_variants(fields.mapping("variants", optional=True)),
        input_name=image.text("name", "image"),
        score_name=score_name,
        labels_name=outputs.mapping("labels", optional=True).text("name", "labels"),
        reduced=_reduced(fields),
        baseline=read_baseline(fields.mapping("baseline", optional=True)),
        engines=_engines(fields),
        scores=scores,
        score_outputs=(score_name, *(score.output for score in scores.values())),
    )


def read_document(path: Path) -> dict[str, object]:
    """Read `model.yaml` as it stands, without checking its fields.

    Raises:
        ModelPackageError: the file is missing, too large or no YAML mapping.
    """
    return _parse_document(read_limited(path, MAX_DESCRIPTION_BYTES, ModelPackageError), path)


def _parse_document(content: bytes, path: Path) -> dict[str, object]:
    document = parse_yaml(content, path, ModelPackageError)
    if not isinstance(document, dict):
        raise ModelPackageError(f"{path}: the document is a {type(document).__name__}, expected a mapping")
    return with_current_keys(document, MODEL_KEYS, str(path), ModelPackageError)


def _graph_file(fields: Fields) -> GraphFile:
    name = fields.text("file")
    if not name or "\0" in name:
        raise fields.error("file", "the name of a file in the package's folder")
    folder = fields.file.parent.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise fields.error("file", f"a file inside the package's folder {folder}")
    return GraphFile(path, fields.sha256("sha256"))


def _variants(fields: Fields) -> dict[str, GraphFile]:
    if FULL_PRECISION in fields.values:
        raise fields.error(FULL_PRECISION, "no variant of that name, which belongs in `graph`")
    return {precision: _graph_file(fields.mapping(precision)) for precision in fields.values}


def _scores(fields: Fields) -> dict[str, OtherScore]:
    scores = {}
    for name in fields.values:
        entry = fields.mapping(name)
        scores[name] = OtherScore(
            entry.text("description"),
            entry.text("output"),
            _calibration(entry.mapping("calibration")),
            read_baseline(entry.mapping("baseline", optional=True)),
        )
    return scores


def _reduced(fields: Fields) -> tuple[ReducedGraph, ...]:
    graphs = []
    for index, item in enumerate(fields.items("reduced")):
        if not isinstance(item, dict):
            raise fields.error("reduced", "a list of mappings with file, sha256, height and width")
        entry = Fields(item, fields.file, f"reduced[{index}].")
        height, width = entry.integer("height", 1, MAX_SIDE), entry.integer("width", 1, MAX_SIDE)
        graphs.append(ReducedGraph(_graph_file(entry), height, width))
    return tuple(sorted(graphs, key=lambda graph: -graph.height * graph.width))


def _engines(fields: Fields) -> tuple[EngineFile, ...]:
    engines = []
    for index, item in enumerate(fields.items("engines")):
        if not isinstance(item, dict):
            raise fields.error("engines", "a list of mappings with file, sha256, graph, graph_sha256, library, targets")
        entry = Fields(item, fields.file, f"engines[{index}].")
        file = _graph_file(entry)
        engines.append(
            EngineFile(
                file.path,
                file.sha256,
                entry.text("graph"),
                entry.sha256("graph_sha256"),
                entry.text("library"),
                tuple(str(target) for target in entry.items("targets")),
                tuple(str(flag) for flag in entry.items("flags")),
            )
        )
    return tuple(engines)


def _classes(fields: Fields) -> tuple[SemanticClass, ...]:
    classes = []
    for index, item in enumerate(fields.items("classes")):
        if not isinstance(item, dict):
            raise fields.error("classes", "a list of mappings with id, name and color")
        entry = Fields(item, fields.file, f"classes[{index}].")
        color = entry.items("color")
        if len(color) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in color):
            raise entry.error("color", "three integers from 0 to 255 (RGB)")
        red, green, blue = (int(str(part)) for part in color)
        classes.append(SemanticClass(entry.integer("id", 0, 255), entry.text("name"), (red, green, blue)))
    if len({item.id for item in classes}) != len(classes):
        raise fields.error("classes", "unique ids")
    return tuple(classes)


def _calibration(fields: Fields) -> Calibration:
    pairs: list[tuple[float, float]] = []
    for item in fields.items("normal_share_above"):
        numbers = [as_fraction(part) for part in item] if isinstance(item, list) else []
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise fields.error("normal_share_above", "pairs [threshold, share], both from 0 to 1")
        pairs.append((numbers[0], numbers[1]))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(pairs)):
        raise fields.error("normal_share_above", "increasing thresholds")
    return Calibration(fields.text("meaning"), fields.fraction("default_threshold"), tuple(pairs))
