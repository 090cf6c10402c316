"""The connection to the ledger's database: one transaction at a time, asked again while the database is away."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from probe.errors import StoreError
from probe.scans.tables import migrate

T = TypeVar("T")
_FILE = "sqlite:///"
PATIENCE = 300.0  # seconds that a database may be away
_AT_FIRST = 20.0  # the same where it never answered yet: the address may be wrong
_LONGEST_WAIT = 5.0
_REFUSED = ("authentication failed", "does not exist", "no password supplied", "no pg_hba.conf entry")
_REMEDY = "Mend that, then resume."


class Database:
    """SQLite by path, or PostgreSQL: sqlite:///PATH, postgresql+psycopg://..."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """patience: seconds that it may be away once it was there. Raises StoreError where it cannot be opened."""
        try:
            if url.startswith(_FILE):
                Path(url.removeprefix(_FILE)).parent.mkdir(parents=True, exist_ok=True)
            self._engine = _engine(url)
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise StoreError(f"The database cannot be opened: {error}. Check MEMPROBE_DATABASE_URL.") from error
        self._patience = min(patience, _AT_FIRST)
        self.run(migrate)
        self._patience = patience

    def run(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one transaction, which is repeated where the database went away. Raises StoreError."""
        begin, wait = time.monotonic(), 0.05
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not _passes(error) or time.monotonic() - begin > self._patience:
                    raise StoreError(f"The database cannot be used: {_said(error)}. {_REMEDY}") from error
                logging.getLogger(__name__).warning("The database does not answer; asking again.")
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    def close(self) -> None:
        self._engine.dispose()


def _passes(error: DBAPIError) -> bool:
    """Returns whether waiting may help: against a server that is away or a lock, not a full disk or a password."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    away = isinstance(error, OperationalError) or error.connection_invalidated
    return away and not any(words in str(error.orig) for words in _REFUSED)


def _said(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split()).rstrip(".")


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # sqlite3 begins transactions too late by itself
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # who reads to write must not be overtaken between the two

    return engine
