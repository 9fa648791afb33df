"""Read NumPy's `.npy` and `.npz` files that may come from anywhere: no pickles, sizes checked before allocation."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_ARRAY_BYTES: int = 1 << 30
"""Largest array that is read, and all arrays of one `.npz` together."""


def read_npy(file: IO[bytes], size: int, where: Path | str, error: type[Exception]) -> NDArray[Any]:
    """Read one array from an open `.npy` file of `size` bytes; its header must state what the file really holds.

    Raises:
        error: the file is not such an array, or holds Python objects.
    """
    try:
        version = _READ_MAGIC(file)
        read_header = _HEADERS[version]
        shape, fortran_order, dtype = read_header(file)
        stated, left = math.prod(shape) * dtype.itemsize, size - file.tell()
        if dtype.hasobject or min(shape, default=0) < 0 or stated > min(left, MAX_ARRAY_BYTES):
            raise ValueError(f"the header states {dtype} {shape}, {stated} bytes; there are {left}")
        flat = np.frombuffer(file.read(stated), dtype)
        return flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)
    except Exception as failure:  # the header is a Python literal, and its reader raises half a dozen kinds
        raise error(f"{where}: no NumPy array that can be read: {_brief(failure)}") from failure


def read_npz(
    file: Path | IO[bytes], names: Sequence[str], error: type[Exception], where: Path | None = None
) -> tuple[NDArray[Any], ...]:
    """Read the named arrays of an `.npz` file; `where` names an open one in errors.

    Raises:
        error: the file is damaged or too large, or lacks one of the arrays.
    """
    path = where or file
    try:
        with zipfile.ZipFile(file) as archive:
            members = [archive.getinfo(f"{name}.npy") for name in names]
            total = sum(member.file_size for member in members)
            if total > MAX_ARRAY_BYTES:
                raise ValueError(f"{total} bytes unpacked, expected at most {MAX_ARRAY_BYTES}")
            arrays = []
            for member in members:
                with archive.open(member) as opened:
                    arrays.append(read_npy(opened, member.file_size, f"{path}, {member.filename}", error))
    except error:
        raise
    except Exception as failure:  # zipfile and the decompressors raise half a dozen kinds
        raise error(f"{path}: expected NumPy arrays named {', '.join(names)}: {_brief(failure)}") from failure
    return tuple(arrays)


def npz_names(file: Path | IO[bytes], where: Path, error: type[Exception]) -> list[str]:
    """List the arrays of an `.npz` file.

    Raises:
        error: it is not such a file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except Exception as failure:  # zipfile raises half a dozen kinds
        raise error(f"{where}: no .npz file that can be read: {_brief(failure)}") from failure


# Named with their types, which older versions of NumPy do not tell.
_READ_MAGIC: Callable[[IO[bytes]], tuple[int, int]] = np.lib.format.read_magic
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _brief(failure: Exception) -> str:
    return " ".join(str(failure).split())[:200] or type(failure).__name__
