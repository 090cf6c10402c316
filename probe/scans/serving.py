"""A worker in a process of its own: one model, until it is told to end."""

from __future__ import annotations

import signal

from probe.calibration.store import DEMO
from probe.config import Settings
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.opening import Probes, open_desk
from probe.scans.worker import Worker


def make_worker(settings: Settings, probe: Probe, revision: str | None = None) -> Worker:
    """Returns a worker for the model that the settings name."""
    desk, name = open_desk(settings), model_name(settings, probe)
    return Worker(
        desk.ledger, desk.store, [name], Probes(probe, name, settings),
        lambda calibration: Sources.of(settings, revision, calibration),
    )  # fmt: skip


def model_name(settings: Settings, probe: Probe) -> str:
    """Returns the id under which the model is served."""
    target = settings.target or DEMO
    return settings.name or (DEMO if target == DEMO else probe.target.identity.name)


def serve(settings: Settings, probe: Probe, *, once: bool = False, revision: str | None = None) -> None:
    """Works until SIGTERM or Ctrl-C, which let the texts that are being measured end; once: until nothing waits."""
    worker = make_worker(settings, probe, revision)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run(until_idle=once)
