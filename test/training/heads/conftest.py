"""A network, its features, and statistics of made-up pixels that all tests of heads read."""

import importlib
import importlib.util
import sys
from unittest.mock import MagicMock

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: what trains is not tested")

from support.network_contract import initialised  # noqa: E402
from training.heads.made_up import H, W, made_up  # noqa: E402

from fishy_ros.training.heads.registry import create_head  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402

torch.set_num_threads(1)  # threads that wait for each other are slow on a loaded machine


@pytest.fixture(scope="session")
def model():
    return initialised("s").eval()


@pytest.fixture(scope="session")
def features():
    return made_up(5)


@pytest.fixture(scope="session")
def score(model, features):
    """Score features, made-up ones unless others are given, with the head of a name."""

    def run(name, statistics=None, net=None, of=None):
        net = net or features
        head = create_head(name, of or model, statistics or Statistics()).eval()
        with torch.no_grad():
            return head(net.logits, net, torch.zeros(1, 3, 4 * H, 4 * W))[0].numpy()

    return run


@pytest.fixture(scope="session")
def oracle():
    """Import a module of pytorch-ood, whose data sets alone need torchvision."""
    if importlib.util.find_spec("pytorch_ood") is None:
        pytest.skip("pytorch-ood is not installed: the comparison with it is left out")
    parts = ("", ".transforms", ".transforms.functional", ".datasets", ".datasets.utils", ".datasets.folder", ".models")
    names = [f"torchvision{part}" for part in (*parts, ".models.feature_extraction", ".models.resnet")]
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setitem(sys.modules, name, MagicMock())
        yield importlib.import_module("pytorch_ood.detector")
