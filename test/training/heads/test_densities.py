"""Densities and neighbours of features against scipy, scikit-learn, pytorch-ood and zuko."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp, rel_entr, softmax
from scipy.stats import multivariate_normal
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from fishy_ros.training.heads.classifier import classifier_of
from fishy_ros.training.heads.flow import FlowHead, RealNvp, fit_flow
from fishy_ros.training.heads.gaussian import GaussianMixtureHead, whitening
from fishy_ros.training.heads.kl_matching import MeanPosteriors
from fishy_ros.training.heads.mixture import COMPONENTS, fit_mixture
from fishy_ros.training.heads.pixel_bank import PER_IMAGE, PixelBank, pick
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.subspace import PRINCIPAL_SHARE
from fishy_ros.training.nets.network import NetOutput

CLASSES, DETAIL, H, W = 19, 40, 12, 16
NOTHING = torch.zeros(1, 3, 4 * H, 4 * W)


@pytest.fixture(scope="module")
def bank():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(300, DETAIL, generator=generator).relu()
    found = Statistics()
    found.add("bank", {"features": pixels, "classes": torch.randint(CLASSES, (300,), generator=generator)})
    return found


def halved(features):
    return torch.nn.functional.avg_pool2d(features, 2)


def enlarged(values):
    small = torch.tensor(values.reshape(1, 1, H // 2, W // 2)).float()
    return torch.nn.functional.interpolate(small, scale_factor=2.0, mode="bilinear")[0, 0].numpy()


def neighbours(features, bank, count):
    """Distances 1 - cos and numbers of the nearest pixels, by scikit-learn."""
    search = NearestNeighbors(n_neighbors=count, metric="cosine").fit(bank["bank.features"].numpy())
    return search.kneighbors(halved(features.detail)[0].flatten(1).T.numpy())


def test_knn_density_weights_neighbours_of_scikit_learn(score, features, bank):
    distance, _ = neighbours(features, bank, 20)
    np.testing.assert_allclose(score("knn", bank), enlarged(-np.exp(-distance).mean(1)), atol=1e-5)


def test_more_alike_is_more_dense_whatever_the_printed_sign(score, features, bank):
    middle = bank["bank.features"].mean(0).view(1, -1, 1, 1).expand(1, DETAIL, H, W)
    dense, sparse = (score("knn", bank, features._replace(detail=sign * middle)) for sign in (1, -1))
    assert dense.max() < score("knn", bank).min()
    assert sparse.min() > score("knn", bank).max()


def test_relative_class_density_is_the_share_of_the_predicted_class(score, features, bank):
    distance, numbers = neighbours(features, bank, 100)
    weights = np.exp(-distance)
    predicted = halved(features.logits)[0].flatten(1).argmax(0).numpy()
    same = bank["bank.classes"].numpy()[numbers] == predicted[:, None]
    np.testing.assert_allclose(
        score("knn_class", bank), enlarged(1 - (weights * same).sum(1) / weights.sum(1)), atol=1e-4
    )


def test_deep_neighbours_are_euclidean_on_the_sphere(score, features, bank):
    distance, _ = neighbours(features, bank, 50)
    np.testing.assert_allclose(score("deep_knn", bank), enlarged(np.sqrt(2 * distance[:, -1])), atol=1e-4)


def test_the_bank_has_as_many_pixels_of_each_class(model, features):
    measure = PixelBank(model, Statistics(), capacity=60)
    measure.observe(Observation(NOTHING, features))
    found = measure.finish()
    pixels = features.detail[0].flatten(1).T
    assert len(found["features"]) == 60
    for row, label in zip(found["features"], found["classes"], strict=True):
        at = int((pixels - row).abs().sum(1).argmin())
        assert torch.equal(pixels[at], row)
        assert int(features.logits[0].flatten(1)[:, at].argmax()) == int(label)
    classes = torch.tensor([0] * 500 + [4] * 3 + [7] * 40)
    values, counts = classes[pick(classes, PER_IMAGE, torch.Generator().manual_seed(0))].unique(return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {0: PER_IMAGE, 4: 3, 7: PER_IMAGE}


def test_kl_matching_takes_the_nearest_mean_posterior(score, model, features, oracle):
    seen = features._replace(logits=features.logits.roll(3, dims=2) * 0.7)
    measure, statistics = MeanPosteriors(model, Statistics()), Statistics()
    measure.observe(Observation(NOTHING, seen))
    statistics.add("posteriors", measure.finish())
    got = score("kl_matching", statistics).ravel()
    rows = [net.logits[0].flatten(1).T for net in (seen, features)]
    np.testing.assert_allclose(got, oracle.KLMatching(None).fit_logits(rows[0]).predict_logits(rows[1]), atol=1e-4)
    posterior = softmax(rows[1][7].numpy().astype(np.float64))
    known = [row for row in statistics["posteriors.posteriors"].numpy().astype(np.float64) if row.sum() > 0]
    np.testing.assert_allclose(got[7], min(rel_entr(posterior, row).sum() for row in known), atol=1e-4)


def test_vim_orders_pixels_as_pytorch_ood_does(score, model, features, bank, oracle):
    classifier = classifier_of(model.net)
    pixels = bank["bank.features"]
    # The classifier's own logits, which the network would give with these features.
    logits = torch.einsum("cd,bdhw->bchw", classifier.weight, features.detail) + classifier.bias.view(1, -1, 1, 1)
    reference = oracle.ViM(None, round(PRINCIPAL_SHARE * DETAIL), *classifier)
    reference.fit_features(pixels, torch.zeros(len(pixels)))
    expected = reference.predict_features(features.detail[0].flatten(1).T).numpy()
    got = score("vim", bank, features._replace(logits=logits)).ravel()
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_neco_is_the_length_in_the_principal_subspace(score, features, bank):
    pixels = bank["bank.features"].numpy().astype(np.float64)
    mean = pixels.mean(0)
    _, _, axes = np.linalg.svd(pixels - mean)
    x = features.detail[0].flatten(1).T.numpy() - mean
    share = np.linalg.norm(x @ axes[: DETAIL // 2].T, axis=1) / np.linalg.norm(x, axis=1)
    expected = -share * features.logits[0].amax(0).flatten().numpy()
    np.testing.assert_allclose(score("neco", bank).ravel(), expected, rtol=1e-3, atol=1e-4)


def test_react_and_ash_equal_pytorch_ood_pixel_by_pixel(score, model, features, bank, oracle):
    weight, bias = (part.double() for part in classifier_of(model.net))

    def energy(rows):
        return -torch.logsumexp(rows.flatten(1) @ weight.T + bias, dim=1)

    rows = features.detail[0].flatten(1).T.double()[:, :, None, None]
    limit = float(np.quantile(bank["bank.features"].numpy(), 0.9))
    np.testing.assert_allclose(score("react", bank).ravel(), energy(rows.clip(max=limit)), rtol=1e-3, atol=1e-4)
    from pytorch_ood.detector.ash import ash_s

    np.testing.assert_allclose(score("ash").ravel(), energy(ash_s(rows, 0.65)), rtol=1e-3, atol=1e-3)


def test_mahalanobis_equals_scipy_for_the_nearest_class(score, features):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(CLASSES, DETAIL))
    root = rng.normal(size=(DETAIL, DETAIL))
    covariance = root @ root.T / DETAIL + np.eye(DETAIL)
    statistics = Statistics()
    statistics.add(
        "class_moments", {"means": torch.tensor(means).float(), "covariance": torch.tensor(covariance).float()}
    )
    regular = covariance + 1e-3 * np.diag(covariance).mean() * np.eye(DETAIL)
    inverse = np.linalg.inv(regular)
    got = score("mahalanobis", statistics)
    for y, x in [(0, 0), (5, 9), (11, 15)]:
        feature = features.linear.detail[0, :, y, x].numpy()
        nearest = min(mahalanobis(feature, mean, inverse) ** 2 for mean in means)
        assert got[y, x] == pytest.approx(nearest, rel=1e-3)


def random_mixture(components=5):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(DETAIL, DETAIL))
    names = ("covariance", "weights", "means", "variances")
    values = (
        root @ root.T / DETAIL + np.eye(DETAIL),
        rng.dirichlet(np.ones(components)),
        rng.normal(size=(components, DETAIL)),
        rng.uniform(0.2, 2, (components, DETAIL)),
    )
    return {name: torch.tensor(value).float() for name, value in zip(names, values, strict=True)}


def test_the_mixture_is_the_density_that_scipy_computes(score, features):
    mixture, statistics = random_mixture(), Statistics()
    statistics.add("mixture", mixture)
    back = np.linalg.inv(whitening(mixture["covariance"]).double().numpy())
    pixel = features.linear.detail[0, :, 4:6, 6:8].mean(dim=(1, 2)).numpy()
    parts = zip(mixture["means"].numpy(), mixture["variances"].numpy(), strict=True)
    densities = [multivariate_normal(back @ m, back @ np.diag(v) @ back.T).logpdf(pixel) for m, v in parts]
    expected = -logsumexp(densities, b=mixture["weights"].numpy())
    everywhere = torch.tensor(pixel).float().view(1, -1, 1, 1).expand(1, DETAIL, H, W)
    flat = features._replace(linear=features.linear._replace(detail=everywhere))
    np.testing.assert_allclose(score("gmm", statistics, flat), expected, rtol=1e-4)


def some_pixels(count, width=8):
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(size=(count, width)) + 6 * rng.integers(0, 3, (count, 1))).float()


def flat_score(head, rows):
    """Score images of 2x2 pixels that all have the same features, one image for each row."""
    detail = rows[:, :, None, None].expand(-1, -1, 2, 2)
    return head(detail, NetOutput(detail, detail, detail), detail).numpy()


def test_the_fitted_mixture_gives_the_density_of_scikit_learn():
    normal, identity = some_pixels(600), torch.eye(8) / 1.001  # the head's regularisation makes it the identity
    mixture = fit_mixture(normal, identity)
    reference = GaussianMixture(len(mixture["weights"]), covariance_type="diag")
    reference.weights_, reference.means_ = mixture["weights"].numpy(), mixture["means"].numpy()
    reference.covariances_ = mixture["variances"].numpy()
    reference.precisions_cholesky_ = 1 / np.sqrt(reference.covariances_)
    head = GaussianMixtureHead(**mixture)
    np.testing.assert_allclose(
        flat_score(head, normal)[:, 0, 0], -reference.score_samples(normal.numpy()), rtol=1e-4, atol=1e-3
    )
    near, between, far = flat_score(head, torch.tensor([[6.0], [3.0], [40.0]]).expand(3, 8))[:, 0, 0]
    assert far > between > near + 5
    assert len(fit_mixture(some_pixels(3), identity)["weights"]) == 1
    assert len(fit_mixture(some_pixels(2000), identity)["weights"]) == COMPONENTS


def test_an_untrained_flow_is_a_normal_distribution_and_its_determinant_that_of_autograd():
    flow = RealNvp(6, couplings=8)
    x = torch.randn(50, 6, 1, 1, generator=torch.Generator().manual_seed(0))
    expected = multivariate_normal(np.zeros(6), np.eye(6)).logpdf(x[:, :, 0, 0].numpy())
    np.testing.assert_allclose(flow.log_density(x).detach()[:, 0, 0, 0], expected, atol=1e-4)
    generator = torch.Generator().manual_seed(1)
    for layer in flow.outer:
        layer.weight.data.normal_(0, 0.1, generator=generator)
    flow.std.fill_(1.7)
    flow, x = flow.double(), x.double()
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row.view(1, 6, 1, 1))[0].flatten(), x[0].flatten())
    _, determinant = flow(x[:1])
    assert float(determinant) == pytest.approx(float(torch.linalg.slogdet(jacobian).logabsdet), abs=1e-4)


def test_a_trained_flow_reaches_the_density_that_zuko_reaches():
    zuko = pytest.importorskip("zuko", reason="zuko is not installed: the comparison with it is left out")
    generator = torch.Generator().manual_seed(0)
    angle = 6.3 * torch.rand(4000, 1, generator=generator)
    ring = torch.cat([angle.cos(), angle.sin(), 0.5 * angle.cos()], dim=1)
    pixels = 3 + 2 * torch.cat([ring, -ring], dim=1) + 0.2 * torch.randn(4000, 6, generator=generator)
    fitted = fit_flow(pixels, 150, generator, couplings=6)
    torch.manual_seed(0)
    reference = zuko.flows.NICE(6, transforms=6, hidden_features=(64,))
    centred = (pixels - pixels.mean(0)) / pixels.std(0)
    optimiser = torch.optim.Adam(reference.parameters(), 1e-3)
    for _ in range(150):
        loss = -reference().log_prob(centred[torch.randint(4000, (512,), generator=generator)]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    theirs = -float(reference().log_prob(centred).mean()) + float(pixels.std(0).log().sum())
    normal = -multivariate_normal(pixels.mean(0), np.cov(pixels.T)).logpdf(pixels).mean()
    assert float(fitted["nll"]) < theirs + 0.5
    assert float(fitted["nll"]) < normal - 0.2, "and more than one Gaussian"


def test_a_flow_scores_features_before_the_rectifier(features):
    fitted = fit_flow(torch.randn(500, 64), 3, torch.Generator().manual_seed(0), couplings=2)
    head = FlowHead("semantic", fitted)
    with torch.no_grad():
        got = head(features.logits, features, NOTHING)
        direct = -head.flow.log_density(features.linear.semantic)[0, 0] - fitted["nll"]
    np.testing.assert_allclose(got[0], enlarged(direct.numpy()), atol=1e-3)
    assert got.shape == (1, H, W)


def test_cosines_of_the_bank_are_those_of_scikit_learn(features, bank):
    from fishy_ros.training.heads.nearest_neighbours import KnnDensityHead

    values, _ = KnnDensityHead(bank["bank.features"], 300).nearest(features)
    rows = halved(features.detail)[0].flatten(1).T.numpy()
    expected = -np.sort(-cosine_similarity(rows, bank["bank.features"].numpy()), axis=1)
    np.testing.assert_allclose(values[0].flatten(1).T, expected, atol=1e-5)
