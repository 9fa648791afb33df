"""Three branches and the convolution that replaces them compute the same."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from experiments.designs.reparameterised import RepBlock  # noqa: E402
from experiments.designs.repvgg import RepVggNet  # noqa: E402
from fishy_ros.training.graph import fuse_branches  # noqa: E402


def trained(block):
    """Give every normalisation statistics and weights that matter."""
    generator = torch.Generator().manual_seed(0)
    for layer in block.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for value in (layer.weight.data, layer.bias.data, layer.running_mean):
                value.copy_(torch.randn(value.shape, generator=generator))
            layer.running_var.copy_(torch.rand(layer.running_var.shape, generator=generator) + 0.5)
    return block.eval()


@pytest.mark.parametrize(("inputs", "stride"), [(8, 1), (8, 2), (5, 1)], ids=["with identity", "strided", "wider"])
def test_a_fused_block_equals_its_branches(inputs, stride):
    block = trained(RepBlock(inputs, 8, stride))
    x = torch.randn(2, inputs, 12, 16)
    with torch.no_grad():
        torch.testing.assert_close(block.fused()(x), block(x), atol=1e-5, rtol=1e-5)


def test_a_fused_network_has_no_branches_and_leaves_the_trained_one_alone():
    network = RepVggNet()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fused = fuse_branches(network)
    assert not any(isinstance(layer, RepBlock) for layer in fused.modules())
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    x = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        for one, other in zip(fused(x), network.eval()(x), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
