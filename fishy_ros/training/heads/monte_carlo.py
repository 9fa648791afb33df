"""Scores of a network with dropout left on: `mc_entropy`, `mc_mutual_information`, `mc_variance`.

Sources: Fishyscapes (Blum et al., IJCV 2021), equations 1 and 2; CAOS (Hendrycks et al., 2019), section 4.1, variance.
Equation 2 is printed with the wrong sign: mutual information is the entropy of the mean posterior minus the mean
entropy of the posteriors, and never negative.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.network import NetOutput

PASSES: int = 10
"""Fishyscapes does not print its number of samples."""


def sample_logits(model: AnomalyModel, image: Tensor, passes: int, seed: int) -> Iterator[Tensor]:
    """Yield logits of `passes` runs with dropout on and everything else in evaluation mode."""
    dropouts = [layer for layer in model.modules() if isinstance(layer, nn.Dropout2d)]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            for layer in dropouts:
                layer.train()
            for _ in range(passes):
                yield model.net(model.normalise(image)).logits
        finally:
            for layer in dropouts:
                layer.eval()


class _MonteCarloHead(nn.Module):
    """Run the network several times on the image; the logits that are given are not read."""

    def __init__(self, model: AnomalyModel, passes: int = PASSES, seed: int = 0) -> None:
        super().__init__()
        self.model = model
        self.passes = passes
        self.seed = seed

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        samples = list(sample_logits(self.model, image, self.passes, self.seed))
        return self.score(torch.stack([sample.softmax(dim=1) for sample in samples]))

    def score(self, posteriors: Tensor) -> Tensor:
        """Score posteriors `[T, B, C, h, w]`."""
        raise NotImplementedError


class PredictiveEntropyHead(_MonteCarloHead):
    """Entropy of the mean posterior, in nats."""

    def score(self, posteriors: Tensor) -> Tensor:
        """Score posteriors `[T, B, C, h, w]`."""
        return entropy(posteriors.mean(dim=0))


class MutualInformationHead(_MonteCarloHead):
    """Entropy of the mean posterior less the mean entropy of the posteriors, in nats."""

    def score(self, posteriors: Tensor) -> Tensor:
        """Score posteriors `[T, B, C, h, w]`."""
        return entropy(posteriors.mean(dim=0)) - entropy(posteriors.flatten(0, 1)).view(
            posteriors.shape[:2] + posteriors.shape[3:]
        ).mean(dim=0)


class PosteriorVarianceHead(_MonteCarloHead):
    """Variance of the posteriors over the runs, mean over classes."""

    def score(self, posteriors: Tensor) -> Tensor:
        """Score posteriors `[T, B, C, h, w]`."""
        return posteriors.var(dim=0, unbiased=False).mean(dim=1)


def entropy(posteriors: Tensor) -> Tensor:
    """Shannon entropy in nats `[B, h, w]` of `[B, C, h, w]`."""
    return -torch.xlogy(posteriors, posteriors).sum(dim=1)
