"""What the routes share: settings, the loaded models by id, the batcher; and of files, jobs and calibrations what the
caller owns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastapi import Request

from probe.calibration.shelf import Shelf
from probe.config import Settings
from probe.errors import UnknownName
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.reporting.reporter import Reporter
from probe.scans.desk import Desk
from probe.setup import Setup
from server.access.caller import Caller, caller_of
from server.access.opening import Access
from server.batcher import Batcher
from server.jobs import Job, Jobs, Work
from server.turns import Turns

if TYPE_CHECKING:
    from server.scanning import Scanning


@dataclass
class Service:
    """State of one running service, as one caller sees it."""

    settings: Settings
    batcher: Batcher
    started: int = field(default_factory=lambda: int(time.time()))
    models: dict[str, Probe] = field(default_factory=dict)
    calibrated: dict[tuple[str, str, str], Probe] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
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
        return Shelf(self.settings.calibrations, self.caller.owner)

    def start(self, kind: str, name: str, work: Work, subject: object = None) -> Job:
        """Queues the caller's work. Raises Busy."""
        job = self.jobs.start(kind, name, self.caller.owner, work, subject)
        self.caller.about = job.id
        return job

    def jobs_of(self, kind: str) -> list[Job]:
        return self.jobs.of_kind(kind, self.caller.owner)

    def job(self, kind: str, name: str) -> Job:
        """Returns the caller's newest job of this id or name. Raises UnknownName."""
        return self.jobs.find(kind, name, self.caller.owner)

    def model(self, name: str) -> Probe:
        """Returns a loaded model. Raises UnknownName."""
        if name not in self.models:
            raise UnknownName(f"No model {name!r} is served. There are: {', '.join(self.models)}.", "model")
        return self.models[name]

    def placebo_named(self, name: str) -> Engine:
        """Returns the model that saw none of the texts. Raises UnknownName."""
        if name in self.models:  # whether it may be one is for the calibration to say
            return self.models[name].target
        if self.placebo is None or name != self.placebo.identity.name:
            there = f"There is {self.placebo.identity.name}" if self.placebo else "There is none"
            raise UnknownName(f"No placebo {name!r}. {there}; MEMPROBE_PLACEBO names one.", "placebo")
        return self.placebo

    def setup_in_turns(self, model: Probe) -> Setup:
        """Returns what a model's texts are measured with, for a job."""
        own = model.setup
        reference = self.in_turns(model.reference) if model.reference else None
        shadows = own.shadows and replace(own.shadows, engines=[self.in_turns(one) for one in own.shadows.engines])
        return replace(own, target=self.in_turns(model.target), reference=reference, shadows=shadows)

    def in_turns(self, engine: Engine) -> Engine:
        """Returns the engine for a job, whose passes run between those of requests."""
        return Turns(engine, self.batcher.turn, self.caller.spends)

    async def probe(self, model: str, calibration: str | None) -> Probe:
        """Returns the model with its own or the named calibration. Raises UnknownName, FingerprintMismatch."""
        own = self.model(model)
        if calibration is None or (own.calibration and own.calibration.name == calibration):
            return own
        found = self.shelf.find(calibration)
        known = self.calibrated.get((model, calibration, self.caller.owner))
        if known and known.calibration and known.calibration.created == found.created:
            return known
        # its sentinel texts may have to be scored, and models are touched in one thread only
        probe = await self.batcher.on("forward", lambda: Probe.of(own.setup, found))
        self.calibrated[model, calibration, self.caller.owner] = probe
        return probe


def service_of(request: Request) -> Service:
    """FastAPI dependency."""
    service: Service = request.app.state.service
    return service.of(caller_of(request))


def desk_of(request: Request) -> Desk:
    """FastAPI dependency."""
    service = service_of(request)
    assert service.desk is not None  # from start-up on
    return service.desk.of(service.caller.owner)
