"""`fishy signature` makes keys, signs packages and checks them, each ending in a plain sentence."""

from pathlib import Path

import pytest
from support.command_line import output_of

from fishy_ros.errors import ModelPackageError

pytest.importorskip("cryptography", reason="needs cryptography")


def run(*words: object) -> str:
    return output_of("signature", *words)


def test_a_package_is_signed_and_verified_from_the_command_line(tiny_folder: Path, tmp_path: Path) -> None:
    assert f"{tmp_path / 'fleet.pub'}: public key" in run("keygen", tmp_path / "fleet")
    assert "model.yaml.sig: written" in run("sign", tiny_folder, "--key", tmp_path / "fleet.key")
    verified = run("verify", tiny_folder, "--key", tmp_path / "fleet.pub")
    assert "tiny 0.1.0, signed by" in verified


def test_a_package_with_a_damaged_graph_is_neither_signed_nor_verified(tiny_folder: Path, tmp_path: Path) -> None:
    run("keygen", tmp_path / "fleet")
    run("sign", tiny_folder, "--key", tmp_path / "fleet.key")
    (tiny_folder / "model.onnx").write_bytes(b"")
    for command, key in (("sign", "fleet.key"), ("verify", "fleet.pub")):
        with pytest.raises(ModelPackageError, match=r"model\.onnx: sha256"):
            run(command, tiny_folder, "--key", tmp_path / key)
