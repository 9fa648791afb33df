"""Make sure that an SQLite bag is read as the plain tables that a recorder writes."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from fishy_ros.errors import BagError

_NO_TABLES = "SELECT name FROM sqlite_master WHERE type = 'view' OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1"
_COMPUTED_COLUMNS = """
    SELECT sqlite_master.name || '.' || columns.name
    FROM sqlite_master, pragma_table_xinfo(sqlite_master.name) AS columns
    WHERE sqlite_master.type = 'table' AND columns.hidden LIMIT 1
"""


def is_plain_name(path: Path) -> bool:
    """Tell whether `path` means the same as a path and within a URI, where `%2e` is a point and `?` ends the path.

    The library puts the paths of SQLite files into URIs as they are.
    """
    return not set("%?#") & set(str(path))


def with_plain_name(file: Path, stack: ExitStack) -> Path:
    """Replace the path of an SQLite file that is not a plain name by a link that lives as long as `stack`."""
    if file.suffix != ".db3" or is_plain_name(file):
        return file
    link = Path(stack.enter_context(TemporaryDirectory(prefix="fishy-bag-")), "bag.db3")
    link.symlink_to(file.resolve())
    return link


def check_tables(file: Path) -> None:
    """Refuse a database in which a query computes: rows without end, or more in a row than the file holds.

    Raises:
        BagError: it has a view, a virtual table or a generated column.
        sqlite3.Error: the file is not a database, or damaged.
    """
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        found = database.execute(_NO_TABLES).fetchone() or database.execute(_COMPUTED_COLUMNS).fetchone()
    if found is not None:
        raise BagError(f"{file}: {found[0]!r} is not a plain table or column, and nothing else is read")
