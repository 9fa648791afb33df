"""Every head against its formula computed another way."""

import dataclasses
import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from scipy.ndimage import convolve
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp, softmax
from scipy.stats import entropy, multivariate_normal

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.graph import OPSET  # noqa: E402
from fishy_ros.training.heads.combined import WeightedSumHead  # noqa: E402
from fishy_ros.training.heads.gaussian import whitening  # noqa: E402
from fishy_ros.training.heads.model import MEAN_BGR, STD_BGR, AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.heads.registry import HEADS, create_head, no_statistics  # noqa: E402
from fishy_ros.training.heads.road_rows import SIDEWAYS, SUPPRESSION, UPWARD, filled_ground  # noqa: E402
from fishy_ros.training.nets.network import NetOutput  # noqa: E402

CLASSES, DETAIL, H, W = 19, 40, 12, 16


@pytest.fixture
def model():
    model = AnomalyModel("s")
    initialise(model, 3)
    return model.eval()


@pytest.fixture(scope="module")
def features():
    generator = torch.Generator().manual_seed(5)
    logits = 4 * torch.randn(1, CLASSES, H, W, generator=generator)
    semantic = torch.randn(1, 64, H // 2, W // 2, generator=generator)
    return NetOutput(logits, semantic, torch.randn(1, DETAIL, H, W, generator=generator))


class HeadAlone(torch.nn.Module):
    """A head as a graph of what it reads."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, logits, semantic, detail):
        return self.head(logits, NetOutput(logits, semantic, detail), logits)


def score(name, model, features, statistics=None):
    head = create_head(name, model, statistics or no_statistics(CLASSES, DETAIL))
    with torch.no_grad():
        return head(features.logits, features, torch.zeros(1, 3, 4 * H, 4 * W))[0].numpy()


def test_textbook_scores_equal_scipy(model, features):
    logits = features.logits[0].numpy().astype(np.float64)
    probabilities = softmax(logits, axis=0)
    top = np.sort(probabilities, axis=0)
    expected = {
        "msp": 1 - top[-1],
        "entropy": entropy(probabilities, base=CLASSES, axis=0),
        "softmax_distance": 1 - (top[-1] - top[-2]),
        "max_logit": -logits.max(axis=0),
        "energy": -logsumexp(logits, axis=0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(score(name, model, features), values, atol=2e-5, err_msg=name)


def test_mahalanobis_equals_scipy_for_the_nearest_class(model, features):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(CLASSES, DETAIL))
    root = rng.normal(size=(DETAIL, DETAIL))
    covariance = root @ root.T / DETAIL + np.eye(DETAIL)
    statistics = dataclasses.replace(
        no_statistics(CLASSES, DETAIL), means=torch.tensor(means).float(), covariance=torch.tensor(covariance).float()
    )
    regular = covariance + 1e-3 * np.diag(covariance).mean() * np.eye(DETAIL)
    inverse = np.linalg.inv(regular)
    got = score("mahalanobis", model, features, statistics)
    for y, x in [(0, 0), (5, 9), (11, 15)]:
        feature = features.detail[0, :, y, x].numpy()
        nearest = min(mahalanobis(feature, mean, inverse) ** 2 for mean in means)
        assert got[y, x] == pytest.approx(nearest, rel=1e-3)


def random_mixture(components=5):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(DETAIL, DETAIL))
    covariance = root @ root.T / DETAIL + np.eye(DETAIL)
    weights = rng.dirichlet(np.ones(components))
    means, variances = rng.normal(size=(components, DETAIL)), rng.uniform(0.2, 2, (components, DETAIL))
    names = ("covariance", "mixture_weights", "mixture_means", "mixture_variances")
    values = (torch.tensor(value).float() for value in (covariance, weights, means, variances))
    return dataclasses.replace(no_statistics(CLASSES, DETAIL), **dict(zip(names, values, strict=True)))


def test_the_mixture_is_the_density_that_scipy_computes(model, features):
    statistics = random_mixture()
    back = np.linalg.inv(whitening(statistics.covariance).double().numpy())
    pixel = features.detail[0, :, 4:6, 6:8].mean(dim=(1, 2)).numpy()
    parts = zip(statistics.mixture_means.numpy(), statistics.mixture_variances.numpy(), strict=True)
    densities = [multivariate_normal(back @ m, back @ np.diag(v) @ back.T).logpdf(pixel) for m, v in parts]
    expected = -logsumexp(densities, b=statistics.mixture_weights.numpy())
    flat = features._replace(detail=torch.tensor(pixel).float().view(1, -1, 1, 1).expand(1, DETAIL, H, W))
    np.testing.assert_allclose(score("gmm", model, flat, statistics), expected, rtol=1e-4)


def test_rows_of_ground_are_filled_from_end_to_end_and_widened_upward():
    rows = [
        "................",
        "................",
        "................",
        "................",
        "................",
        "................",
        "..#..##....#....",
        "................",
        ".##..........##.",
    ]
    mask = torch.tensor([[float(letter == "#") for letter in row] for row in rows])
    expected = np.zeros(mask.shape)
    for y, row in enumerate(rows):
        if "#" in row:
            left, right = row.index("#"), row.rindex("#")
            expected[max(0, y - UPWARD) : y + 1, max(0, left - SIDEWAYS) : right + 1 + SIDEWAYS] = 1
    np.testing.assert_array_equal(filled_ground(mask[None, None])[0, 0].numpy(), expected)


def test_a_hole_in_the_road_keeps_its_score_and_the_sky_loses_it(model):
    labels = torch.zeros(64, 64, dtype=torch.long)
    labels[:24], labels[48:56, 24:40] = 10, 5  # sky above; something on the road that is called a pole
    logits = 9 * torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].float()
    features = NetOutput(logits, torch.zeros(1, 64, 32, 32), torch.zeros(1, DETAIL, 64, 64))
    lowered = score("dissimilarity", model, features) - score("dissimilarity_vde", model, features)
    np.testing.assert_allclose(lowered[24:], 0, atol=1e-5)
    np.testing.assert_allclose(lowered[: 24 - 2 * UPWARD - 2], SUPPRESSION, atol=1e-5)


@pytest.mark.parametrize("name", ["gmm", "dissimilarity_vde"])
def test_the_graph_of_a_head_equals_torch(name, model, features, tmp_path):
    head = create_head(name, model, random_mixture()).eval()
    logits = features.logits.clone()
    logits[:, 0, H // 3 :] += 6  # mostly road
    features = features._replace(logits=logits)
    path = str(tmp_path / "head.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"input_names": list(features._fields), "opset_version": OPSET, "dynamo": False}
        torch.onnx.export(HeadAlone(head).eval(), features[:3], path, **settings)
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert not operators & {"If", "Loop", "Shape"}, "everything is decided on export"
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {read.name: getattr(features, read.name).numpy() for read in session.get_inputs()})
    np.testing.assert_allclose(got[0], head(features.logits, features, logits)[0].detach().numpy(), atol=1e-4)


def test_standardised_max_logit_counts_deviations_of_the_predicted_class(model, features):
    mean, std = torch.linspace(1, 5, CLASSES), torch.linspace(0.5, 2, CLASSES)
    statistics = dataclasses.replace(no_statistics(CLASSES, DETAIL), max_logit_mean=mean, max_logit_std=std)
    logits = features.logits[0].numpy()
    winner = logits.argmax(axis=0)
    expected = (mean.numpy()[winner] - logits.max(axis=0)) / std.numpy()[winner]
    np.testing.assert_allclose(score("sml_raw", model, features, statistics), expected, atol=1e-5)


def test_smoothing_leaves_a_constant_score_alone(model):
    logits = torch.zeros(1, CLASSES, H, W)
    logits[:, 3] = 7
    flat = NetOutput(logits, torch.zeros(1, 64, H // 2, W // 2), torch.zeros(1, DETAIL, H, W))
    np.testing.assert_allclose(score("sml", model, flat), -7, atol=1e-4)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_every_head_gives_one_finite_score_a_pixel(name, model, features):
    result = score(name, model, features)
    assert result.shape == (H, W)
    assert np.isfinite(result).all()


def test_an_unknown_head_is_named():
    with pytest.raises(ConfigError, match="'nonsense' is unknown"):
        create_head("nonsense", AnomalyModel("s"), no_statistics(CLASSES, DETAIL))


def test_the_dissimilarity_head_sends_no_gradient_into_the_logits(model, features):
    logits = features.logits.clone().requires_grad_()
    model.head(logits, features._replace(logits=logits), torch.zeros(1)).sum().backward()
    assert logits.grad is None


def test_what_lies_off_the_road_rows_falls_by_ten_logits():
    assert SUPPRESSION == 10.0, "less than a logit spans leaves confident false alarms in the sky"


@pytest.mark.parametrize("classes", [(0, 10), (1, 8)], ids=["road and sky", "pavement and building"])
def test_road_context_is_the_logarithm_of_the_share_of_ground_in_a_window_of_13_by_17(model, classes):
    """At 1/8 resolution, 6 px to either side and 8 px up and down, as the design of the head states."""
    ground = np.zeros((40, 30))
    ground[22:, :17] = 1
    labels = torch.tensor(np.kron(np.where(ground, *classes), np.ones((2, 2)))).long()
    logits = 40 * torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].float()
    features = NetOutput(logits, torch.zeros(1, 64, 40, 30), torch.zeros(1, DETAIL, 80, 60))
    added = score("dissimilarity_road", model, features) - score("dissimilarity", model, features)
    expected = np.empty(ground.shape)
    for y, x in np.ndindex(*ground.shape):
        expected[y, x] = np.log(ground[max(0, y - 8) : y + 9, max(0, x - 6) : x + 7].mean() + 0.1)
    # The means of the two middle pixels of an enlargement by two are those of its source, smoothed.
    halved = added.reshape(40, 2, 30, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halved[1:-1, 1:-1], _smoothed(expected)[1:-1, 1:-1], atol=2e-3)


def _smoothed(values):
    """Enlarge by two as the graph does (half-pixel centers) and average again: weights 1/8, 3/4, 1/8 each way."""
    kernel = np.array([1, 6, 1]) / 8
    return convolve(convolve(values, kernel[None]), kernel[:, None])


@pytest.mark.parametrize("name", sorted(HEADS))
def test_each_image_of_a_batch_is_scored_as_if_it_were_alone(name, model, features):
    head = create_head(name, model, no_statistics(CLASSES, DETAIL)).eval()
    other = NetOutput(*(part.flip(-1) * 0.7 for part in features[:3]))
    both = NetOutput(*(torch.cat(pair) for pair in zip(features[:3], other[:3], strict=True)))
    image = torch.zeros(2, 3, 4 * H, 4 * W)
    with torch.no_grad():
        together = head(both.logits, both, image)
        alone = torch.cat([head(one.logits, one, image[:1]) for one in (features, other)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


class Constant(torch.nn.Module):
    """A head that scores every pixel the same."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, logits, features, image):
        return torch.full(logits[:, 0].shape, self.value)


def test_a_weighted_sum_weighs_each_head(features):
    head = WeightedSumHead([Constant(3.0), Constant(5.0), Constant(7.0)], [2.0, -1.0, 0.5])
    found = head(features.logits, features, features.logits)
    torch.testing.assert_close(found, torch.full((1, H, W), 2 * 3.0 - 5.0 + 0.5 * 7.0))


def test_an_image_is_normalized_channel_by_channel(model):
    image = torch.tensor([10.0, 100.0, 200.0]).view(1, 3, 1, 1).expand(2, 3, 4, 6)
    found = model.normalise(image)
    assert found.shape == image.shape
    expected = (torch.tensor([10.0, 100.0, 200.0]) - torch.tensor(MEAN_BGR)) / torch.tensor(STD_BGR)
    torch.testing.assert_close(found[1, :, 2, 3], expected)
