"""Score maps saved by any method, paired by name with label pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from fishy_ros.datasets.images import IMAGE_SUFFIXES, natural_key, read_image
from fishy_ros.datasets.label_files import decode_label_ids
from fishy_ros.documents import read_limited
from fishy_ros.errors import DatasetError, ScoreError
from fishy_ros.evaluation.scoring.frame_names import find_partner, label_files, without_numbers
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.evaluation.scoring.score_files import SCORE_SUFFIXES, decode_score
from fishy_ros.imaging import MAX_PICTURE_BYTES
from fishy_ros.types import ImageArray, LabelMap

MAX_STRETCH: float = 1.02
"""Maps whose aspect ratio differs by more than this factor from that of their labels are told of."""


_NAMED = 10
"""So many files that cannot be read are named one by one."""


class TransposedMapError(ScoreError):
    """A score map lies on its side: a mistake of the method, not of one file."""


class SavedMaps:
    """Pairs of score map and labels, read anew at every iteration.

    Files belong together when their names are equal, or are those that Fishyscapes and SegmentMeIfYouCan give to the
    labels (`NNNN_ID_labels.png`, `ID_labels_semantic.png`) and images (`ID_leftImg8bit`, `NNNN_ID_rgb`) of a frame.

    Args:
        scores: folder with `NAME.npy`, `.npz`, `.h5`, `.hdf5` or `.tiff`, numbers `[h, w]`, `[1, h, w]` or `[h, w, 1]`.
        labels: folder with `NAME.png`, uint8 with 0 = normal, 1 = anomaly, anything else ignored.
        images: folder with `NAME.*`, the images themselves, for the report.

    Raises:
        ScoreError: a folder is missing, there are no score maps, or score maps and labels do not pair up.
    """

    def __init__(self, scores: Path, labels: Path, images: Path | None = None) -> None:
        found = _by_name(scores, SCORE_SUFFIXES, "score maps")
        truth = label_files(_by_name(labels, (".png",), "labels"))
        numbered = without_numbers(truth)
        partners = {stem: find_partner(stem, truth, numbered) for stem in found}
        missing = sorted((stem for stem, name in partners.items() if name is None), key=natural_key)
        if missing:
            raise ScoreError(
                f"{labels}: no {missing[0]}.png for {found[missing[0]]} ({len(missing)} of {len(found)} score maps "
                f"have no labels); the labels are called like {next(iter(truth.values())).name}"
            )
        names = {stem: name for stem, name in partners.items() if name is not None}
        _refuse_twins(names, found)
        self.unscored: tuple[str, ...] = tuple(sorted(truth.keys() - set(names.values()), key=natural_key))
        """Names with labels but no score map."""
        pictures = _by_name(images, tuple(IMAGE_SUFFIXES), "images") if images else {}
        shown = {find_partner(stem, truth, numbered): path for stem, path in sorted(pictures.items(), reverse=True)}
        stems = sorted(names, key=natural_key)
        self._files = [(names[stem], found[stem], truth[names[stem]], shown.get(names[stem])) for stem in stems]
        self._digests: dict[str, str] = {}
        self._stretched: dict[str, str] = {}
        self._whole: dict[str, None] = {}
        self._crowded: dict[str, None] = {}
        self._pictures: dict[Path, str] = {}
        self.unreadable: dict[str, str] = {}
        """Names that `readable` left out, and why."""

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[ScoredFrame]:
        """Read all pairs.

        Raises:
            ScoreError: a file cannot be read, or a map is transposed.
        """
        return (self._read_pair(*files) for files in self._files)

    def readable(self) -> Iterator[ScoredFrame]:
        """Read all pairs but those with a file that cannot be read, which `unreadable` and `warnings` then name.

        Raises:
            ScoreError: none can be read, or a map is transposed, as all will be.
        """
        for files in self._files:
            try:
                frame = self._read_pair(*files)
            except TransposedMapError:
                raise
            except ScoreError as error:
                self.unreadable[files[0]] = str(error)
            else:
                yield frame
        if len(self.unreadable) == len(self._files):
            raise ScoreError(next(iter(self.unreadable.values())))

    def _read_pair(self, name: str, score_path: Path, labels_path: Path, image_path: Path | None) -> ScoredFrame:
        score_bytes, labels_bytes = _read(score_path), _read(labels_path)
        self._digests[name] = _digest((score_bytes, labels_bytes))
        labels = _decode_labels(labels_bytes, labels_path)
        saved = decode_score(score_bytes, score_path)
        self._check_shapes(name, score_path, saved.score.shape, labels.shape)
        if saved.is_whole:
            self._whole[name] = None
        if saved.is_crowded:
            self._crowded[name] = None
        return ScoredFrame(name, saved.score, labels, self._read_image(image_path))

    def _read_image(self, path: Path | None) -> ImageArray | None:
        """Read the image for the report, which needs none."""
        if path is None:
            return None
        try:
            return read_image(path)
        except DatasetError as error:
            self._pictures[path] = str(error)
            return None

    @property
    def sha256(self) -> str | None:
        """Hash of the names and contents of all maps and labels; None until all could be read once."""
        if len(self._digests) < len(self._files):
            return None
        return _digest(
            f"{name} {self._digests[name]}\n".encode("utf-8", "surrogateescape") for name in sorted(self._digests)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know, once all have been read."""
        warnings = []
        if self.unscored:
            warnings.append(f"{len(self.unscored)} label files have no score map, the first is {self.unscored[0]}")
        if self._stretched:
            name, shapes = next(iter(self._stretched.items()))
            warnings.append(
                f"{len(self._stretched)} score maps have another aspect ratio than their labels and were stretched "
                f"over them; the first is {name}: {shapes}"
            )
        if self._whole:
            warnings.append(
                f"{len(self._whole)} score maps hold whole numbers, the first is {next(iter(self._whole))}: "
                "equal values cost accuracy (0.7 points of AP with 256 levels)"
            )
        if self._crowded:
            warnings.append(
                f"{len(self._crowded)} score maps hold numbers that float32 cannot tell apart, the first is "
                f"{next(iter(self._crowded))}: pixels count as equal that are not; shift, scale or take the logarithm"
            )
        torn = list(self.unreadable.items())[:_NAMED]
        warnings += [f"{name} cannot be read and counts as without map: {reason}" for name, reason in torn]
        warnings += [f"the report shows no image: {reason}" for reason in list(self._pictures.values())[:_NAMED]]
        return tuple(warnings)

    def _check_shapes(self, name: str, path: Path, score: tuple[int, ...], labels: tuple[int, ...]) -> None:
        """Refuse a map that lies on its side, and note one that has to be stretched."""
        stretch = (score[1] / score[0]) / (labels[1] / labels[0])
        turned = (score[0] / score[1]) / (labels[1] / labels[0])
        shapes = f"the map is {score[0]}x{score[1]} (rows x columns), the labels are {labels[0]}x{labels[1]}"
        if _is_near(stretch):
            return
        if _is_near(turned):
            raise TransposedMapError(f"{path}: {shapes}: it is transposed; expected [h, w]")
        self._stretched[name] = shapes


