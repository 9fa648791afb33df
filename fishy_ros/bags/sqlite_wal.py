"""Bring in what the recorder of an SQLite bag had not written to the bag itself when it was killed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from fishy_ros.bags.unpacking import DISK_RESERVE_BYTES
from fishy_ros.errors import BagError

WAL_HEADER_BYTES = 32
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""How a rollback journal starts that has to be played back (SQLite file format, section 3)."""


def with_write_ahead_log(file: Path, stack: ExitStack) -> tuple[Path, str]:
    """Replace an SQLite file beside which a write-ahead log lies by a copy that holds everything.

    The original stays as it is. It may lie on a disk that cannot be written to, on which SQLite cannot read a log.

    Returns:
        The file to read, and a warning if it is a copy. A copy lives as long as `stack`.

    Raises:
        BagError: there is no room for a copy, or a rollback journal lies beside the file.
        OSError, sqlite3.Error: the file or its log cannot be read, or is damaged.
    """
    original = file.resolve()
    _refuse_journal(original)
    log = original.with_name(f"{original.name}-wal")
    if not log.is_file() or log.stat().st_size <= WAL_HEADER_BYTES:
        return file, ""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="fishy-bag-")))
    needed = original.stat().st_size + 2 * log.stat().st_size + DISK_RESERVE_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise BagError(
            f"{file}: its recorder was killed, and {folder.parent} has too little room for the copy from which the "
            f"messages in {log.name} are read; run `sqlite3 {file.name} 'PRAGMA wal_checkpoint(TRUNCATE)'` beside it"
        )
    copy = folder / "bag.db3"
    shutil.copyfile(original, copy)
    shutil.copyfile(log, copy.with_name("bag.db3-wal"))
    with closing(sqlite3.connect(copy)) as database:
        _, pages, _ = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")
    if pages <= 0:
        return copy, f"{file}: its recorder was killed, and {log.name} holds nothing whole: messages are lost"
    return copy, f"{file}: its recorder was killed; the messages in {log.name} are read too"


def describe_lost_logs(path: Path, files: Sequence[Path]) -> list[str]:
    """Name the write-ahead logs in a bag folder that belong to none of its `files`, which were renamed or packed.

    Raises:
        OSError: the folder cannot be read.
    """
    read = {f"{file.name}-wal" for file in files}
    logs = sorted(path.glob("*.db3-wal")) if path.is_dir() else []
    return [
        f"{log}: holds messages of a killed recorder, but there is no {log.name.removesuffix('-wal')} to which they "
        "belong, and they were not read; give both files the same name"
        for log in logs
        if log.name not in read and log.stat().st_size > WAL_HEADER_BYTES and not _has_file(log)
    ]


def _has_file(log: Path) -> bool:
    return log.with_name(log.name.removesuffix("-wal")).exists()


def _refuse_journal(original: Path) -> None:
    """SQLite would undo what the journal holds; it may also delete files that the journal names, so it is not used."""
    journal = original.with_name(f"{original.name}-journal")
    if not journal.is_file():
        return
    with journal.open("rb") as opened:
        if opened.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC:
            raise BagError(
                f"{original}: its recorder was killed in the middle of a write, which {journal.name} undoes; "
                f"run `sqlite3 {original.name} 'PRAGMA integrity_check'` beside it once, then try again"
            )
