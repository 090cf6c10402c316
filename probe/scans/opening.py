"""From settings to desk and worker."""

from __future__ import annotations

from probe.calibrated import Calibrated, named
from probe.calibration.shelf import Shelf
from probe.config import Settings
from probe.errors import ModelError
from probe.pipeline import Probe
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.store import Store


def open_desk(settings: Settings) -> Desk:
    """Raises StoreError."""
    url = settings.database_url or f"sqlite:///{settings.home / 'scans.sqlite'}"
    store = Store(settings.store or settings.home / "store")
    return Desk(Database(url), store, lease=settings.lease_seconds, cache=settings.cache, most=settings.owner_bytes)


class Probes:
    """One model with whichever calibration a scan names."""

    def __init__(self, own: Probe, name: str, settings: Settings) -> None:
        self._own, self._name, self._settings = own, name, settings
        self._known = Calibrated()

    def __call__(self, model: str, calibration: str | None, owner: str) -> Probe:
        """Raises ModelError, UnknownName, FingerprintMismatch."""
        if model != self._name:
            raise ModelError(f"This worker serves {self._name}, not {model}.")
        own = self._own
        shelf = Shelf(self._settings.calibrations, owner)
        if calibration is None or (found := named(own, calibration, shelf)) is None:
            return own
        key = (model, calibration, owner)
        return self._known.find(key, found) or self._known.keep(key, Probe.of(own.setup, found))
