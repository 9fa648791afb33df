"""Packages are found by path and by name, in a stated order."""

from pathlib import Path

import pytest
from support.tiny_model import build_tiny_package

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import find_model, list_models, load_model_package


def test_a_name_is_found_in_the_first_folder_of_the_search_path_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build_tiny_package(second / "tiny")
    monkeypatch.setenv("FISHY_MODELS_PATH", f"{first}:{second}")
    assert find_model("tiny") == second / "tiny"
    build_tiny_package(first / "tiny")
    assert find_model("tiny") == first / "tiny"
    assert list_models().count(first / "tiny") == 1
    assert second / "tiny" not in list_models()
    assert load_model_package("tiny").folder == first / "tiny"


def test_a_name_is_found_in_an_ament_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build_tiny_package(tmp_path / "share" / "fishy_ros" / "models" / "tiny").folder
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert find_model("tiny") == folder


def test_an_unknown_name_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_tiny_package(tmp_path / "tiny")
    monkeypatch.setenv("FISHY_MODELS_PATH", str(tmp_path))
    with pytest.raises(ModelPackageError, match=rf"'big'.*{tmp_path}.*tiny"):
        find_model("big")


def test_a_folder_that_is_no_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelPackageError, match=rf"{tmp_path}: not a model package: model\.yaml is missing"):
        find_model(tmp_path)


def test_a_name_cannot_lead_out_of_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_tiny_package(tmp_path / "outside")
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("FISHY_MODELS_PATH", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path / "models")
    with pytest.raises(ModelPackageError):
        find_model("models/../../nothing")


def test_a_name_that_no_file_system_takes_is_an_error_of_the_package() -> None:
    with pytest.raises(ModelPackageError, match="File name too long"):
        find_model("m" * 300)
