"""Read the score map of one frame, in whatever container a method saved it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.arrays import MAX_ARRAY_BYTES, npz_names, read_npy, read_npz
from fishy_ros.errors import ImageError, ScoreError
from fishy_ros.imaging import decode_picture
from fishy_ros.types import ScoreMap

HDF5_SUFFIXES: tuple[str, ...] = (".h5", ".hdf5")
SCORE_SUFFIXES: tuple[str, ...] = (".npy", ".npz", *HDF5_SUFFIXES, ".tiff", ".tif")
"""File name endings of score maps."""
_USUAL_NAMES = ("value", "score", "scores", "anomaly_score", "anomaly_scores", "heatmap", "arr_0")
"""What methods call the score map among several arrays of a file; `value` is the name of SegmentMeIfYouCan."""
_LEVELS = 1000


@dataclass(frozen=True)
class SavedScore:
    """A score map as it lay in a file."""

    score: ScoreMap
    """float32 `[h, w]`."""
    is_whole: bool
    """Whether the file holds whole numbers or truth values, of which many are equal."""
    is_crowded: bool = False
    """Whether the file holds numbers that differ by too little, or are too large or small, for float32."""


def decode_score(content: bytes, path: Path) -> SavedScore:
    """Decode the bytes of a score map, `path` names it in errors; axes of length 1 around the map are dropped.

    Raises:
        ScoreError: it is damaged, no map of numbers, or the choice among several arrays is not clear.
    """
    score = _decode(content, path)
    while score.ndim > 2 and score.shape[0] == 1:
        score = score[0]
    while score.ndim > 2 and score.shape[-1] == 1:
        score = score[..., 0]
    is_real = np.issubdtype(score.dtype, np.floating)
    is_number = is_real or np.issubdtype(score.dtype, np.integer) or score.dtype == np.bool_
    if score.ndim != 2 or score.size == 0 or not is_number:
        raise ScoreError(f"{path}: the score map is {score.dtype} {score.shape}, expected numbers [h, w]")
    with np.errstate(over="ignore"):
        narrow = np.asarray(score, np.float32)
    return SavedScore(narrow, not is_real, _is_crowded(score, narrow))


def _is_crowded(score: NDArray[Any], narrow: ScoreMap) -> bool:
    """Tell whether float32 has fewer than `_LEVELS` values for the range of a map, or none for a number of it."""
    if score.dtype.itemsize <= narrow.itemsize and np.issubdtype(score.dtype, np.floating):
        return False
    finite = score[np.isfinite(score)]
    if finite.size == 0 or finite.min() == finite.max():
        return False
    low, high = np.longdouble(finite.min()), np.longdouble(finite.max())
    farthest = max(abs(low), abs(high))
    if farthest > np.finfo(np.float32).max:
        return True
    return bool(high - low < min(_LEVELS, finite.size) * np.spacing(np.float32(farthest))) and len(
        np.unique(narrow)
    ) < len(np.unique(score))


def _decode(content: bytes, path: Path) -> NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(io.BytesIO(content), len(content), path, ScoreError)
    if suffix == ".npz":
        name = _choose(npz_names(io.BytesIO(content), path, ScoreError), path)
        return read_npz(io.BytesIO(content), (name,), ScoreError, path)[0]
    if suffix in HDF5_SUFFIXES:
        return _read_hdf5(content, path)
    try:
        return decode_picture(content, cv2.IMREAD_UNCHANGED)
    except ImageError as error:
        raise ScoreError(f"{path}: not a picture that can be decoded: {error}") from error


def _choose(names: list[str], path: Path) -> str:
    if len(names) == 1:
        return names[0]
    usual = [name for name in _USUAL_NAMES if name in names]
    if not usual:
        raise ScoreError(
            f"{path}: holds {', '.join(sorted(names)[:8]) or 'no array'}; expected one array, "
            f"or one called {', '.join(_USUAL_NAMES[:2])}"
        )
    return usual[0]


def _read_hdf5(content: bytes, path: Path) -> NDArray[Any]:
    try:
        import h5py
    except ImportError as error:
        raise ScoreError(f"{path}: HDF5 needs h5py: pip install 'fishy_ros[hdf5]'") from error
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            # Links and storage that lead out of the file are not followed.
            names = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
            names = [name for name in names if isinstance(file[name], h5py.Dataset)]
            dataset = file[_choose(names, path)]
            if dataset.external or dataset.is_virtual or dataset.nbytes > MAX_ARRAY_BYTES:
                raise ScoreError(f"{path}: {dataset.name} lies outside the file, or exceeds {MAX_ARRAY_BYTES} bytes")
            return np.asarray(dataset[()])
    except ScoreError:
        raise
    except Exception as error:  # the library raises half a dozen kinds on damaged files
        raise ScoreError(f"{path}: not a readable HDF5 file: {' '.join(str(error).split())[:200]}") from error
