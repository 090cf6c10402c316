"""What workers do with the ledger: claim a task, keep it, hand it back, complete it.

A task is leased to one worker for some seconds, which it renews while it works; a task whose lease has run out, or
whose worker on this machine is gone, waits again. Whoever lost a lease learns it at the next renewal and can complete
nothing. Shards are handed out once all rows were read: the blind gate looks at a sample of all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from probe.scans.database import Database
from probe.scans.nouns import OPEN, Task
from probe.scans.processes import gone
from probe.scans.statements import (
    handed_out,
    held_task,
    lock,
    new_task,
    note_event,
    perhaps_finish,
    scan_of,
    this_task,
)
from probe.scans.tables import SCANS, TASKS

LEASE = 60.0  # seconds


class Leases:
    """Every method is one transaction."""

    def __init__(self, database: Database, lease: float = LEASE) -> None:
        self._database, self.lease = database, lease

    def claim(self, worker: str, models: Sequence[str]) -> Task | None:
        """Leases the next task of the scan that was served longest ago; None where nothing waits."""

        def work(connection: Connection) -> Task | None:
            now = time.time()
            _revive(connection)
            free = or_(TASKS.c.status == "waiting", and_(TASKS.c.status == "leased", TASKS.c.lease < now))
            query = (
                select(TASKS.c.scan, TASKS.c.kind, TASKS.c.number, TASKS.c.attempts, TASKS.c.trying)
                .join(SCANS, SCANS.c.id == TASKS.c.scan)
                .where(free, or_(TASKS.c.kind != "score", SCANS.c.split), handed_out(models))
                .order_by(SCANS.c.served, SCANS.c.created, TASKS.c.kind.desc(), TASKS.c.number)
                .limit(1)
                .with_for_update(skip_locked=True, of=TASKS)
            )
            found = connection.execute(query).mappings().first()
            if found is None:
                return None
            connection.execute(
                this_task(found["scan"], found["kind"], found["number"]).values(
                    status="leased", worker=worker, lease=now + self.lease, attempts=found["attempts"] + 1
                )
            )
            connection.execute(SCANS.update().where(SCANS.c.id == found["scan"]).values(served=now))
            scan = scan_of(connection.execute(select(SCANS).where(SCANS.c.id == found["scan"])).mappings().one())
            return Task(scan, found["kind"], found["number"], found["attempts"] + 1, found["trying"])

        return self._database.run(work)

    def is_open(self, models: Sequence[str]) -> bool:
        """Returns whether anything is left to do or to wait for, paused scans aside."""
        query = (
            select(TASKS.c.scan)
            .join(SCANS, SCANS.c.id == TASKS.c.scan)
            .where(TASKS.c.status != "done", handed_out(models))
            .limit(1)
        )
        return self._database.read(lambda connection: connection.execute(query).first() is not None)

    def renew(self, task: Task, worker: str) -> bool:
        """Returns False where the task is no longer this worker's, or its scan was cancelled or deleted."""

        def work(connection: Connection) -> bool:
            status = connection.execute(select(SCANS.c.status).where(SCANS.c.id == task.scan.id)).scalar()
            if status not in OPEN or (status == "cancelling" and task.kind != "finish"):
                return False
            return connection.execute(held_task(task, worker).values(lease=time.time() + self.lease)).rowcount == 1

        return self._database.run(work)

    def note_trying(self, task: Task, trying: dict[str, Any] | None) -> None:
        """Says what is begun now, so that whoever comes next knows it, should this worker die of it."""
        self._database.run(
            lambda connection: connection.execute(this_task(task.scan.id, task.kind, task.number).values(trying=trying))
        )

    def release(self, task: Task, worker: str, *, tried: bool = True) -> None:
        """Lets the task wait again. tried: whether it counts as an attempt."""

        def work(connection: Connection) -> None:
            attempts = task.attempts if tried else task.attempts - 1
            connection.execute(held_task(task, worker).values(status="waiting", worker=None, attempts=attempts))

        self._database.run(work)

    def add_shard(self, task: Task, number: int, rows: int) -> bool:
        """Adds a shard once; the split that finds it there goes on. Returns False where the scan was cancelled, or is
        gone, and its split with it.
        """

        def work(connection: Connection) -> bool:
            lock(connection, task.scan.id)
            split = select(TASKS.c.number).where(
                TASKS.c.scan == task.scan.id, TASKS.c.kind == "split", TASKS.c.status == "leased"
            )
            if connection.execute(split).first() is None:
                return False
            there = select(TASKS.c.number).where(
                TASKS.c.scan == task.scan.id, TASKS.c.kind == "score", TASKS.c.number == number
            )
            if connection.execute(there).first() is None:
                row = new_task(task.scan.id, task.scan.owner, "score", number, rows)
                connection.execute(TASKS.insert().values(**row))
                note_event(connection, task.scan.id, "in_progress", status="in_progress")
            return True

        return self._database.run(work)

    def complete(
        self, task: Task, worker: str, *, good: int = 0, bad: int = 0, counts: dict[str, Any] | None = None,
        scan: dict[str, Any] | None = None, status: str | None = None,
    ) -> bool:  # fmt: skip
        """Marks a task done, with what it counted, and changes columns of its scan in the same transaction. With the
        last shard of a scan its finish waits. Returns False where the task is no longer this worker's.
        """

        def work(connection: Connection) -> bool:
            lock(connection, task.scan.id)  # else the last two shards, together, would each wait for the other
            values = {"good": good, "bad": bad, "counts": counts, "trying": None, "finished": time.time()}
            if connection.execute(held_task(task, worker).values(status="done", **values)).rowcount != 1:
                return False
            if scan:
                connection.execute(SCANS.update().where(SCANS.c.id == task.scan.id).values(**scan))
            if status:
                note_event(connection, task.scan.id, status, status=status)
            perhaps_finish(connection, task.scan.id)
            return True

        return self._database.run(work)

    def fail(self, task: Task, worker: str, why: str) -> bool:
        """Ends a scan that cannot go on; returns False where the task that shows it is no longer this worker's."""

        def work(connection: Connection) -> bool:
            name = task.scan.id
            lock(connection, name)
            if connection.execute(held_task(task, worker).values(status="waiting")).rowcount != 1:
                return False
            connection.execute(TASKS.delete().where(TASKS.c.scan == name, TASKS.c.status != "done"))
            note_event(connection, name, "failed", status="failed", error=why)
            return True

        return self._database.run(work)


def _revive(connection: Connection) -> None:
    """Lets the tasks of processes of this machine that are gone wait again, before their leases run out."""
    leased = select(TASKS.c.worker).where(TASKS.c.status == "leased").distinct()
    for worker in connection.execute(leased).scalars().all():
        if gone(str(worker)):
            held = and_(TASKS.c.worker == worker, TASKS.c.status == "leased")
            connection.execute(TASKS.update().where(held).values(status="waiting", worker=None))
