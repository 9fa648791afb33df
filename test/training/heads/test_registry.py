"""Names of heads, what they need, and that every one of them scores, and exports or says why not."""

import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from training.heads.made_up import CLASSES, DETAIL, IMAGE, H, W, made_up, measure_everything, model_for

from fishy_ros.errors import ConfigError
from fishy_ros.training.graph import OPSET
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.registry import (
    ALIASES,
    COMPOSED,
    HEADS,
    create_head,
    measures_of,
    parse_head,
    require_in_graph,
)
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.nets.network import VARIANTS, NetOutput
from fishy_ros.training.statistics import load_statistics, measure_statistics, save_statistics


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Statistics of all heads, written to a file and read again."""
    path = tmp_path_factory.mktemp("statistics") / "statistics.safetensors"
    save_statistics(path, measure_everything())
    return load_statistics(path)


@pytest.mark.parametrize("name", sorted({*HEADS, *COMPOSED, *ALIASES}))
def test_every_head_gives_one_finite_score_per_pixel(name, measured):
    model = model_for(name)
    with torch.no_grad():
        net = model.net(model.normalise(IMAGE))
        score = create_head(name, model, measured).eval()(net.logits, net, IMAGE)
    assert score.shape == (1, IMAGE.shape[2] // 4, W)
    assert score.isfinite().all()


class HeadAlone(torch.nn.Module):
    """A head as a graph of what it reads."""

    def __init__(self, head, fields):
        super().__init__()
        self.head = head
        self.fields = fields

    def forward(self, *tensors):
        net = self.fields(*tensors)
        return self.head(net.logits, net, net.logits)


def from_tensors(logits, semantic, detail, deep, linear_semantic, linear_detail, extra):
    from fishy_ros.training.nets.network import LinearFeatures

    return NetOutput(logits, semantic, detail, linear=LinearFeatures(deep, linear_semantic, linear_detail), extra=extra)


@pytest.mark.parametrize("name", sorted(name for name in (*HEADS, *COMPOSED) if parse_head(name)[0].in_graph))
def test_the_graph_of_a_head_equals_torch(name, measured, tmp_path):
    head = create_head(name, model_for(name), measured).eval()
    net = made_up(5, extra=True)
    net.logits[:, 0, H // 3 :] += 6  # mostly road
    tensors = (*net[:3], *net.linear, net.extra)
    names = ["logits", "semantic", "detail", "deep", "linear_semantic", "linear_detail", "extra"]
    path = str(tmp_path / "head.onnx")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        settings = {"input_names": names, "opset_version": OPSET, "dynamo": False}
        torch.onnx.export(HeadAlone(head, from_tensors).eval(), tensors, path, **settings)
        expected = head(net.logits, net, net.logits)[0].numpy()
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert not operators & {"If", "Loop", "Shape", "NonZero", "Lgamma"}, "everything is decided on export"
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = dict(zip(names, tensors, strict=True))
    (got,) = session.run(None, {read.name: given[read.name].numpy() for read in session.get_inputs()})
    np.testing.assert_allclose(got[0], expected, atol=2e-3 * max(1, np.abs(expected).max()))


def test_a_head_of_studies_is_refused_with_the_reason():
    for name, spec in HEADS.items():
        if spec.in_graph:
            require_in_graph(name)
        else:
            assert spec.why_not
            with pytest.raises(ConfigError, match=f"{name}.* cannot be exported: {spec.why_not}"):
                require_in_graph(f"{name}+smooth")


def test_only_what_a_head_needs_is_measured():
    assert measures_of(["msp", "dissimilarity+ground"]) == ()
    assert measures_of(["energy+vde"]) == ("class_moments",)
    assert measures_of(["flow_regression", "flow"]) == (
        "flow_deep",
        "flow_semantic",
        "flow_detail",
        "flow_regression",
    )


def test_wrappers_apply_from_left_to_right(model, features, measured):
    with torch.no_grad():
        one, other = (
            create_head(name, model, measured)(features.logits, features, IMAGE)
            for name in ("energy+smooth+ground_rows", "energy+ground_rows+smooth")
        )
    assert not torch.allclose(one, other)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "head 'nonsense' is unknown"),
        ("msp+nonsense", "'nonsense' is unknown; a head takes"),
        ("sml", "hold no 'class_moments'; run `fishy calibrate`"),
    ],
)
def test_what_is_missing_is_named(name, message, model):
    with pytest.raises(ConfigError, match=message):
        create_head(name, model, Statistics())


def test_fitted_heads_ask_for_anomalies(model):
    with pytest.raises(ConfigError, match="ensemble: fitted on images with pasted anomalies; name objects"):
        measure_statistics(model, ["ensemble"], [IMAGE])


def test_every_variant_has_its_heads():
    assert {spec.variant for spec in HEADS.values()} - {None} == set(VARIANTS)
    assert CLASSES == 19
    assert AnomalyModel("s").net.detail == DETAIL
