"""Logits and features of no image at all, and statistics of a network that has learned nothing."""

import pytest
import torch

from fishy_ros.training.heads import autoencoder, flow, oodmc, resynthesis, synboost_training
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.registry import parse_head, usable_heads
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.nets.network import LinearFeatures, NetOutput
from fishy_ros.training.statistics import PastedImage, measure_statistics

CLASSES, SEMANTIC, DETAIL, H, W = 19, 64, 40, 12, 16


def made_up(seed: int, batch: int = 1, extra: bool = False, rows: int = H) -> NetOutput:
    """Random logits and features of an image of 4 `rows` x 64 px."""
    generator = torch.Generator().manual_seed(seed)

    def draw(channels: int, factor: int):
        return torch.randn(batch, channels, rows // factor, W // factor, generator=generator)

    linear = LinearFeatures(draw(SEMANTIC, 4), draw(SEMANTIC, 2), draw(DETAIL, 1))
    return NetOutput(
        4 * draw(CLASSES, 1),
        linear.semantic.relu(),
        linear.detail.relu(),
        linear=linear,
        extra=draw(1, 1) if extra else None,
    )


IMAGE = 255 * torch.rand(1, 3, 4 * H + 16, 4 * W, generator=torch.Generator().manual_seed(0))


def pasted() -> PastedImage:
    """An image with a bright patch that is an anomaly."""
    image = IMAGE.clone()
    image[:, :, 20:44, 8:40] = torch.tensor([250.0, 10, 250]).view(1, 3, 1, 1)
    outlier = torch.zeros(1, IMAGE.shape[2] // 4, W, dtype=torch.uint8)
    outlier[:, 5:11, 2:10] = 1
    outlier[:, 0] = 255
    return PastedImage(image, outlier)


def model_for(name: str) -> AnomalyModel:
    """The network that a head needs, untrained."""
    variant = parse_head(name)[0].variant
    model = AnomalyModel(f"s_{variant}" if variant else "s")
    initialise(model, 3)
    return model.eval()


def measure_everything() -> Statistics:
    """Statistics of all heads; flows and forests learn for a moment only."""
    found = Statistics()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow.FlowMeasure.__init__, "__defaults__", (2,))
        patch.setattr(autoencoder.AutoencoderMeasure.__init__, "__defaults__", (2,))
        patch.setattr(resynthesis.ResynthesisMeasure.__init__, "__defaults__", (2,))
        patch.setattr(synboost_training.SynBoostMeasure.__init__, "__defaults__", (2,))
        patch.setattr(oodmc.OodmcMeasure.__init__, "__defaults__", (2,))
        for model in (model_for("msp"), model_for("oodmc")):
            names = [name for name in usable_heads(model) if name != "meta"]
            found.update(measure_statistics(model, names, [IMAGE, IMAGE.flip(3)], [pasted()]))
    found.add("meta", {"weight": torch.linspace(-1, 1, 10), "bias": torch.zeros(1)})
    return found
