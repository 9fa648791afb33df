"""Where model packages are looked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package.description import DESCRIPTION_FILE, SCORE_SEPARATOR

DEFAULT_MODEL = "fishy-s"
"""The model that is used when nothing else is asked for."""
SEARCH_PATH_VARIABLE = "FISHY_MODELS_PATH"


def find_model(name_or_path: str | Path) -> Path:
    """Return the folder of the model package at a path or, where there is no such path, of a name.

    A name is looked for in the folders of `model_folders`, the first match wins.

    Raises:
        ModelPackageError: there is no such package; the message lists where it was looked for and what is there.
            Or a place cannot be looked at.
    """
    try:
        return _find(str(name_or_path))
    except OSError as error:
        raise ModelPackageError(f"model {str(name_or_path)!r}: {error.filename}: {error.strerror}") from error


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.is_file() and path.name == DESCRIPTION_FILE:
        return path.parent
    if (path / DESCRIPTION_FILE).is_file():
        return path
    if path.exists():
        raise ModelPackageError(f"{path}: not a model package: {DESCRIPTION_FILE} is missing")
    if path.name == name_or_path:
        for folder in model_folders():
            if (folder / path / DESCRIPTION_FILE).is_file():
                return folder / path
    known = ", ".join(folder.name for folder in list_models()) or "none"
    places = ", ".join(str(folder) for folder in model_folders()) or f"no folder; set {SEARCH_PATH_VARIABLE}"
    raise ModelPackageError(f"model {name_or_path!r}: no such package; looked in {places}; found: {known}")


def split_score(name_or_path: str | Path) -> tuple[str, str]:
    """Split `fishy-s:anywhere` into a package and one of its scores; the score is empty where none is named.

    >>> split_score("fishy-s:anywhere")
    ('fishy-s', 'anywhere')
    """
    text = str(name_or_path)
    package, separator, score = text.rpartition(SCORE_SEPARATOR)
    return (package, score) if separator and not Path(text).exists() else (text, "")


def list_models() -> tuple[Path, ...]:
    """Return the folders of all packages in the search path, sorted by name; of equal names only the one in use."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for description in folder.glob(f"*/{DESCRIPTION_FILE}"):
            found.setdefault(description.parent.name, description.parent)
    return tuple(found[name] for name in sorted(found))


def model_folders() -> tuple[Path, ...]:
    """Return the folders that are searched for packages, in order, those that exist."""
    return tuple(dict.fromkeys(folder for folder in _candidates() if folder.is_dir()))


def _candidates() -> Iterator[Path]:
    yield from _split(os.environ.get(SEARCH_PATH_VARIABLE, ""))
    yield Path(__file__).resolve().parents[2] / "models"
    prefixes = (*_split(os.environ.get("AMENT_PREFIX_PATH", "")), Path(sys.prefix))
    for prefix in prefixes:
        yield prefix / "share" / "fishy_ros" / "models"


def _split(search_path: str) -> list[Path]:
    return [Path(part) for part in search_path.split(os.pathsep) if part]
