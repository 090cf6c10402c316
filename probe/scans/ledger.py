"""Which scans there are, and which of their tasks are waiting, leased, or done.

A task is leased to one worker for some seconds, which it renews while it works; a task whose lease has run out, or
whose worker on this machine is gone, waits again. Whoever lost a lease learns it at the next renewal and can complete
nothing. Shards are handed out once all rows were read: the blind gate looks at a sample of all of them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, and_, case, func, or_, select

from probe.errors import InputError, UnknownName
from probe.scans.database import Database
from probe.scans.tables import SCANS, TASKS

Kind = Literal["split", "score", "finish"]
OPEN = ("validating", "in_progress", "finalizing", "cancelling")
LEASE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Scan:
    """status: as OpenAI's batches. times: seconds by name of the event. source: where the rows are. note: what a user
    should know while it goes on. Once all rows were read: batch, size and hash of all texts and how many non-members
    they are held against; blind, what the blind gate found of a sample.
    """

    id: str
    owner: str
    model: str
    status: str
    paused: bool
    created: float
    source: dict[str, Any]
    options: dict[str, Any]
    metadata: dict[str, str]
    rows: int
    split: bool
    times: dict[str, float]
    error: str | None
    note: str | None
    batch: dict[str, Any] | None
    blind: list[str] | None


@dataclass(frozen=True, slots=True)
class Task:
    """trying: rows [begin, end) and known culprits of a shard whose worker died more than once (poison.py)."""

    scan: Scan
    kind: Kind
    number: int
    attempts: int
    trying: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Done:
    """Rows by how they ended, of the shards that are done, and how many shards there are."""

    good: int
    bad: int
    shards: int
    shards_done: int
    first: float | None
    last: float | None


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
        query = select(TASKS.c.counts).where(TASKS.c.scan == name, TASKS.c.kind == "score", TASKS.c.status == "done")
        query = query.order_by(TASKS.c.number)
        return self._database.run(lambda connection: list(connection.execute(query).scalars()))

    def shards(self, name: str) -> list[int]:
        """Returns the numbers of the shards that are done, in order."""
        query = select(TASKS.c.number).where(TASKS.c.scan == name, TASKS.c.kind == "score", TASKS.c.status == "done")
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
            mine = _this(task.scan.id, task.kind, task.number).where(
                TASKS.c.worker == worker, TASKS.c.status == "leased"
            )
            return connection.execute(mine.values(lease=time.time() + self.lease)).rowcount == 1

        return self._database.run(work)

    def note_trying(self, task: Task, trying: dict[str, Any] | None) -> None:
        """Says what is begun now, so that whoever comes next knows it, should this worker die of it."""
        self._database.run(
            lambda connection: connection.execute(_this(task.scan.id, task.kind, task.number).values(trying=trying))
        )

    def release(self, task: Task, worker: str, *, tried: bool = True) -> None:
        """Lets the task wait again. tried: whether it counts as an attempt."""

        def work(connection: Connection) -> None:
            mine = _this(task.scan.id, task.kind, task.number).where(
                TASKS.c.worker == worker, TASKS.c.status == "leased"
            )
            attempts = task.attempts if tried else task.attempts - 1
            connection.execute(mine.values(status="waiting", worker=None, attempts=attempts))

        self._database.run(work)

    def add_shard(self, task: Task, number: int, rows: int) -> None:
        """Adds a shard once; the split that finds it there goes on."""

        def work(connection: Connection) -> None:
            there = select(TASKS.c.number).where(
                TASKS.c.scan == task.scan.id, TASKS.c.kind == "score", TASKS.c.number == number
            )
            if connection.execute(there).first() is None:
                row = _task(task.scan.id, task.scan.owner, "score", number, rows)
                connection.execute(TASKS.insert().values(**row))
                _event(connection, task.scan.id, "in_progress", status="in_progress")

        self._database.run(work)

    def complete(
        self, task: Task, worker: str, *, good: int = 0, bad: int = 0, counts: dict[str, Any] | None = None,
        scan: dict[str, Any] | None = None, status: str | None = None,
    ) -> bool:  # fmt: skip
        """Marks a task done, with what it counted, and changes columns of its scan in the same transaction. With the
        last shard of a scan its finish waits. Returns False where the task is no longer this worker's.
        """

        def work(connection: Connection) -> bool:
            mine = _this(task.scan.id, task.kind, task.number).where(
                TASKS.c.worker == worker, TASKS.c.status == "leased"
            )
            values = {
                "status": "done",
                "good": good,
                "bad": bad,
                "counts": counts,
                "trying": None,
                "finished": time.time(),
            }
            if connection.execute(mine.values(**values)).rowcount != 1:
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


def new_worker() -> str:
    """Returns a name that says which process on which machine it is."""
    return f"{_machine()}:{os.getpid()}:{uuid4().hex[:8]}"


def _machine() -> str:
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.readlink() if space.exists() else ''}".replace(":", "-")


def _revive(connection: Connection) -> None:
    """Lets the tasks of processes of this machine that are gone wait again, before their leases run out."""
    leased = select(TASKS.c.worker).where(TASKS.c.status == "leased").distinct()
    for worker in connection.execute(leased).scalars().all():
        machine, pid, _ = str(worker).rsplit(":", 2)
        if machine == _machine() and not _alive(int(pid)):
            gone = and_(TASKS.c.worker == worker, TASKS.c.status == "leased")
            connection.execute(TASKS.update().where(gone).values(status="waiting", worker=None))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"  # killed, not yet buried
    except OSError:
        return False


def _task(scan: str, owner: str, kind: Kind, number: int, rows: int = 0) -> dict[str, Any]:
    return {
        "scan": scan, "owner": owner, "kind": kind, "number": number, "status": "waiting", "rows": rows, "attempts": 0,
        "good": 0, "bad": 0,
    }  # fmt: skip


def _this(scan: str, kind: str, number: int) -> Any:
    return TASKS.update().where(TASKS.c.scan == scan, TASKS.c.kind == kind, TASKS.c.number == number)


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
