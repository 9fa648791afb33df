"""Fit the mixture of Gaussians that the head `gmm` reads to fine features of normal training pixels."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fishy_ros.training.heads.gaussian import whitening

COMPONENTS: int = 24
PIXELS_PER_COMPONENT: int = 20
"""The mixture has fewer than `COMPONENTS` where there are fewer pixels than this for each."""

PIXELS_PER_CLASS: int = 16
"""Pixels of each predicted class taken from an image: a mixture fitted to all would describe road and sky alone."""


class Mixture(NamedTuple):
    """K diagonal Gaussians in whitened coordinates: `weights` float `[K]`, `means` and `variances` `[K, D]`."""

    weights: Tensor
    means: Tensor
    variances: Tensor


def pick_pixels(features: Tensor, classes: Tensor, generator: torch.Generator) -> Tensor:
    """Draw up to `PIXELS_PER_CLASS` pixels of `features` `[D, N]` for each value of `classes` `[N]`: `[n, D]`."""
    shuffled = torch.randperm(classes.numel(), generator=generator)
    chosen = [shuffled[classes[shuffled] == value][:PIXELS_PER_CLASS] for value in classes.unique()]
    return features[:, torch.cat(chosen)].T


def fit_mixture(pixels: Tensor, covariance: Tensor) -> Mixture:
    """Fit by expectation maximisation to features `[n, D]`, whitened by their `covariance` `[D, D]` within classes."""
    # Only this needs scikit-learn: training without it, on a rented machine for instance, stays possible.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    components = int(np.clip(len(pixels) // PIXELS_PER_COMPONENT, 1, COMPONENTS))
    mixture = GaussianMixture(components, covariance_type="diag", reg_covar=1e-2, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        # A mixture that still moves a little after the last iteration is as good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit((pixels.float() @ whitening(covariance.float()).T).numpy())
    fitted = (mixture.weights_, mixture.means_, mixture.covariances_)
    return Mixture(*(torch.from_numpy(np.asarray(values, np.float32)) for values in fitted))
