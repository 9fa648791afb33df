"""`fishy models` lists what is there, shows a card, and names what is damaged."""

from pathlib import Path

import pytest
from support.command_line import output_of
from support.tiny_model import build_tiny_package


def test_packages_of_the_search_path_are_listed_and_damaged_ones_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_tiny_package(tmp_path / "whole", name="whole")
    build_tiny_package(tmp_path / "copy", name="whole")
    damaged = build_tiny_package(tmp_path / "broken", name="broken").graph_path
    damaged.write_bytes(b"")
    monkeypatch.setenv("FISHY_MODELS_PATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")
    output = output_of("models")
    assert "whole " in output
    assert "copy (whole)" in output, "the name that other commands take, and that of the package"
    assert "64 x 128" in output
    assert f"damaged: {damaged}" in output


def test_a_card_does_not_command_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is covered by no signature."""
    package = build_tiny_package(tmp_path / "tiny")
    (package.folder / "card.md").write_text("# Card\n\n\x1b]0;pwned\x07 and \x9b2J\n")
    output = output_of("models", package.folder)
    assert "pwned" in output
    assert not {"\x1b", "\x07", "\x9b"} & set(output)


def test_one_package_is_shown_with_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = build_tiny_package(tmp_path / "tiny")
    monkeypatch.setenv("COLUMNS", "400")
    output = output_of("models", package.folder)
    assert package.sha256 in output
    assert "Local contrast in place of a network." in output
    assert "default threshold 0.5" in output
