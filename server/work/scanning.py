"""The service's own worker: scores batches in a thread, its passes between those of requests."""

from __future__ import annotations

import threading

from probe.pipeline import Probe
from probe.scans.serving import make_worker
from server.service import Service


class Scanning:
    """Begins at once; `stop` ends it after the batch of texts that is being measured."""

    def __init__(self, service: Service) -> None:
        assert service.desk is not None
        (name, own), *_ = service.models.items()
        probe = Probe.of(service.setup_in_turns(own, "scan"), own.calibration)
        self._worker = make_worker(service.desk, service.settings, name, probe)
        self._thread = threading.Thread(target=self._worker.run, name="scans", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def tell(self) -> None:
        """Lets the worker end: what it holds waits for another one within a batch of texts."""
        self._worker.stop()

    def stop(self, seconds: float = 10.0) -> bool:
        """Returns whether it ended in that time."""
        self.tell()
        self._thread.join(seconds)
        return not self.running
