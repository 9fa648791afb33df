"""Sign the description of a model package, and check who signed it.

The signature is Ed25519 (RFC 8032) over the bytes of `model.yaml`, 64 bytes in `model.yaml.sig`; the description
holds the hashes of all graphs, so one signature covers everything that decides what the model does. Keys are PEM files
as `openssl` writes and reads them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishy_ros.documents import read_limited
from fishy_ros.errors import ConfigError, ModelPackageError
from fishy_ros.model_package.description import MAX_DESCRIPTION_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_SUFFIX = ".sig"
SIGNATURE_BYTES = 64
MAX_KEY_BYTES = 16 * 1024


def create_keys(private: Path, public: Path) -> None:
    """Write a new pair of keys; the private one is readable by its owner alone, and neither replaces a file.

    Raises:
        ConfigError: a file is there already or cannot be written, or `cryptography` is not installed.
    """
    ed25519, serialization = _library()
    key = ed25519.Ed25519PrivateKey.generate()
    _write_new(
        private,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        0o600,
    )
    _write_new(
        public,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        0o644,
    )


def sign_description(description: Path, private: Path) -> Path:
    """Sign a `model.yaml` as it stands and return the path of the signature.

    Raises:
        ConfigError: `private` is not a private key, or `cryptography` is not installed.
        ModelPackageError: the description cannot be read, or the signature cannot be written.
    """
    key = _read_private_key(private)
    target = signature_path(description)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(key.sign(read_limited(description, MAX_DESCRIPTION_BYTES, ModelPackageError)))
        temporary.replace(target)
    except OSError as error:
        raise ModelPackageError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def verify_signature(content: bytes, description: Path, trusted_key: Path) -> None:
    """Check that `content`, read from `description`, was signed by the owner of a public key.

    Raises:
        ModelPackageError: there is no signature, or it is by another key or of another content.
        ConfigError: `trusted_key` is not a public key, or `cryptography` is not installed.
    """
    key = _read_public_key(trusted_key)
    from cryptography.exceptions import InvalidSignature

    path = signature_path(description)
    if not path.exists():
        raise ModelPackageError(
            f"{description}: not signed ({path.name} is missing), but trusted_key {trusted_key} requires a signature"
        )
    signature = read_limited(path, SIGNATURE_BYTES, ModelPackageError)
    try:
        key.verify(signature, content)
    except InvalidSignature as error:
        raise ModelPackageError(
            f"{path}: no signature of this {description.name} by {trusted_key} ({fingerprint(trusted_key)}); "
            "it was changed after it was signed, or signed with another key"
        ) from error


def signature_path(description: Path) -> Path:
    """Return where the signature of a description lies."""
    return description.with_name(description.name + SIGNATURE_SUFFIX)


def fingerprint(public: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a public key, to tell keys apart by.

    Raises:
        ConfigError: `public` is not a public key, or `cryptography` is not installed.
    """
    key, (_, serialization) = _read_public_key(public), _library()
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def _read_public_key(path: Path) -> Ed25519PublicKey:
    ed25519, serialization = _library()
    content = read_limited(path, MAX_KEY_BYTES, ConfigError)
    try:
        key = serialization.load_pem_public_key(content)
    except Exception as error:  # the library raises several unrelated kinds
        raise ConfigError(f"{path}: not a public key in PEM format: {error}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ConfigError(f"{path}: unsupported key type, expected an Ed25519 public key")
    public: Ed25519PublicKey = key
    return public


def _read_private_key(path: Path) -> Ed25519PrivateKey:
    ed25519, serialization = _library()
    content = read_limited(path, MAX_KEY_BYTES, ConfigError)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except Exception as error:  # the library raises several unrelated kinds
        raise ConfigError(f"{path}: not a private key in PEM format without a password: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ConfigError(f"{path}: unsupported key type, expected an Ed25519 private key")
    private: Ed25519PrivateKey = key
    return private


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ConfigError(
            "signatures need the package cryptography; install it with: pip install 'fishy_ros[signing]'"
        ) from error
    return ed25519, serialization


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be written: {error.strerror or error}") from error
