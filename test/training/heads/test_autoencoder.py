"""What an autoencoder has learned to reconstruct is normal."""

import numpy as np
import torch

from fishy_ros.training.heads.autoencoder import AutoencoderHead, AutoencoderMeasure, normalise
from fishy_ros.training.heads.spec import Observation, Statistics


def street(seed):
    image = torch.full((1, 3, 128, 256), 90.0)
    image[:, :, :50] = torch.tensor([220.0, 200, 190]).view(1, 3, 1, 1)
    return image + 4 * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))


def test_a_patch_that_was_never_seen_is_reconstructed_worse(model):
    measure = AutoencoderMeasure(model, Statistics(), steps=60)
    for seed in range(3):
        measure.observe(Observation(street(seed), None))
    head = AutoencoderHead(measure.finish())
    image = street(9)
    image[:, :, 72:104, 96:160] = torch.tensor([255.0, 0, 255]).view(1, 3, 1, 1)
    score = head(None, None, image)[0]
    assert score.shape == (32, 64)
    inside = torch.zeros(32, 64, dtype=torch.bool)
    inside[18:26, 24:40] = True
    assert score[inside].mean() > 3 * score[~inside].mean()
    half = image.numpy().reshape(1, 3, 64, 2, 128, 2).mean((3, 5))
    seen = normalise(torch.tensor(half))
    error = (head.network(seen) - seen).square().mean(1)[0].detach().numpy()
    np.testing.assert_allclose(score, error.reshape(32, 2, 64, 2).mean((1, 3)), atol=1e-4)
