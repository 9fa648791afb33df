"""Find the storage files of a bag."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from fishy_ros.bags.unpacking import unpack_file
from fishy_ros.documents import parse_yaml, read_limited
from fishy_ros.errors import BagError

STORAGE_SUFFIXES = (".mcap", ".db3")
MAX_METADATA_BYTES = 1024 * 1024


def find_storage_files(path: Path) -> list[Path]:
    """List the `.mcap` or `.db3` files of a bag (or these in `.zstd`), in the order of recording.

    `path` is such a file, or a folder: then the files that `metadata.yaml` names, or where there is none the only
    one in it. Nothing else in the metadata matters, so it may be of any version, or edited by hand.

    Raises:
        BagError: there is no bag, or one of its files is missing.
    """
    if not path.exists():
        raise BagError(f"{path}: no such bag")
    if path.is_file():
        if not _is_storage(path):
            raise BagError(f"{path}: expected a bag folder, or a file ending in .mcap or .db3 (or these and .zstd)")
        return [path]
    if (path / "metadata.yaml").exists():
        return _files_of_metadata(path)
    files = sorted(file for file in path.iterdir() if _is_storage(file) and file.is_file())
    if len(files) != 1:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        raise BagError(f"{path}: expected metadata.yaml or exactly one .mcap or .db3 file; found {there}")
    return files


def unpack(file: Path, stack: ExitStack) -> Path:
    """Decompress a `.zstd` file to a temporary one that lives as long as `stack`; return others as they are."""
    if file.suffix != ".zstd":
        return file
    folder = stack.enter_context(TemporaryDirectory(prefix="fishy-bag-"))
    target = Path(folder) / file.stem
    unpack_file(file, target)
    return target


def _files_of_metadata(path: Path) -> list[Path]:
    metadata = path / "metadata.yaml"
    document = parse_yaml(read_limited(metadata, MAX_METADATA_BYTES, BagError), metadata, BagError)
    information = document.get("rosbag2_bagfile_information") if isinstance(document, dict) else None
    names = information.get("relative_file_paths") if isinstance(information, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BagError(f"{metadata}: expected rosbag2_bagfile_information.relative_file_paths to be a list of names")
    # Only the last part of a name counts, so nothing leads out of the folder.
    files = list(dict.fromkeys(path / PurePath(name).name for name in names))
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8])
        raise BagError(
            f"{path}: metadata.yaml names {', '.join(missing)}, which the folder does not hold; it holds {there}"
        )
    if not files:
        raise BagError(f"{path}: metadata.yaml names no storage files")
    return files


def _is_storage(file: Path) -> bool:
    return file.name.removesuffix(".zstd").endswith(STORAGE_SUFFIXES)
