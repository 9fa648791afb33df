"""SynBoost's second network: its parts against direct formulas, its two sources of anomalies, and that it learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import softmax
from scipy.stats import entropy
from training.heads.made_up import made_up

from fishy_ros.training.heads import synboost_training
from fishy_ros.training.heads.model import initialise
from fishy_ros.training.heads.resynthesis import Generator
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.synboost import SynBoostHead, Synthesis, dispersion_maps, predicted_classes
from fishy_ros.training.heads.synboost_network import Compared, ResynthesisNetwork, SynBoostNetwork, divisor_of
from fishy_ros.training.heads.synboost_training import SwappedLabelsLoss, SynBoostLoss, SynBoostMeasure
from fishy_ros.training.nets.spade import Spade
from fishy_ros.training.swapped_labels import swap_labels


@pytest.fixture(scope="module")
def statistics():
    generator = Generator(19)
    initialise(generator, 1)
    found = Statistics()
    found.add("resynthesis", generator.state_dict())
    return found


def test_spade_is_normalisation_scaled_and_shifted_by_the_classes():
    torch.manual_seed(0)
    layer, x, classes = Spade(6, 3, 4).train(), 3 + 2 * torch.randn(2, 6, 5, 7), torch.rand(2, 3, 5, 7)
    plain = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), correction=0, keepdim=True)
    hidden = F.conv2d(classes, layer.shared.weight, layer.shared.bias, padding=1).relu()
    scale = F.conv2d(hidden, layer.scale.weight, layer.scale.bias, padding=1)
    shift = F.conv2d(hidden, layer.shift.weight, layer.shift.bias, padding=1)
    torch.testing.assert_close(layer(x, classes), plain * (1 + scale) + shift, rtol=1e-3, atol=1e-4)


def test_dispersion_maps_are_equations_1_and_2_and_a_squashed_difference():
    logits, difference = made_up(3).logits, torch.rand(1, 1, 12, 16) * 5
    maps = dispersion_maps(logits, difference)[0].numpy()
    posteriors = np.sort(softmax(logits[0].numpy().astype(np.float64), axis=0), axis=0)
    np.testing.assert_allclose(maps[0], entropy(posteriors, axis=0) / np.log(19), atol=1e-6)
    np.testing.assert_allclose(maps[1], 1 - posteriors[-1] + posteriors[-2], atol=1e-6)
    assert (np.argsort(maps[2].ravel()) == np.argsort(difference.numpy().ravel())).all()
    assert maps.min() >= 0
    assert maps.max() <= 1


def test_the_network_has_the_widths_of_the_paper_over_a_divisor():
    light, full = SynBoostNetwork(19), SynBoostNetwork(19, 1)
    assert [level[-1][0].out_channels for level in full.image] == [64, 128, 256, 512]
    assert [level[-1][0].out_channels for level in light.image] == [16, 32, 64, 128]
    assert (divisor_of(light.state_dict()), divisor_of(full.state_dict())) == (4, 1)
    assert 18e6 < sum(p.numel() for p in full.parameters()) < 22e6


def test_levels_are_joined_and_multiplied_by_the_dispersion():
    torch.manual_seed(0)
    network = SynBoostNetwork(19).eval()
    seen = Compared(*(torch.rand(1, channels, 16, 24) for channels in (3, 3, 19, 3)))
    with torch.no_grad():
        image, made, classes, sure = seen
        for number, got in enumerate(network.fuse(seen)):
            encode = network.image[number]
            image, made, classes = encode(image), encode(made), network.semantic[number](classes)
            sure = network.dispersion[number](sure)
            weight, bias = network.join[number].weight[:, :, 0, 0], network.join[number].bias
            fused = torch.einsum("oc,bchw->bohw", weight, torch.cat([image, made, classes], 1))
            torch.testing.assert_close(got, (fused + bias.view(1, -1, 1, 1)) * sure, rtol=1e-4, atol=1e-5)
        sure = seen._replace(dispersion=torch.zeros_like(seen.dispersion))
        assert network(seen).shape == (1, 2, 16, 24)
        assert not torch.equal(network(seen), network(sure))


def test_resynthesis_reads_everything_but_the_dispersion():
    torch.manual_seed(0)
    network, with_maps = ResynthesisNetwork(19).eval(), SynBoostNetwork(19).eval()
    assert not any("dispersion" in name for name in network.state_dict())
    missing, unexpected = with_maps.load_state_dict(network.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"dispersion"}
    assert not unexpected
    tensors = [torch.rand(1, channels, 16, 24, requires_grad=True) for channels in (3, 3, 19, 3)]
    seen = Compared(*tensors)
    image, made, classes = tensors[:3]
    for number, got in enumerate(network.fuse(seen)):
        encode = network.image[number]
        image, made, classes = encode(image), encode(made), network.semantic[number](classes)
        weight, bias = network.join[number].weight[:, :, 0, 0], network.join[number].bias
        fused = torch.einsum("oc,bchw->bohw", weight, torch.cat([image, made, classes], 1)) + bias.view(1, -1, 1, 1)
        torch.testing.assert_close(got, fused, rtol=1e-4, atol=1e-5)
    network.train()(seen).square().sum().backward()
    assert [tensor.grad is not None and bool(tensor.grad.any()) for tensor in tensors] == [True, True, True, False]
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_things_get_another_class_and_nothing_else_does():
    labels = np.zeros((40, 60), np.uint8)
    labels[5:15, 5:15], labels[20:30, 20:40], labels[2, 50] = 13, 11, 18  # the last is too small to be a thing
    changed = np.zeros((40, 60), bool)
    for seed in range(30):
        swapped, where = swap_labels(labels, 19, np.random.default_rng(seed))
        assert where.any()
        assert (swapped[where == 1] != labels[where == 1]).all()
        np.testing.assert_array_equal(swapped[where == 0], labels[where == 0])
        for box in (np.s_[5:15, 5:15], np.s_[20:30, 20:40]):
            assert len(np.unique(where[box])) == len(np.unique(swapped[box])) == 1, "a thing changes as a whole"
        changed |= where == 1
    np.testing.assert_array_equal(changed, np.isin(labels, (11, 13)))
    assert not swap_labels(np.zeros((8, 8), np.uint8), 19, np.random.default_rng(0))[1].any()


def test_half_of_a_batch_has_swapped_labels_and_half_has_objects_without_a_class(model, statistics):
    logits = torch.zeros(2, 19, 16, 16)
    logits[:, 0] = 5
    labels = torch.zeros(2, 16, 16, dtype=torch.uint8)
    labels[:, 2:8, 2:8] = 13
    outlier = torch.zeros(2, 16, 16, dtype=torch.uint8)
    outlier[:, 10:14, 10:14] = 1
    classes, target = SynBoostLoss(model, statistics).pairs(logits, labels, outlier)
    assert (classes.sum(1) == 1).all()
    assert (target[0, 2:8, 2:8] == 1).all()
    assert (target[0, 10:14, 10:14] == 255).all(), "what no class holds counts nowhere where labels are swapped"
    assert not classes[0, 13, 2:8, 2:8].any()
    torch.testing.assert_close(classes[1], predicted_classes(logits)[1])
    torch.testing.assert_close(target[1], outlier[1])
    classes, target = SwappedLabelsLoss(model, statistics).pairs(logits, labels, outlier)
    assert (target[:, 2:8, 2:8] == 1).all(), "resynthesis learns from swapped labels alone"
    assert (target[:, 10:14, 10:14] == 255).all()
    assert not classes[:, 13, 2:8, 2:8].any()


def test_a_few_steps_tell_a_pasted_patch_from_its_street(model, statistics, monkeypatch):
    torch.manual_seed(0)
    image = 90 + 6 * torch.randn(1, 3, 64, 64)
    image[:, :, 24:48, 24:48] = torch.tensor([250.0, 20, 250]).view(1, 3, 1, 1)
    outlier = torch.zeros(1, 16, 16, dtype=torch.uint8)
    outlier[:, 6:12, 6:12] = 1
    monkeypatch.setattr(synboost_training, "RATE", 5e-3)
    with torch.no_grad():
        net = model.net(model.normalise(image))
        measure = SynBoostMeasure(model, statistics, steps=25)
        measure.observe(Observation(image, net, outlier))
        statistics.add("synboost", measure.finish())
        head = SynBoostHead(model, statistics)
        # One image is all that the running statistics know, and it had a twin with other labels.
        head.network.train()
        compared = Synthesis(model, statistics)(image, net.logits, predicted_classes(net.logits))
        score = F.avg_pool2d(head.network(compared).diff(dim=1), 2)[0, 0]
    assert score[outlier[0] == 1].mean() > score[outlier[0] == 0].mean() + 1
