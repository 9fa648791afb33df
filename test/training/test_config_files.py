"""Training configurations that change another one."""

import pytest
import yaml

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import write_street

from fishy_ros.errors import ConfigError
from fishy_ros.training.config import load_train_config


def test_a_configuration_changes_its_base_which_may_have_one_itself(tmp_path):
    base = write_street(tmp_path)
    (tmp_path / "middle.yaml").write_text(yaml.safe_dump({"base": base.name, "size": "s_void", "loss": {"ood": 0.5}}))
    (tmp_path / "deeper").mkdir()
    last = tmp_path / "deeper" / "last.yaml"
    last.write_text(yaml.safe_dump({"base": "../middle.yaml", "name": "last", "loss": {"outlier": 0}}))
    found, whole = load_train_config(last), load_train_config(base)
    assert (found.name, found.size) == ("last", "s_void")
    assert (found.loss.ood, found.loss.outlier, found.loss.hard) == (0.5, 0, whole.loss.hard)
    assert (found.sources, found.stages, found.bank) == (whole.sources, whole.stages, whole.bank)


@pytest.mark.parametrize(
    ("base", "message"),
    [("me.yaml", "do they name each other"), (3, "base: expected a path, found 3"), ("gone.yaml", "gone.yaml")],
)
def test_a_base_that_cannot_be_read_is_named(tmp_path, base, message):
    (tmp_path / "me.yaml").write_text(yaml.safe_dump({"base": base}))
    with pytest.raises(ConfigError, match=message):
        load_train_config(tmp_path / "me.yaml")
