"""What is kept too long goes, and what was left behind: files, scans and their results, statistics, half-written parts.

Anybody may sweep, at any time and side by side: all of it may be done twice. What goes is told by ids and numbers only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, select

from probe.config import Settings
from probe.errors import InputError, MemprobeError, StoreError, UnknownName
from probe.logs import where
from probe.models import stats_table
from probe.scans import deleted
from probe.scans.desk import Desk
from probe.scans.parts import shards_key
from probe.scans.tables import FILES, SCANS

DAY = 86_400.0
EVERY = 3_600.0  # seconds from one sweep to the next
_HALF = DAY  # age of what is half written and belongs to nobody any more
_LOG = logging.getLogger(__name__)


@dataclass
class Swept:
    """Ids of files and scans, numbers of half-written files and of statistics."""

    files: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)
    parts: int = 0
    statistics: int = 0

    def __str__(self) -> str:
        return (
            f"files: {', '.join(self.files) or 'none'}; scans: {', '.join(self.scans) or 'none'}; "
            f"half-written files: {self.parts:,}; statistics: {self.statistics:,}"
        )


def sweep(desk: Desk, days: float, cache_days: float) -> Swept:
    """Deletes what is older than so many days; 0 keeps it. Raises StoreError.

    A scan's age counts from the last time that anything happened to it: one that is worked on is never old.
    """
    found, now, errors = Swept(), time.time(), list[StoreError]()

    def parts() -> None:
        found.parts = sum(desk.store.sweep_old(prefix, _HALF) for prefix in ("files", "scans"))

    def statistics() -> None:
        if desk.cache:
            found.statistics = _forget(desk, desk.cache, now - cache_days * DAY if cache_days else 0.0)

    def old() -> None:
        if days:
            found.scans.extend(_old_scans(desk, now - days * DAY))
            found.files.extend(_old_files(desk, now - days * DAY))

    for step in (statistics, parts, old, lambda: _again(desk, now)):
        try:
            step()
        except StoreError as error:  # a store that is away need not keep the statistics
            errors.append(error)
    if found != Swept():
        _LOG.info("Swept %s.", found)
    if errors:
        raise errors[0]
    return found


def _again(desk: Desk, now: float) -> None:
    """Removes what a deletion could not remove, what somebody wrote since, and texts of scans that failed."""
    for name, key, left_over in desk.database.run(deleted.unsettled):
        if left_over:
            desk.clear(name, key)
        else:
            desk.store.delete(key)
    for name in desk.database.read(lambda connection: _failed(connection, now - deleted.AGAIN)):
        desk.store.delete(shards_key(name))


def _old_scans(desk: Desk, before: float) -> Iterator[str]:
    def ids(connection: Connection) -> list[tuple[str, str]]:
        query = select(SCANS.c.id, SCANS.c.owner, SCANS.c.served, SCANS.c.times).where(SCANS.c.created < before)
        rows = connection.execute(query).all()
        return [(row.id, row.owner) for row in rows if max(row.served, *row.times.values(), 0.0) < before]

    for name, owner in desk.database.read(ids):
        try:
            desk.of(owner).delete(name)
        except UnknownName:  # somebody else deleted it
            continue
        yield name


def _old_files(desk: Desk, before: float) -> Iterator[str]:
    query = select(FILES.c.id, FILES.c.owner).where(FILES.c.created < before)
    for row in desk.database.read(lambda connection: connection.execute(query).all()):
        try:
            desk.of(row.owner).remove(row.id)
        except InputError:  # a scan still reads it, or it is gone already
            continue
        yield row.id


def _failed(connection: Connection, since: float) -> list[str]:
    """Returns scans that ended so lately that their texts may not have been removed yet."""
    query = select(SCANS.c.id, SCANS.c.times).where(SCANS.c.status == "failed")
    return [row.id for row in connection.execute(query) if row.times.get("failed", 0.0) > since]


def _forget(desk: Desk, cache: Path, before: float) -> int:
    """Drops statistics of what was deleted, by whichever machine, and those that nobody used since."""
    there = stats_table.tags(cache)
    gone = desk.database.read(lambda connection: deleted.among(connection, there))
    return sum(stats_table.drop(cache, name) for name in gone) + stats_table.sweep(cache, before)


@contextmanager
def sweeping(desk: Desk, settings: Settings, every: float = EVERY) -> Iterator[None]:
    """Sweeps at once and every so many seconds while the block runs, in a thread of its own."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            try:
                sweep(desk, settings.retention_days, settings.cache_days)
            except MemprobeError as error:
                _LOG.error("Not all was swept: %s", error)
            except Exception as error:  # the next time may do
                _LOG.error("Not all was swept.\n%s", where(error))
            over.wait(every)

    thread = threading.Thread(target=work, name="sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)  # whatever it was about to delete, the next sweep does