def _is_near(ratio: float) -> bool:
    return 1 / MAX_STRETCH <= ratio <= MAX_STRETCH


def _refuse_twins(names: dict[str, str], found: dict[str, Path]) -> None:
    seen: dict[str, str] = {}
    for stem, name in names.items():
        if name in seen:
            both = f"{found[stem]} and {found[seen[name]].name}"
            raise ScoreError(f"{both} belong to the labels {name}; expected one map per frame")
        seen[name] = stem


def _by_name(folder: Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ScoreError(f"{folder}: {'no folder' if folder.exists() else 'no such folder'}; expected {what}")
    files: dict[str, Path] = {}
    try:
        entries = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ScoreError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for path in entries:
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            raise ScoreError(f"{folder}: both {files[path.stem].name} and {path.name}; expected one file per name")
        files[path.stem] = path
    if not files:
        there = sorted(path.name for path in entries)[:3]
        raise ScoreError(
            f"{folder}: no {what} (NAME{', NAME'.join(suffixes)}); it holds {', '.join(there) or 'nothing'}"
        )
    return files


def _read(path: Path) -> bytes:
    return read_limited(path, MAX_PICTURE_BYTES, ScoreError)


def _decode_labels(content: bytes, path: Path) -> LabelMap:
    try:
        return decode_label_ids(content, path)
    except DatasetError as error:
        raise ScoreError(str(error)) from error


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
