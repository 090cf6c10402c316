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
PATIENCE = 300.0  # seconds that a database may be away
_LONGEST_WAIT = 5.0


class Database:
    """SQLite by path, or PostgreSQL: sqlite:///PATH, postgresql+psycopg://..."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """Raises StoreError where the database cannot be opened within `patience` seconds."""
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._engine = _engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"The database cannot be opened: {error}. Check MEMPROBE_DATABASE_URL.") from error
        self._patience = patience
        self.run(migrate)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one transaction, which is repeated where the database went away. Raises StoreError."""
        begin, wait = time.monotonic(), 0.05
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                passing = isinstance(error, OperationalError) or error.connection_invalidated
                if not passing or time.monotonic() - begin > self._patience:
                    raise StoreError(f"The database does not answer: {error.orig}.") from error
                logging.getLogger(__name__).warning("The database does not answer; asking again.")
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    def close(self) -> None:
        self._engine.dispose()


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
