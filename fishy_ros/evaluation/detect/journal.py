"""`regions.jsonl`: a line for every image with the regions found in it, and what lets an interrupted run go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from fishy_ros.documents import read_limited
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.detect.inputs import NamedImage
from fishy_ros.evaluation.detect.origin import Origin
from fishy_ros.evaluation.detect.outputs import Finding
from fishy_ros.obstacles import Region

FILE = "regions.jsonl"
MAX_BYTES: int = 1 << 31


class Journal:
    """Append lines to `out/regions.jsonl`; the first line holds the settings of the run.

    Each further line holds the name of an image, its origin as `source`, and its regions, or why it could not be read.

    Raises:
        ConfigError: the file belongs to a run with other settings, or is none of ours.
    """

    def __init__(self, out: Path, settings: Mapping[str, object], overwrite: bool = False) -> None:
        """Go on with the run in `out` if its settings are the same; `overwrite` begins anew."""
        self._path = out / FILE
        self._settings = json.loads(json.dumps(settings))
        self._lines: dict[str, str] = {}
        self._origins: dict[str, object] = {}
        self._file: IO[str] | None = None
        self.replaced: tuple[str, ...] = ()
        """Images of the run that is overwritten."""
        out.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return
        before, lines = self._content()
        if not overwrite:
            self._adopt(before, lines)
        elif before is not None:
            self.replaced = tuple(lines)

    def is_done(self, name: str, origin: Origin | None) -> bool:
        """Tell whether an image need not be looked at again; without a known origin it always must be."""
        return origin is not None and self._origins.get(name) == asdict(origin)

    def names_of(self, key: str) -> list[str]:
        """List the images of the moving source `key`, named `KEY/NUMBER`, that have a line."""
        parts = ((name, *name.rpartition("/")) for name in self._lines)
        return [name for name, folder, _, number in parts if folder == key and number.isdecimal()]

    def forget(self, names: Iterable[str]) -> list[str]:
        """Remove the lines of images, which are to be looked at once more; returns the names of those that had one."""
        known = [name for name in names if name in self._lines]
        for name in known:
            del self._lines[name]
            self._origins.pop(name, None)
        if known:
            self._begin()
        return known

    def add(self, image: NamedImage, finding: Finding, classes: Sequence[str], total_ms: float) -> None:
        """Write what was found in an image; boxes and areas are in px of the image."""
        height, width = finding.image.shape[:2]
        rows, columns = finding.detection.score.shape
        regions = [region.scaled(width / columns, height / rows) for region in finding.found.regions]
        source = None if image.origin is None else asdict(image.origin)
        line: dict[str, object] = {
            "image": image.name,
            "source": source,
            "height": height,
            "width": width,
            "ms": round(total_ms, 3),
            "regions": [describe_region(region, classes) for region in regions],
        }
        if image.stamp_s is not None:
            line["stamp_s"] = image.stamp_s
        self._lines[image.name] = self._write(line)
        self._origins[image.name] = source

    def add_failure(self, name: str, error: str) -> None:
        """Write that an image could not be read; it is tried again by the next run."""
        self._lines[name] = self._write({"image": name, "error": error})

    def __enter__(self) -> Journal:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        """Write what is known so far, without failures of earlier runs and torn lines, and stay open for more."""
        if self._file is not None:
            self._file.close()
        partial = self._path.with_suffix(".partial")
        partial.write_text(
            "".join(f"{line}\n" for line in (json.dumps(self._settings), *self._lines.values())), encoding="utf-8"
        )
        partial.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")

    def _write(self, line: Mapping[str, object]) -> str:
        assert self._file is not None, "the journal is not open"
        text = json.dumps(line)
        self._file.write(f"{text}\n")
        self._file.flush()
        return text

    def _content(self) -> tuple[dict[str, Any] | None, dict[str, tuple[str, object]]]:
        """Return the settings of the earlier run, None if the file is none of ours, and line and origin by image."""
        text = read_limited(self._path, MAX_BYTES, ConfigError).decode("utf-8", "replace")
        settings, *rest = text.splitlines() or [""]
        before = _parse(settings)
        if before is None or "fishy_detect" not in before:
            return None, {}
        entries = ((line, _parse(line)) for line in rest)  # the last line may be torn
        return before, {
            entry["image"]: (line, entry.get("source"))
            for line, entry in entries
            if entry is not None and "regions" in entry and isinstance(entry.get("image"), str)
        }

    def _adopt(self, before: dict[str, Any] | None, lines: dict[str, tuple[str, object]]) -> None:
        """Go on with an earlier run."""
        if before is None:
            raise ConfigError(f"{self._path}: was not written by `fishy detect`; choose another folder with --out")
        different = sorted(key for key in {*before, *self._settings} if before.get(key) != self._settings.get(key))
        if different:
            changes = ", ".join(f"{key} {before.get(key)!r} -> {self._settings.get(key)!r}" for key in different)
            raise ConfigError(
                f"{self._path}: belongs to a run with other settings ({changes}); start over with --overwrite, or "
                "choose another --out"
            )
        self._lines = {name: line for name, (line, _) in lines.items()}
        self._origins = {name: origin for name, (_, origin) in lines.items()}


def describe_region(region: Region, classes: Sequence[str]) -> dict[str, object]:
    """Return a region as JSON has it: box is left, top, right, bottom in px, scores are in [0, 1]."""
    box = region.box
    return {
        "box": [round(side, 2) for side in (box.left, box.top, box.right, box.bottom)],
        "area_px": region.area_px,
        "mean_score": round(region.mean_score, 6),
        "peak_score": round(region.peak_score, 6),
        "class": classes[region.class_id] if region.class_id < len(classes) else None,
    }


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
