"""What the routes share: settings, the loaded models by id, and the batcher."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from fastapi import Request

from probe.calibration.store import find
from probe.config import Settings
from probe.errors import UnknownName
from probe.models.base import Engine
from probe.models.stats_table import drop
from probe.pipeline import Probe
from probe.reporting.reporter import Reporter
from probe.scans.desk import Desk
from probe.setup import Setup
from probe.untold import called
from server.batcher import Batcher
from server.jobs import Jobs
from server.turns import Turns

if TYPE_CHECKING:
    from server.scanning import Scanning


@dataclass
class Service:
    """State of one running service; `probes` holds the models' own calibration under (model, None)."""

    settings: Settings
    batcher: Batcher
    started: int = field(default_factory=lambda: int(time.time()))
    models: dict[str, Probe] = field(default_factory=dict)
    calibrated: dict[tuple[str, str], Probe] = field(default_factory=dict)
    jobs: Jobs = field(init=False)
    desk: Desk | None = None
    placebo: Engine | None = None
    scanning: Scanning | None = None
    reporter: Reporter | None = None

    def __post_init__(self) -> None:
        self.jobs = Jobs(partial(drop, self.settings.cache))

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

    def setup_in_turns(self, model: Probe) -> Setup:
        """Returns what a model's texts are measured with, for a job."""
        own = model.setup
        reference = self.in_turns(model.reference) if model.reference else None
        shadows = own.shadows and replace(own.shadows, engines=[self.in_turns(one) for one in own.shadows.engines])
        return replace(own, target=self.in_turns(model.target), reference=reference, shadows=shadows)

    def in_turns(self, engine: Engine) -> Engine:
        """Returns the engine for a job, whose passes run between those of requests."""
        return Turns(engine, self.batcher.turn)

    async def probe(self, model: str, calibration: str | None) -> Probe:
        """Returns the model with its own or the named calibration. Raises UnknownName, FingerprintMismatch."""
        own = self.model(model)
        if calibration is None or (own.calibration and own.calibration.name == calibration):
            return own
        found = find(calibration, self.settings.calibrations)
        known = self.calibrated.get((model, calibration))
        if known and known.calibration and known.calibration.created == found.created:
            return known
        # its sentinel texts may have to be scored, and models are touched in one thread only
        probe = await self.batcher.on("forward", lambda: Probe.of(own.setup, found))
        self.calibrated[model, calibration] = probe
        return probe


def service_of(request: Request) -> Service:
    """FastAPI dependency."""
    service: Service = request.app.state.service
    return service


def desk_of(request: Request) -> Desk:
    """FastAPI dependency."""
    desk = service_of(request).desk
    assert desk is not None  # from start-up on
    return desk
