"""One piece of long work: how far it is, what it gave, and how it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from probe.errors import MemprobeError
from probe.logs import described
from probe.measure import Progress
from probe.wanted import while_wanted

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Work = Callable[[Progress], object]
_LOG = logging.getLogger(__name__)


def nothing() -> None:
    """The last that the thread is given, and what is called where nobody waits for an end."""


class Cancelled(Exception):
    """Raised inside a job by its progress, once its cancellation was asked for."""


@dataclass(eq=False)
class Job:
    """done and total count texts; error says why it failed. subject: what it is about, if that is kept beside.
    ended: is called once nothing is done for it any more, maybe twice.
    """

    kind: str
    name: str
    owner: str
    id: str = field(default_factory=lambda: f"job-{uuid4().hex}")
    status: Status = "queued"
    created: int = field(default_factory=lambda: int(time.time()))
    done: int = 0
    total: int = 0
    error: str | None = None
    cancelling: bool = False
    result: object = None
    subject: object = None
    work: Work | None = field(default=None, repr=False)
    ended: Callable[[], object] = field(default=nothing, repr=False)
    context: Context = field(default_factory=copy_context, repr=False)  # what it logs names the request that began it
    forgotten: bool = False

    @property
    def over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    def advance(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.check()

    def check(self) -> None:
        if self.cancelling:
            raise Cancelled

    def run(self) -> None:
        """Does the work in this thread; whatever it raises is told by status and error."""
        work = self.work
        if self.cancelling or work is None:
            self.status = "cancelled"
            return
        try:
            with while_wanted(self.check):
                self.result = work(self.advance)
            self.status = "completed"
        except Cancelled:
            self.status = "cancelled"
        except MemprobeError as error:
            self.status, self.error = "failed", str(error)
        except Exception as error:  # the process and the jobs behind it go on
            _LOG.error("A job failed.", extra={"facts": {"error": described(error)}})
            self.status, self.error = "failed", "An internal error; the service's log names it."
