"""Which scans there are, how far they are, and what users do with them. What workers do: leases.py."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from probe.access.keys import LOCAL
from probe.errors import InputError, UnknownName
from probe.scans import deleted
from probe.scans.database import Database
from probe.scans.leases import LEASE, Leases
from probe.scans.nouns import OPEN, Done, Scan
from probe.scans.parts import folder_key
from probe.scans.statements import lock, new_task, note_event, perhaps_finish, scan_of
from probe.scans.tables import SCANS, TASKS
from probe.untold import called


class Ledger(Leases):
    """owner: whose scans these are; nobody else's are seen. Workers serve them all."""

    def __init__(self, database: Database, owner: str = LOCAL, lease: float = LEASE) -> None:
        super().__init__(database, lease)
        self._owner = owner

    def create(self, source: dict[str, Any], model: str, options: dict[str, Any], metadata: dict[str, str]) -> Scan:
        now, name = time.time(), f"batch_{uuid4().hex}"
        row = {
            "id": name, "owner": self._owner, "model": model, "status": "validating", "paused": False, "created": now,
            "served": 0.0, "source": source, "options": options, "metadata": metadata, "rows": 0, "split": False,
            "times": {},
        }  # fmt: skip

        def work(connection: Connection) -> None:
            connection.execute(SCANS.insert().values(**row))
            connection.execute(TASKS.insert().values(**new_task(name, self._owner, "split", 0)))

        self._database.run(work)
        return self.scan(name)

    def scan(self, name: str) -> Scan:
        """Raises UnknownName."""
        return self._database.read(lambda connection: self._scan(connection, name))

    def scans(self, limit: int = 100, after: str | None = None) -> list[Scan]:
        """Returns the newest first. Raises UnknownName for an unknown `after`."""
        query = (
            select(SCANS).where(SCANS.c.owner == self._owner).order_by(SCANS.c.created.desc(), SCANS.c.id).limit(limit)
        )
        if after:
            query = query.where(SCANS.c.created < self.scan(after).created)
        return self._database.read(lambda connection: [scan_of(row) for row in connection.execute(query).mappings()])

    def progress(self, name: str) -> Done:
        shards = and_(TASKS.c.scan == name, TASKS.c.kind == "score")
        done = case((TASKS.c.status == "done", 1), else_=0)
        query = select(
            func.coalesce(func.sum(TASKS.c.good), 0), func.coalesce(func.sum(TASKS.c.bad), 0), func.count(),
            func.coalesce(func.sum(done), 0), func.min(TASKS.c.finished), func.max(TASKS.c.finished),
        ).where(shards)  # fmt: skip
        return Done(*self._database.read(lambda connection: tuple(connection.execute(query).one())))

    def shards(self, name: str) -> list[int]:
        """Returns the numbers of the shards that are done, in order."""
        query = select(TASKS.c.number).where(_scored(name)).order_by(TASKS.c.number)
        return self._database.read(lambda connection: list(connection.execute(query).scalars()))

    def counts(self, name: str, number: int) -> dict[str, int]:
        """Returns what a shard that is done counted. One at a time: together they may be larger than a shard."""
        query = select(TASKS.c.counts).where(_scored(name), TASKS.c.number == number)
        found: dict[str, int] = self._database.read(lambda connection: connection.execute(query).scalar_one())
        return found

    def states(self) -> dict[str, int]:
        """Returns how many scans there are of each status, whosever they are; those that are paused are `paused`."""
        query = select(SCANS.c.status, SCANS.c.paused, func.count()).group_by(SCANS.c.status, SCANS.c.paused)
        found: dict[str, int] = {}
        for status, paused, count in self._database.read(lambda connection: connection.execute(query).all()):
            state = "paused" if paused else status
            found[state] = found.get(state, 0) + count
        return found

    def knows(self, name: str) -> bool:
        """Returns whether there is such a scan, whosever it is."""
        query = select(SCANS.c.id).where(SCANS.c.id == name)
        return self._database.read(lambda connection: connection.execute(query).first() is not None)

    def cancel(self, name: str) -> Scan:
        """What is done stays and is finished; what waits is dropped. Raises UnknownName, InputError."""

        def work(connection: Connection) -> None:
            lock(connection, name)
            scan = self._scan(connection, name)
            if scan.status not in ("validating", "in_progress"):
                if scan.status in ("cancelling", "cancelled"):
                    return
                raise InputError(f"The scan is {scan.status} and cannot be cancelled.", "id")
            note_event(connection, name, "cancelling", status="cancelling", paused=False)
            dropped = and_(TASKS.c.scan == name, TASKS.c.kind != "finish", TASKS.c.status != "done")
            connection.execute(TASKS.delete().where(dropped))
            connection.execute(SCANS.update().where(SCANS.c.id == name).values(split=True))
            perhaps_finish(connection, name)

        self._database.run(work)
        return self.scan(name)

    def pause(self, name: str, paused: bool, note: str | None = None) -> Scan:
        """Stops or resumes the handing out of its tasks; a shard that was begun is finished. Raises UnknownName."""

        def work(connection: Connection) -> None:
            lock(connection, name)
            scan = self._scan(connection, name)
            if scan.status not in OPEN or (paused and scan.status == "cancelling"):
                raise InputError(f"The scan is {scan.status}; only one that runs can be paused or resumed.", "id")
            connection.execute(SCANS.update().where(SCANS.c.id == name).values(paused=paused, note=note))

        self._database.run(work)
        return self.scan(name)

    def delete(self, name: str) -> None:
        """Forgets a scan, running or not, and notes that what it wrote is to go. Raises UnknownName."""

        def work(connection: Connection) -> None:
            lock(connection, name)  # else a split may add a shard between the two
            self._scan(connection, name)
            deleted.note(connection, name, folder_key(name))
            connection.execute(TASKS.delete().where(TASKS.c.scan == name))
            connection.execute(SCANS.delete().where(SCANS.c.id == name))

        self._database.run(work)

    def _scan(self, connection: Connection, name: str) -> Scan:
        query = select(SCANS).where(SCANS.c.id == name.replace("\0", ""), SCANS.c.owner == self._owner)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownName(f"No batch {called(name)}.", "id")
        return scan_of(row)


def _scored(name: str) -> ColumnElement[bool]:
    """Of a scan's shards those that are done."""
    return and_(TASKS.c.scan == name, TASKS.c.kind == "score", TASKS.c.status == "done")
