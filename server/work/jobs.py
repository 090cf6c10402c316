"""Long work behind a request: one at a time, owners in turns, with progress, cancelled at the next chunk; its engines
share the models.

Jobs live as long as the process: what they leave behind (a stored calibration) outlives it, their state does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock

from probe.errors import Busy, MemprobeError, UnknownName
from probe.logs import saying
from probe.models.tags import tagged
from probe.untold import called
from server.work.job import Job, Work, nothing
from server.work.line import Line

MOST_OWN, MOST_WAITING = 8, 64  # jobs that are not over, of an owner and of all
MOST_KEPT = 256  # that are over, of an owner
_LOG = logging.getLogger(__name__)
_NAMED = frozenset(("calibration",))  # kinds that make something with a name of its own; of others it is the model's


class Jobs:
    """The jobs of one service, the newest last. dropped: is told of each that is forgotten, once it is over."""

    def __init__(self, dropped: Callable[[str], object] = lambda name: None) -> None:
        self._thread = ThreadPoolExecutor(1, "job")
        self._jobs: dict[str, Job] = {}
        self._line, self._lock = Line[Job](), Lock()
        self._dropped = dropped

    def start(
        self, kind: str, name: str, owner: str, work: Work, subject: object = None,
        ended: Callable[[], object] = nothing,
    ) -> Job:  # fmt: skip
        """Queues work and returns its job. Raises Busy."""
        job = Job(kind, name, owner, subject=subject, work=work, ended=ended)
        with self._lock:
            self._check(owner)
            self._jobs[job.id] = job
            self._line.add(job)
            for old in [one.id for one in self.all() if one.over and one.owner == owner][:-MOST_KEPT]:
                self._jobs.pop(old, None)
        self._thread.submit(self._next)
        return job

    def _check(self, owner: str) -> None:
        """Raises Busy where an owner, or all together, have as many jobs as they may. It tells of nobody else's."""
        waiting = [job for job in self.all() if not job.over]
        own = sum(job.owner == owner for job in waiting)
        if own >= MOST_OWN:
            raise Busy(f"{own} jobs of yours are waiting already; try again when one is over, or cancel one.", 30)
        if len(waiting) >= MOST_WAITING:
            raise Busy("The service has as many jobs as it takes; try again in a moment.", 30)

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def of_kind(self, kind: str, owner: str) -> list[Job]:
        return [job for job in self.all() if job.kind == kind and job.owner == owner]

    def find(self, kind: str, name: str, owner: str) -> Job:
        """Returns an owner's job of this id, or the newest that makes something of this name. Raises UnknownName."""
        for job in reversed(self.of_kind(kind, owner)):
            if name == job.id or (kind in _NAMED and name == job.name):
                return job
        raise UnknownName(f"No {kind} {called(name)}.", kind)

    def cancel(self, job: Job) -> None:
        """Ends a job before its next chunk of texts."""
        with self._lock:
            job.cancelling, waits = True, job.status == "queued"
            if waits:
                self._line.remove(job)
                job.status = "cancelled"
        if waits:
            job.work = None  # it holds the texts
            job.ended()

    def forget(self, job: Job) -> None:
        """Ends a job and drops what it left, texts and statistics. Raises StoreError where these cannot be deleted."""
        self._jobs.pop(job.id, None)
        job.forgotten = True
        self.cancel(job)
        if job.status != "running":  # else it may still put some there, and drops them when it ends
            self._clear(job)

    def _clear(self, job: Job) -> None:
        job.work = job.subject = job.result = None
        self._dropped(job.id)

    def stop(self, grace: float = 0.0, seconds: float = 10.0) -> bool:
        """Ends all: the one that runs has `grace` seconds to finish, and `seconds` to notice that it may not. Returns
        whether the thread ended.
        """
        open_ones = [job for job in self.all() if not job.over]
        for job in open_ones:
            if job.status == "queued":
                self.cancel(job)
        last = self._thread.submit(nothing)
        self._thread.shutdown(wait=False)
        wait([last], grace)
        for job in open_ones:
            job.cancelling = True
        over = not wait([last], seconds).not_done
        for job in open_ones:
            if job.status not in ("completed", "failed"):
                _LOG.warning("Job %s (%s) was cancelled, as the service ends: start it again.", job.id, job.kind)
        return over

    def _next(self) -> None:
        """Runs the job whose turn it is; one that was cancelled in line leaves a turn too many."""
        with self._lock:
            job = self._line.take()
            if job:
                job.status = "running"
        if job:
            job.context.run(self._run, job)

    def _run(self, job: Job) -> None:
        with tagged(job.id), saying(job=job.id):
            job.run()
        job.ended()
        job.work = None  # it holds the texts
        if job.forgotten:
            try:
                self._clear(job)
            except MemprobeError as error:
                _LOG.error("Job %s is forgotten, its statistics are not: %s", job.id, error)
