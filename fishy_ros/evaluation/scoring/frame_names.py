"""Pair score maps with labels by the names that benchmarks give their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

LABEL_ENDINGS: tuple[str, ...] = ("_labels_semantic", "_labels")
"""`ID_labels_semantic.png` of SegmentMeIfYouCan, `NNNN_ID_labels.png` of Fishyscapes."""
IMAGE_ENDINGS: tuple[str, ...] = ("_leftImg8bit", "_rgb")
"""What the images end with that methods name their maps after: `ID_leftImg8bit.png`, `NNNN_ID_rgb.png`."""
_OTHER_ENDINGS = ("_labels_semantic_color", "_color", *IMAGE_ENDINGS)
_NUMBERED = re.compile(r"(\d{4})_(.+)")


def label_files(files: Mapping[str, Path]) -> dict[str, Path]:
    """Keep the label pictures of a folder, by the id of their frame.

    Where some are named as a benchmark names labels, only those count: color copies and images lie beside them.
    """
    named = {stem: path for stem, path in files.items() if stem.endswith(LABEL_ENDINGS)}
    if named:
        return {_without(stem, LABEL_ENDINGS): path for stem, path in named.items()}
    plain = {stem: path for stem, path in files.items() if not stem.endswith(_OTHER_ENDINGS)}
    return plain or dict(files)


def find_partner(stem: str, ids: Mapping[str, object], numbered: Mapping[str, str | None]) -> str | None:
    """Return the id to which a file with this stem belongs: its own name, or what is left without the usual endings.

    `numbered` is `without_numbers(ids)`.
    """
    for name in (stem, _without(stem, IMAGE_ENDINGS), _without(stem, LABEL_ENDINGS)):
        if name in ids:
            return name
        if numbered.get(name) is not None:
            return numbered[name]
    return None


def without_numbers(ids: Iterable[str]) -> dict[str, str | None]:
    """Map what Fishyscapes' ids `NNNN_ID` are called without their number, or by it alone, to the id.

    None where two frames would share the name.
    """
    short: dict[str, str | None] = {}
    for whole in ids:
        match = _NUMBERED.fullmatch(whole)
        for name in match.groups() if match else ():
            short[name] = None if name in short else whole
    return short


def _without(stem: str, endings: tuple[str, ...]) -> str:
    ending = next((ending for ending in endings if stem.endswith(ending)), "")
    return stem.removesuffix(ending) or stem
