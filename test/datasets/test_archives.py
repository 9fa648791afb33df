"""Archives are unpacked; those that lead out of their folder, fill the disk or are damaged are refused by name."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from fishy_ros.datasets.archives import DISK_RESERVE_BYTES, extract
from fishy_ros.errors import DatasetError

CONTENT = np.random.default_rng(0).bytes(100_000)


def test_archives_are_unpacked_and_other_files_are_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("images/a.txt", "hello")
    assert extract(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out/images/a.txt").read_text() == "hello"
    (tmp_path / "plain").write_bytes(b"x")
    assert not extract(tmp_path / "plain", tmp_path / "out")


def test_a_damaged_archive_is_named(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.txt", CONTENT)
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    Path(path).write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.zip: cannot be unpacked"):
        extract(path, tmp_path / "out")


OUTSIDE = ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_zip_that_leads_out_of_its_folder_is_refused_whole(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("good.txt", "hello")
        packed.writestr(name, "evil")
    with pytest.raises(DatasetError, match="points outside the folder"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tar_that_leads_out_of_its_folder_is_refused_whole(tmp_path, name):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed:
        for entry in ("good.txt", name):
            info = tarfile.TarInfo(entry)
            info.size = 4
            packed.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(DatasetError, match="points outside the folder"):
        extract(tmp_path / "a.tar.gz", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_tar_with_links_or_devices_is_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/hostname"
        packed.addfile(info)
    with pytest.raises(DatasetError, match="'link' is a link or device"):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_an_archive_for_which_there_is_no_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(10_000_000))
    assert (tmp_path / "a.zip").stat().st_size < 20_000
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**40, 0, DISK_RESERVE_BYTES + 9_999_999))
    with pytest.raises(DatasetError, match=r"10000000 bytes when unpacked, but .* has room for 9999999"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
