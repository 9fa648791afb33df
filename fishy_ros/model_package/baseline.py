"""What normal input of a model looks like: the part of `model.yaml` that a drift monitor compares with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fishy_ros.model_package.fields import Fields

VERSION = 1
"""Version of the statistics' definitions; values measured by another version cannot be compared."""
MAX_CLASSES = 256


class Spread(NamedTuple):
    """Quantiles of a statistic over normal images: 1 %, 50 % and 99 %."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Baseline:
    """Statistics of normal images, measured one image at a time.

    `statistics` maps the name of a statistic to its spread. `colors` maps a class id to the natural logarithms of how
    much more often each color of that class occurs than the same color with red and blue exchanged; `orientation`
    maps it to those of how much more often each brightness of that class lies in each half of an image than it does
    when the image is upside down. Where one of them is empty, nothing is judged by it.
    """

    images: int
    statistics: Mapping[str, Spread]
    colors: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    orientation: Mapping[int, tuple[float, ...]] = field(default_factory=dict)


def read_baseline(fields: Fields) -> Baseline | None:
    """Read the block `baseline`; None where it is empty.

    Raises:
        ModelPackageError: a field has a value that is not allowed.
    """
    if not fields.values:
        return None
    if fields.integer("version", 0, 1_000_000) != VERSION:
        raise fields.error("version", f"{VERSION}; measure it again with `fishy baseline`")
    statistics = fields.mapping("statistics")
    spreads = {}
    for name in statistics.values:
        spread = Spread(*statistics.numbers(name, 3))
        if not spread.low <= spread.middle <= spread.high:
            raise statistics.error(name, "three numbers in ascending order")
        spreads[name] = spread
    rows = (_rows(fields.mapping(name, optional=True)) for name in ("colors", "orientation"))
    return Baseline(fields.integer("images", 1, 10**9), spreads, *rows)


def baseline_document(baseline: Baseline) -> dict[str, object]:
    """Build what `read_baseline` reads."""
    return {
        "version": VERSION,
        "images": baseline.images,
        "statistics": {name: [round(value, 5) for value in spread] for name, spread in baseline.statistics.items()},
        "colors": _rows_document(baseline.colors),
        "orientation": _rows_document(baseline.orientation),
    }


def _rows(fields: Fields) -> dict[int, tuple[float, ...]]:
    rows = {}
    for name in fields.values:
        if not name.isdecimal() or int(name) >= MAX_CLASSES:
            raise fields.error(name, f"no such key: keys are class ids below {MAX_CLASSES}, as texts")
        rows[int(name)] = fields.numbers(name)
    return rows


def _rows_document(rows: Mapping[int, tuple[float, ...]]) -> dict[str, list[float]]:
    return {str(name): [round(value, 3) for value in row] for name, row in rows.items()}
