"""The mixture that describes normal pixels."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.training.heads.gaussian import GaussianMixtureHead  # noqa: E402
from fishy_ros.training.mixture import COMPONENTS, PIXELS_PER_CLASS, fit_mixture, pick_pixels  # noqa: E402
from fishy_ros.training.nets.network import NetOutput  # noqa: E402

WIDTH = 8


def pixels(count):
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(size=(count, WIDTH)) + 6 * rng.integers(0, 3, (count, 1))).float()


def flat_score(head, features):
    """Score images of 2x2 pixels that all have the same features, one image for each row of `features`."""
    detail = features[:, :, None, None].expand(-1, -1, 2, 2)
    return head(detail, NetOutput(detail, detail, detail), detail).numpy()


def test_the_head_gives_the_density_of_scikit_learn():
    normal = pixels(600)
    mixture = fit_mixture(normal, torch.eye(WIDTH) / 1.001)  # the head's regularisation makes it the identity
    reference = GaussianMixture(len(mixture.weights), covariance_type="diag")
    reference.weights_, reference.means_ = mixture.weights.numpy(), mixture.means.numpy()
    reference.covariances_ = mixture.variances.numpy()
    reference.precisions_cholesky_ = 1 / np.sqrt(reference.covariances_)
    head = GaussianMixtureHead(torch.eye(WIDTH) / 1.001, *mixture)
    expected = -reference.score_samples(normal.numpy())
    np.testing.assert_allclose(flat_score(head, normal)[:, 0, 0], expected, rtol=1e-4, atol=1e-3)


def test_what_lies_far_from_every_normal_pixel_scores_higher():
    normal = pixels(600)
    mixture = fit_mixture(normal, torch.eye(WIDTH))
    head = GaussianMixtureHead(torch.eye(WIDTH), *mixture)
    normal_score, between, far = flat_score(head, torch.tensor([[6.0], [3.0], [40.0]]).expand(3, WIDTH))[:, 0, 0]
    assert far > between > normal_score + 5


def test_there_are_fewer_components_than_pixels():
    assert len(fit_mixture(pixels(3), torch.eye(WIDTH)).weights) == 1
    assert len(fit_mixture(pixels(2000), torch.eye(WIDTH)).weights) == COMPONENTS


def test_every_class_gives_the_same_number_of_pixels_at_most():
    classes = torch.tensor([0] * 500 + [4] * 3 + [7] * 40)
    features = classes.float()[None].expand(2, -1)
    picked = pick_pixels(features, classes, torch.Generator().manual_seed(0))
    values, counts = picked[:, 0].unique(return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {0: PIXELS_PER_CLASS, 4: 3, 7: PIXELS_PER_CLASS}
