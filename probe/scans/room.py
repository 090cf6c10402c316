"""How much an owner's uploads may take, and what stays free on the disk beside them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from probe.errors import NoRoom
from probe.scans.database import Database
from probe.scans.store import Store
from probe.scans.tables import FILES

FREE = 10**9  # bytes that uploads leave: results, the database and everything else on the machine need some
FULL = (
    "The service's disk is all but full, and takes no upload of this size. Delete what you no longer need, send less "
    "at once, or ask the operator for more room."
)


class Room:
    """most: bytes of all uploads that an owner keeps, 0 for no limit."""

    def __init__(self, database: Database, store: Store, owner: str, most: int) -> None:
        self._database, self._store, self._owner, self._most = database, store, owner, most

    def watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yields the pieces of an upload as long as there is room for them. Raises NoRoom."""
        used, size = self._database.read(self._used) if self._most else 0, 0
        for piece in pieces:
            size += len(piece)
            self._check(used + size)
            if self._store.free() - len(piece) < FREE:
                raise NoRoom(FULL)
            yield piece

    def check(self, connection: Connection, size: int) -> None:
        """Raises NoRoom where uploads that ended meanwhile left none; in the transaction that keeps this one."""
        if self._most:
            self._check(self._used(connection) + size)

    def _check(self, size: int) -> None:
        if self._most and size > self._most:
            raise NoRoom(
                f"Your uploads may take {self._most:,} bytes together (MEMPROBE_OWNER_BYTES), which this one would "
                "exceed. Delete some that you no longer need (DELETE /v1/files/ID), or ask the operator for more.",
                owners=True,
            )

    def _used(self, connection: Connection) -> int:
        query = select(func.coalesce(func.sum(FILES.c.bytes), 0)).where(FILES.c.owner == self._owner)
        return int(connection.execute(query).scalar_one())
