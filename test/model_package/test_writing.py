"""What cannot be read again is not written."""

from pathlib import Path

import numpy as np
import pytest
from support.tiny_model import CLASSES

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import Calibration, ModelPackage, write_model_package

_FIELDS = {
    "name": "copy",
    "version": "1",
    "description": "a copy: with 'quotes' and ümlauts",
    "input_height": 64,
    "input_width": 128,
    "classes": CLASSES,
    "calibration": Calibration("none", 0.5),
    "license": "Apache-2.0",
}


def test_graphs_are_copied_into_the_folder(tmp_path: Path, tiny_package: ModelPackage) -> None:
    written = write_model_package(
        tmp_path / "copy",
        tiny_package.graph_path,
        **_FIELDS,
        metrics={"AP": 0.25, "splits": [1, 2]},
        variants={"fp16": tiny_package.graph_path},
    )
    assert written.graph_path.parent == (tmp_path / "copy").resolve()
    assert written.graph("fp16").read() == tiny_package.graph().read()
    assert written.description == _FIELDS["description"]
    assert written.metrics == {"AP": 0.25, "splits": [1, 2]}
    assert not list((tmp_path / "copy").glob(".*"))


def test_a_metric_that_yaml_cannot_hold_is_refused(tmp_path: Path, tiny_package: ModelPackage) -> None:
    with pytest.raises(ModelPackageError, match="cannot be written"):
        write_model_package(tmp_path, tiny_package.graph_path, **_FIELDS, metrics={"AP": np.float32(0.25)})
    assert not (tmp_path / "model.yaml").exists()


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelPackageError, match=r"absent\.onnx"):
        write_model_package(tmp_path, tmp_path / "absent.onnx", **_FIELDS)
