"""Open a rosbag2 bag, folder or single file, compressed or not, and read its serialized messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from rosbags.rosbag2 import Reader

from fishy_ros.bags.mcap_index import check_index
from fishy_ros.bags.sqlite_tables import check_tables, with_plain_name
from fishy_ros.bags.storage_files import find_storage_files, unpack
from fishy_ros.bags.topics import Topic
from fishy_ros.bags.unpacking import bound_chunks, unpack_zstd
from fishy_ros.errors import BagError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""How a compressed message starts; a message that is not compressed starts with a zero byte."""


class BagStorage:
    """An open bag: its topics, and the messages of a topic in the order of recording; a context manager.

    Whatever the library underneath raises on a damaged bag leaves here as a `BagError` that names the bag.
    """

    def __init__(self, path: Path | str, files: Sequence[Path] | None = None) -> None:
        """Open a bag folder, or an `.mcap` or `.db3` file, or one of these in `.zstd`.

        `files` are its storage files where they have been found and unpacked before.

        Raises:
            BagError: there is no bag, or it is damaged.
        """
        bound_chunks()
        self.path = Path(path)
        self._stack = ExitStack()
        try:
            with _as_bag_error(self.path):
                self._files = files or [self._prepare(file) for file in find_storage_files(self.path)]
                self._readers = [self._stack.enter_context(Reader(file)) for file in self._files]
                for file, reader in zip(self._files, self._readers, strict=True):
                    check_index(reader.storage, file)
        except BaseException:
            self._stack.close()
            raise

    @property
    def topics(self) -> dict[str, Topic]:
        """The topics by name."""
        found: dict[str, Topic] = {}
        for connection in (connection for reader in self._readers for connection in reader.connections):
            known = found.get(connection.topic, Topic(connection.topic, connection.msgtype, 0))
            found[connection.topic] = Topic(known.name, known.type, known.count + connection.msgcount)
        return dict(sorted(found.items()))

    def messages(self, topic: str, log_time_ns: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield (time of recording in ns, serialized message) of a topic, all or those of one time.

        Raises:
            BagError: the bag is damaged.
        """
        stop = None if log_time_ns is None else log_time_ns + 1
        with _as_bag_error(self.path):
            for reader in self._readers:
                connections = [connection for connection in reader.connections if connection.topic == topic]
                for _, time_ns, data in reader.messages(connections, log_time_ns, stop) if connections else ():
                    yield time_ns, unpack_zstd(data) if data[:4] == ZSTD_MAGIC else bytes(data)

    def second_handle(self) -> BagStorage:
        """Open the same files once more, to look something up while `messages` of this handle are being read.

        Close it before this one.
        """
        return BagStorage(self.path, self._files)

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def _prepare(self, file: Path) -> Path:
        file = with_plain_name(unpack(file, self._stack), self._stack)
        if file.suffix == ".db3":
            check_tables(file)
        return file

    def __enter__(self) -> BagStorage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _as_bag_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BagError:
        raise
    except Exception as error:
        # The readers of damaged MCAP, SQLite and zstd raise a dozen kinds of exception.
        reason = (str(error) or type(error).__name__).rstrip(".")
        raise BagError(
            f"{path}: cannot be read as a rosbag2 bag: {reason}; a recording that was cut off can often be repaired "
            "with `mcap recover` or `ros2 bag reindex`"
        ) from error
