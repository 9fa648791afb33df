"""Every network that can be trained keeps the contract of a network, and its graph computes the same."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from support.network_contract import check_exported_graph, check_features_and_gradients, initialised  # noqa: E402

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.nets.registry import NETWORKS, create_network  # noqa: E402


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_features_have_the_promised_sizes_and_gradients_reach_every_parameter(name):
    check_features_and_gradients(initialised(name))


# A variant has one more output, which no exported score of this test reads, or dropout, which export takes away.
@pytest.mark.parametrize("name", sorted(name for name in NETWORKS if not name.startswith("s_")))
def test_the_exported_graph_equals_torch_and_holds_the_counted_multiply_adds(name, tmp_path):
    check_exported_graph(initialised(name), tmp_path)


def test_an_unknown_network_is_named():
    with pytest.raises(ConfigError, match="network 'nonsense' is unknown; known are"):
        create_network("nonsense")


def test_an_image_that_does_not_divide_is_refused():
    multiple = create_network("s").multiple
    with pytest.raises(
        ConfigError, match=rf"FishyNet: an image of {multiple + 1}x128; expected multiples of {multiple}"
    ):
        create_network("s")(torch.zeros(1, 3, multiple + 1, 128))
