"""A generator learns what classes look like, and the perceptual difference is equation 3 of SynBoost."""

import numpy as np
import torch

from fishy_ros.training.heads.resynthesis import ResynthesisHead, ResynthesisMeasure, stages
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.nets.network import NetOutput


def street(patch):
    """Road below sky, and the logits of a network that sees nothing else."""
    image = torch.full((1, 3, 128, 256), 90.0)
    image[:, :, :64] = torch.tensor([220.0, 200, 190]).view(1, 3, 1, 1)
    logits = torch.zeros(1, 19, 32, 64)
    logits[:, 0, 16:], logits[:, 10, :16] = 12, 12
    if patch:
        image[:, :, 80:112, 96:160] = torch.tensor([255.0, 0, 255]).view(1, 3, 1, 1)
    return image, NetOutput(logits, logits, logits)


def test_what_does_not_look_like_its_class_differs(model):
    measure = ResynthesisMeasure(model, Statistics(), steps=25)
    image, net = street(patch=False)
    measure.observe(Observation(image, net))
    head = ResynthesisHead(model, measure.finish())
    image, net = street(patch=True)
    with torch.no_grad():
        score = head(net.logits, net, image)[0]
        inside = torch.zeros(32, 64, dtype=torch.bool)
        inside[20:28, 24:40] = True
        assert score[inside].mean() > 2 * score[~inside].mean()
        enlarge = torch.nn.Upsample(scale_factor=4, mode="bilinear")
        small = model.normalise(torch.nn.functional.avg_pool2d(image, 4))
        made = head.generator(net.logits.softmax(1))
        pairs = zip(stages(model.net, enlarge(small)), stages(model.net, enlarge(made)), strict=True)
        terms = [np.abs(a.numpy() - b.numpy())[0].sum(0) / a.shape[1] for a, b in pairs]
    whole = torch.nn.functional.interpolate(torch.tensor(terms[2])[None, None], scale_factor=2.0, mode="bilinear")
    expected = terms[0].reshape(32, 2, 64, 2).mean((1, 3)) + terms[1] + whole[0, 0].numpy()
    np.testing.assert_allclose(score, expected, rtol=1e-3, atol=1e-4)
