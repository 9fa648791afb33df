"""What the label ids of a dataset mean: normal, anomaly or ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.deprecated_names import LABEL_MEANINGS, warn_of_old_names
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, LabelMap

_MEANINGS: dict[str, int] = {"normal": NORMAL, "anomaly": ANOMALY, "ignored": IGNORED}


@dataclass(frozen=True)
class LabelMapping:
    """Map the label ids (0 to 255) of a dataset to `NORMAL`, `ANOMALY` and `IGNORED`.

    An id in none of the sets means `other`; where `other` is None such an id is an error.
    """

    normal: frozenset[int] = frozenset({0})
    anomaly: frozenset[int] = frozenset({1})
    ignored: frozenset[int] = frozenset({255})
    other: int | None = None

    def apply(self, ids: NDArray[np.uint8], where: str) -> LabelMap:
        """Map label ids `[H, W]` to labels `[H, W]`; `where` names the frame in errors.

        Raises:
            DatasetError: an id is in no set and `other` is None.
        """
        table = np.full(256, IGNORED if self.other is None else self.other, np.uint8)
        for meaning, members in self._sets():
            table[list(members)] = meaning
        if self.other is None:
            unknown = sorted(set(np.flatnonzero(np.bincount(ids.ravel(), minlength=256)).tolist()) - self._known())
            if unknown:
                raise DatasetError(f"{where}: label ids {unknown} are not in the mapping ({self})")
        return table[ids]

    def __str__(self) -> str:
        parts = [f"{_name(meaning)}={_list_ids(members)}" for meaning, members in self._sets()]
        return ", ".join([*parts, f"others={'error' if self.other is None else _name(self.other)}"])

    def _sets(self) -> tuple[tuple[int, frozenset[int]], ...]:
        return ((NORMAL, self.normal), (ANOMALY, self.anomaly), (IGNORED, self.ignored))

    def _known(self) -> set[int]:
        return set(self.normal | self.anomaly | self.ignored)


FISHYSCAPES_LABELS = LabelMapping()
"""0 normal, 1 anomaly, 255 ignored, as in Fishyscapes and SegmentMeIfYouCan."""


def class_table(members: Mapping[int, Iterable[int]]) -> LabelMap:
    """Return the train id of each stored id, uint8 `[256]`; 255 for those that no train id has among its members.

    >>> class_table({0: (7, 8), 1: (11,)})[[7, 11, 12]].tolist()
    [0, 1, 255]
    """
    table = np.full(256, IGNORED, np.uint8)
    for train_id, stored in members.items():
        table[list(stored)] = train_id
    return table


def parse_label_mapping(text: str) -> LabelMapping:
    """Parse a mapping such as `0=normal,2-43=anomaly,255=ignored,*=ignored`.

    Ids are numbers or ranges `a-b`; `*` stands for all other ids, which are an error without it.

    Raises:
        ConfigError: a part is malformed, an id lies outside 0 to 255 or occurs twice.

    >>> parse_label_mapping("0=normal,2-4=anomaly").anomaly
    frozenset({2, 3, 4})
    """
    sets: dict[int, set[int]] = {meaning: set() for meaning in _MEANINGS.values()}
    other: int | None = None
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        ids, _, word = (piece.strip() for piece in part.partition("="))
        warn_of_old_names({word} & set(LABEL_MEANINGS), LABEL_MEANINGS, f"label mapping part {part!r}")
        word = LABEL_MEANINGS.get(word, word)
        if word not in _MEANINGS:
            raise ConfigError(f"label mapping part {part!r}: expected IDS=MEANING with one of {', '.join(_MEANINGS)}")
        if ids == "*":
            other = _MEANINGS[word]
            continue
        for value in _parse_ids(ids, part):
            if any(value in members for members in sets.values()):
                raise ConfigError(f"label mapping {text!r}: id {value} occurs twice")
            sets[_MEANINGS[word]].add(value)
    return LabelMapping(frozenset(sets[NORMAL]), frozenset(sets[ANOMALY]), frozenset(sets[IGNORED]), other)


def _parse_ids(ids: str, part: str) -> Iterable[int]:
    first, _, last = ids.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        raise ConfigError(f"label mapping part {part!r}: {ids!r} is neither an id, nor a range a-b, nor *") from None
    if not 0 <= low <= high <= 255:
        raise ConfigError(f"label mapping part {part!r}: expected ids from 0 to 255 in ascending order")
    return range(low, high + 1)


def _name(meaning: int) -> str:
    return next(name for name, value in _MEANINGS.items() if value == meaning)


def _list_ids(members: frozenset[int]) -> str:
    return "+".join(str(value) for value in sorted(members)) or "none"
