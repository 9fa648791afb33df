"""Heads that run outside the graph, and the search for weights, against scikit-learn and pytorch-ood."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import LocalOutlierFactor

from fishy_ros.training.heads.ensemble import GRID, EnsembleHead, search_weights
from fishy_ros.training.heads.input_gradient import OdinHead
from fishy_ros.training.heads.meta_classification import THRESHOLD, MetaClassificationHead, MetaMeasure
from fishy_ros.training.heads.outlier_detectors import (
    LogitSample,
    OutlierDetectorHead,
    isolation_forest,
    local_outlier_factor,
)
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.nets.network import NetOutput

IMAGE = 255 * torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


def test_odin_equals_pytorch_ood(model, oracle):
    class Logits(torch.nn.Module):
        def forward(self, image):
            return model.net(model.normalise(image)).logits

    net = model.net(model.normalise(IMAGE))
    got = OdinHead(model, temperature=10.0, step=1.0)(net.logits, net, IMAGE)
    reference = oracle.ODIN(
        Logits(),
        criterion=lambda x, y: torch.nn.functional.cross_entropy(x, y, reduction="sum"),
        eps=1.0,
        temperature=10.0,
    )
    moved = torch.autograd.grad(
        torch.nn.functional.cross_entropy(Logits()(x := IMAGE.clone().requires_grad_()) / 10, net.logits.argmax(1)), x
    )[0]
    expected = 1 - (Logits()(IMAGE - moved.sign()) / 10).softmax(1).amax(1)
    np.testing.assert_allclose(got[0].detach(), expected[0].detach(), atol=1e-4)
    np.testing.assert_allclose(got[0].detach() - 1, reference.predict(IMAGE)[0].detach(), atol=1e-4)


def test_the_step_makes_the_prediction_surer(model):
    net = model.net(model.normalise(IMAGE))
    still, moved = (OdinHead(model, 10.0, step)(net.logits, net, IMAGE) for step in (0.0, 0.2))
    assert moved.mean() < still.mean()


@pytest.mark.parametrize(
    ("fit", "reference"),
    [(local_outlier_factor, LocalOutlierFactor(novelty=True)), (isolation_forest, IsolationForest(random_state=0))],
)
def test_detectors_score_each_pixel_as_scikit_learn_does(fit, reference, features):
    bank = torch.randn(200, 19, generator=torch.Generator().manual_seed(0))
    head = OutlierDetectorHead(fit(bank))
    flat = features.logits[:, :, :2, :2].mean((2, 3), keepdim=True).expand(-1, -1, 4, 4)
    expected = -reference.fit(bank.numpy()).score_samples(flat[0, :, :1, 0].T.numpy())[0]
    np.testing.assert_allclose(head(flat, features, IMAGE)[0], expected, rtol=1e-4)


def test_detectors_are_fitted_to_logits_as_they_come(features):
    """As in the published code: drawn evenly over classes, rare classes would be as normal as the road."""
    measure = LogitSample(None, Statistics(), capacity=40)
    common = features._replace(logits=torch.zeros_like(features.logits))
    common.logits[:, 3] = 5
    common.logits[:, 3, :2, :2], common.logits[:, 8, :2, :2] = 0, 5  # one pixel of 48 at 1/8
    for net in (features, common):
        measure.observe(Observation(IMAGE, net, None))
    assert len(measure.finish()["logits"]) == 40
    rows, pixels = measure.picked[0], torch.nn.functional.avg_pool2d(features.logits, 2)[0].flatten(1).T
    assert (rows[:, None] == pixels).all(2).sum(1).eq(1).all(), "each is a pixel, and none is drawn twice"
    assert len(rows.unique(dim=0)) == len(rows)
    assert int((measure.picked[1].argmax(1) == 8).sum()) == 1


def test_the_grid_finds_the_weights_with_the_highest_average_precision():
    rng = np.random.default_rng(0)
    labels = (rng.random(3000) < 0.1).astype(np.uint8)
    scores = np.stack([labels * shift + rng.normal(size=3000) for shift in (1.5, 0.0, 1.0, 0.2)])
    found = search_weights(scores, labels)
    every = [np.array(weights) for weights in itertools.product(GRID, repeat=4) if any(weights)]
    best = max(average_precision_score(labels, (weights @ scores).astype(np.float32)) for weights in every)
    assert average_precision_score(labels, (found @ scores).astype(np.float32)) == pytest.approx(best, abs=1e-6)
    assert found.sum() == pytest.approx(1)
    assert found[1] == 0, "noise gets no weight"


def test_parts_of_an_ensemble_are_scaled_by_the_range_of_normal_pixels():
    class Constant(torch.nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self, logits, features, image):
            return torch.full((1, 2, 2), self.value)

    parts = [Constant(value) for value in (30.0, -5.0, 9.0)]
    low, high = torch.tensor([10.0, 0.0, 0.0]), torch.tensor([50.0, 1.0, 1.0])
    head = EnsembleHead(parts, low, high, torch.tensor([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(head(None, None, None), 0.25)
    assert len(head.parts) == 2, "what has no weight is not computed"


def test_meta_classification_drops_segments_like_the_false_ones():
    """True segments are large; small ones are false."""

    def scene(boxes):
        logits = torch.zeros(1, 19, 40, 60)
        logits[:, 0] = 20
        for top, left, side in boxes:
            logits[:, 0, top : top + side, left : left + side] = 0
        return NetOutput(logits, logits, logits)

    measure = MetaMeasure(None, Statistics())
    for seed in range(6):
        boxes = [(3 + seed, 5, 9), (5, 30 + seed, 9), (30, 10 + seed, 3), (33, 40, 3)]
        outlier = torch.zeros(1, 40, 60, dtype=torch.uint8)
        for top, left, side in boxes[:2]:
            outlier[:, top : top + side, left : left + side] = 1
        measure.observe(Observation(IMAGE, scene(boxes), outlier))
    net = scene([(10, 20, 9), (28, 45, 3)])
    score = MetaClassificationHead(**measure.finish())(net.logits, net, IMAGE)[0]
    assert score[14, 24] > 0.99
    assert score[29, 46] == pytest.approx(THRESHOLD)
    assert score[2, 2] < 0.01
