"""Parts that many heads share."""

import pytest
import torch
from torch.utils._pytree import tree_map
from training.heads.made_up import H, W, made_up

from fishy_ros.training.heads.model import MEAN_BGR, STD_BGR
from fishy_ros.training.heads.registry import HEADS, create_head
from fishy_ros.training.heads.spec import Statistics

UNFITTED = sorted(name for name, spec in HEADS.items() if spec.in_graph and not spec.measures and not spec.variant)


@pytest.mark.parametrize("name", UNFITTED)
def test_each_image_of_a_batch_is_scored_as_if_it_were_alone(name, model):
    head = create_head(name, model, Statistics()).eval()
    both = made_up(6, batch=2)
    one, other = (tree_map(lambda part, at=at: None if part is None else part[at : at + 1], both) for at in (0, 1))
    image = torch.zeros(2, 3, 4 * H, 4 * W)
    with torch.no_grad():
        together = head(both.logits, both, image)
        alone = torch.cat([head(net.logits, net, image[:1]) for net in (one, other)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_an_image_is_normalized_channel_by_channel(model):
    image = torch.tensor([10.0, 100.0, 200.0]).view(1, 3, 1, 1).expand(2, 3, 4, 6)
    found = model.normalise(image)
    assert found.shape == image.shape
    expected = (torch.tensor([10.0, 100.0, 200.0]) - torch.tensor(MEAN_BGR)) / torch.tensor(STD_BGR)
    torch.testing.assert_close(found[1, :, 2, 3], expected)
