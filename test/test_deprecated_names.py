"""What carries a name of the release before is read, and one line says what it is called now."""

import logging
import shutil
import subprocess
import sys

import pytest
import yaml
from support.sources import ROOT

from fishy_ros import deprecated_names
from fishy_ros.datasets.label_mapping import parse_label_mapping
from fishy_ros.deprecated_names import MODEL_KEYS, with_current_arguments, with_current_keys
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import load_model_package

TABLES = [
    value for value in vars(deprecated_names).values() if isinstance(value, dict) and value and "__name__" not in value
]


@pytest.mark.parametrize("names", TABLES)
def test_no_new_name_is_an_old_one(names):
    assert not set(names) & set(names.values())


def test_keys_are_renamed_at_any_depth_and_named_in_one_line(caplog):
    document = {"licence": "MIT", "classes": [{"colour": [1, 2, 3]}, {"colour": [4, 5, 6]}], "name": "x"}
    with caplog.at_level(logging.WARNING):
        renamed = with_current_keys(document, MODEL_KEYS, "model.yaml", ConfigError)
    assert renamed == {"license": "MIT", "classes": [{"color": [1, 2, 3]}, {"color": [4, 5, 6]}], "name": "x"}
    assert [record.getMessage() for record in caplog.records] == [
        "model.yaml: `colour` is now `color`, `licence` is now `license`; the next release will not read the old names"
    ]


def test_current_keys_are_not_warned_of(caplog):
    with_current_keys({"license": "MIT"}, MODEL_KEYS, "model.yaml", ConfigError)
    assert not caplog.records


def test_a_key_under_both_names_is_refused():
    with pytest.raises(ConfigError, match=r"model\.yaml: `licence` and `license` are the same key"):
        with_current_keys({"licence": "MIT", "license": "MIT"}, MODEL_KEYS, "model.yaml", ConfigError)


def test_a_package_of_the_release_before_is_the_same_package(street_package, tmp_path):
    folder = shutil.copytree(street_package[0].folder, tmp_path / "old")
    path, current = folder / "model.yaml", load_model_package(folder)
    old = {new: old for old, new in MODEL_KEYS.items()}

    def age(item, block=""):
        if isinstance(item, list):
            return [age(entry) for entry in item]
        if not isinstance(item, dict):
            return item
        names = old | {"orientation": "upright" if block == "statistics" else "heights"}
        return {names.get(key, key): age(value, key) for key, value in item.items()}

    aged = age(yaml.safe_load(path.read_text()))
    assert {"licence", "ordinary_share_above"} <= aged.keys() | aged["calibration"].keys()
    assert {"heights", "statistics"} <= aged["reference"].keys()
    assert "upright" in aged["reference"]["statistics"]
    path.write_text(yaml.safe_dump(aged))
    assert load_model_package(folder) == current


def test_a_label_mapping_may_still_say_ordinary(caplog):
    assert parse_label_mapping("0=ordinary,1=anomaly") == parse_label_mapping("0=normal,1=anomaly")
    assert "`ordinary` is now `normal`" in caplog.text


def test_commands_and_options_are_renamed_and_their_values_are_not(caplog):
    arguments = ["bag", "--decoys=a", "--overlay", "--decoys", "--decoys=--decoys", "x"]
    renamed = with_current_arguments(arguments)
    assert renamed == ["bag", "--distractors=a", "--overlay", "--distractors", "--distractors=--decoys", "x"]
    assert len(caplog.records) == 1
    assert with_current_arguments(["models", "reference"]) == ["models", "reference"]
    assert with_current_arguments(["reference", "m"]) == ["baseline", "m"]
    assert with_current_arguments([]) == []


def test_an_old_option_reaches_its_command_with_one_line_of_warning(tmp_path):
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "bag", "--out", str(tmp_path / "a"), "--decoys", "."]
    run = subprocess.run([*command, "--dataset", "synthetic"], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        "fishy: `--decoys` is now `--distractors`; the next release will not read the old names",
        "fishy: --distractors needs --overlay",
    ]


def test_a_training_configuration_of_the_release_before_is_the_same():
    pytest.importorskip("torch")
    from fishy_ros.training.config import build_train_config

    stage = {"epochs": 1, "height": 32, "width": 64, "batch": 1}
    parts = {"name": "a", "data": ".", "bank": {"objects": []}, "stages": [stage]}
    parts["sources"] = [{"images": "images", "labels": "labels"}]
    now = parts | {"paste": {"distractors": 0.5, "ground_patches": 0.25}}
    old = now | {"paste": {"decoys": 0.5, "patches": 0.25}}
    assert build_train_config(old, "x.yaml") == build_train_config(now, "x.yaml")


def test_a_command_that_is_not_installed_any_more_is_named_with_what_took_its_place():
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "ablate", "plan.yaml"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr == (
        "fishy: `fishy ablate` is not installed any more; in a clone, run `python -m experiments.ablate`\n"
    )
