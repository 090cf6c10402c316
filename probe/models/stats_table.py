"""The cache's table: how it is opened, and how rows leave it that are to be forgotten, for good.

A row is tagged with the scan or job that put it in (tags.py). Deleted rows are overwritten in the file, and the log
beside it is cut off: what was forgotten is not read out of either again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from probe.data.private import claim, make_folder
from probe.errors import StoreError

T = TypeVar("T")
_PATIENCE = 60.0  # seconds that another process may write
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stats (key BLOB PRIMARY KEY, windows INTEGER, used REAL, value BLOB, tag TEXT);
CREATE INDEX IF NOT EXISTS stats_used ON stats (used);
"""
_PRAGMAS = ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON")
SHRINK = "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);"  # as a script: a statement frees one page a call


def connect(path: Path) -> sqlite3.Connection:
    """Returns a connection that threads may share, to a table that is there. Raises sqlite3.Error, OSError."""
    make_folder(path.parent)
    claim(path)
    database = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            database.execute(f"PRAGMA {pragma}")
        database.executescript(_SCHEMA)
        _migrate(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _migrate(database: sqlite3.Connection) -> None:
    """Adds the tag to a table of an earlier version; two that come at once wait for each other."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        if "tag" not in [row[1] for row in database.execute("PRAGMA table_info(stats)")]:
            database.execute("ALTER TABLE stats ADD COLUMN tag TEXT")
        database.execute("CREATE INDEX IF NOT EXISTS stats_tag ON stats (tag) WHERE tag IS NOT NULL")


def drop(path: Path, tag: str) -> int:
    """Forgets what was put in under a tag; returns how many rows. Raises StoreError."""
    return _changed(path, "DELETE FROM stats WHERE tag = ?", tag)


def sweep(path: Path, before: float) -> int:
    """Forgets what nobody used since a time, in seconds since the epoch; returns how many rows. Raises StoreError."""
    return _changed(path, "DELETE FROM stats WHERE used < ?", before)


def tags(path: Path) -> list[str]:
    """Returns the tags that rows have. Raises StoreError."""
    query = "SELECT DISTINCT tag FROM stats WHERE tag IS NOT NULL"
    return _with(path, lambda database: [str(tag) for (tag,) in database.execute(query)]) or []


def _changed(path: Path, statement: str, value: str | float) -> int:
    def work(database: sqlite3.Connection) -> int:
        with database:
            count = database.execute(statement, (value,)).rowcount
        if count:
            database.executescript(SHRINK)
        return count

    return _with(path, work) or 0


def _with(path: Path, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Returns what the work gives, None where there is no cache. It has a connection of its own: a cache that was left
    alone after a failure is to be cleared all the same.
    """
    if not path.exists():
        return None
    try:
        with closing(connect(path)) as database:
            return work(database)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The cache {path} cannot be cleared: {error}. Mend or delete that file.") from error
