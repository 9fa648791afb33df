"""What the blocks add to their input, and from how far away."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.nets.blocks import PyramidContext, ResidualBlock, ZeroConv, stage, upsample  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    """Of weights drawn at random, so few that all outputs of a layer may be 0, some let nothing through."""
    torch.manual_seed(4)


@pytest.fixture
def features():
    return torch.rand(1, 8, 24, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)


def silence(layer):
    """Let a layer add nothing, whatever it is given."""
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)


def reach(found, features):
    """Return which pixels of `features` the middle of `found` depends on, bool `[H, W]`."""
    (gradient,) = torch.autograd.grad(found[0, :, 12, 16].sum(), features)
    return gradient[0].abs().sum(0) > 0


def test_context_is_added_to_the_features_and_does_not_replace_them(features):
    context = PyramidContext(8, 4).eval()
    silence(context.merge)
    torch.testing.assert_close(context(features), features)


def test_context_reaches_9_pixels_and_the_whole_image(features):
    context = PyramidContext(8, 4).eval()
    assert reach(context(features), features).all()
    silence(context.whole)
    rows, columns = reach(context(features), features).nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 16, 12, 20)
    silence(context.windows[1])
    rows, columns = reach(context(features), features).nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 14, 14, 18)


def test_the_border_of_the_image_does_not_dilute_a_window():
    context = PyramidContext(8, 4).eval()
    silence(context.whole)
    flat = torch.full((1, 8, 12, 12), 0.7)
    found = context(flat)
    torch.testing.assert_close(found[..., 0, 0], found[..., 6, 6])


def test_a_residual_block_whose_body_is_silent_passes_its_input_on(features):
    block = ResidualBlock(8, 8).eval()
    silence(block.body)
    torch.testing.assert_close(block(features), features)


def test_a_stage_reduces_once(features):
    assert stage(8, 12, 3)(features).shape == (1, 12, 12, 16)
    assert stage(8, 12, 3, stride=1)(features).shape == (1, 12, 24, 32)


def test_what_starts_at_zero_adds_nothing(features):
    assert not ZeroConv(8, 3)(features).any()


def test_enlarging_keeps_centers_in_place():
    row = torch.tensor([0.0, 4.0]).view(1, 1, 1, 2)
    assert upsample(row, 2).flatten()[:4].tolist() == [0.0, 1.0, 3.0, 4.0]
