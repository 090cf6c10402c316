"""From settings to desk and worker."""

from __future__ import annotations

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
    """One model with whichever calibration a scan names, each opened once."""

    def __init__(self, own: Probe, name: str, settings: Settings) -> None:
        self._own, self._name, self._settings = own, name, settings
        self._known: dict[tuple[str, str, str], Probe] = {}

    def __call__(self, model: str, calibration: str | None, owner: str) -> Probe:
        """Raises ModelError, UnknownName, FingerprintMismatch."""
        if model != self._name:
            raise ModelError(f"This worker serves {self._name}, not {model}.")
        own = self._own
        shelf = Shelf(self._settings.calibrations, owner)
        served = own.calibration is not None and own.calibration.name == calibration
        if calibration is None or (served and not shelf.hides(calibration)):
            return own
        found = shelf.find(calibration)
        key = (owner, calibration, found.created)
        if key not in self._known:
            self._known[key] = Probe.of(own.setup, found)
        return self._known[key]
