"""A worker in a process of its own: one model, until it is told to end."""

from __future__ import annotations

import signal

from probe.config import Settings
from probe.opening import served_name
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.desk import Desk
from probe.scans.opening import Probes, open_desk
from probe.scans.worker import Worker


def make_worker(desk: Desk, settings: Settings, name: str, probe: Probe, revision: str | None = None) -> Worker:
    """Returns a worker for the model of this name."""
    return Worker(
        desk.ledger, desk.store, [name], Probes(probe, name, settings),
        lambda calibration: Sources.of(settings, revision, calibration),
    )  # fmt: skip


def own_worker(settings: Settings, probe: Probe, revision: str | None = None) -> Worker:
    """Returns a worker with a desk of its own, for the model that the settings name."""
    return make_worker(open_desk(settings), settings, served_name(settings, probe), probe, revision)


def serve(settings: Settings, probe: Probe, *, once: bool = False, revision: str | None = None) -> None:
    """Works until SIGTERM or Ctrl-C, which let the texts that are being measured end; once: until nothing waits."""
    worker = own_worker(settings, probe, revision)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run(until_idle=once)
