"""`fishy signature` makes keys, signs packages and checks them, each ending in a plain sentence."""

import hashlib
from pathlib import Path

import pytest
from support.command_line import output_of
from support.tiny_model import build_tiny_package

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import add_engines, add_reduced_graph, load_model_package
from fishy_ros.model_package.description import EngineFile

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


def test_reduced_graphs_and_engines_are_checked_too(tiny_folder: Path, tmp_path: Path) -> None:
    package = load_model_package(tiny_folder)
    package = add_reduced_graph(package, build_tiny_package(tmp_path / "small", height=32, width=64).graph_path, 32, 64)
    content = b"an engine"
    sha256 = hashlib.sha256(content).hexdigest()
    entry = EngineFile(tiny_folder / "model.sm86.engine", sha256, "model.onnx", package.sha256, "rtx 1", ("8.6",))
    add_engines(package, {entry: content})
    run("keygen", tmp_path / "fleet")
    run("sign", tiny_folder, "--key", tmp_path / "fleet.key")
    run("verify", tiny_folder, "--key", tmp_path / "fleet.pub")
    for name in ("model.32x64.onnx", "model.sm86.engine"):
        whole = (tiny_folder / name).read_bytes()
        (tiny_folder / name).write_bytes(whole[:-1])
        for command, key in (("sign", "fleet.key"), ("verify", "fleet.pub")):
            with pytest.raises(ModelPackageError, match=f"{name}: sha256"):
                run(command, tiny_folder, "--key", tmp_path / key)
        (tiny_folder / name).write_bytes(whole)
