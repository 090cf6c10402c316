"""A worker: claims one task after the other, keeps its lease, and leaves nothing half done behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.calibration.fingerprint import Fingerprint
from probe.errors import InputError, MemprobeError, StoreError
from probe.logs import saying, where
from probe.models.stats_table import drop
from probe.models.tags import tagged
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.finish import finish
from probe.scans.lease import Lease
from probe.scans.ledger import Ledger
from probe.scans.nouns import Task
from probe.scans.options import ScanOptions
from probe.scans.parts import folder_key, raws_key, shards_key
from probe.scans.poison import MOST, Alive, Stopped
from probe.scans.processes import new_worker
from probe.scans.score import score_shard
from probe.scans.split import split
from probe.scans.store import Store
from probe.wanted import while_wanted

IDLE = 0.5  # seconds between looks where nothing waits
_MOST_ATTEMPTS = 5  # at reading the rows, or at the finish
Open = Callable[[str, str | None, str], Probe]  # model, calibration, owner
_LOG = logging.getLogger(__name__)


@dataclass
class Worker:
    """models: the ids that it may serve. opened: gives a probe, whose calibration may be the owner's; raises
    MemprobeError. cache: where its engines keep statistics.
    """

    ledger: Ledger
    store: Store
    models: list[str]
    opened: Open
    sources: Callable[[str | None], Sources] = lambda calibration: Sources(calibration=calibration)
    cache: Path | None = None

    def __post_init__(self) -> None:
        self._name, self._stop = new_worker(), threading.Event()

    def stop(self) -> None:
        """Ends the run after the texts that are being measured; what was begun waits for another worker."""
        self._stop.set()

    def run(self, *, until_idle: bool = False) -> None:
        """Works until it is stopped, whatever ledger and store do meanwhile; until_idle: until nothing is left, also of
        what others have begun. Raises StoreError in that case.
        """
        while not self._stop.is_set():
            try:
                if self.step():
                    continue
                if until_idle and not self.ledger.is_open(self.models):
                    return
            except StoreError as error:
                if until_idle:
                    raise
                _LOG.error("%s", error)
            except Exception as error:  # whatever it is: without a worker a service's batches would wait for ever
                if until_idle:
                    raise
                _LOG.error("The worker goes on after an error: %s", where(error))
            self._stop.wait(IDLE)

    def step(self) -> bool:
        """Does one task; returns False where none waits."""
        task = self.ledger.claim(self._name, self.models)
        if task is None:
            return False
        with (
            saying(scan=task.scan.id, task=f"{task.kind} {task.number}"),
            Lease(self.ledger, task, self._name, self._stop) as lease,
        ):
            try:
                self._do(task, lease.check)
                return True
            except Stopped:
                self.ledger.release(task, self._name, tried=False)
            except StoreError as error:  # a full disk concerns every shard: nothing more is begun until somebody acts
                self.ledger.release(task, self._name, tried=False)
                self._pause(task, str(error))
            except _OtherModel as error:
                self.ledger.release(task, self._name, tried=False)
                self._pause(task, str(error))
            except MemprobeError as error:
                self._fail(task, str(error))
            except Exception as error:
                _LOG.error("Task %s %d of %s failed: %s", task.kind, task.number, task.scan.id, where(error))
                self._again(task, error)
        if not self.ledger.knows(task.scan.id):  # it was deleted meanwhile: so is what was written since
            self.store.delete(folder_key(task.scan.id))
            if self.cache:
                drop(self.cache, task.scan.id)
        return True

    def _do(self, task: Task, alive: Alive) -> None:
        if task.kind == "finish":
            finish(self.store, self.ledger, task, alive)
            self.store.delete(shards_key(task.scan.id))  # texts stay nowhere but where they came from
            self._complete(task, status="cancelled" if task.scan.status == "cancelling" else "completed")
            self.store.delete(raws_key(task.scan.id))
            return
        options = ScanOptions.of_stored(task.scan.options)
        probe = self.opened(task.scan.model, options.calibration, task.scan.owner)
        if task.kind == "split":
            self._complete(task, scan=split(self.store, self.ledger, task, probe, alive))
            return
        _check_model(task, probe)
        with while_wanted(alive), tagged(task.scan.id):  # it ends within a batch of texts, not only between shards
            counted = score_shard(
                self.store, task, probe, self.sources(options.calibration), alive,
                lambda trying: self.ledger.note_trying(task, trying),
            )  # fmt: skip
        self._complete(task, **counted)

    def _complete(self, task: Task, **values: Any) -> None:
        if not self.ledger.complete(task, self._name, **values):
            raise Stopped

    def _pause(self, task: Task, why: str) -> None:
        try:
            self.ledger.pause(task.scan.id, True, why)
            _LOG.error("Scan %s is paused: %s", task.scan.id, why)
        except InputError:  # it ended meanwhile, or was deleted under the worker's hands
            _LOG.info("Scan %s is over already.", task.scan.id)

    def _again(self, task: Task, error: Exception) -> None:
        """Lets the task wait again a few times; what fails again and again ends its scan."""
        if task.attempts >= (MOST if task.kind == "score" else _MOST_ATTEMPTS):
            why = f"Its {task.kind} failed {task.attempts} times: {type(error).__name__}."
            self._fail(task, why)
        else:
            self.ledger.release(task, self._name)

    def _fail(self, task: Task, why: str) -> None:
        """Ends its scan; the texts that were to be scored go, for nobody comes back for them."""
        if self.ledger.fail(task, self._name, why):
            self.store.delete(shards_key(task.scan.id))


class _OtherModel(Exception):
    """This worker's models are not those that the scan began with."""


def _check_model(task: Task, probe: Probe) -> None:
    """Raises _OtherModel: scores of two models must not stand in one result, whatever name they are served under."""
    begun = (task.scan.batch or {}).get("fingerprint")
    if begun and (other := Fingerprint(**begun).mismatches(probe.fingerprint)):
        raise _OtherModel(
            f"A worker serves {task.scan.model} with another {', '.join(other)} than this scan began with. End that "
            "worker, then resume."
        )
