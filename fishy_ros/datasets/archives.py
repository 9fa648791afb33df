"""Unpack the archives of a dataset, and nothing outside the folder that they are unpacked to."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fishy_ros.errors import DatasetError

DISK_RESERVE_BYTES: int = 1 << 30
"""So much of the disk stays free."""


def extract(archive: Path, folder: Path) -> bool:
    """Unpack a .zip or .tar archive into a folder; returns False for any other file.

    Raises:
        DatasetError: the archive is damaged or too large for the disk, holds anything but files and folders, or a
            name in it leads out of the folder; then nothing has been unpacked, or only part of it where it is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                _check(archive, folder, ((item.filename, item.file_size) for item in packed.infolist()))
                packed.extractall(folder)
            return True
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as packed_tar:
                members = packed_tar.getmembers()
                _check(archive, folder, ((item.name, item.size) for item in members))
                for item in members:
                    if not (item.isfile() or item.isdir()):
                        raise DatasetError(f"{archive}: {item.name!r} is a link or device, expected files and folders")
                packed_tar.extractall(folder, members, filter="data")
            return True
    except DatasetError:
        raise
    except Exception as error:  # zipfile, tarfile and the decompressors raise a dozen kinds for damaged archives
        raise DatasetError(f"{archive}: cannot be unpacked: {error}") from error
    return False


def _check(archive: Path, folder: Path, members: Iterable[tuple[str, int]]) -> None:
    """Refuse names that lead out of the folder, and more bytes than there is room for; both libraries keep to them."""
    room = shutil.disk_usage(folder).free - DISK_RESERVE_BYTES
    total = 0
    for name, size in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
            raise DatasetError(f"{archive}: {name!r} points outside the folder it is unpacked to")
        total += size
    if total > room:
        raise DatasetError(f"{archive}: {total} bytes when unpacked, but {folder} has room for {max(room, 0)}")
