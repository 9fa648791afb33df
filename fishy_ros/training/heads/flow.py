"""Learned embedding density (Fishyscapes, Blum et al., IJCV 2021, section 4.2 and appendix B.6): normalising flows.

`flow` is the density of one layer (equations 6 and 7), `flow_minimum` the smallest over three layers of the density
over its mean in training (equation 8), `flow_regression` a weighted sum of the three, whose weights are fitted.

A flow is a Real-NVP (Dinh et al., Density Estimation Using Real NVP, 2017): affine couplings with fixed random
permutations between, which start as the identity. The paper puts a batch normalisation between, too; here embeddings
are standardised once, which trains as well and leaves the graph shorter. Embeddings are those before the rectifier:
behind it the density has a point mass at zero and training does not converge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.pixel_bank import pick
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.nets.blocks import ZeroConv, upsample
from fishy_ros.training.nets.network import NetOutput

LAYERS: dict[str, int] = {"deep": 16, "semantic": 8, "detail": 4}
"""Layers with a flow, and the resolution at which each is scored: 1 / 16, 1 / 8, and 1 / 8 for the finest, halved."""

COUPLINGS: int = 32
HIDDEN: int = 64
"""Couplings as in the paper, and channels between the two convolutions of each."""

PIXELS_PER_IMAGE: int = 1500

STEPS: int = 600
BATCH: int = 512
RATE: float = 1e-3
"""A short training for a CPU: 200,000 steps of rate 1e-4 in the paper."""


class RealNvp(nn.Module):
    """Map embeddings `[B, D, h, w]` to a standard normal distribution; `log_density` is their score."""

    mean: Tensor
    std: Tensor
    orders: Tensor

    def __init__(self, width: int, couplings: int = COUPLINGS) -> None:
        super().__init__()
        kept = width // 2
        self.kept, self.changed = kept, width - kept
        self.register_buffer("mean", torch.zeros(1, width, 1, 1))
        self.register_buffer("std", torch.ones(1, width, 1, 1))
        generator = torch.Generator().manual_seed(0)
        orders = [torch.randperm(width, generator=generator) for _ in range(couplings)]
        self.register_buffer("orders", torch.stack(orders))
        self.inner = nn.ModuleList(nn.Conv2d(kept, HIDDEN, 1) for _ in range(couplings))
        self.outer = nn.ModuleList(ZeroConv(HIDDEN, 2 * (width - kept)) for _ in range(couplings))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image of `x` and the logarithm `[B, 1, h, w]` of the determinant of the map."""
        z = (x - self.mean) / self.std
        determinant = -self.std.log().sum().view(1, 1, 1, 1)
        for number, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            z = z.index_select(1, self.orders[number])
            kept, changed = z[:, : self.kept], z[:, self.kept :]
            both = outer(F.relu(inner(kept)))
            scale, shift = torch.tanh(both[:, : self.changed]), both[:, self.changed :]
            z = torch.cat([kept, changed * torch.exp(scale) + shift], dim=1)
            determinant = determinant + scale.sum(dim=1, keepdim=True)
        return z, determinant

    def log_density(self, x: Tensor) -> Tensor:
        """Logarithm of the density, `[B, 1, h, w]`: equation 7."""
        z, determinant = self(x)
        return determinant - 0.5 * (z.square().sum(dim=1, keepdim=True) + x.shape[1] * math.log(2 * math.pi))


def embeddings(features: NetOutput, layer: str) -> Tensor:
    """Return the features of a layer before the rectifier; the finest are halved.

    Raises:
        ConfigError: the network does not offer them.
    """
    if features.linear is None:
        raise ConfigError("a flow reads features before the rectifier, which this network design does not offer")
    found: Tensor = getattr(features.linear, layer)
    return F.avg_pool2d(found, 2) if layer == "detail" else found


