"""Which scans there are, and which of their tasks are waiting, leased, or done.

A task is leased to one worker for some seconds, which it renews while it works; a task whose lease has run out, or
whose worker on this machine is gone, waits again. Whoever lost a lease learns it at the next renewal and can complete
nothing. Shards are handed out once all rows were read: the blind gate looks at a sample of all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Connection, RowMapping, and_, case, func, or_, select

from probe.errors import InputError, UnknownName
from probe.scans.database import Database
from probe.scans.nouns import OPEN, Done, Kind, Scan, Task
from probe.scans.processes import gone
from probe.scans.tables import SCANS, TASKS

LEASE = 60.0  # seconds


class Ledger:
    """The statements. Every method is one transaction."""

    def __init__(self, database: Database, owner: str = "default", lease: float = LEASE) -> None:
        self._database, self._owner, self.lease = database, owner, lease

    def create(self, source: dict[str, Any], model: str, options: dict[str, Any], metadata: dict[str, str]) -> Scan:
        now, name = time.time(), f"batch_{uuid4().hex}"
        row = {
            "id": name, "owner": self._owner, "model": model, "status": "validating", "paused": False, "created": now,
            "served": 0.0, "source": source, "options": options, "metadata": metadata, "rows": 0, "split": False,
            "times": {},
        }  # fmt: skip

        def work(connection: Connection) -> None:
            connection.execute(SCANS.insert().values(**row))
            connection.execute(TASKS.insert().values(**_task(name, self._owner, "split", 0)))

        self._database.run(work)
        return self.scan(name)

    def scan(self, name: str) -> Scan:
        """Raises UnknownName."""
        return self._database.run(lambda connection: self._scan(connection, name))

    def scans(self, limit: int = 100, after: str | None = None) -> list[Scan]:
        """Returns the newest first. Raises UnknownName for an unknown `after`."""
        query = (
            select(SCANS).where(SCANS.c.owner == self._owner).order_by(SCANS.c.created.desc(), SCANS.c.id).limit(limit)
        )
        if after:
            query = query.where(SCANS.c.created < self.scan(after).created)
        return self._database.run(lambda connection: [_read(row) for row in connection.execute(query).mappings()])

    def progress(self, name: str) -> Done:
        shards = and_(TASKS.c.scan == name, TASKS.c.kind == "score")
        done = case((TASKS.c.status == "done", 1), else_=0)
        query = select(
            func.coalesce(func.sum(TASKS.c.good), 0), func.coalesce(func.sum(TASKS.c.bad), 0), func.count(),
            func.coalesce(func.sum(done), 0), func.min(TASKS.c.finished), func.max(TASKS.c.finished),
        ).where(shards)  # fmt: skip
        return Done(*self._database.run(lambda connection: tuple(connection.execute(query).one())))

    def counts(self, name: str) -> list[dict[str, Any]]:
        """Returns what each shard that is done counted, in order."""
        return self._of_done(name, TASKS.c.counts)

    def shards(self, name: str) -> list[int]:
        """Returns the numbers of the shards that are done, in order."""
        return self._of_done(name, TASKS.c.number)

    def _of_done(self, name: str, column: Column[Any]) -> list[Any]:
        query = select(column).where(TASKS.c.scan == name, TASKS.c.kind == "score", TASKS.c.status == "done")
        return self._database.run(lambda connection: list(connection.execute(query.order_by(TASKS.c.number)).scalars()))

    # what workers do

    def claim(self, worker: str, models: Sequence[str]) -> Task | None:
        """Leases the next task of the scan that was served longest ago; None where nothing waits."""

        def work(connection: Connection) -> Task | None:
            now = time.time()
            _revive(connection)
            free = or_(TASKS.c.status == "waiting", and_(TASKS.c.status == "leased", TASKS.c.lease < now))
            query = (
                select(TASKS.c.scan, TASKS.c.kind, TASKS.c.number, TASKS.c.attempts, TASKS.c.trying)
                .join(SCANS, SCANS.c.id == TASKS.c.scan)
                .where(
                    free,
                    or_(TASKS.c.kind != "score", SCANS.c.split),
                    SCANS.c.status.in_(OPEN),
                    SCANS.c.paused.is_(False),
                    SCANS.c.model.in_(models),
                )
                .order_by(SCANS.c.served, SCANS.c.created, TASKS.c.kind.desc(), TASKS.c.number)
                .limit(1)
                .with_for_update(skip_locked=True, of=TASKS)
            )
            found = connection.execute(query).mappings().first()
            if found is None:
                return None
            connection.execute(
                _this(found["scan"], found["kind"], found["number"]).values(
                    status="leased", worker=worker, lease=now + self.lease, attempts=found["attempts"] + 1
                )
            )
            connection.execute(SCANS.update().where(SCANS.c.id == found["scan"]).values(served=now))
            scan = _read(connection.execute(select(SCANS).where(SCANS.c.id == found["scan"])).mappings().one())
            return Task(scan, found["kind"], found["number"], found["attempts"] + 1, found["trying"])

        return self._database.run(work)

    def renew(self, task: Task, worker: str) -> bool:
        """Returns False where the task is no longer this worker's, or its scan was cancelled or deleted."""

        def work(connection: Connection) -> bool:
            status = connection.execute(select(SCANS.c.status).where(SCANS.c.id == task.scan.id)).scalar()
            if status not in OPEN or (status == "cancelling" and task.kind != "finish"):
                return False
            return connection.execute(_held(task, worker).values(lease=time.time() + self.lease)).rowcount == 1

        return self._database.run(work)

    def note_trying(self, task: Task, trying: dict[str, Any] | None) -> None:
        """Says what is begun now, so that whoever comes next knows it, should this worker die of it."""
        self._database.run(
            lambda connection: connection.execute(_this(task.scan.id, task.kind, task.number).values(trying=trying))
        )

    def release(self, task: Task, worker: str, *, tried: bool = True) -> None:
        """Lets the task wait again. tried: whether it counts as an attempt."""

        def work(connection: Connection) -> None:
            attempts = task.attempts if tried else task.attempts - 1
            connection.execute(_held(task, worker).values(status="waiting", worker=None, attempts=attempts))

        self._database.run(work)

    def add_shard(self, task: Task, number: int, rows: int) -> bool:
        """Adds a shard once; the split that finds it there goes on. Returns False where the scan was cancelled, or is
        gone, and its split with it.
        """

        def work(connection: Connection) -> bool:
            _lock(connection, task.scan.id)
            split = select(TASKS.c.number).where(
                TASKS.c.scan == task.scan.id, TASKS.c.kind == "split", TASKS.c.status == "leased"
            )
            if connection.execute(split).first() is None:
                return False
            there = select(TASKS.c.number).where(
                TASKS.c.scan == task.scan.id, TASKS.c.kind == "score", TASKS.c.number == number
            )
            if connection.execute(there).first() is None:
                row = _task(task.scan.id, task.scan.owner, "score", number, rows)
                connection.execute(TASKS.insert().values(**row))
                _event(connection, task.scan.id, "in_progress", status="in_progress")
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
            _lock(connection, task.scan.id)  # else the last two shards, together, would each wait for the other
            values = {"good": good, "bad": bad, "counts": counts, "trying": None, "finished": time.time()}
            if connection.execute(_held(task, worker).values(status="done", **values)).rowcount != 1:
                return False
            if scan:
                connection.execute(SCANS.update().where(SCANS.c.id == task.scan.id).values(**scan))
            if status:
                _event(connection, task.scan.id, status, status=status)
            _perhaps_finish(connection, task.scan.id)
            return True

        return self._database.run(work)

    # what users do

    def cancel(self, name: str) -> Scan:
        """What is done stays and is finished; what waits is dropped. Raises UnknownName, InputError."""

        def work(connection: Connection) -> None:
            _lock(connection, name)
            scan = self._scan(connection, name)
            if scan.status not in ("validating", "in_progress"):
                if scan.status in ("cancelling", "cancelled"):
                    return
                raise InputError(f"The scan is {scan.status} and cannot be cancelled.", "id")
            _event(connection, name, "cancelling", status="cancelling", paused=False)
            dropped = and_(TASKS.c.scan == name, TASKS.c.kind != "finish", TASKS.c.status != "done")
            connection.execute(TASKS.delete().where(dropped))
            connection.execute(SCANS.update().where(SCANS.c.id == name).values(split=True))
            _perhaps_finish(connection, name)

        self._database.run(work)
        return self.scan(name)

    def pause(self, name: str, paused: bool, note: str | None = None) -> Scan:
        """Stops or resumes the handing out of its tasks; a shard that was begun is finished. Raises UnknownName."""

        def work(connection: Connection) -> None:
            scan = self._scan(connection, name)
            if scan.status not in OPEN:
                raise InputError(f"The scan is {scan.status}; only one that runs can be paused or resumed.", "id")
            connection.execute(SCANS.update().where(SCANS.c.id == name).values(paused=paused, note=note))

        self._database.run(work)
        return self.scan(name)

    def fail(self, name: str, why: str) -> None:
        """Ends a scan that cannot go on."""

        def work(connection: Connection) -> None:
            connection.execute(TASKS.delete().where(TASKS.c.scan == name, TASKS.c.status != "done"))
            _event(connection, name, "failed", status="failed", error=why)

        self._database.run(work)

    def delete(self, name: str) -> None:
        """Forgets a scan, running or not. Raises UnknownName."""

        def work(connection: Connection) -> None:
            self._scan(connection, name)
            connection.execute(TASKS.delete().where(TASKS.c.scan == name))
            connection.execute(SCANS.delete().where(SCANS.c.id == name))

        self._database.run(work)

    def _scan(self, connection: Connection, name: str) -> Scan:
        query = select(SCANS).where(SCANS.c.id == name, SCANS.c.owner == self._owner)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownName(f"No batch {name!r}.", "id")
        return _read(row)


