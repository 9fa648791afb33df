"""What every segmentation network promises, as checks that tests of networks call."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch.utils.flop_counter import FlopCounterMode

from fishy_ros.evaluation.bench.graph_cost import graph_cost
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph, fuse_branches
from fishy_ros.training.heads.model import AnomalyModel, initialise

H, W = 64, 128


def initialised(size: str) -> AnomalyModel:
    """Build a model with weights drawn from a seed."""
    model = AnomalyModel(size)
    initialise(model, 3)
    return model


def count_multiply_adds(network, height: int, width: int) -> int:
    """Count as torch does the multiply-adds of all convolutions, branches fused as they are on export."""
    deployed = fuse_branches(network).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        deployed(torch.empty(1, 3, height, width, device="meta"))
    return int(counter.get_total_flops()) // 2


def image(batch: int = 1):
    return 255 * torch.rand(batch, 3, H, W, generator=torch.Generator().manual_seed(1))


def check_features_and_gradients(model):
    """Features have the promised sizes, and gradients reach every parameter."""
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


def check_exported_graph(model, tmp_path: Path):
    """The exported graph equals torch, and holds the multiply-adds that torch counts."""
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
