"""Scores of logits and of the learned outlier logit against their formulas computed another way."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit, logsumexp, softmax
from scipy.stats import entropy

CLASSES = 19


def test_textbook_scores_equal_scipy(score, features):
    logits = features.logits[0].numpy().astype(np.float64)
    probabilities = softmax(logits, axis=0)
    top = np.sort(probabilities, axis=0)
    expected = {
        "msp": 1 - top[-1],
        "msp_temperature": 1 - softmax(logits / 10, axis=0).max(axis=0),
        "entropy": entropy(probabilities, base=CLASSES, axis=0),
        "softmax_distance": 1 - (top[-1] - top[-2]),
        "max_logit": -logits.max(axis=0),
        "logit_average": -logits.mean(axis=0),
        "energy": -logsumexp(logits, axis=0),
        "rba": -np.tanh(logits).sum(axis=0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(score(name), values, atol=2e-5, err_msg=name)


def test_scores_with_the_outlier_logit_equal_scipy(score, features):
    outlier, logits = score("dissimilarity").astype(np.float64), features.logits[0].numpy().astype(np.float64)
    expected = log_expit(outlier) - logsumexp(logits, axis=0)
    np.testing.assert_allclose(score("dense_hybrid"), expected, rtol=1e-4, atol=1e-3)
    expected = expit(outlier) * (1 - softmax(logits, axis=0).max(axis=0))
    np.testing.assert_allclose(score("combined_probability"), expected, atol=1e-5)


def test_the_dissimilarity_head_sends_no_gradient_into_the_logits(model, features):
    logits = features.logits.clone().requires_grad_()
    model.head(logits, features._replace(logits=logits), torch.zeros(1)).sum().backward()
    assert logits.grad is None


@pytest.mark.parametrize("sides", [(1, 19), (7, 3)])
def test_the_random_field_is_the_mean_field_of_all_pairs_of_pixels(score, features, sides):
    """All pairs at once, as the definition has it, instead of one axis after the other."""
    height, width = sides
    logits = features.logits[:, :, :1, :1] + torch.randn(
        1, CLASSES, height, width, generator=torch.Generator().manual_seed(1)
    )
    from fishy_ros.training.heads.conditional_random_field import COMPATIBILITY, ITERATIONS, REACH, SIGMA

    y, x = np.divmod(np.arange(height * width), width)
    apart_y, apart_x = np.abs(y[:, None] - y), np.abs(x[:, None] - x)
    kernel = np.exp(-(apart_y**2 + apart_x**2) / (2 * SIGMA**2)) * ((apart_y <= REACH) & (apart_x <= REACH))
    np.fill_diagonal(kernel, 0)
    scale = 1 / np.sqrt(kernel.sum(1))
    unary = logits[0].flatten(1).numpy().astype(np.float64)
    posteriors = softmax(unary, axis=0)
    for _ in range(ITERATIONS):
        posteriors = softmax(unary + COMPATIBILITY * scale * ((posteriors * scale) @ kernel), axis=0)
    got = score("crf", net=features._replace(logits=logits))
    np.testing.assert_allclose(got.ravel(), 1 - posteriors.max(0), atol=1e-5)
