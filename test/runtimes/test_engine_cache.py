"""A cached engine is used only for exactly what it was built for, and only whole."""

import fcntl
import logging
import os
import pwd
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fishy_ros.errors import CancelledError, RuntimeUnavailableError
from fishy_ros.runtimes.engine_cache import EngineCache, EngineKey, default_cache_folder

KEY = EngineKey("ab" * 32, "tensorrt 10.13.3", "NVIDIA H200", "9.0", "fp16", (1, 512, 1024, 3), ("level=3",))
ENGINE = bytes(range(256)) * 16 + b"\n"


def test_an_engine_is_built_once_and_then_read(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "deep" / "cache")
    builds = []

    def build() -> bytes:
        builds.append(1)
        return ENGINE

    assert cache.load(KEY) is None
    assert [cache.get_or_build(KEY, build) for _ in range(3)] == [(ENGINE, cache.path(KEY))] * 3
    assert len(builds) == 1
    assert EngineCache(cache.folder).load(KEY) == ENGINE


@pytest.mark.parametrize(
    "change",
    [
        {"graph_sha256": "cd" * 32},
        {"engine_version": "tensorrt 10.13.4"},
        {"device": "NVIDIA Thor"},
        {"compute_capability": "11.0"},
        {"precision": "int8"},
        {"input_shape": (1, 1024, 2048, 3)},
        {"flags": ("level=5",)},
    ],
)
def test_whatever_the_engine_depends_on_leads_to_another_file(tmp_path: Path, change: dict[str, object]) -> None:
    cache = EngineCache(tmp_path)
    cache.store(KEY, ENGINE)
    other = replace(KEY, **change)
    assert cache.path(other) != cache.path(KEY)
    assert cache.load(other) is None


@pytest.mark.parametrize("keep", [0, 5, 40, 400, -1])
def test_a_truncated_engine_is_built_anew_with_a_warning(
    tmp_path: Path, keep: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EngineCache(tmp_path)
    path = cache.store(KEY, ENGINE)
    path.write_bytes(path.read_bytes()[:keep])
    with caplog.at_level(logging.WARNING):
        assert cache.get_or_build(KEY, lambda: b"new") == (b"new", path)
    assert str(path) in caplog.text
    assert cache.load(KEY) == b"new"


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = cache.store(KEY, ENGINE)
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.load(KEY) is None, f"byte {at}"


def test_a_foreign_engine_under_the_right_name_is_refused(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    other = replace(KEY, device="NVIDIA Orin")
    cache.store(other, ENGINE).rename(cache.path(KEY))
    assert cache.load(KEY) is None


_BUILD_SLOWLY = """
import sys, time
from pathlib import Path
from fishy_ros.runtimes.engine_cache import EngineCache, EngineKey

def build():
    with open(sys.argv[2], "a") as file:
        file.write("built\\n")
    time.sleep(0.5)
    return b"engine"

key = EngineKey("ab" * 32, "tensorrt 10.13.3", "NVIDIA H200", "9.0", "fp16", (1, 512, 1024, 3))
assert EngineCache(Path(sys.argv[1])).get_or_build(key, build)[0] == b"engine"
"""


def test_of_several_processes_only_one_builds(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", _BUILD_SLOWLY, str(tmp_path / "cache"), str(log)]
    processes = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert log.read_text() == "built\n"


def test_a_failed_build_leaves_nothing_and_releases_the_lock(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)

    def fail() -> bytes:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        cache.get_or_build(KEY, fail)
    assert not list(tmp_path.glob("*.engine"))
    assert cache.get_or_build(KEY, lambda: ENGINE)[0] == ENGINE


def test_who_waits_for_another_process_says_so_once_and_names_the_lock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EngineCache(tmp_path)
    lock = cache.path(KEY).with_suffix(".engine.lock")
    found: list[bytes] = []
    waiting = threading.Thread(target=lambda: found.append(cache.get_or_build(KEY, lambda: b"built twice")[0]))
    with caplog.at_level(logging.INFO), lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting.start()
        time.sleep(1)
        cache.store(KEY, ENGINE)
    waiting.join(10)
    assert found == [ENGINE]
    assert [record.getMessage() for record in caplog.records] == [
        f"{lock}: another process builds this engine; waiting for it"
    ]


def test_who_waits_for_another_process_can_be_told_to_stop(tmp_path: Path) -> None:
    asked: list[bool] = []
    cache = EngineCache(tmp_path, is_cancelled=lambda: asked.append(len(asked) >= 2) or asked[-1])
    lock = cache.path(KEY).with_suffix(".engine.lock")
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CancelledError, match="not waited for any longer"):
            cache.get_or_build(KEY, lambda: b"built twice")
    assert asked == [False, False, True]
    assert cache.get_or_build(KEY, lambda: ENGINE) == (ENGINE, cache.path(KEY)), "and keeps no lock"


def test_a_refused_engine_counts_as_missing_and_is_replaced(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = cache.store(KEY, b"refused")
    assert cache.get_or_build(KEY, lambda: ENGINE, refused=b"refused") == (ENGINE, path)
    assert cache.get_or_build(KEY, lambda: b"new", refused=b"refused") == (ENGINE, path)


def test_a_folder_that_cannot_be_made_does_not_stop_the_build(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert EngineCache(tmp_path / "file" / "cache").get_or_build(KEY, lambda: ENGINE) == (ENGINE, None)
    assert "cannot be cached" in caplog.text


def test_the_folder_follows_the_xdg_variable_when_it_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache_folder() == Path("/elsewhere/fishy_ros/engines")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache_folder().is_relative_to(Path.home())


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of a user who has neither HOME nor an entry in passwd, as in many containers."""

    def has_no_entry(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(pwd, "getpwuid", has_no_entry)
    return tmp_path


def test_a_user_without_a_home_gets_a_temporary_cache_and_a_warning(temporary_folder: Path) -> None:
    told: list[str] = []
    cache = EngineCache(warn=told.append)
    root = temporary_folder / f"fishy_ros-{os.getuid()}"
    assert cache.folder == root / "fishy_ros" / "engines"
    assert told == [
        f"user {os.getuid()} has no home folder; engines are cached in {root}; set HOME or XDG_CACHE_HOME to keep them"
    ]
    cache.store(KEY, ENGINE)
    assert EngineCache().load(KEY) == ENGINE


def test_a_temporary_cache_of_another_user_is_refused(temporary_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.getuid() + 1
    (temporary_folder / f"fishy_ros-{user}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: user)
    with pytest.raises(RuntimeUnavailableError, match=f"fishy_ros-{user}: another user owns .*set XDG_CACHE_HOME"):
        default_cache_folder()
