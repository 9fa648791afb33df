"""The designs of others keep the contract of a network, and have the size of their papers."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from support.network_contract import check_exported_graph, check_features_and_gradients, initialised  # noqa: E402

from experiments.designs import DESIGNS, register_designs  # noqa: E402
from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.heads.model import count_parameters  # noqa: E402
from fishy_ros.training.nets.registry import NETWORKS  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Register the designs, and take them out again: other tests go over all networks that there are."""
    register_designs()
    yield
    for name in DESIGNS:
        del NETWORKS[name]


@pytest.mark.parametrize("name", sorted(DESIGNS))
def test_features_have_the_promised_sizes_and_gradients_reach_every_parameter(name):
    check_features_and_gradients(initialised(name))


@pytest.mark.parametrize("name", sorted(DESIGNS))
def test_the_exported_graph_equals_torch_and_holds_the_counted_multiply_adds(name, tmp_path):
    check_exported_graph(initialised(name), tmp_path)


@pytest.mark.parametrize(("name", "millions"), [("ddrnet_slim", 5.7), ("pidnet_s", 7.6), ("erfnet", 2.1)])
def test_a_design_has_about_the_parameters_that_its_paper_states(name, millions):
    assert count_parameters(DESIGNS[name]()) / 1e6 == pytest.approx(millions, rel=0.1)


def test_an_image_that_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match="DdrNet: an image of 96x128; expected multiples of 64"):
        DESIGNS["ddrnet_slim"]()(torch.zeros(1, 3, 96, 128))