def _revive(connection: Connection) -> None:
    """Lets the tasks of processes of this machine that are gone wait again, before their leases run out."""
    leased = select(TASKS.c.worker).where(TASKS.c.status == "leased").distinct()
    for worker in connection.execute(leased).scalars().all():
        if gone(str(worker)):
            held = and_(TASKS.c.worker == worker, TASKS.c.status == "leased")
            connection.execute(TASKS.update().where(held).values(status="waiting", worker=None))


def _task(scan: str, owner: str, kind: Kind, number: int, rows: int = 0) -> dict[str, Any]:
    return {
        "scan": scan, "owner": owner, "kind": kind, "number": number, "status": "waiting", "rows": rows, "attempts": 0,
        "good": 0, "bad": 0,
    }  # fmt: skip


def _this(scan: str, kind: str, number: int) -> Any:
    return TASKS.update().where(TASKS.c.scan == scan, TASKS.c.kind == kind, TASKS.c.number == number)


def _lock(connection: Connection, name: str) -> None:
    """Keeps others from changing a scan and its tasks until this transaction ends; SQLite does so anyway."""
    connection.execute(select(SCANS.c.id).where(SCANS.c.id == name).with_for_update())


def _held(task: Task, worker: str) -> Any:
    """The task, as long as it is leased to this worker."""
    this = _this(task.scan.id, task.kind, task.number)
    return this.where(TASKS.c.worker == worker, TASKS.c.status == "leased")


