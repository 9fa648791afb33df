"""The names under which results are stored."""

from __future__ import annotations

import itertools
import os
from collections.abc import Set
from pathlib import Path


class ResultNames:
    """Choose the names of results: relative paths that are unique within a run and stay below the output folder.

    Examples:
        >>> names = ResultNames()
        >>> names.of_picture(Path("day1/0001.png")), names.of_picture(Path("day1/0001.jpg"))
        ('day1/0001', 'day1/0001.jpg')
        >>> names.key(Path("videos/day1.mp4"))
        'day1.mp4'
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._folders: set[str] = set()
        self._keys: set[str] = set()

    def of_picture(self, relative: Path) -> str:
        """Name a picture after its path relative to its source, without the suffix where that is unique."""
        parts = [part for part in relative.parts if part not in ("..", relative.anchor)]
        longer = "/".join(parts)
        # Below a key only numbers are taken: there, the suffix makes a picture's name unique.
        name = longer if parts[0] in self._keys else os.path.splitext(longer)[0]
        if len(parts) > 1:
            self._folders.add(parts[0])
        return self._take(name, longer, self._taken)

    def key(self, path: Path) -> str:
        """Name a moving source after its file or folder; the names of its images are `KEY/NUMBER`.

        Links are not followed: the target of a link, as of git-annex, is often named by a hash.
        """
        name = os.path.basename(os.path.abspath(path)) or "root"
        key = self._take(os.path.splitext(name)[0], name, self._taken | self._folders)
        self._keys.add(key)
        return key

    def _take(self, name: str, longer: str, taken: Set[str]) -> str:
        """Take the first of `name`, `longer`, `longer-2`, ... that is free."""
        names = itertools.chain((name, longer), (f"{longer}-{number}" for number in itertools.count(2)))
        chosen = next(candidate for candidate in names if candidate not in taken)
        self._taken.add(chosen)
        return chosen
