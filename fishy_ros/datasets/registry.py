"""The datasets by name."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from fishy_ros.datasets.adverse_conditions import FOGGY_DRIVING, FOGGY_ZURICH, WILDDASH
from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.caos import BDD_ANOMALY, STREET_HAZARDS
from fishy_ros.datasets.cityscapes import CITYSCAPES
from fishy_ros.datasets.fishyscapes_lost_and_found import FISHYSCAPES_LOST_AND_FOUND
from fishy_ros.datasets.fishyscapes_static import FISHYSCAPES_STATIC
from fishy_ros.datasets.folder import FOLDER
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.lost_and_found import LOST_AND_FOUND, LOST_AND_FOUND_NO_KNOWN
from fishy_ros.datasets.mapillary import MAPILLARY
from fishy_ros.datasets.road_anomaly import ROAD_ANOMALY
from fishy_ros.datasets.segment_me_if_you_can import ROAD_ANOMALY21, ROAD_OBSTACLE21
from fishy_ros.datasets.synthetic import SYNTHETIC
from fishy_ros.errors import ConfigError, DatasetError

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            FISHYSCAPES_LOST_AND_FOUND,
            FISHYSCAPES_STATIC,
            LOST_AND_FOUND,
            LOST_AND_FOUND_NO_KNOWN,
            ROAD_ANOMALY21,
            ROAD_OBSTACLE21,
            ROAD_ANOMALY,
            STREET_HAZARDS,
            BDD_ANOMALY,
            CITYSCAPES,
            MAPILLARY,
            FOGGY_DRIVING,
            FOGGY_ZURICH,
            WILDDASH,
            FOLDER,
            SYNTHETIC,
        )
    }
)
"""Every dataset by the name that a user types."""


def open_dataset(name: str, root: Path | str | None = None, **options: object) -> Dataset:
    """Open a dataset by name.

    Options are those of its opener (see `dataset_options`), None meaning the default; text is converted to
    the type of the option.

    Raises:
        DatasetError: the name or an option is unknown, or the folder does not hold the dataset.
        ConfigError: a value does not fit its option.
    """
    info = dataset_info(name)
    types = dataset_options(info)
    given = {option: value for option, value in options.items() if value is not None}
    if unknown := sorted(set(given) - set(types)):
        raise DatasetError(
            f"dataset {name} has no option {', '.join(unknown)}; its options: {', '.join(types) or 'none'}"
        )
    converted = {option: _convert(name, option, value, types[option]) for option, value in given.items()}
    return info.open(Path(root) if root is not None else None, **converted)


def dataset_info(name: str) -> DatasetInfo:
    """Look a dataset up by name.

    Raises:
        DatasetError: there is none of that name.
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise DatasetError(f"unknown dataset {name!r}; known: {', '.join(sorted(DATASETS))}") from None


def dataset_options(info: DatasetInfo) -> dict[str, type]:
    """Name the options that a dataset takes beside its root, with their types (int or str)."""
    hints = typing.get_type_hints(info.open)
    names = [name for name in inspect.signature(info.open).parameters if name != "root"]
    return {name: int if hints[name] is int else str for name in names}


def _convert(name: str, option: str, value: object, wanted: type) -> object:
    if isinstance(value, wanted) and not isinstance(value, bool):
        return value
    if wanted is str and isinstance(value, int):
        return str(value)
    if wanted is int and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise ConfigError(f"dataset {name}: option {option} is {value!r}, expected {wanted.__name__}")
