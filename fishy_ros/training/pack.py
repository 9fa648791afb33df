"""Pack the files of a training into shards of limited size with a hash of each, to train on another machine."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

from fishy_ros.datasets.archives import extract
from fishy_ros.errors import DatasetError, TrainingError
from fishy_ros.files import file_sha256, replacing, write_json

INDEX_FILE = "index.json"
MIB: int = 1 << 20
MEMBER_OVERHEAD_BYTES: int = 1024
"""What a zip needs for the name and place of a file, at most."""


Report = Callable[[str], None]
"""Called with the name of every shard that was written or unpacked."""


@dataclass(frozen=True)
class Shard:
    """One archive of a packed data set."""

    name: str
    bytes: int
    sha256: str


def pack_files(files: Iterable[Path], root: Path, out: Path, max_bytes: int, report: Report) -> list[Shard]:
    """Write files below `root` into zip archives of at most `max_bytes` in the folder `out`, then their index.

    The archives keep the layout below `root` and the files byte by byte. The index comes last, so what was stopped in
    between cannot be taken for whole.

    Raises:
        TrainingError: a file is larger than a shard may be, is not below `root`, cannot be read, or the disk is full;
            where that shows before anything is written, what is in `out` stays.
    """
    try:
        groups = list(_groups(files, root, max_bytes))
        out.mkdir(parents=True, exist_ok=True)
        (out / INDEX_FILE).unlink(missing_ok=True)
        shards = []
        for number, group in enumerate(groups):
            path = out / f"shard-{number:03}.zip"
            _write_shard(path, group, root)
            shards.append(Shard(path.name, path.stat().st_size, file_sha256(path)))
            report(path.name)
        write_json(out / INDEX_FILE, {"shards": [asdict(shard) for shard in shards]})
    except OSError as error:
        raise TrainingError(f"{out}: cannot pack: {error}") from error
    return shards


def unpack_files(packed: Path, root: Path, report: Report) -> None:
    """Check every shard of the folder `packed`, then unpack all of them as the new folder `root`.

    What is stopped in between leaves no folder `root`, only `root`.partial.

    Raises:
        TrainingError: the index cannot be read, shards are missing or differ from it (all of them are named), `root`
            exists, or there is no room.
    """
    if root.exists():
        raise TrainingError(f"{root}: exists; name a folder that does not, or train with this one")
    shards = _read_index(packed)
    faults = [fault for fault in (_fault(packed, shard) for shard in shards) if fault]
    if faults:
        raise TrainingError(f"{packed}: {'; '.join(faults)}; copy them again")
    partial = root.with_name(f"{root.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for shard in shards:
            extract(packed / shard.name, partial)
            report(shard.name)
        partial.replace(root)
    except (OSError, DatasetError) as error:
        raise TrainingError(f"{root}: cannot unpack: {error}") from error


def _groups(files: Iterable[Path], root: Path, max_bytes: int) -> Iterator[list[Path]]:
    group: list[Path] = []
    total = 0
    for path in files:
        if not path.is_relative_to(root):
            raise TrainingError(f"{path}: is not below the data root {root}, so it cannot be packed")
        size = path.stat().st_size + 2 * len(str(path)) + MEMBER_OVERHEAD_BYTES
        if size > max_bytes:
            raise TrainingError(f"{path}: {size} bytes do not fit a shard of {max_bytes}")
        if total + size > max_bytes:
            yield group
            group, total = [], 0
        group.append(path)
        total += size
    if group:
        yield group


def _write_shard(path: Path, files: Iterable[Path], root: Path) -> None:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(root))


def _read_index(packed: Path) -> list[Shard]:
    path = packed / INDEX_FILE
    try:
        shards = [Shard(**shard) for shard in json.loads(path.read_text(encoding="utf-8"))["shards"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not an index of packed data: {error}") from error
    for shard in shards:
        if PurePath(shard.name).name != shard.name:
            raise TrainingError(f"{path}: {shard.name!r} leads out of {packed}")
    return shards


def _fault(packed: Path, shard: Shard) -> str | None:
    path = packed / shard.name
    if not path.is_file():
        return f"{shard.name} is missing"
    size = path.stat().st_size
    if size != shard.bytes:
        return f"{shard.name} has {size} bytes, expected {shard.bytes}"
    return None if file_sha256(path) == shard.sha256 else f"{shard.name} has a wrong SHA-256"
