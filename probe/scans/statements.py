"""Statements that the ledger is made of: one scan or task found, locked, held, changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, select

from probe.scans.nouns import OPEN, Kind, Scan, Task
from probe.scans.tables import SCANS, TASKS


def new_task(scan: str, owner: str, kind: Kind, number: int, rows: int = 0) -> dict[str, Any]:
    return {
        "scan": scan, "owner": owner, "kind": kind, "number": number, "status": "waiting", "rows": rows, "attempts": 0,
        "good": 0, "bad": 0,
    }  # fmt: skip


def this_task(scan: str, kind: str, number: int) -> Any:
    return TASKS.update().where(TASKS.c.scan == scan, TASKS.c.kind == kind, TASKS.c.number == number)


def lock(connection: Connection, name: str) -> None:
    """Keeps others from changing a scan and its tasks until this transaction ends; SQLite does so anyway."""
    connection.execute(select(SCANS.c.id).where(SCANS.c.id == name.replace("\0", "")).with_for_update())


def handed_out(models: Sequence[str]) -> Any:
    """The scans whose tasks are handed out."""
    return and_(SCANS.c.status.in_(OPEN), SCANS.c.paused.is_(False), SCANS.c.model.in_(models))


def held_task(task: Task, worker: str) -> Any:
    """The task, as long as it is leased to this worker."""
    this = this_task(task.scan.id, task.kind, task.number)
    return this.where(TASKS.c.worker == worker, TASKS.c.status == "leased")


def perhaps_finish(connection: Connection, name: str) -> None:
    split = connection.execute(select(SCANS.c.split).where(SCANS.c.id == name)).scalar()
    rest = select(func.count()).where(TASKS.c.scan == name, TASKS.c.kind != "finish", TASKS.c.status != "done")
    there = select(func.count()).where(TASKS.c.scan == name, TASKS.c.kind == "finish")
    if split and not connection.execute(rest).scalar() and not connection.execute(there).scalar():
        owner = connection.execute(select(SCANS.c.owner).where(SCANS.c.id == name)).scalar()
        connection.execute(TASKS.insert().values(**new_task(name, str(owner), "finish", 0)))
        scan = connection.execute(select(SCANS.c.status).where(SCANS.c.id == name)).scalar()
        if scan != "cancelling":
            note_event(connection, name, "finalizing", status="finalizing")


def note_event(connection: Connection, name: str, event: str, **values: Any) -> None:
    """Changes a scan and keeps when."""
    query = select(SCANS.c.times).where(SCANS.c.id == name).with_for_update()
    times = {event: time.time(), **(connection.execute(query).scalar() or {})}  # the first of an event counts
    connection.execute(SCANS.update().where(SCANS.c.id == name).values(times=times, **values))


def scan_of(row: RowMapping) -> Scan:
    return Scan(**{name: row[name] for name in Scan.__slots__})
