"""Files that are written whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file beside `path`; what is written there takes the place of `path` at the end.

    A reader sees the old file or the new one, never half of it, after a crash too. An exception in between leaves the
    old one. Folders on the way are made.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a document whole, with a line for each entry.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Hash the content of a file: SHA-256, lower-case hex.

    Raises:
        OSError: the file cannot be read.
    """
    return file_digest(path, "sha256")


def file_digest(path: Path, kind: str) -> str:
    """Hash the content of a file block by block with an algorithm of `hashlib`: lower-case hex.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
