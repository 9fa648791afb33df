"""Open a rosbag2 bag, folder or single file, compressed or not, and read its serialized messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from fishy_ros.bags.bounded_reader import BoundedReader
from fishy_ros.bags.foreign import is_cut_off, refuse_foreign
from fishy_ros.bags.mcap_index import check_index
from fishy_ros.bags.sqlite_tables import check_tables, with_plain_name
from fishy_ros.bags.sqlite_wal import describe_lost_logs, with_write_ahead_log
from fishy_ros.bags.storage_files import find_storage_files, unpack
from fishy_ros.bags.topics import Topic
from fishy_ros.bags.unpacking import unpack_zstd
from fishy_ros.closing import Closing
from fishy_ros.errors import BagError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""How a compressed message starts; a message that is not compressed starts with a zero byte."""
_REPAIR = "a recording that was cut off can often be repaired with `mcap recover` or `ros2 bag reindex`"


class BagStorage(Closing):
    """An open bag: its topics, and the messages of a topic in the order of recording; a context manager.

    Whatever the library underneath raises on a damaged bag leaves here as a `BagError` that names the bag.
    """

    def __init__(self, path: Path | str, files: Sequence[Path] | None = None) -> None:
        """Open a bag folder, or an `.mcap` or `.db3` file, or one of these in `.zstd`.

        `files` are its storage files where they have been found and unpacked before.

        Raises:
            BagError: there is no bag, or it is damaged.
        """
        self.path = Path(path)
        self._warnings: list[str] = []
        self._is_guessed = False
        self._stack = ExitStack()
        try:
            with _as_bag_error(self.path):
                self._files = list(files) if files is not None else self._find()
                self._readers = [self._stack.enter_context(BoundedReader(file)) for file in self._files]
                for file, reader in zip(self._files, self._readers, strict=True):
                    check_index(reader.storage, file)
                    _check_encoding(reader, file)
                self._readers.sort(key=lambda reader: reader.start_time)  # a file without messages comes last
                if self._is_guessed:
                    _refuse_overlap(self._readers, self.path)
        except BaseException:
            self._stack.close()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the bag has to know: files in a guessed order, messages of a killed recorder, ..."""
        return tuple(self._warnings)

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

    def _find(self) -> list[Path]:
        found = find_storage_files(self.path)
        self._note(found.warning)
        self._is_guessed = found.is_guessed
        for warning in describe_lost_logs(self.path, found.files):
            self._note(warning)
        whole = [file for file in found.files if not is_cut_off(file)]
        if whole and len(whole) < len(found.files):
            for file in (file for file in found.files if file not in whole):
                self._note(f"{file}: is cut off and was left out; {_REPAIR}")
            return [self._prepare(file) for file in whole]
        return [self._prepare(file) for file in found.files]

    def _prepare(self, file: Path) -> Path:
        file = unpack(file, self._stack)
        refuse_foreign(file)
        if file.suffix != ".db3":
            return file
        file, warning = with_write_ahead_log(file, self._stack)
        self._note(warning)
        file = with_plain_name(file, self._stack)
        check_tables(file)
        return file

    def _note(self, warning: str) -> None:
        if warning:
            self._warnings.append(warning)


def _refuse_overlap(ordered: Sequence[BoundedReader], path: Path) -> None:
    """Refuse files that were recorded at the same time, so that they are no parts of one recording.

    The parts of one overlap by the moment that messages wait in the recorder.
    """
    for reader, following in pairwise(ordered):
        overlap_ns = min(reader.end_time, following.end_time) - following.start_time
        if overlap_ns > 0.5 * min(reader.duration, following.duration) and overlap_ns > 1:
            names = f"{Path(str(reader.path)).name} and {Path(str(following.path)).name}"
            raise BagError(f"{path}: {names} overlap in time, expected the parts of one recording; choose one of them")


def _check_encoding(reader: BoundedReader, file: Path) -> None:
    for connection in reader.connections:
        encoding = getattr(connection.ext, "serialization_format", "cdr")
        if encoding not in ("cdr", ""):
            raise BagError(f"{file}: {connection.topic} holds messages in {encoding!r}, expected 'cdr'")


@contextmanager
def _as_bag_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BagError:
        raise
    except Exception as error:
        # The readers of damaged MCAP, SQLite and zstd raise a dozen kinds of exception.
        reason = (str(error) or type(error).__name__).rstrip(".")
        raise BagError(f"{path}: cannot be read as a rosbag2 bag: {reason}{_advice(error)}") from error


def _advice(error: Exception) -> str:
    return "" if isinstance(error, OSError) else f"; {_REPAIR}"
