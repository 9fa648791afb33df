"""A cascade starts as the network inside, and only what refines it can learn."""

import numpy as np
import onnxruntime as ort
import pytest
from support.sources import ROOT

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from safetensors.torch import load_file, save_file  # noqa: E402

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.checkpoint import load_model  # noqa: E402
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph  # noqa: E402
from fishy_ros.training.heads.autoencoder import AutoencoderMeasure  # noqa: E402
from fishy_ros.training.heads.flow import FlowMeasure  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, count_parameters, initialise  # noqa: E402
from fishy_ros.training.heads.registry import COMPOSED, HEADS, create_head, usable_heads  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.nets.blocks import upsample  # noqa: E402
from fishy_ros.training.statistics import PastedImage, measure_statistics  # noqa: E402

H, W = 64, 128


def initialised(size, seed):
    model = AnomalyModel(size)
    initialise(model, seed)
    return model


@pytest.fixture
def model():
    return initialised("m", 3)


@pytest.fixture(scope="module")
def image():
    return 255 * torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(5))


def learn_one_step(model, image):
    """Leave zero behind: before the first step the refinement's inner layers get no gradient."""
    optimiser = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), 0.1)
    output = model.train()(image)
    (output.net.logits.square().mean() + output.outlier.square().mean()).backward()
    optimiser.step()
    optimiser.zero_grad()


def test_an_untrained_cascade_says_exactly_what_the_network_inside_says(model, image):
    single = initialised("s", 8).eval()
    model.net.backbone.load_state_dict(single.net.state_dict())
    model.head.backbone.load_state_dict(single.head.state_dict())
    model.eval()
    with torch.no_grad():
        output = model(image)
        seen = single.net(torch.nn.functional.avg_pool2d(single.normalise(image), 2))
        score = single.head(seen.logits, seen, image)
    assert torch.equal(output.net.logits, upsample(seen.logits, 2))
    assert torch.equal(output.outlier, upsample(score[:, None], 2).squeeze(1))
    assert output.outlier.shape == (1, H // 4, W // 4)
    assert output.net.semantic.shape == (1, model.net.semantic, H // 8, W // 8)
    assert output.net.detail.shape == (1, model.net.detail, H // 4, W // 4)


def test_the_road_around_is_looked_for_as_far_away_as_in_the_network_inside(model, image):
    model.eval()
    road, statistics = "dissimilarity+ground", Statistics()
    with torch.no_grad():
        net = model.net(model.normalise(image))
        got = create_head(road, model, statistics)(net.logits, net, image)
        single = initialised("s", 8)
        single.head = model.head.backbone
        expected = create_head(road, single, statistics)(net.coarse.logits, net.coarse, image)
    np.testing.assert_allclose(got.numpy(), upsample(expected[:, None], 2).squeeze(1).numpy(), atol=0.05)


def test_training_leaves_the_network_inside_alone_and_reaches_everything_else(model, image):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learn_one_step(model, image)
    output = model(image)
    (output.net.logits.square().mean() + output.outlier.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == (".backbone." in name), name
        assert parameter.grad is None or parameter.grad.abs().sum() > 0, name
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not {name for name in changed if ".backbone." in name}


def test_the_parameters_of_a_cascade_include_those_of_the_network_inside(model):
    own = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert count_parameters(model) == count_parameters(AnomalyModel("s")) + own


UNFIT = {"vim": "no linear", "react": "no linear", "ash": "no linear", "odin": "gradients", "flow_input": "gradients"}
"""These read a classifier of the fine features alone, or gradients: a cascade has neither."""

OTHER_STAGES = ("meta", "resynthesis", "synboost_network", "synboost")
"""What is not tried: the first needs regions, the others are trained on the stages of another network."""


def test_every_head_scores_a_cascade_or_says_why_not(model, image, monkeypatch):
    monkeypatch.setattr(FlowMeasure.__init__, "__defaults__", (2,))
    monkeypatch.setattr(AutoencoderMeasure.__init__, "__defaults__", (2,))
    model.eval()
    names = [name for name in usable_heads(model, (*HEADS, *COMPOSED)) if name not in OTHER_STAGES]
    pasted = PastedImage(image, (torch.arange(H // 4 * W // 4).view(1, H // 4, W // 4) % 5 == 0).to(torch.uint8))
    statistics = measure_statistics(model, names, [image], [pasted])
    with torch.no_grad():
        net = model.net(model.normalise(image))
        for name in names:
            if name in UNFIT:
                with pytest.raises(ConfigError, match=UNFIT[name]):
                    create_head(name, model, statistics)
                continue
            score = create_head(name, model, statistics).eval()(net.logits, net, image)
            assert score.shape == (1, H // 4, W // 4), name
            assert score.isfinite().all(), name


def test_the_exported_cascade_equals_torch(model, image, tmp_path):
    learn_one_step(model, image)
    deployed = DeployedModel(model, model.head, ScoreScale(0.0, 1.0)).eval()
    export_graph(deployed, H, W, tmp_path / "m.onnx")
    picture = image.permute(0, 2, 3, 1).to(torch.uint8)
    session = ort.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    score, labels = session.run(None, {"image": picture.numpy()})
    with torch.no_grad():
        expected, classes = deployed(picture)
    np.testing.assert_allclose(score, expected.numpy(), atol=1e-4)
    assert (labels == classes.numpy()).mean() > 0.999
    assert score.shape == (1, H // 2, W // 2)


def test_a_refined_head_refuses_the_features_of_a_single_network(model, image):
    single = AnomalyModel("s").eval()
    net = single.net(single.normalise(image))
    with pytest.raises(ConfigError, match="expected the features of a cascade"):
        model.head(net.logits, net, image)


def test_the_shipped_weights_of_the_cascade_are_read_whatever_they_call_its_backbone(tmp_path):
    shipped = load_file(ROOT / "checkpoints" / "fishy-m.safetensors")
    for old in ("trunk", "backbone"):
        path = tmp_path / f"{old}.safetensors"
        named = {name.replace("trunk", "backbone").replace("backbone", old): value for name, value in shipped.items()}
        save_file(named, path, metadata={"network": "m"})
        read = load_model(path).state_dict()
        assert len(read) == len(named)
        assert all(torch.equal(read[name.replace(old, "backbone")], value) for name, value in named.items())
