"""A worker in a process of its own: one model, until it is told to end."""

from __future__ import annotations

import signal
from collections.abc import Callable

from probe.config import Settings
from probe.opening import served_name
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.desk import Desk
from probe.scans.opening import Probes, open_desk
from probe.scans.sweep import sweeping
from probe.scans.worker import Worker


def make_worker(desk: Desk, settings: Settings, name: str, probe: Probe, revision: str | None = None) -> Worker:
    """Returns a worker for the model of this name."""
    return Worker(
        desk.ledger, desk.store, [name], Probes(probe, name, settings),
        lambda calibration: Sources.of(settings, revision, calibration), desk.cache,
    )  # fmt: skip


def work(
    settings: Settings, probe: Probe, *, once: bool = False, revision: str | None = None,
    begun: Callable[[Worker], None] = lambda worker: None,
) -> None:  # fmt: skip
    """Works until the worker is stopped, and sweeps beside it; once: until nothing waits. begun: is told who works."""
    desk = open_desk(settings)
    worker = make_worker(desk, settings, served_name(settings, probe), probe, revision)
    begun(worker)
    with sweeping(desk, settings):
        worker.run(until_idle=once)


def serve(settings: Settings, probe: Probe, *, once: bool = False, revision: str | None = None) -> None:
    """Works until SIGTERM or Ctrl-C, which let the texts that are being measured end; once: until nothing waits."""

    def begun(worker: Worker) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())

    work(settings, probe, once=once, revision=revision, begun=begun)
