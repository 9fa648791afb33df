"""What the registry knows of a dataset before it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fishy_ros.datasets.base import Dataset


@dataclass(frozen=True)
class Download:
    """A file with a public direct link.

    `sha256` or `md5` (hex digits, as the publisher states it) is checked after the download; `size` is
    in bytes; `target` is the name of the file under the root.
    """

    url: str
    target: str
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """Name, origin and opener of a dataset.

    `open` takes `root` (a Path or None) and the dataset's own options by name, and returns the dataset.
    """

    name: str
    title: str
    source: str
    license: str
    open: Callable[..., Dataset]
    downloads: tuple[Download, ...] = ()
    needs_root: bool = True
