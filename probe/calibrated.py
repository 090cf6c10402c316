"""A model with calibrations that callers name: few are held, each as long as what has its name is still the same."""

from __future__ import annotations

from probe.calibration.calibration import Calibration
from probe.calibration.file import content_hash
from probe.calibration.shelf import Shelf
from probe.pipeline import Probe

MOST = 8  # that are held; any other is read when it is asked for
Key = tuple[str, str, str]  # model, calibration, owner


def named(own: Probe, name: str, shelf: Shelf) -> Calibration | None:
    """Returns the calibration of this name, None where the one that the model is served with is meant.

    Raises UnknownName, CalibrationError.
    """
    served = own.calibration is not None and own.calibration.name == name
    return None if served and not shelf.hides(name) else shelf.find(name)


class Calibrated(dict[Key, Probe]):
    """The probes, that which was used last standing last."""

    def find(self, key: Key, calibration: Calibration) -> Probe | None:
        """Returns what is held under a key, if it rests on this very calibration: dates may be the same."""
        known = self.pop(key, None)
        if known is None or known.calibration is None or content_hash(known.calibration) != content_hash(calibration):
            return None
        self[key] = known
        return known

    def keep(self, key: Key, probe: Probe) -> Probe:
        """Holds a probe, and lets those go that were used longest ago."""
        self[key] = probe
        while len(self) > MOST:
            self.pop(next(iter(self)), None)
        return probe

    def forget(self, name: str, owner: str) -> None:
        for key in [key for key in list(self) if key[1:] == (name, owner)]:
            self.pop(key, None)
