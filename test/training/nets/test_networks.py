"""Every design that can be trained keeps the contract of a network, and its graph computes the same."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.evaluation.bench.graph_cost import graph_cost  # noqa: E402
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, count_parameters, initialise  # noqa: E402
from fishy_ros.training.nets.registry import BACKBONES, NETWORKS, create_network  # noqa: E402
from fishy_ros.training.nets.reparameterised import fuse_branches  # noqa: E402

H, W = 64, 128


def count_multiply_adds(network, height: int, width: int) -> int:
    """Count as torch does the multiply-adds of all convolutions, branches fused as they are on export."""
    deployed = fuse_branches(network).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        deployed(torch.empty(1, 3, height, width, device="meta"))
    return int(counter.get_total_flops()) // 2


DESIGNS = sorted(name for name in NETWORKS if not name.startswith("s_"))
"""Without those that differ from `s` in one more output or in dropout alone."""

DESIGNS_ALONE = [name for name in DESIGNS if name not in BACKBONES]


@pytest.fixture(params=DESIGNS)
def model(request):
    model = AnomalyModel(request.param)
    initialise(model, 3)
    return model


@pytest.fixture(params=[*DESIGNS_ALONE, "s_void", "s_bayesian"])
def single(request):
    """A network without another inside: test_cascade.py holds what those promise."""
    model = AnomalyModel(request.param)
    initialise(model, 3)
    return model


def image(batch: int = 1):
    return 255 * torch.rand(batch, 3, H, W, generator=torch.Generator().manual_seed(1))


def test_features_have_the_promised_sizes_and_gradients_reach_every_parameter(single):
    model = single
    output = model.train()(image(batch=2))
    net = model.net
    assert output.net.logits.shape == (2, net.classes, H // 4, W // 4)
    assert output.net.semantic.shape == (2, net.semantic, H // 8, W // 8)
    assert output.net.detail.shape == (2, net.detail, H // 4, W // 4)
    assert output.outlier.shape == (2, H // 4, W // 4)
    expected = model.head.expected(output.net.logits.softmax(dim=1))
    generator = torch.Generator().manual_seed(2)
    parts = [*output.net[:3], output.outlier, expected]
    parts += [] if output.net.extra is None else [output.net.extra]
    sum((part * torch.randn(part.shape, generator=generator)).sum() for part in parts).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_exported_graph_equals_torch_and_holds_the_counted_multiply_adds(model, tmp_path: Path):
    with torch.no_grad():
        model.train()(image(batch=2))  # so that the normalisations have something to fold
    deployed = DeployedModel(model, model.head, ScoreScale(0.0, 1.0)).eval()
    export_graph(deployed, H, W, tmp_path / "model.onnx")
    picture = image().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # threads that wait for each other are slow on a loaded machine
    session = ort.InferenceSession(str(tmp_path / "model.onnx"), options, providers=["CPUExecutionProvider"])
    score, labels = session.run(None, {"image": picture.numpy()})
    with torch.no_grad():
        expected_score, expected_labels = deployed(picture)
    np.testing.assert_allclose(score, expected_score.numpy(), atol=1e-3)  # the untrained score is steep
    assert np.abs(score - expected_score.numpy()).mean() < 2e-5
    assert (labels == expected_labels.numpy()).mean() > 0.995

    nodes = graph_cost((tmp_path / "model.onnx").read_bytes()).nodes
    convolutions = [node for node in nodes if node.operator in ("Conv", "ConvTranspose")]
    in_network = [node.flops for node in convolutions if not node.name.startswith("/head/")]
    assert count_multiply_adds(model.net, H, W) == sum(in_network) / 2


@pytest.mark.parametrize(("name", "millions"), [("ddrnet_slim", 5.7), ("pidnet_s", 7.6), ("erfnet", 2.1)])
def test_a_design_has_about_the_parameters_that_its_paper_states(name, millions):
    assert count_parameters(create_network(name)) / 1e6 == pytest.approx(millions, rel=0.1)


def test_an_unknown_network_is_named():
    with pytest.raises(ConfigError, match="network 'nonsense' is unknown; known are"):
        create_network("nonsense")


def test_an_image_that_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match="DdrNet: an image of 96x128; expected multiples of 64"):
        create_network("ddrnet_slim")(torch.zeros(1, 3, 96, 128))
