"""Scores of networks that were trained for them, and of several runs, against scipy and direct formulas."""

import numpy as np
import pytest
import torch
from scipy.special import digamma as scipy_digamma
from scipy.special import expit, gammaln, softmax
from scipy.stats import dirichlet, entropy
from training.heads.made_up import made_up

from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.monte_carlo import sample_logits
from fishy_ros.training.heads.oodmc import OodmcMeasure, moments
from fishy_ros.training.heads.registry import create_head
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.variant_heads import digamma, dirichlet_entropy, log_gamma

IMAGE = 255 * torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


def variant(name):
    model = AnomalyModel(f"s_{name}")
    initialise(model, 3)
    return model.eval()


def test_void_is_one_more_class_of_the_softmax_and_labels_do_not_know_it(score):
    net = made_up(2, extra=True)
    both = torch.cat([net.logits, net.extra], dim=1)[0].numpy()
    np.testing.assert_allclose(score("void", net=net, of=variant("void")), softmax(both, axis=0)[-1], atol=1e-5)
    assert variant("void").net(IMAGE).logits.shape[1] == 19


def test_confidence_is_turned_round(score):
    net = made_up(2, extra=True)
    expected = 1 - expit(net.extra[0, 0].numpy())
    np.testing.assert_allclose(score("confidence", net=net, of=variant("confidence")), expected, atol=1e-6)


def test_a_head_names_the_weights_that_it_needs(model):
    with pytest.raises(ConfigError, match=r"'void' needs weights .* \(network s_void\), found 's'"):
        create_head("void", model, Statistics())


def test_series_of_the_gamma_function_equal_scipy():
    x = torch.logspace(-4, 4, 200)
    np.testing.assert_allclose(log_gamma(x.double()), gammaln(x.double()), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(digamma(x.double()), scipy_digamma(x.double()), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(log_gamma(x), gammaln(x), rtol=1e-4, atol=1e-4)


def test_dirichlet_entropy_equals_scipy(score):
    net = made_up(4)
    alpha = np.exp(net.logits[0].flatten(1).numpy().astype(np.float64).clip(-9, 9))
    expected = [dirichlet(column).entropy() for column in alpha.T]
    np.testing.assert_allclose(
        dirichlet_entropy(torch.tensor(alpha).view(1, 19, 1, -1))[0, 0].numpy(), expected, rtol=1e-6
    )
    got = score("dirichlet", net=net, of=variant("dirichlet")).ravel()
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=0.5)
    assert np.corrcoef(got, expected)[0, 1] > 0.99999


@pytest.fixture(scope="module")
def bayesian():
    return variant("bayesian")


def test_scores_of_several_runs_follow_from_their_posteriors(bayesian):
    with torch.no_grad():
        runs = torch.stack(list(sample_logits(bayesian, IMAGE, 10, 0)))[:, 0].softmax(1).numpy().astype(np.float64)
    assert runs.std(0).max() > 1e-3, "dropout is on"
    mean = runs.mean(0)
    expected = {
        "mc_entropy": entropy(mean, axis=0),
        "mc_mutual_information": entropy(mean, axis=0) - entropy(runs, axis=1).mean(0),
        "mc_variance": runs.var(0).mean(0),
    }
    for name, values in expected.items():
        with torch.no_grad():
            net = bayesian.net(bayesian.normalise(IMAGE))
            again = [create_head(name, bayesian, Statistics())(net.logits, net, IMAGE)[0].numpy() for _ in range(2)]
        np.testing.assert_allclose(again[0], values, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(*again, err_msg="the seed decides")
        assert again[0].min() > -1e-6, "mutual information is never negative"
    assert not any(layer.training for layer in bayesian.modules())


def test_moments_are_raw_and_the_machine_separates_what_differs(bayesian):
    with torch.no_grad():
        runs = torch.stack(list(sample_logits(bayesian, IMAGE, 6, 0)))[:, 0].numpy().astype(np.float64)
        got = moments(bayesian, IMAGE, 6)[0].numpy()
        posterior = softmax(runs, axis=1).mean(0)
        np.testing.assert_allclose(got[0], entropy(posterior, axis=0), atol=1e-4)
        np.testing.assert_allclose(got[1:20], runs.mean(0), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(got[20:39], (runs**2).mean(0), rtol=1e-2, atol=1e-2)
        np.testing.assert_allclose(got[39:58], (runs**3).mean(0), rtol=1e-2, atol=1e-2)
        measure = OodmcMeasure(bayesian, Statistics(), passes=2)
        bright = IMAGE.clone()
        bright[:, :, 32:64, 64:] = torch.randint(0, 2, (1, 3, 32, 64)) * 255.0
        outlier = torch.zeros(1, 16, 32, dtype=torch.uint8)
        outlier[:, 8:16, 16:] = 1
        measure.observe(Observation(bright, bayesian.net(bayesian.normalise(bright)), outlier))
        statistics = Statistics()
        statistics.add("oodmc", measure.finish())
        rows = torch.cat(measure.rows) @ statistics["oodmc.weight"] + statistics["oodmc.bias"]
    assert ((rows > 0) == (torch.cat(measure.labels) == 1)).float().mean() > 0.9
