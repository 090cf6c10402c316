"""What the routes of long work share: the state of a job as its answer has it, and how one is ended or forgotten."""

from __future__ import annotations

from typing import Any, TypeVar

from probe.errors import InputError
from server.schemas.common import Deleted, Progress
from server.service import Service
from server.work.job import Job

T = TypeVar("T")


def state(job: Job) -> dict[str, Any]:
    """Returns the fields that every job's answer has."""
    return {
        "id": job.id, "model": job.name, "status": job.status, "created": job.created, "error": job.error,
        "progress": Progress(done=job.done, total=job.total),
    }  # fmt: skip


def completed(job: Job, kind: type[T], what: str, left: str = "this") -> T:
    """Returns what a job left. what, left: names of the work and of that. Raises InputError before it is completed."""
    if not isinstance(job.result, kind):
        raise InputError(f"The {what} is {job.status}; {left} is there when it is completed.", "id")
    return job.result


def end(service: Service, kind: str, name: str) -> Job:
    """Ends a job's work before its next step and returns it. Raises UnknownName."""
    job = service.job(kind, name)
    service.jobs.cancel(job)
    return job


def forget(service: Service, kind: str, name: str) -> Deleted:
    """Drops a job and what it left; one that is running is ended. Raises UnknownName."""
    service.jobs.forget(service.job(kind, name))
    return Deleted(id=name, object=kind)
