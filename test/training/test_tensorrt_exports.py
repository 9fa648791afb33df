"""Real TensorRT for RTX compiles a graph of every network that can be exported; test_registry.py does so for heads."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training wing is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: the training wing is not tested")
pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

from support.tensorrt_compiler import compile_for_all  # noqa: E402

from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph, export_network  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.heads.registry import create_head  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.nets.registry import NETWORKS  # noqa: E402

H, W = 64, 128
EXPECTED = ["`image` uint8 [1, 64, 128, 3]", "`score` float32 [1, 32, 64]", "`labels` uint8 [1, 32, 64]"]


@pytest.fixture(scope="module")
def model():
    model = AnomalyModel("s")
    initialise(model, 3)
    return model


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_compiles(tmp_path, network):
    model = AnomalyModel(network)
    initialise(model, 3)
    head = create_head("dissimilarity+ground", model, Statistics())
    export_graph(DeployedModel(model, head, ScoreScale(0.5, 2.0)), H, W, tmp_path / "model.onnx")
    assert compile_for_all(tmp_path / "model.onnx") == EXPECTED


def test_a_network_without_a_head_compiles(model, tmp_path):
    export_network(model, H, W, tmp_path / "model.onnx")
    assert compile_for_all(tmp_path / "model.onnx") == [EXPECTED[0], EXPECTED[2]]


def test_building_without_a_driver_shows_no_errors(model, tmp_path, caplog):
    export_network(model, H, W, tmp_path / "model.onnx")
    compile_for_all(tmp_path / "model.onnx")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
