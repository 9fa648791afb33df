"""Recognise recordings that are no ROS 2 bags, to name them for what they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fishy_ros.errors import BagError

MCAP_MAGIC = b"\x89MCAP0\r\n"
SQLITE_MAGIC = b"SQLite format 3\0"
_ROS1_MAGIC = b"#ROSBAG V"
_MAX_SUMMARY_BYTES = 64 << 20
_FOOTER_BYTES = 37
"""Opcode, length, a record of 20 bytes, and the magic at the end (MCAP specification, "Footer")."""
_SCHEMA, _CHANNEL = 0x03, 0x04


def refuse_foreign(file: Path) -> None:
    """Refuse a storage file that another system recorded.

    Raises:
        BagError: it is a ROS 1 bag, an MCAP file of another profile, or of another format than its name says; the
            message names the converter.
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        head = opened.read(len(SQLITE_MAGIC))
        if head.startswith(_ROS1_MAGIC):
            raise BagError(f"{file}: is a ROS 1 bag; {ros1_advice(file)}")
        if file.suffix == ".db3" and head.startswith(MCAP_MAGIC):
            raise BagError(f"{file}: is an MCAP file by its contents; rename it to end in .mcap")
        if file.suffix == ".mcap" and head.startswith(SQLITE_MAGIC):
            raise BagError(f"{file}: is an SQLite file by its contents; rename it to end in .db3")
        if head.startswith(MCAP_MAGIC):
            _refuse_profile(file, opened)


def is_ros1_bag(file: Path) -> bool:
    """Tell whether a file is called as ROS 1 calls its bags."""
    return file.name.endswith((".bag", ".bag.active"))


def ros1_advice(file: Path) -> str:
    """Say how a ROS 1 bag becomes a ROS 2 bag."""
    if file.name.endswith(".active"):
        return "its recorder was killed: run `rosbag reindex` on it, then convert it with `rosbags-convert`"
    target = file.with_suffix("") if file.suffix == ".bag" else file.with_name(f"{file.stem}_ros2")
    return f"convert it: pip install rosbags; rosbags-convert --src {file} --dst {target}"


def is_cut_off(file: Path) -> bool:
    """Tell whether a storage file is empty, or an MCAP file that lacks its end, as after a power cut.

    Raises:
        OSError: it cannot be read.
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        if not opened.read(len(MCAP_MAGIC)).startswith(MCAP_MAGIC):
            return size == 0
        opened.seek(max(0, size - len(MCAP_MAGIC)))
        return size < _FOOTER_BYTES or opened.read() != MCAP_MAGIC


def _refuse_profile(file: Path, opened: IO[bytes]) -> None:
    opened.seek(len(MCAP_MAGIC))
    header = opened.read(13)  # opcode, length, length of the profile
    if len(header) < 13:
        return
    (length,) = struct.unpack_from("<I", header, 9)
    profile = opened.read(min(length, 100)).decode(errors="replace")
    if profile == "ros2":
        return
    name = f"{file}: is an MCAP file {f'of the profile {profile!r}' if profile else 'without a profile'}"
    if profile == "ros1":
        raise BagError(
            f"{name}, recorded by ROS 1; convert the .bag that it was made of: "
            "pip install rosbags; rosbags-convert --src X.bag --dst X"
        )
    kinds = ", ".join(sorted(_message_kinds(opened))[:5])
    raise BagError(
        f"{name}{f' with messages in {kinds}' if kinds else ''}; expected the profile 'ros2' with messages in cdr. "
        "Rewrite it with the Python package mcap-ros2-support, or record the topics with `ros2 bag record`"
    )


def _message_kinds(opened: IO[bytes]) -> set[str]:
    """List encodings and schemas of the messages, such as `protobuf (foxglove.CompressedImage)`, from the summary."""
    schemas: dict[int, str] = {}
    kinds: set[str] = set()
    try:
        for opcode, record in _summary(opened):
            if opcode == _SCHEMA:
                schemas[struct.unpack_from("<H", record)[0]] = _string(record, 2)[0]
            elif opcode == _CHANNEL:
                (schema,) = struct.unpack_from("<H", record, 2)
                _, position = _string(record, 4)
                kinds.add(f"{_string(record, position)[0] or 'no encoding'} ({schemas.get(schema, 'no schema')})")
    except (struct.error, OSError, ValueError):
        pass  # a damaged summary names nothing more
    return kinds


def _summary(opened: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    size = opened.seek(0, 2)
    opened.seek(size - _FOOTER_BYTES)
    (start,) = struct.unpack_from("<Q", opened.read(_FOOTER_BYTES), 9)
    if not 0 < start < size or size - start > _MAX_SUMMARY_BYTES:
        return
    opened.seek(start)
    summary, position = opened.read(size - start), 0
    while position + 9 <= len(summary):
        opcode, length = struct.unpack_from("<BQ", summary, position)
        yield opcode, summary[position + 9 : position + 9 + length]
        position += 9 + length


def _string(record: bytes, position: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", record, position)
    end = position + 4 + length
    return record[position + 4 : end].decode(errors="replace")[:80], end
