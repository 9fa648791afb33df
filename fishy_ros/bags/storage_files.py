"""Find the storage files of a bag."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from fishy_ros.bags.foreign import is_ros1_bag, refuse_foreign, ros1_advice
from fishy_ros.bags.unpacking import unpack_file
from fishy_ros.documents import parse_yaml, read_limited
from fishy_ros.errors import BagError

STORAGE_SUFFIXES = (".mcap", ".db3")
PACKED = (".zstd", ".zst")
"""Endings of files that rosbag2 and the command `zstd` have compressed."""
MAX_METADATA_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StorageFiles:
    """The `.mcap` or `.db3` files of a bag, or these in `.zstd`."""

    files: tuple[Path, ...]
    warning: str = ""
    """What a reader has to know about the choice; empty if it was clear."""
    is_guessed: bool = False
    """Whether the files may be no parts of one recording."""


def find_storage_files(path: Path) -> StorageFiles:
    """Find the storage files of a bag.

    `path` is such a file, or a folder: then the files that `metadata.yaml` names, or, where it is missing or empty (the
    recorder was killed) or names others (they were renamed or unpacked), those in the folder. Nothing else in the
    metadata matters, so it may be of any version, or edited by hand.

    Raises:
        BagError: there is no bag, or one of its files is missing.
        OSError: the folder cannot be read.
    """
    if not path.exists():
        raise BagError(f"{path}: no such bag")
    if path.is_file():
        if not is_storage(path):
            refuse_foreign(path)
            raise BagError(
                f"{path}: expected a bag folder, or a file ending in .mcap or .db3 (or these in .zstd or .zst)"
            )
        return StorageFiles((path,))
    metadata = path / "metadata.yaml"
    is_blank = metadata.is_file() and not read_limited(metadata, MAX_METADATA_BYTES, BagError).strip(b"\0 \r\n")
    if metadata.exists() and not is_blank:
        return _files_of_metadata(path)
    files = _files_of_folder(path)
    if not files:
        raise BagError(f"{path}: expected metadata.yaml, .mcap or .db3 files; found {_describe(path)}")
    lack = "an empty metadata.yaml" if is_blank else "no metadata.yaml"
    if len({_plain_suffix(file) for file in files}) > 1:
        raise BagError(f"{path}: holds .mcap and .db3 files and {lack}; choose one of them")
    if len(files) == 1:
        return StorageFiles(files)
    return StorageFiles(
        files, f"{path}: has {lack}, so its {len(files)} files are read in the order of their start times", True
    )


def unpack(file: Path, stack: ExitStack) -> Path:
    """Decompress a `.zstd` file to a temporary one that lives as long as `stack`; return others as they are."""
    if file.suffix not in PACKED:
        return file
    folder = stack.enter_context(TemporaryDirectory(prefix="fishy-bag-"))
    target = Path(folder) / file.stem
    unpack_file(file, target)
    return target


def _files_of_metadata(path: Path) -> StorageFiles:
    metadata = path / "metadata.yaml"
    document = parse_yaml(read_limited(metadata, MAX_METADATA_BYTES, BagError), metadata, BagError)
    information = document.get("rosbag2_bagfile_information") if isinstance(document, dict) else None
    names = information.get("relative_file_paths") if isinstance(information, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BagError(f"{metadata}: expected rosbag2_bagfile_information.relative_file_paths to be a list of names")
    # Only the last part of a name counts, so nothing leads out of the folder.
    listed = list(dict.fromkeys(path / PurePath(name).name for name in names))
    if not listed:
        raise BagError(f"{path}: metadata.yaml names no storage files")
    found = {file: _packed_or_not(file) for file in listed}
    missing = [file.name for file in listed if found[file] is None]
    there = _files_of_folder(path)
    if not missing:
        files = tuple(file for file in found.values() if file is not None)
        others = [file.name for file in there if _unpacked(file) not in map(_unpacked, files)]
        told = f"{path}: metadata.yaml does not name {', '.join(others[:8])}, which was not read" if others else ""
        return StorageFiles(files, told)
    are_names = all(is_storage(Path(name)) and ".." not in PurePath(name).parts and name[0] != "/" for name in names)
    if are_names and len(there) == len(listed):
        taken = ", ".join(file.name for file in there[:8])
        return StorageFiles(
            there,
            f"{path}: metadata.yaml names {', '.join(missing[:8])}, which are missing; read instead: {taken}",
            True,
        )
    raise BagError(f"{path}: metadata.yaml names {', '.join(missing)}, which are missing; found {_describe(path)}")


def _packed_or_not(file: Path) -> Path | None:
    """Return the file, or where it is missing the same one unpacked or packed."""
    plain = _unpacked(file)
    candidates = (file, plain, *(plain.with_name(plain.name + ending) for ending in PACKED))
    return next((candidate for candidate in candidates if candidate.is_file() and is_storage(candidate)), None)


def _files_of_folder(path: Path) -> tuple[Path, ...]:
    """List the storage files of a folder; of one that lies there packed and unpacked, the unpacked one."""
    files = sorted(file for file in path.iterdir() if is_storage(file) and file.is_file())
    return tuple(file for file in files if file.suffix not in PACKED or _unpacked(file) not in files)


def _describe(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    old = next((path / name for name in names if is_ros1_bag(path / name)), None)
    there = ", ".join(names[:8]) or "nothing"
    return f"{there}: {old.name} is a ROS 1 bag; {ros1_advice(old)}" if old is not None else there


def is_storage(file: Path) -> bool:
    """Tell whether a file is called like a storage file of a bag, packed or not; macOS leaves `._` files beside."""
    return _unpacked(file).name.endswith(STORAGE_SUFFIXES) and not file.name.startswith("._")


def _plain_suffix(file: Path) -> str:
    return _unpacked(file).suffix


def _unpacked(file: Path) -> Path:
    return file.with_suffix("") if file.suffix in PACKED else file
