"""Every error of memprobe's own; each message says what to do.

MemprobeError
+-- InputError              the caller's text or file
|   +-- UnknownName         a model, score or calibration that does not exist
|   +-- OverBudget          what is asked of a paid server may cost more than was allowed
|   +-- Overlap             a group that shares texts with one that was reported on before
|   `-- Spent               a report for which no privacy budget is left
+-- ModelError              a model that cannot be loaded or run
|   `-- UnsafeWeights       weights that are not safetensors
+-- CalibrationError        known texts that cannot calibrate
|   `-- FingerprintMismatch calibrated for other models, dtype or formulas
+-- StoreError              a store or database that cannot be read or written
|   `-- NoRoom              an upload for which an owner, or the disk, has no room left
+-- Tampered                a bundle of evidence, or a secret, that is not as its maker wrote it
`-- Busy                    the queue is full; try again
    `-- OverQuota           a key asked as much as it may for now
"""

from __future__ import annotations


class MemprobeError(Exception):
    """Base of all errors that memprobe raises on purpose."""


class InputError(MemprobeError):
    """The caller's text, file or option is at fault. `param` names the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class UnknownName(InputError):
    """No such model, score or calibration."""


class OverBudget(InputError):
    """What is asked for may cost more than the budget allows."""


class Overlap(InputError):
    """Some text of the group, or a near-copy of it, was reported on in another group; nobody is told which."""


class Spent(InputError):
    """A further report would exceed the privacy budget."""


class ModelError(MemprobeError):
    """A model cannot be loaded or run."""


class UnsafeWeights(ModelError):
    """Pickled weights run code when they are loaded."""


class CalibrationError(MemprobeError):
    """The known texts given cannot calibrate a verdict."""


class FingerprintMismatch(CalibrationError):
    """The calibration was made under other models, dtype or formulas."""


class StoreError(MemprobeError):
    """A store or database cannot be read or written."""


class NoRoom(StoreError):
    """There is no room for an upload: `owners` says whether in what its owner may keep, or on the disk."""

    def __init__(self, message: str, owners: bool = False) -> None:
        super().__init__(message)
        self.owners = owners


class Tampered(MemprobeError):
    """A bundle of evidence, or the secret of canaries, is not as its maker wrote it."""


class Busy(MemprobeError):
    """The queue is full. `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Uncounted(MemprobeError):
    """The storage of quotas does not answer, so what a key asks cannot be counted. `retry_after` is in seconds."""

    retry_after = 5


class OverQuota(Busy):
    """A key has asked as much as it may until its rate or budget is renewed."""
