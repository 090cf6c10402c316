"""A task's lease, kept while a worker is at it."""

from __future__ import annotations

import logging
import threading

from probe.errors import StoreError
from probe.scans.ledger import Ledger
from probe.scans.nouns import Task
from probe.scans.poison import Stopped

_LOG = logging.getLogger(__name__)


class Lease:
    """Renews a task's lease in a thread of its own while the block runs."""

    def __init__(self, ledger: Ledger, task: Task, worker: str, stop: threading.Event) -> None:
        self._ledger, self._task, self._worker, self._stop = ledger, task, worker, stop
        self._over, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def check(self) -> None:
        """Raises Stopped where the task is lost or the worker is to end."""
        if self._lost.is_set() or self._stop.is_set():
            raise Stopped

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._ledger.lease / 4):
            try:
                if not self._ledger.renew(self._task, self._worker):
                    self._lost.set()
                    return
            except StoreError:
                _LOG.warning("The lease of %s could not be renewed.", self._task.scan.id)
