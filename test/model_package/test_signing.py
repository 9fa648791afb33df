"""A package loads under a trusted key only if that key signed exactly this description and, through it, the graphs."""

import hashlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from fishy_ros.errors import ConfigError, FishyError, ModelPackageError
from fishy_ros.model_package import create_keys, fingerprint, load_model_package, sign_description

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason="needs cryptography")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    create_keys(tmp_path / "a.key", tmp_path / "a.pub")
    return tmp_path / "a.key", tmp_path / "a.pub"


@pytest.fixture
def signed(tiny_folder: Path, keys: tuple[Path, Path]) -> Path:
    sign_description(tiny_folder / "model.yaml", keys[0])
    return tiny_folder


def test_a_signed_package_loads_with_the_key_of_its_signer_and_without_any(signed: Path, keys) -> None:
    assert load_model_package(signed, trusted_key=keys[1]) == load_model_package(signed)


def test_an_unsigned_package_is_refused_only_where_a_key_is_trusted(tiny_folder: Path, keys) -> None:
    load_model_package(tiny_folder)
    with pytest.raises(ModelPackageError, match=r"model\.yaml: not signed.*a\.pub"):
        load_model_package(tiny_folder, trusted_key=keys[1])


def test_the_signature_of_another_key_is_refused(signed: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "b.key", tmp_path / "b.pub")
    assert fingerprint(tmp_path / "a.pub") != fingerprint(tmp_path / "b.pub")
    with pytest.raises(ModelPackageError, match=rf"b\.pub \({fingerprint(tmp_path / 'b.pub')}\).*another key"):
        load_model_package(signed, trusted_key=tmp_path / "b.pub")


def test_any_change_of_the_description_is_refused(signed: Path, keys) -> None:
    path = signed / "model.yaml"
    path.write_bytes(path.read_bytes().replace(b"default_threshold: 0.5", b"default_threshold: 0.9"))
    load_model_package(signed)
    with pytest.raises(ModelPackageError, match="changed after it was signed"):
        load_model_package(signed, trusted_key=keys[1])


def test_a_changed_graph_is_refused_with_its_old_hash_and_with_its_new_one(signed: Path, keys) -> None:
    graph, path = signed / "model.onnx", signed / "model.yaml"
    before = hashlib.sha256(graph.read_bytes()).hexdigest()
    graph.write_bytes(graph.read_bytes().replace(b"tiny", b"evil"))
    with pytest.raises(ModelPackageError, match="sha256"):
        load_model_package(signed, trusted_key=keys[1])
    after = hashlib.sha256(graph.read_bytes()).hexdigest()
    path.write_text(path.read_text().replace(before, after))
    load_model_package(signed)
    with pytest.raises(ModelPackageError, match="changed after it was signed"):
        load_model_package(signed, trusted_key=keys[1])


@pytest.mark.parametrize("content", [b"", b"x" * 63, b"x" * 64, b"x" * 65, b"x" * 10**6])
def test_what_is_no_signature_is_refused(signed: Path, keys, content: bytes) -> None:
    (signed / "model.yaml.sig").write_bytes(content)
    with pytest.raises(ModelPackageError, match=r"model\.yaml\.sig"):
        load_model_package(signed, trusted_key=keys[1])


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_named(signed: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pub"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.pub"):
        load_model_package(signed, trusted_key=path)
    with pytest.raises(ConfigError, match=r"other\.pub"):
        sign_description(signed / "model.yaml", path)


def test_a_missing_key_and_one_of_another_kind_are_named(signed: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import x25519

    with pytest.raises(ConfigError, match=r"missing\.pub.*No such file"):
        load_model_package(signed, trusted_key=tmp_path / "missing.pub")
    other = x25519.X25519PrivateKey.generate().public_key()
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "x.pub").write_bytes(other.public_bytes(encoding, form))
    with pytest.raises(ConfigError, match="expected an Ed25519 public key"):
        load_model_package(signed, trusted_key=tmp_path / "x.pub")


def test_keys_never_replace_a_file_and_the_private_one_is_private(keys, tmp_path: Path) -> None:
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    content = keys[0].read_bytes()
    with pytest.raises(FishyError, match=r"a\.key.*exists"):
        create_keys(keys[0], tmp_path / "other.pub")
    assert keys[0].read_bytes() == content


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_agrees_about_the_signature(signed: Path, keys) -> None:
    path = signed / "model.yaml"
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", keys[1], "-in", path]
    command += ["-sigfile", f"{path}.sig"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    path.write_bytes(path.read_bytes() + b"\n")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
