"""Check what the index of an MCAP file claims, before the reader believes it, and fill in what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fishy_ros.bags.unpacking import MAX_UNPACKED_BYTES
from fishy_ros.errors import BagError

if TYPE_CHECKING:
    from rosbags.rosbag2.reader import ReaderProtocol
    from rosbags.rosbag2.storage_mcap import ChunkInfo

MAX_MESSAGES: int = 2**31 - 1
"""Most messages of a topic: two years of a camera at 30 Hz."""
MAX_OPEN_BYTES: int = 2 * MAX_UNPACKED_BYTES
"""Most that the chunks of one moment hold together: the reader keeps all of them unpacked to merge their messages."""


def check_index(storage: ReaderProtocol, path: Path) -> None:
    """Refuse an index that counts more than there can be, or makes the reader unpack more than `MAX_OPEN_BYTES`.

    Chunks without a message index are marked as holding every topic, so that the reader looks into them.

    Raises:
        BagError: a count is out of bounds, chunks overlap in the file, or too many of them in time; or nothing says
            how many messages there are.
    """
    for connection in storage.connections:
        if not 0 <= connection.msgcount <= MAX_MESSAGES:
            count = f"{connection.msgcount} messages of {connection.topic}"
            raise BagError(f"{path}: the index claims {count}, expected 0 to {MAX_MESSAGES}")
    chunks: Sequence[ChunkInfo] = getattr(storage, "chunks", ())  # MCAP files have them
    _check_places(chunks, path)
    _check_times(chunks, path)
    _mark_unindexed(chunks, storage, path)


def _check_places(chunks: Sequence[ChunkInfo], path: Path) -> None:
    """Each chunk is unpacked once for every entry of the index, so entries must not share bytes of the file."""
    ordered = sorted(chunks, key=lambda chunk: chunk.chunk_start_offset)
    for chunk, following in pairwise(ordered):
        if following.chunk_start_offset < chunk.chunk_start_offset + chunk.chunk_length:
            raise BagError(f"{path}: two chunks of the index share byte {following.chunk_start_offset}")
    for chunk in ordered:
        if chunk.compressed_size > chunk.chunk_length:
            raise BagError(f"{path}: the chunk at byte {chunk.chunk_start_offset} claims more data than it can hold")


def _check_times(chunks: Sequence[ChunkInfo], path: Path) -> None:
    """A chunk is open from its first moment to its last."""
    opens = [(chunk.message_start_time, 0, chunk.uncompressed_size) for chunk in chunks]
    closes = [(max(chunk.message_start_time, chunk.message_end_time), 1, -chunk.uncompressed_size) for chunk in chunks]
    total = 0
    for time_ns, _, size in sorted(opens + closes):
        total += size
        if total > MAX_OPEN_BYTES:
            raise BagError(
                f"{path}: the chunks that overlap at {time_ns} ns hold {total} bytes in total, "
                f"expected at most {MAX_OPEN_BYTES}"
            )


def _mark_unindexed(chunks: Sequence[ChunkInfo], storage: ReaderProtocol, path: Path) -> None:
    """Mark chunks without a message index: the reader skips them, and rosbag2 writes none with `noMessageIndex`."""
    unindexed = [chunk for chunk in chunks if not chunk.message_index_offsets]
    has_messages = any(chunk.message_end_time for chunk in unindexed)
    if has_messages and not any(connection.msgcount for connection in storage.connections):
        raise BagError(f"{path}: has neither message indexes nor statistics; rewrite it with `mcap recover`")
    for chunk in unindexed:
        chunk.channel_count.update({connection.id: 1 for connection in storage.connections})
