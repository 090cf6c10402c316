"""The service's own worker: scores batches in a thread, its passes between those of requests."""

from __future__ import annotations

import threading

from probe.pipeline import Probe
from probe.scans.serving import make_worker
from server.service import Service


class Scanning:
    """Begins at once; `stop` ends it after the texts that are being measured."""

    def __init__(self, service: Service) -> None:
        assert service.desk is not None
        (name, own), *_ = service.models.items()
        probe = Probe.of(service.setup_in_turns(own), own.calibration)
        self._worker = make_worker(service.desk, service.settings, name, probe)
        self._thread = threading.Thread(target=self._worker.run, name="scans", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._worker.stop()
        self._thread.join()
