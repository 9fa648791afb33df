"""A fovea sees the road ahead twice: the larger score counts, everywhere else the whole image's."""

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import yaml

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from support.network_contract import initialised  # noqa: E402

from fishy_ros import AnomalyDetector  # noqa: E402
from fishy_ros.datasets.synthetic import SyntheticStreet  # noqa: E402
from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.calibrate import measure_calibration  # noqa: E402
from fishy_ros.training.checkpoint import save_weights  # noqa: E402
from fishy_ros.training.deployment import load_deployment  # noqa: E402
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.nets.blocks import upsample  # noqa: E402
from fishy_ros.training.package import build_package  # noqa: E402
from fishy_ros.training.precision.variants import add_precisions  # noqa: E402
from fishy_ros.training.reduced import add_reduced_size  # noqa: E402
from fishy_ros.training.statistics import save_statistics, to_tensor  # noqa: E402
from fishy_ros.training.views import Fovea, WholeImage  # noqa: E402

H, W = 128, 256
AHEAD = (slice(48, 112), slice(64, 192))
"""Rows and columns of the road ahead in an image of this size: 3/8 down, 1/4 in, half as high and wide."""

MAP = (slice(12, 28), slice(16, 48))
"""The same at 1/4, as scores are."""


@pytest.fixture(scope="module")
def model():
    return initialised("s").eval()


@pytest.fixture(scope="module")
def pictures():
    return [sample.image for sample in SyntheticStreet(6, height=H, width=W, seed=5)]


def test_the_first_view_is_the_image_at_half_its_size_and_the_second_the_road_ahead_as_it_is(pictures):
    views = Fovea().look(to_tensor(pictures[0], H, W))
    half = cv2.resize(pictures[0].astype(np.float32), (W // 2, H // 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(views[0].permute(1, 2, 0).numpy(), half, atol=1e-3)
    np.testing.assert_array_equal(views[1].permute(1, 2, 0).numpy(), pictures[0][AHEAD])


def test_the_larger_score_counts_on_the_road_ahead_and_fades_out_towards_its_borders():
    whole = torch.zeros(1, 16, 32)
    louder, quieter = (Fovea().score(torch.cat([whole, whole + much])) for much in (4.0, -4.0))
    assert not quieter.any(), "what the second view takes for normal stays as the first has it"
    outside = louder[0].clone()
    outside[MAP] = 0
    assert not outside.any()
    inside = louder[0][MAP].numpy()
    assert (inside[2:-2, 2:-2] == 4).all()
    np.testing.assert_allclose(inside[8, :2], [1.0, 3.0])
    np.testing.assert_allclose(inside, inside[::-1, ::-1])


def test_the_classes_of_the_road_ahead_are_those_of_the_second_view():
    joined = Fovea().labels(torch.stack([torch.full((16, 32), 1.0), torch.full((16, 32), 5.0)]))[0]
    assert (joined[MAP] == 5).all()
    joined[MAP] = 1
    assert (joined == 1).all()


def test_an_image_is_looked_at_as_it_is_without_a_fovea(pictures):
    image = to_tensor(pictures[0], H, W)
    assert WholeImage().look(image) is image
    assert WholeImage().score(image) is image
    assert WholeImage().labels(image) is image


def test_an_image_that_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match="a fovea: an image of 96x256; expected multiples of 64"):
        Fovea().look(torch.zeros(1, 3, 96, 256))


def test_the_exported_graph_joins_the_outputs_of_two_runs_of_the_network(model, pictures, tmp_path):
    deployed = DeployedModel(model, model.head, ScoreScale(0.0, 1.0), view=Fovea()).eval()
    export_graph(deployed, H, W, tmp_path / "fovea.onnx")
    session = ort.InferenceSession(str(tmp_path / "fovea.onnx"), providers=["CPUExecutionProvider"])
    score, labels = session.run(None, {"image": pictures[0][None]})
    image = to_tensor(pictures[0], H, W)
    with torch.no_grad():
        whole, ahead = model(torch.nn.functional.avg_pool2d(image, 2)), model(image[:, :, AHEAD[0], AHEAD[1]])
    expected = upsample(whole.outlier[:, None], 2)[0, 0]
    classes = whole.net.logits[0].argmax(dim=0).repeat_interleave(2, 0).repeat_interleave(2, 1)
    classes[MAP] = ahead.net.logits[0].argmax(dim=0)
    inner = (..., slice(14, 26), slice(18, 46))  # where nothing fades
    expected[inner] = torch.maximum(expected[inner], ahead.outlier[0][2:-2, 2:-2])
    raw = upsample(expected[None, None], 2)[0, 0].numpy()
    certain = np.ones((H // 2, W // 2), bool)
    certain[22:58, 30:98] = False
    certain[30:50, 38:90] = True
    np.testing.assert_allclose(score[0][certain], (0.5 + 0.5 * raw / (1 + np.abs(raw)))[certain], atol=1e-4)
    assert (labels[0] == classes.repeat_interleave(2, 0).repeat_interleave(2, 1).numpy()).mean() > 0.999


@pytest.fixture(scope="module")
def trained(model, pictures, tmp_path_factory):
    """Weights, and calibrations with and without a fovea."""
    folder = tmp_path_factory.mktemp("fovea")
    save_weights(folder / "weights.safetensors", model, 1)
    for name, fovea in (("twice", True), ("once", False)):
        (folder / name).mkdir()
        save_statistics(folder / name / "statistics.safetensors", Statistics())
        images = [to_tensor(picture, H, W) for picture in pictures]
        measured = measure_calibration("dissimilarity", model, model.head, images, fovea)
        measured.save(folder / name / "calibration.json")
    return folder


def test_a_package_follows_its_calibration_and_its_threshold_means_the_same_at_every_size(trained, pictures, tmp_path):
    words = {"name": "fovea", "version": "1.0.0", "description": "a test", "license": "Apache-2.0"}
    (tmp_path / "words.yaml").write_text(yaml.safe_dump({**words, "training_data": ["none"], "card": "# fovea"}))
    weights, calibration = trained / "weights.safetensors", trained / "twice"
    package = build_package(weights, calibration, tmp_path / "words.yaml", tmp_path / "fovea", H, W, {}, {})
    package = add_precisions(package, ["int8"], lambda: pictures)
    package = add_reduced_size(package, weights, calibration, (H // 2, W // 2), pictures, {})
    shares = []
    for graph, precision in ((package, "fp32"), (package, "int8"), (package.at_reduced_size(0), "fp32")):
        with AnomalyDetector(graph, "onnxruntime", "cpu", precision) as detector:
            shares.append(np.mean([detector.detect(picture).score > 0.5 for picture in pictures]))
    assert shares[0] == pytest.approx(0.01, abs=0.002), "1 % of normal pixels"
    assert shares[1:] == pytest.approx([shares[0]] * 2, abs=0.01)


def test_scores_that_look_differently_are_not_put_into_one_graph(trained):
    with pytest.raises(ConfigError, match="some scores were calibrated with --fovea and some without"):
        load_deployment(trained / "weights.safetensors", trained / "twice", {"anywhere": trained / "once"})
