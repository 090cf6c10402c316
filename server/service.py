"""What the routes share: settings, the loaded models by id, the batcher; and of files, jobs and calibrations what the
caller owns.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from fastapi import Request

from probe.calibrated import Calibrated, named
from probe.calibration.shelf import Shelf
from probe.config import Settings
from probe.errors import UnknownName
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.reporting.reporter import Reporter
from probe.scans.desk import Desk
from probe.setup import Setup
from probe.untold import called
from server.access.caller import Caller, caller_of
from server.access.opening import Access
from server.operation.ending import Ending
from server.operation.lately import Lately
from server.operation.metrics import Metrics
from server.work.batcher import Batcher
from server.work.job import Job, Work
from server.work.jobs import Jobs
from server.work.places import Places
from server.work.reading import Reading
from server.work.turns import Turns

if TYPE_CHECKING:
    from server.work.scanning import Scanning

_LOG = logging.getLogger(__name__)
_COUNTERS = 4  # threads that read what batches would take
MOST_STREAMS = 16  # of events, of an owner: each is a connection, and looks into the database again and again
_STREAMING = f"{MOST_STREAMS} event streams of yours are open already: close one, or poll GET /v1/batches/ID."
_WRITING = "The model writes for you already: wait for its answer, then ask for the next."
_LAST = 10.0  # seconds that a thread has to notice that it is to end
_PATIENCE = 2.0  # seconds that a look at the database may keep somebody waiting


@dataclass
class Service:
    """State of one running service, as one caller sees it."""

    settings: Settings
    batcher: Batcher
    started: int = field(default_factory=lambda: int(time.time()))
    models: dict[str, Probe] = field(default_factory=dict)
    calibrated: Calibrated = field(default_factory=Calibrated)
    jobs: Jobs = field(default_factory=Jobs)
    reading: Reading = field(default_factory=Reading)
    counting: Reading = field(default_factory=lambda: Reading("counter", _COUNTERS, None))
    streams: Places = field(default_factory=lambda: Places(MOST_STREAMS, _STREAMING, 5))
    writing: Places = field(default_factory=lambda: Places(1, _WRITING, 1))
    metrics: Metrics = field(default_factory=Metrics)
    ending: Ending = field(default_factory=Ending)
    hangs: bool = False  # some thread did not end with the service
    desk: Desk | None = None
    placebo: Engine | None = None
    scanning: Scanning | None = None
    reporter: Reporter | None = None
    access: Access | None = None
    caller: Caller = field(default_factory=Caller)

    def of(self, caller: Caller) -> Service:
        """Returns the same service as this caller sees it."""
        return replace(self, caller=caller)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.settings.calibrations, None if self.caller.operates else self.caller.owner)

    def start(self, kind: str, name: str, work: Work, subject: object = None) -> Job:
        """Queues the caller's work. Raises Busy."""
        job = self.jobs.start(kind, name, self.caller.owner, work, subject, self.caller.settles)
        self.caller.about, self.caller.works = job.id, True
        return job

    def jobs_of(self, kind: str) -> list[Job]:
        return self.jobs.of_kind(kind, self.caller.owner)

    def job(self, kind: str, name: str) -> Job:
        """Returns the caller's newest job of this id or name. Raises UnknownName."""
        return self.jobs.find(kind, name, self.caller.owner)

    def end(self) -> None:
        """Begins the end: streams are closed, the scans' worker hands back what it holds."""
        self.ending.begin()
        if self.scanning:
            self.scanning.tell()

    async def stop(self) -> None:
        """Ends all work once no request is open. Threads that do not end are left, and told of."""
        self.end()
        jobs = asyncio.to_thread(self.jobs.stop, self.ending.left, _LAST)
        scans = asyncio.to_thread(self.scanning.stop, _LAST) if self.scanning else _nothing()
        readers = (asyncio.to_thread(one.stop, _LAST) for one in (self.reading, self.counting))
        ended = [*await asyncio.gather(jobs, scans, *readers), await self.batcher.stop(_LAST)]  # jobs and scans need it
        self.hangs = not all(ended)
        if self.hangs:
            threads = ("jobs", "scans", "documents", "batches", "models")
            names = [name for name, one in zip(threads, ended, strict=True) if not one]
            _LOG.error("Threads that do not end are left behind: %s.", ", ".join(names))

    def model(self, name: str) -> Probe:
        """Returns a loaded model. Raises UnknownName."""
        if name not in self.models:
            raise UnknownName(f"No model {called(name)} is served. There are: {', '.join(self.models)}.", "model")
        return self.models[name]

    def placebo_named(self, name: str) -> Engine:
        """Returns the model that saw none of the texts. Raises UnknownName."""
        if name in self.models:  # whether it may be one is for the calibration to say
            return self.models[name].target
        if self.placebo is None or name != self.placebo.identity.name:
            there = f"There is {self.placebo.identity.name}" if self.placebo else "There is none"
            raise UnknownName(f"No placebo {called(name)}. {there}; MEMPROBE_PLACEBO names one.", "placebo")
        return self.placebo

    def engines(self) -> list[Engine]:
        """Returns every engine that is open: of the models, their shadows, and the placebo."""
        setups = [probe.setup for probe in self.models.values()]
        shadows = [engine for setup in setups if setup.shadows for engine in setup.shadows.engines]
        named = [*(setup.target for setup in setups), *(setup.reference for setup in setups), *shadows, self.placebo]
        return [engine for engine in named if engine is not None]

    @cached_property
    def scans(self) -> Lately[dict[str, int]]:
        """How many scans there are of each status, as far as the database says so in time."""
        return Lately(lambda: self.desk.ledger.states() if self.desk else {}, _PATIENCE)

    def setup_in_turns(self, model: Probe, work: str = "job") -> Setup:
        """Returns what a model's texts are measured with, for a job."""
        own = model.setup
        reference = self.in_turns(model.reference, work) if model.reference else None
        shadows = own.shadows and replace(
            own.shadows, engines=[self.in_turns(one, work) for one in own.shadows.engines]
        )
        return replace(own, target=self.in_turns(model.target, work), reference=reference, shadows=shadows)

    def in_turns(self, engine: Engine, work: str = "job") -> Engine:
        """Returns the engine for a job, whose passes run between those of requests."""
        return Turns(engine, self.batcher.turn, partial(self._read, work))

    def _read(self, work: str, tokens: int) -> None:
        self.metrics.read(work, tokens)
        self.caller.spends(tokens)

    async def probe(self, model: str, calibration: str | None) -> Probe:
        """Returns the model with its own or the named calibration. Raises UnknownName, FingerprintMismatch."""
        own = self.model(model)
        if calibration is None or (found := named(own, calibration, self.shelf)) is None:
            return own
        key = (model, calibration, self.caller.owner)
        if known := self.calibrated.find(key, found):
            return known
        # its sentinel texts may have to be scored, and models are touched in one thread only
        return self.calibrated.keep(key, await self.batcher.on("forward", lambda: Probe.of(own.setup, found)))


async def _nothing() -> bool:
    return True


async def service_of(request: Request) -> Service:
    """FastAPI dependency; async, for FastAPI calls others in threads, of which there may be none left."""
    service: Service = request.app.state.service
    return service.of(await caller_of(request))


async def desk_of(request: Request) -> Desk:
    """FastAPI dependency."""
    service = await service_of(request)
    assert service.desk is not None  # from start-up on
    return service.desk.of(service.caller.owner)
