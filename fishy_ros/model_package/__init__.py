"""Model packages: a folder with `model.yaml`, the compiled graph `model.onnx` and a card."""

from fishy_ros.model_package.baseline import Baseline, Spread
from fishy_ros.model_package.description import (
    Calibration,
    EngineFile,
    GraphFile,
    ModelPackage,
    OtherScore,
    ReducedGraph,
    score_output,
)
from fishy_ros.model_package.finding import DEFAULT_MODEL, find_model, list_models, model_folders
from fishy_ros.model_package.reading import load_model_package
from fishy_ros.model_package.signing import create_keys, fingerprint, sign_description
from fishy_ros.model_package.writing import (
    add_baseline,
    add_engines,
    add_reduced_graph,
    add_variants,
    write_model_package,
)
from fishy_ros.types import SemanticClass

__all__ = [
    "DEFAULT_MODEL",
    "Baseline",
    "Calibration",
    "EngineFile",
    "GraphFile",
    "ModelPackage",
    "OtherScore",
    "ReducedGraph",
    "SemanticClass",
    "Spread",
    "add_baseline",
    "add_engines",
    "add_reduced_graph",
    "add_variants",
    "create_keys",
    "find_model",
    "fingerprint",
    "list_models",
    "load_model_package",
    "model_folders",
    "score_output",
    "sign_description",
    "write_model_package",
]
