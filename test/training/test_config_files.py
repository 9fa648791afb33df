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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimiser": {"learning_rate": -1.0}}, r"optimiser: learning_rate: -1; expected 1e-09 to 1"),
        ({"optimiser": {"learning_rate": float("nan")}}, "learning_rate: nan"),
        ({"optimiser": {"ema": 1.5}}, "ema: 1.5"),
        ({"loss": {"rare_classes": 1.0}}, r"rare_classes: 1; expected 1\.001"),
        ({"loss": {"outlier": -1}}, "outlier: -1"),
        ({"paste": {"procedural": 3}}, "procedural: 3; expected 0 to 1"),
        ({"augment": {"photometric": -1}}, "photometric: -1"),
        ({"seed": -1}, "seed: -1"),
        ({"max_width": 5}, "max_width: 5"),
        ({"bank": {"distractors_per_class": 0}}, "distractors_per_class: 0"),
        ({"bank": {"erode": [-1]}}, "erode: -1"),
        ({"validation": {"every": -1}}, "every: -1"),
        ({"sources": []}, "at least one with a weight above 0"),
        ({"sources": [{"images": "images", "labels": "labels", "weight": 0}]}, "at least one with a weight above 0"),
        ({"sources": [{"images": "images", "labels": "labels", "horizon": 2}]}, "horizon: 2; expected 0 to 1"),
        ({"sources": [{"images": "a", "labels": "b", "ignore_box": [0.9, 0, 0.1, 1]}]}, "left, top, right, bottom"),
        ({"stages": [{"epochs": 1, "height": 64, "width": 64, "batch": 1, "scale": [1.6, 0.5]}]}, "smallest zoom"),
        ({"stages": [{"epochs": 1, "height": 64, "width": 64, "batch": 1, "scale": [-1, 1]}]}, r"scale: -1"),
    ],
)
def test_numbers_out_of_range_are_named_with_their_key(tmp_path, change, message):
    base = write_street(tmp_path)
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump({"base": base.name, **change}))
    with pytest.raises(ConfigError, match=message):
        load_train_config(tmp_path / "odd.yaml")