class FlowMeasure:
    """Train a flow on pixels of normal images, drawn as they come.

    Drawn evenly over the predicted classes, rare things would look as normal as road, and so would what lies on it:
    5.4 % AP on Lost & Found, against 3.3 %.

    `finish` gives the flow's weights, and `nll`, the mean over the pixels of its negative log-density.
    """

    def __init__(self, layer: str, steps: int = STEPS) -> None:
        self.layer = layer
        self.steps = steps
        self.generator = torch.Generator().manual_seed(0)
        self.picked: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw pixels of an image."""
        x = embeddings(seen.net, self.layer)[0].flatten(1)
        self.picked.append(x[:, torch.randperm(x.shape[1], generator=self.generator)[:PIXELS_PER_IMAGE]].T.clone())

    def finish(self) -> dict[str, Tensor]:
        """Train.

        Raises:
            TrainingError: no image was seen.
        """
        if not self.picked:
            raise TrainingError("no image was given to fit a density to")
        with torch.enable_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            return fit_flow(torch.cat(self.picked), self.steps, self.generator)


def fit_flow(pixels: Tensor, steps: int, generator: torch.Generator, couplings: int = COUPLINGS) -> dict[str, Tensor]:
    """Train a flow on embeddings `[n, D]`; see `FlowMeasure`."""
    flow = RealNvp(pixels.shape[1], couplings)
    flow.mean.copy_(pixels.mean(0).view_as(flow.mean))
    flow.std.copy_(pixels.std(0).clamp_min(1e-3).view_as(flow.std))
    optimiser = torch.optim.Adam(flow.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        batch = pixels[torch.randint(len(pixels), (BATCH,), generator=generator)]
        loss = -flow.log_density(batch[:, :, None, None]).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        nll = -flow.log_density(pixels[:20000, :, None, None]).mean()
    return {"nll": nll.view(1), **{name: value.detach().clone() for name, value in flow.state_dict().items()}}


def load_flow(tensors: Mapping[str, Tensor]) -> tuple[RealNvp, float]:
    """Build a flow from the result of its measure; also return the mean negative log-density in training."""
    flow = RealNvp(tensors["mean"].shape[1], len(tensors["orders"]))
    flow.load_state_dict({name: value for name, value in tensors.items() if name != "nll"})
    return flow.requires_grad_(False).eval(), float(tensors["nll"])


class FlowHead(nn.Module):
    """Negative log-density of the embeddings of one layer."""

    def __init__(self, layer: str, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.flow, self.expected = load_flow(tensors)

    def excess(self, features: NetOutput) -> Tensor:
        """Negative log-density less its mean in training, at 1/4 resolution: `[B, 1, h, w]`."""
        x = embeddings(features, self.layer)
        factor = max(LAYERS[self.layer], 8) // 4
        return upsample(-self.flow.log_density(x) - self.expected, factor)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return self.excess(features).squeeze(1)


class FlowLayersHead(nn.Module):
    """The excess of all layers joined: their largest value, or a weighted sum.

    Equation 8 takes the minimum of N minus the NLL over layers as the likelihood, which is the maximum of the excess.
    `weights` is float `[3]`.
    """

    weights: Tensor | None

    def __init__(self, statistics: Statistics, weights: Tensor | None = None) -> None:
        super().__init__()
        heads = [FlowHead(layer, statistics.of(f"flow_{layer}")) for layer in LAYERS]
        self.heads = nn.ModuleList(heads)
        self.register_buffer("weights", None if weights is None else weights.view(1, -1, 1, 1))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        excess = self.excess(features)
        if self.weights is None:
            return excess.amax(dim=1)
        return (excess * self.weights).sum(dim=1)

    def excess(self, features: NetOutput) -> Tensor:
        """Excess of each layer, `[B, 3, h, w]`."""
        return torch.cat([head.excess(features) for head in self.heads if isinstance(head, FlowHead)], dim=1)


class FlowRegression:
    """Fit weights of the layers by logistic regression on images with pasted anomalies (section 4.2, ii).

    `finish` gives `weights` float `[3]`. The paper fits on its validation set; here no labelled frame is read.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        self.head = FlowLayersHead(statistics)
        self.generator = torch.Generator().manual_seed(0)
        self.excess: list[Tensor] = []
        self.anomalous: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw as many normal as anomalous pixels of an image."""
        if seen.outlier is None:
            return
        outlier = seen.outlier.flatten()
        chosen = pick(torch.where(outlier > 1, 2, outlier.long()), 500, self.generator)
        chosen = chosen[outlier[chosen] <= 1]
        self.excess.append(self.head.excess(seen.net)[0].flatten(1)[:, chosen].T)
        self.anomalous.append(outlier[chosen])

    def finish(self) -> dict[str, Tensor]:
        """Fit.

        Raises:
            TrainingError: no anomaly was seen.
        """
        from sklearn.linear_model import LogisticRegression

        anomalous = torch.cat(self.anomalous) if self.anomalous else torch.zeros(0)
        if not 0 < int(anomalous.sum()) < len(anomalous):
            raise TrainingError("a regression needs images with pasted anomalies")
        fitted = LogisticRegression(max_iter=1000).fit(torch.cat(self.excess).numpy(), anomalous.numpy())
        return {"weights": torch.from_numpy(fitted.coef_[0]).float()}
