"""Long work behind a request: one at a time, with progress, cancelled at the next chunk; its engines share the models.

Jobs live as long as the process: what they leave behind (a stored calibration) outlives it, their state does not.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from probe.errors import Busy, MemprobeError, UnknownName
from probe.measure import Progress

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Work = Callable[[Progress], object]
MOST_WAITING = 16
MOST_KEPT = 256


class Cancelled(Exception):
    """Raised inside a job by its progress, once its cancellation was asked for."""


@dataclass
class Job:
    """done and total count texts; error says why it failed. subject: what it is about, if that is kept beside."""

    kind: str
    name: str
    id: str = field(default_factory=lambda: f"job-{uuid4().hex}")
    status: Status = "queued"
    created: int = field(default_factory=lambda: int(time.time()))
    done: int = 0
    total: int = 0
    error: str | None = None
    cancelling: bool = False
    result: object = None
    subject: object = None

    @property
    def over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    def advance(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.cancelling:
            raise Cancelled


class Jobs:
    """The jobs of one service, the newest last."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "job")
        self._jobs: dict[str, Job] = {}

    def start(self, kind: str, name: str, work: Work, subject: object = None) -> Job:
        """Queues work and returns its job. Raises Busy."""
        waiting = sum(not job.over for job in self._jobs.values())
        if waiting >= MOST_WAITING:
            raise Busy(f"{waiting} jobs are waiting already; try again when one is over, or cancel one.", 30)
        job = Job(kind, name, subject=subject)
        self._jobs[job.id] = job
        self._thread.submit(_run, job, work)
        for old in [job.id for job in self._jobs.values() if job.over][:-MOST_KEPT]:
            del self._jobs[old]
        return job

    def of_kind(self, kind: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.kind == kind]

    def find(self, kind: str, name: str) -> Job:
        """Returns the job of this id. Raises UnknownName."""
        for job in self.of_kind(kind):
            if job.id == name:
                return job
        raise UnknownName(f"No {kind} {name!r}.", kind)

    def named(self, kind: str, name: str) -> Job:
        """Returns the newest job of this name, where what it makes goes by it, or of this id. Raises UnknownName."""
        found = [job for job in self.of_kind(kind) if job.name == name]
        return found[-1] if found else self.find(kind, name)

    def cancel(self, job: Job) -> None:
        """Ends a job before its next chunk of texts."""
        job.cancelling = True
        if job.status == "queued":
            job.status = "cancelled"

    def forget(self, job: Job) -> None:
        """Ends a job and drops what it left."""
        self.cancel(job)
        self._jobs.pop(job.id, None)

    def stop(self) -> None:
        for job in self._jobs.values():
            job.cancelling = True
        self._thread.shutdown(wait=True, cancel_futures=True)


def _run(job: Job, work: Work) -> None:
    if job.cancelling:
        job.status = "cancelled"
        return
    job.status = "running"
    try:
        job.result = work(job.advance)
        job.status = "completed"
    except Cancelled:
        job.status = "cancelled"
    except MemprobeError as error:
        job.status, job.error = "failed", str(error)
    except (
        Exception
    ) as error:  # the process and the jobs behind it go on; its message, which may quote a text, is not logged
        where = "".join(traceback.format_tb(error.__traceback__))
        logging.getLogger(__name__).error("Job %s failed with %s:\n%s", job.id, type(error).__name__, where)
        job.status, job.error = "failed", "An internal error; the service's log names it."
