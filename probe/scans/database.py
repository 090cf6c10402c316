"""The connection to the ledger's database: one transaction at a time, asked again while the database is away."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from probe.data.private import claim, make_folder
from probe.errors import StoreError
from probe.scans.tables import migrate

T = TypeVar("T")
_READS = "memprobe_reads"
PATIENCE = 300.0  # seconds that a database may be away
_AT_FIRST = 20.0  # the same where it never answered yet: the address may be wrong
_LONGEST_WAIT = 5.0
_REFUSED = ("authentication failed", "does not exist", "no password supplied", "no pg_hba.conf entry")
_REMEDY = "Mend that, then resume."


class Database:
    """SQLite by path, or PostgreSQL: sqlite:///PATH, postgresql+psycopg://..."""

    def __init__(self, url: str | URL | Path, patience: float = PATIENCE, *, durable: bool = False) -> None:
        """url: or the file of an SQLite database. patience: seconds that it may be away once it was there. durable:
        what was committed outlives a loss of power too, as PostgreSQL promises anyway and SQLite at some cost.

        Raises StoreError where it cannot be opened.
        """
        try:
            made = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url)
            if made.get_backend_name() == "sqlite" and made.database and not made.database.startswith((":", "file:")):
                make_folder(Path(made.database).parent)
                claim(Path(made.database))
            self._engine = _engine(made, durable)
        except (SQLAlchemyError, ImportError, OSError) as error:
            remedy = "" if isinstance(url, Path) else " Check MEMPROBE_DATABASE_URL."
            raise StoreError(f"The database cannot be opened: {error}.{remedy}") from error
        self._patience = min(patience, _AT_FIRST)
        self.run(migrate)
        self._patience = patience

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work`, which changes nothing, without waiting for those that do. Raises StoreError."""
        return self.run(work, reads=True)

    def run(self, work: Callable[[Connection], T], *, reads: bool = False) -> T:
        """Runs `work` in one transaction, which is repeated where the database went away. Raises StoreError."""
        begin, wait = time.monotonic(), 0.05
        while True:
            try:
                with self._engine.connect() as connection, connection.execution_options(**{_READS: reads}).begin():
                    return work(connection)
            except (DBAPIError, PoolTimeout) as error:
                if not _passes(error) or time.monotonic() - begin > self._patience:
                    raise StoreError(f"The database cannot be used: {_said(error)}. {_REMEDY}") from error
                logging.getLogger(__name__).warning("The database does not answer; asking again.")
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    def forget(self) -> None:
        """Cuts off the log in which SQLite may still hold what was deleted; PostgreSQL's own vacuum does the like."""
        if self._engine.dialect.name == "sqlite":
            with closing(self._engine.raw_connection()) as connection:  # in no transaction
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()


def _passes(error: DBAPIError | PoolTimeout) -> bool:
    """Returns whether waiting may help: against a server that is away or a lock, not a full disk or a password."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    away = isinstance(error, OperationalError) or error.connection_invalidated
    return away and not any(words in str(error.orig) for words in _REFUSED)


def _said(error: DBAPIError | PoolTimeout) -> str:
    """Returns the first line: what PostgreSQL says below it quotes the values that were sent."""
    said = str(error if isinstance(error, PoolTimeout) else error.orig).strip()
    return " ".join(said.split("\n", 1)[0].split()).rstrip(".")


def _engine(url: URL, durable: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(url, connect_args={"timeout": 60}, max_overflow=-1, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # sqlite3 begins transactions too late by itself
        synchronous = "FULL" if durable else "NORMAL"
        # secure_delete: what was deleted is overwritten, and does not stay readable in the file
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "busy_timeout=60000", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # who reads to write must not be overtaken between the two
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
