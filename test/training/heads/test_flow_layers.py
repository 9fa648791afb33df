"""Densities of several layers joined, and of an image after a step, against SciPy, scikit-learn and autograd."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from training.heads.made_up import DETAIL, SEMANTIC, made_up

from fishy_ros.training.heads.flow import FlowHead, FlowRegression, RealNvp, fit_flow
from fishy_ros.training.heads.input_gradient import FLOW_STEP, InputFlowHead
from fishy_ros.training.heads.spec import Observation, Statistics

WIDTHS = {"deep": SEMANTIC, "semantic": SEMANTIC, "detail": DETAIL}
MEAN_NLL = {"deep": 90.0, "semantic": 92.0, "detail": 55.0}
SPREAD = {"deep": 0.8, "semantic": 1.3, "detail": 1.0}
IMAGE = 255 * torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def flows():
    """Untrained flows: each is a normal distribution, which SciPy knows, with a mean over its training as given."""
    found = Statistics()
    for layer, width in WIDTHS.items():
        flow = RealNvp(width, couplings=2)
        flow.mean.fill_(0.1)
        flow.std.fill_(SPREAD[layer])
        found.add(f"flow_{layer}", {"nll": torch.tensor([MEAN_NLL[layer]]), **flow.state_dict()})
    return found


def excess(net):
    """Negative log-density of each layer less its mean in training, at 1/4 resolution: `[3, h, w]`."""
    found = []
    for layer, width in WIDTHS.items():
        x = getattr(net.linear, layer)
        x = torch.nn.functional.avg_pool2d(x, 2) if layer == "detail" else x
        pixels = x[0].flatten(1).T.numpy().astype(np.float64)
        nll = -multivariate_normal(np.full(width, 0.1), SPREAD[layer] ** 2 * np.eye(width)).logpdf(pixels)
        small = torch.tensor(nll - MEAN_NLL[layer]).view(1, 1, *x.shape[2:])
        size = net.logits.shape[2:]
        found.append(torch.nn.functional.interpolate(small, size, mode="bilinear")[0, 0].numpy())
    return np.stack(found)


def test_the_minimum_is_the_smallest_likelihood_against_each_layers_own_mean(score, features, flows):
    """Equation 8: the layer in which the pixel is least likely decides."""
    likelihood = -excess(features)
    np.testing.assert_allclose(score("flow_minimum", flows), -likelihood.min(axis=0), rtol=1e-4, atol=1e-2)
    assert len(np.unique(likelihood.argmin(axis=0))) > 1, "not always the same layer"


def test_the_regression_is_that_of_scikit_learn_over_the_layers(score, features, flows):
    """On other features than are scored; pixels that count nowhere are left out."""
    other = made_up(9)
    outlier = torch.zeros(1, *other.logits.shape[2:], dtype=torch.uint8)
    outlier[:, :3, :6], outlier[:, 10:] = 1, 255
    for part in other.linear:  # the anomaly lies far out in every layer
        part[:, :, : part.shape[2] // 4, : 3 * part.shape[3] // 8] += 1.0
    measure = FlowRegression(None, flows)
    measure.observe(Observation(IMAGE, other, outlier))
    measure.observe(Observation(IMAGE, other, None))
    weights = measure.finish()
    counted = (outlier[0] <= 1).numpy()
    rows, truth = excess(other)[:, counted].T, outlier[0].numpy()[counted]
    expected = LogisticRegression(max_iter=1000).fit(rows, truth).coef_[0]
    np.testing.assert_allclose(weights["weights"], expected, rtol=0.05, atol=2e-3)
    statistics = Statistics(flows)
    statistics.add("flow_regression", weights)
    wanted = np.tensordot(weights["weights"].numpy(), excess(features), axes=1)
    np.testing.assert_allclose(score("flow_regression", statistics), wanted, rtol=1e-3, atol=2e-2)


def test_the_step_goes_up_the_gradient_of_the_density(model):
    """Fishyscapes, B.6: x + eps sign(grad log p(x)), eps in grey levels."""
    net = model.net(model.normalise(IMAGE))
    head = FlowHead("semantic", fit_flow(net.linear.semantic[0].flatten(1).T.detach(), 5, torch.Generator()))

    def log_density(image):
        return -head(None, model.net(model.normalise(image)), image)

    x = IMAGE.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(log_density(x).sum(), x)
    with torch.no_grad():
        got = InputFlowHead(model, head)(net.logits, net, IMAGE)
        torch.testing.assert_close(got, -log_density(IMAGE + FLOW_STEP * gradient.sign()), rtol=1e-3, atol=1e-2)
        gentle = InputFlowHead(model, head, step=1e-3)(net.logits, net, IMAGE)
        assert gentle.mean() < -log_density(IMAGE).mean(), "a small step makes normal pixels more likely"
