"""Fit the mixture of Gaussians that the head `gmm` reads to fine features of normal pixels."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from fishy_ros.training.heads.class_moments import ClassMoments
from fishy_ros.training.heads.gaussian import whitening
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import fine_features, halve

PIXELS_PER_IMAGE: int = 500
COMPONENTS: int = 24
PIXELS_PER_COMPONENT: int = 20
"""The mixture has fewer than `COMPONENTS` where there are fewer pixels than this for each."""


class MixtureMeasure:
    """Draw pixels at 1/8 resolution as they come, then fit K Gaussians (see `fit_mixture`).

    They are whitened by the covariance within classes of all pixels at 1/4, that of `ClassMoments`.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        self.moments = ClassMoments(model, statistics)
        self.generator = torch.Generator().manual_seed(0)
        self.pixels: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw pixels of an image."""
        self.moments.observe(seen)
        x = halve(fine_features(seen.net))[0].flatten(1)
        self.pixels.append(x[:, torch.randperm(x.shape[1], generator=self.generator)[:PIXELS_PER_IMAGE]].T)

    def finish(self) -> dict[str, Tensor]:
        """Fit.

        Raises:
            TrainingError: no image was seen.
        """
        covariance = self.moments.finish()["covariance"]
        return fit_mixture(torch.cat(self.pixels).float(), covariance)


def fit_mixture(pixels: Tensor, covariance: Tensor) -> dict[str, Tensor]:
    """Fit diagonal Gaussians by expectation maximisation to features `[n, D]`, whitened by their `covariance` `[D, D]`.

    Returns:
        `covariance` and, in whitened coordinates, `weights` float `[K]`, `means` and `variances` `[K, D]`.
    """
    # Only this needs scikit-learn: training without it, on a rented machine for instance, stays possible.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    components = int(np.clip(len(pixels) // PIXELS_PER_COMPONENT, 1, COMPONENTS))
    mixture = GaussianMixture(components, covariance_type="diag", reg_covar=1e-2, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        # A mixture that still moves a little after the last iteration is as good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit((pixels.float() @ whitening(covariance.float()).T).numpy())
    fitted = {"weights": mixture.weights_, "means": mixture.means_, "variances": mixture.covariances_}
    tensors = {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in fitted.items()}
    return {"covariance": covariance.float(), **tensors}
