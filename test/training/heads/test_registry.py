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
from fishy_ros.training.tensorrt_rules import check_for_tensorrt


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
        net = self.fields(*tensors[:-1])
        return self.head(net.logits, net, tensors[-1])


def from_tensors(logits, semantic, detail, deep, linear_semantic, linear_detail, extra):
    from fishy_ros.training.nets.network import LinearFeatures

    return NetOutput(logits, semantic, detail, linear=LinearFeatures(deep, linear_semantic, linear_detail), extra=extra)


def made_up_tensors():
    net = made_up(5, extra=True, rows=ROWS)
    net.logits[:, 0, H // 3 :] += 6  # mostly road
    return net, (*net[:3], *net.linear, net.extra, IMAGE)


NAMES = ["logits", "semantic", "detail", "deep", "linear_semantic", "linear_detail", "extra", "image"]
ROWS = IMAGE.shape[2] // 4
IN_GRAPH = sorted(name for name in (*HEADS, *COMPOSED) if parse_head(name)[0].in_graph)


@pytest.fixture(scope="module")
def graph_of(measured, tmp_path_factory):
    """Export the graph of a head from what it reads; a second time it is there already."""
    folder = tmp_path_factory.mktemp("graphs")

    def export(name):
        path = folder / f"{name}.onnx"
        if not path.exists():
            head = create_head(name, model_for(name), measured).eval()
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                settings = {"input_names": NAMES, "opset_version": OPSET, "dynamo": False}
                torch.onnx.export(HeadAlone(head, from_tensors).eval(), made_up_tensors()[1], str(path), **settings)
        return path

    return export


@pytest.mark.parametrize("name", IN_GRAPH)
def test_tensorrt_compiles_the_graph_of_a_head(name, graph_of):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")
    from support.tensorrt_compiler import compile_for_all

    path = graph_of(name)
    check_for_tensorrt(onnx.load(path), path)
    assert compile_for_all(path)[-1].endswith(f"float32 [1, {ROWS}, {W}]")


@pytest.mark.parametrize("name", IN_GRAPH)
def test_the_graph_of_a_head_equals_torch(name, measured, graph_of):
    path = graph_of(name)
    net, tensors = made_up_tensors()
    with torch.no_grad():
        head = create_head(name, model_for(name), measured).eval()
        expected = head(net.logits, net, IMAGE)[0].numpy()
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert not operators & {"If", "Loop", "Shape", "NonZero", "Lgamma"}, "everything is decided on export"
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = dict(zip(NAMES, tensors, strict=True))
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


def test_what_is_known_is_not_measured_again(model, tmp_path):
    path = tmp_path / "statistics.safetensors"
    save_statistics(path, measure_statistics(model, ["sml"], [IMAGE]), "a" * 64)
    known = load_statistics(path, "a" * 64)
    again = measure_statistics(model, ["sml", "mahalanobis"], iter(()), known=known)
    assert again.keys() == known.keys()
    more = measure_statistics(model, ["sml", "knn"], [IMAGE.flip(3)], known=known)
    assert more.has("bank")
    torch.testing.assert_close(more["class_moments.means"], known["class_moments.means"])
    with pytest.raises(ConfigError, match=r"measured with weights a{12}, expected b{12}; name another file"):
        load_statistics(path, "b" * 64)


def test_every_variant_has_its_heads():
    assert {spec.variant for spec in HEADS.values()} - {None} == set(VARIANTS)
    assert CLASSES == 19
    assert AnomalyModel("s").net.detail == DETAIL
