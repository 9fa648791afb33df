"""Real TensorRT for RTX compiles a graph of every head and every network that can be exported."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training wing is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: the training wing is not tested")
pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

from training.heads.made_up import measure_everything, model_for  # noqa: E402

from fishy_ros.runtimes.tensorrt_build import network_tensors  # noqa: E402
from fishy_ros.runtimes.tensorrt_library import open_library  # noqa: E402
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph, export_network  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.heads.registry import COMPOSED, HEADS, create_head, parse_head  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.nets.registry import NETWORKS  # noqa: E402

H, W = 64, 128
TARGETS = ("8.6", "12.0")


def compile_file(path: Path) -> list[str]:
    """Compile a graph for all targets and return its tensors."""
    library = open_library("tensorrt_rtx")
    parsed = library.parse(path.read_bytes(), path)
    config = library.configure(parsed.builder, TARGETS, None)
    assert parsed.builder.build_serialized_network(parsed.network, config) is not None, library.messages.reason()
    inputs, outputs = network_tensors(library, parsed.network)
    return [str(tensor) for tensor in (*inputs, *outputs)]


@pytest.fixture(scope="module")
def model():
    model = AnomalyModel("s")
    initialise(model, 3)
    return model


@pytest.fixture(scope="module")
def statistics():
    return measure_everything()


def deployed(model: AnomalyModel, head: str, statistics: Statistics) -> DeployedModel:
    return DeployedModel(model, create_head(head, model, statistics), ScoreScale(0.5, 2.0))


IN_GRAPH = [name for name in (*HEADS, *COMPOSED) if parse_head(name)[0].in_graph]


EXPECTED = ["`image` uint8 [1, 64, 128, 3]", "`score` float32 [1, 32, 64]", "`labels` uint8 [1, 32, 64]"]


@pytest.mark.parametrize("head", IN_GRAPH)
def test_every_head_compiles(tmp_path, head, statistics):
    export_graph(deployed(model_for(head), head, statistics), H, W, tmp_path / "model.onnx")
    assert compile_file(tmp_path / "model.onnx") == EXPECTED


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_compiles(tmp_path, network):
    model = AnomalyModel(network)
    initialise(model, 3)
    export_graph(deployed(model, "dissimilarity+ground", Statistics()), H, W, tmp_path / "model.onnx")
    assert compile_file(tmp_path / "model.onnx") == EXPECTED


def test_a_network_without_a_head_compiles(model, tmp_path):
    export_network(model, H, W, tmp_path / "model.onnx")
    assert compile_file(tmp_path / "model.onnx") == [EXPECTED[0], EXPECTED[2]]


def test_building_without_a_driver_shows_no_errors(model, tmp_path, caplog):
    export_network(model, H, W, tmp_path / "model.onnx")
    compile_file(tmp_path / "model.onnx")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
