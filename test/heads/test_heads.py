"""Every head against its formula computed another way."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp, softmax
from scipy.stats import entropy

torch = pytest.importorskip("torch", reason="torch is not installed: the training rooms are not tested")

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.heads.registry import HEADS, FeatureStatistics, create_head, no_statistics  # noqa: E402
from fishy_ros.nets.network import NetOutput  # noqa: E402

CLASSES, DETAIL, H, W = 19, 40, 12, 16


@pytest.fixture(scope="module")
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
    statistics = FeatureStatistics(
        torch.zeros(CLASSES), torch.ones(CLASSES), torch.tensor(means).float(), torch.tensor(covariance).float()
    )
    regular = covariance + 1e-3 * np.diag(covariance).mean() * np.eye(DETAIL)
    inverse = np.linalg.inv(regular)
    got = score("mahalanobis", model, features, statistics)
    for y, x in [(0, 0), (5, 9), (11, 15)]:
        feature = features.detail[0, :, y, x].numpy()
        nearest = min(mahalanobis(feature, mean, inverse) ** 2 for mean in means)
        assert got[y, x] == pytest.approx(nearest, rel=1e-3)


def test_standardised_max_logit_counts_deviations_of_the_predicted_class(model, features):
    mean, std = torch.linspace(1, 5, CLASSES), torch.linspace(0.5, 2, CLASSES)
    statistics = FeatureStatistics(mean, std, torch.zeros(CLASSES, DETAIL), torch.eye(DETAIL))
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
