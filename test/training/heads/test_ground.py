"""How far heads look for ground, and how much the lack of it counts."""

import numpy as np
import pytest
from scipy.ndimage import convolve

torch = pytest.importorskip("torch", reason="torch is not installed: what trains is not tested")

from fishy_ros.training.heads.road_rows import SUPPRESSION  # noqa: E402
from fishy_ros.training.nets.network import NetOutput  # noqa: E402

CLASSES, DETAIL = 19, 40


def test_what_lies_off_the_road_rows_falls_by_ten_logits():
    assert SUPPRESSION == 10.0, "less than a logit spans leaves confident false alarms in the sky"


@pytest.mark.parametrize("classes", [(0, 10), (1, 8)], ids=["road and sky", "pavement and building"])
def test_road_context_is_the_logarithm_of_the_share_of_ground_in_a_window_of_13_by_17(score, classes):
    """At 1/8 resolution, 6 px to either side and 8 px up and down, as the design of the head states."""
    ground = np.zeros((40, 30))
    ground[22:, :17] = 1
    labels = torch.tensor(np.kron(np.where(ground, *classes), np.ones((2, 2)))).long()
    logits = 40 * torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].float()
    net = NetOutput(logits, torch.zeros(1, 64, 40, 30), torch.zeros(1, DETAIL, 80, 60))
    added = score("dissimilarity_road", net=net) - score("dissimilarity", net=net)
    expected = np.empty(ground.shape)
    for y, x in np.ndindex(*ground.shape):
        expected[y, x] = np.log(ground[max(0, y - 8) : y + 9, max(0, x - 6) : x + 7].mean() + 0.1)
    # The means of the two middle pixels of an enlargement by two are those of its source, smoothed.
    halved = added.reshape(40, 2, 30, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halved[1:-1, 1:-1], _smoothed(expected)[1:-1, 1:-1], atol=2e-3)


def _smoothed(values):
    """Enlarge by two as the graph does (half-pixel centers) and average again: weights 1/8, 3/4, 1/8 each way."""
    kernel = np.array([1, 6, 1]) / 8
    return convolve(convolve(values, kernel[None]), kernel[:, None])
