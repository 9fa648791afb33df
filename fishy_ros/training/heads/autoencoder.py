"""`autoencoder`: reconstruction loss per pixel (CAOS, Hendrycks et al., 2019, section 4.1).

A second network of four layers with a spatial code and batch normalisation learns to reconstruct normal images; what it
cannot reconstruct is strange. It reads images at half size, and learns for some hundred steps where the paper has ten
epochs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import MEAN_BGR, STD_BGR, AnomalyModel, initialise
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.nets.blocks import ConvNormAct, upsample
from fishy_ros.training.nets.network import NetOutput

WIDTHS: tuple[int, ...] = (16, 32, 64, 32)
"""Channels of the four layers; the last is the code, at 1/16 of what the network reads."""

STEPS: int = 300
BATCH: int = 4
CROP: tuple[int, int] = (64, 128)
RATE: float = 2e-3


class Autoencoder(nn.Module):
    """Reconstruct normalised images `[B, 3, H, W]`, H and W multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.encoder = nn.Sequential(*(ConvNormAct(a, b, stride=2) for a, b in zip(inputs, WIDTHS, strict=True)))
        outputs = (*WIDTHS[-2::-1], WIDTHS[0])
        widths = zip(WIDTHS[::-1], outputs, strict=True)
        self.decoder = nn.ModuleList(ConvNormAct(a, b) for a, b in widths)
        self.to_image = nn.Conv2d(WIDTHS[0], 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the reconstruction."""
        x = self.encoder(image)
        for layer in self.decoder:
            x = layer(upsample(x, 2))
        reconstructed: Tensor = self.to_image(x)
        return reconstructed


class AutoencoderMeasure:
    """Train an autoencoder on normal images, kept at half size; `finish` gives its weights."""

    def __init__(self, model: AnomalyModel, statistics: Statistics, steps: int = STEPS) -> None:
        self.steps = steps
        self.images: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Keep an image, as bytes."""
        self.images.append(F.avg_pool2d(seen.image, 2).round().to(torch.uint8))

    def finish(self) -> dict[str, Tensor]:
        """Train on random crops.

        Raises:
            TrainingError: no image was seen.
        """
        if not self.images:
            raise TrainingError("no image was given to train an autoencoder on")
        generator = torch.Generator().manual_seed(0)
        network = Autoencoder()
        initialise(network, 0)
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        with torch.enable_grad():
            for _ in range(self.steps):
                loss = reconstruction_loss(network, torch.cat([self._crop(generator) for _ in range(BATCH)]))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return {name: value.detach().clone() for name, value in network.state_dict().items()}

    def _crop(self, generator: torch.Generator) -> Tensor:
        image = self.images[int(torch.randint(len(self.images), (1,), generator=generator))]
        height, width = min(CROP[0], image.shape[2] // 16 * 16), min(CROP[1], image.shape[3] // 16 * 16)
        top = int(torch.randint(image.shape[2] - height + 1, (1,), generator=generator))
        left = int(torch.randint(image.shape[3] - width + 1, (1,), generator=generator))
        return image[:, :, top : top + height, left : left + width].float()


def reconstruction_loss(network: nn.Module, image: Tensor) -> Tensor:
    """Mean squared error of the reconstruction of an image in grey levels."""
    batch = normalise(image)
    return F.mse_loss(network(batch), batch)


class AutoencoderHead(nn.Module):
    """Squared error of the reconstruction, mean over channels; logits and features are not read."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = Autoencoder()
        self.network.load_state_dict(dict(tensors))
        self.network.requires_grad_(False).eval()

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, not negative."""
        half = normalise(F.avg_pool2d(image, 2))
        error = (self.network(half) - half).square().mean(dim=1, keepdim=True)
        return F.avg_pool2d(error, 2).squeeze(1)


def normalise(image: Tensor) -> Tensor:
    """Bring grey levels 0 to 255 to about zero mean and unit variance."""
    mean, std = (torch.tensor(values, device=image.device).view(1, 3, 1, 1) for values in (MEAN_BGR, STD_BGR))
    return (image - mean) / std