def _perhaps_finish(connection: Connection, name: str) -> None:
    split = connection.execute(select(SCANS.c.split).where(SCANS.c.id == name)).scalar()
    rest = select(func.count()).where(TASKS.c.scan == name, TASKS.c.kind != "finish", TASKS.c.status != "done")
    there = select(func.count()).where(TASKS.c.scan == name, TASKS.c.kind == "finish")
    if split and not connection.execute(rest).scalar() and not connection.execute(there).scalar():
        owner = connection.execute(select(SCANS.c.owner).where(SCANS.c.id == name)).scalar()
        connection.execute(TASKS.insert().values(**_task(name, str(owner), "finish", 0)))
        scan = connection.execute(select(SCANS.c.status).where(SCANS.c.id == name)).scalar()
        if scan != "cancelling":
            _event(connection, name, "finalizing", status="finalizing")


def _event(connection: Connection, name: str, event: str, **values: Any) -> None:
    """Changes a scan and keeps when."""
    query = select(SCANS.c.times).where(SCANS.c.id == name).with_for_update()
    times = {event: time.time(), **(connection.execute(query).scalar() or {})}  # the first of an event counts
    connection.execute(SCANS.update().where(SCANS.c.id == name).values(times=times, **values))


def _read(row: RowMapping) -> Scan:
    return Scan(**{name: row[name] for name in Scan.__slots__})
