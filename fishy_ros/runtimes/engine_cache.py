"""Compiled engines on disk: found by everything that they depend on, checked when read, replaced when damaged."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from fishy_ros.errors import CancelledError, RuntimeUnavailableError
from fishy_ros.files import replacing
from fishy_ros.runtimes.options import never

_LOG = logging.getLogger(__name__)
_MAGIC = b"fishy-engine-1\n"
_MAX_HEADER_BYTES = 65536
_POLL_S = 0.2


@dataclass(frozen=True)
class EngineKey:
    """Everything that makes one compiled engine differ from another; where any of it changes, it is rebuilt."""

    graph_sha256: str
    engine_version: str
    """Library and version that compiles, such as `tensorrt 10.13.3.9`."""
    device: str
    """Name of the GPU as its driver gives it."""
    compute_capability: str
    precision: str
    input_shape: tuple[int, ...]
    flags: tuple[str, ...] = ()
    """Builder settings that change the engine."""
    kind: str = "engine"
    """What is kept: an `engine`, or the `kernels` that were compiled just in time for one."""

    def digest(self) -> str:
        """Return the SHA-256 of the key as 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class EngineCache:
    """A folder of engines; several processes may use it at once.

    A file holds a magic line, the key and the hash of the engine as one line of JSON, then the engine. `warn` is told
    what is damaged or cannot be written, and that it is rebuilt. `is_cancelled` is asked while another process builds.

    Raises:
        RuntimeUnavailableError: as `default_cache_folder`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        warn: Callable[[str], None] = _LOG.warning,
        is_cancelled: Callable[[], bool] = never,
    ) -> None:
        self.folder = folder or default_cache_folder(warn)
        self.warn = warn
        self._is_cancelled = is_cancelled

    def path(self, key: EngineKey) -> Path:
        """Return where the engine of a key is or would be."""
        return self.folder / f"{key.graph_sha256[:12]}-{key.precision}-{key.digest()[:16]}.{key.kind}"

    def load(self, key: EngineKey) -> bytes | None:
        """Return the engine of a key; None where there is none, or where its file is damaged (with a warning)."""
        path = self.path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(f"{path}: cannot read the cached {key.kind}: {error.strerror or error}")
            return None
        reason = _damage(content, key)
        if reason:
            self.warn(f"{path}: {reason}; the {key.kind} is rebuilt")
            return None
        return content[_header_end(content) :]

    def store(self, key: EngineKey, engine: bytes) -> Path:
        """Write an engine so that a reader sees all of it or nothing, and return its path."""
        path = self.path(key)
        header = json.dumps({"key": asdict(key), "sha256": hashlib.sha256(engine).hexdigest()}).encode()
        with replacing(path) as temporary:
            temporary.write_bytes(_MAGIC + header + b"\n" + engine)
        return path

    def get_or_build(
        self, key: EngineKey, build: Callable[[], bytes], refused: bytes | None = None
    ) -> tuple[bytes, Path | None]:
        """Return the engine of a key and its file, building it where it is missing.

        Of several processes only one builds it; the others wait. Where the folder cannot be written, the engine is
        built and used all the same, and the path is None.

        Args:
            key: what the engine depends on.
            build: compiles the engine.
            refused: an engine that the library does not take; in the cache it counts as missing.

        Raises:
            CancelledError: `is_cancelled` said yes while another process was waited for.
        """
        engine = self._load_other_than(refused, key)
        if engine is None:
            with self._lock(key):
                engine = self._load_other_than(refused, key)
                if engine is None:
                    engine = build()
                    return engine, self.try_to_store(key, engine)
        return engine, self.path(key)

    def try_to_store(self, key: EngineKey, engine: bytes) -> Path | None:
        """Write an engine and return its path; where that fails, None, and a warning says so."""
        try:
            return self.store(key, engine)
        except OSError as error:
            self.warn(f"{self.folder}: the {key.kind} cannot be cached: {error.strerror or error}")
            return None

    def _load_other_than(self, refused: bytes | None, key: EngineKey) -> bytes | None:
        engine = self.load(key)
        return None if engine == refused else engine

    @contextmanager
    def _lock(self, key: EngineKey) -> Iterator[None]:
        """Hold the lock of a key; it goes with the process, so that a crash leaves nothing behind.

        Where there can be no lock file there can be no cached engine either, so nothing is held then.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(self.path(key).with_suffix(f".{key.kind}.lock").open("w"))
                _wait_for_lock(file, self._is_cancelled)
            except OSError as error:
                self.warn(f"{self.folder}: the cache cannot be locked: {error.strerror or error}")
            yield


def default_cache_folder(warn: Callable[[str], None] = _LOG.warning) -> Path:
    """Return the folder of engines under the XDG cache of this user.

    A user without a home folder has one under the temporary folder, and `warn` is told so.

    Raises:
        RuntimeUnavailableError: another user owns that one, so that its engines cannot be trusted.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        try:
            root = Path.home() / ".cache"
        except RuntimeError:
            root = _temporary_root(warn)
    return root / "fishy_ros" / "engines"


def _temporary_root(warn: Callable[[str], None]) -> Path:
    user = os.getuid()
    root = Path(os.environ.get("TMPDIR") or "/tmp", f"fishy_ros-{user}")
    if os.path.lexists(root) and root.lstat().st_uid != user:
        raise RuntimeUnavailableError(
            f"{root}: another user owns the cache of user {user}, who has no home folder; set XDG_CACHE_HOME"
        )
    warn(f"user {user} has no home folder; engines are cached in {root}; set HOME or XDG_CACHE_HOME to keep them")
    return root


def _wait_for_lock(file: TextIO, is_cancelled: Callable[[], bool]) -> None:
    """Lock a file; the wait is not one call into the kernel, so that it can be interrupted anywhere."""
    is_waiting = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not is_waiting:
                _LOG.info("%s: another process builds this engine; waiting for it", file.name)
            is_waiting = True
            if is_cancelled():
                raise CancelledError(f"{file.name}: not waited for any longer: the start was cancelled") from None
            time.sleep(_POLL_S)


def _header_end(content: bytes) -> int:
    """Return the offset after the header's line, or 0 where there is none."""
    return content.find(b"\n", len(_MAGIC), len(_MAGIC) + _MAX_HEADER_BYTES) + 1


def _damage(content: bytes, key: EngineKey) -> str | None:
    """Say what is wrong with the content of an engine's file, or None."""
    end = _header_end(content)
    if not content.startswith(_MAGIC) or not end:
        return "not an engine of this format"
    try:
        header = json.loads(content[len(_MAGIC) : end])
        stated_key, stated_hash = header["key"], header["sha256"]
    except (ValueError, KeyError, TypeError):
        return "the header is damaged"
    if stated_key != json.loads(json.dumps(asdict(key))):
        return "the engine was built for something else"
    if hashlib.sha256(content[end:]).hexdigest() != stated_hash:
        return "the engine is truncated or damaged"
    return None
