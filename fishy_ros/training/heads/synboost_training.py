"""How the second networks of SynBoost and Resynthesis++ learn: from swapped labels, SynBoost's from void objects, too.

Source: Di Biase et al., CVPR 2021, section 3.2. Swapped: things of the labels get another class, the image is
synthesised from that, and differs there. Void: objects of no class are differences by themselves, and the image is
synthesised from what the network predicts. Half of a batch is of either kind; all of it is swapped for Resynthesis++.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.synboost import Synthesis, difference_logit, predicted_classes
from fishy_ros.training.heads.synboost_network import DIVISOR, ResynthesisNetwork, SynBoostNetwork
from fishy_ros.training.ood_losses import masked_mean
from fishy_ros.training.swapped_labels import swap_labels
from fishy_ros.types import ANOMALY, IGNORED, NORMAL

STEPS: int = 80
BATCH: int = 2
RATE: float = 5e-4
BETAS: tuple[float, float] = (0.5, 0.999)
"""Adam's, as in the published code."""


class SynBoostLoss:
    """The loss of a batch; the segmentation network and the generator stay as they are."""

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        self.model = model
        self.synthesis = Synthesis(model, statistics)
        self.rng = np.random.default_rng(0)

    def __call__(self, network: SynBoostNetwork, image: Tensor, labels: Tensor, outlier: Tensor) -> Tensor:
        """Cross entropy with both sides weighted alike.

        Args:
            network: what learns.
            image: float `[B, 3, H, W]`.
            labels: train ids `[B, H/4, W/4]`, 255 where there is none.
            outlier: `[B, H/4, W/4]` with 0 normal, 1 anomaly, 255 ignored.
        """
        with torch.no_grad():
            logits = self.model.net(self.model.normalise(image)).logits
            classes, target = self.pairs(logits, labels, outlier)
            compared = self.synthesis(image, logits, classes)
        pixelwise = F.binary_cross_entropy_with_logits(
            difference_logit(network(compared)), (target == ANOMALY).float(), reduction="none"
        )
        return masked_mean(pixelwise, target == ANOMALY) + masked_mean(pixelwise, target == NORMAL)

    def pairs(self, logits: Tensor, labels: Tensor, outlier: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map of classes `[B, C, h, w]` that each image is synthesised from, and where it then differs."""
        classes, target = predicted_classes(logits), outlier.clone()
        for number in range(self.swapped(len(logits))):
            predicted = logits[number].argmax(dim=0).to(labels.dtype)
            known = torch.where(labels[number] == IGNORED, predicted, labels[number])
            swapped, where = swap_labels(known.to(torch.uint8).cpu().numpy(), logits.shape[1], self.rng)
            one_hot = F.one_hot(torch.from_numpy(swapped).to(logits.device).long(), logits.shape[1])
            classes[number] = one_hot.permute(2, 0, 1).float()
            # Void pixels count nowhere here: what their class should be is not known.
            void = (outlier[number] != NORMAL) | (labels[number] == IGNORED)
            target[number] = torch.where(void, IGNORED, torch.from_numpy(where).to(void.device))
        return classes, target

    def swapped(self, batch: int) -> int:
        """Return how many images of a batch have swapped labels."""
        return (batch + 1) // 2


class SwappedLabelsLoss(SynBoostLoss):
    """The loss of swapped labels alone."""

    def swapped(self, batch: int) -> int:
        """Return how many images of a batch have swapped labels: all."""
        return batch


class SynBoostMeasure:
    """Train the network for a moment on images with pasted objects, whose labels are what the network predicts.

    `finish` gives its weights. A longer training on labelled streets is `task: synboost` of `fishy train`.
    """

    build_loss: type[SynBoostLoss] = SynBoostLoss
    build_network: type[SynBoostNetwork] = SynBoostNetwork

    def __init__(self, model: AnomalyModel, statistics: Statistics, steps: int = STEPS) -> None:
        self.loss = self.build_loss(model, statistics)
        self.classes = model.net.classes
        self.steps = steps
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def observe(self, seen: Observation) -> None:
        """Keep an image, the classes that were predicted, and where the anomalies lie."""
        if seen.outlier is None:
            return
        predicted = seen.net.logits.argmax(dim=1).to(torch.uint8)
        self.seen.append((seen.image.round().to(torch.uint8), predicted, seen.outlier))

    def finish(self) -> dict[str, Tensor]:
        """Train.

        Raises:
            TrainingError: no such image was seen.
        """
        if not self.seen:
            raise TrainingError("no image was given to train a network on; that of SynBoost needs pasted anomalies")
        network = self.build_network(self.classes, DIVISOR)
        initialise(network, 0)
        optimiser = torch.optim.Adam(network.parameters(), RATE, BETAS)
        random = torch.Generator().manual_seed(0)
        network.train()
        with torch.enable_grad():
            for _ in range(self.steps):
                chosen = torch.randint(len(self.seen), (BATCH,), generator=random).tolist()
                crops = [self._crop(number, random) for number in chosen]
                image, labels, outlier = (torch.cat(parts) for parts in zip(*crops, strict=True))
                loss = self.loss(network, image.float(), labels, outlier)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return {name: value.detach().clone() for name, value in network.state_dict().items()}

    def _crop(self, number: int, random: torch.Generator) -> list[Tensor]:
        """Cut out a random quarter, so that a step costs a quarter."""
        image, labels, outlier = self.seen[number]
        rows, columns = (max(16, int(side) // 2 // 16 * 16) for side in labels.shape[1:])
        top = 8 * int(torch.randint((labels.shape[1] - rows) // 8 + 1, (1,), generator=random))
        left = 8 * int(torch.randint((labels.shape[2] - columns) // 8 + 1, (1,), generator=random))
        small = [each[:, top : top + rows, left : left + columns] for each in (labels, outlier)]
        return [image[:, :, 4 * top : 4 * (top + rows), 4 * left : 4 * (left + columns)], *small]


class ResynthesisNetworkMeasure(SynBoostMeasure):
    """Train the network without dispersion maps on normal images."""

    build_loss = SwappedLabelsLoss
    build_network = ResynthesisNetwork

    def observe(self, seen: Observation) -> None:
        """Keep an image and the classes that were predicted."""
        super().observe(seen._replace(outlier=torch.full_like(seen.net.logits[:, 0], NORMAL, dtype=torch.uint8)))
