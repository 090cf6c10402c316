"""What a calibration's arrays and header must be, whoever made the file."""

from __future__ import annotations

from typing import get_args

import numpy as np

from probe.calibration.calibration import Calibration
from probe.calibration.gates import SET_LEVEL
from probe.scores import TABLE
from probe.types import Gate
from probe.untold import called

ARRAYS = ("nonmembers", "members", "found", "tokens", "difficulty", "variety", "shingles")


def checked(calibration: Calibration) -> Calibration:
    """Raises ValueError for arrays that would give wrong verdicts."""
    for name in ("nonmembers", "members", "found", "shingles"):
        array = getattr(calibration, name)
        if array.ndim != 1 or (array[1:] < array[:-1]).any():
            raise ValueError(f"{name} are not ascending")
    if (calibration.shingles[1:] == calibration.shingles[:-1]).any():
        raise ValueError("shingles stand there twice")
    sizes = {len(getattr(calibration, name)) for name in ("nonmembers", "tokens", "difficulty", "variety")}
    if len(sizes) != 1 or not len(calibration.nonmembers):
        raise ValueError("its arrays are empty or of different lengths")
    arrays = {name: getattr(calibration, name) for name in ARRAYS}
    if not all(array.dtype.kind in "fiu" and np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("it holds figures that are no finite numbers")
    if min(calibration.tokens.min(), calibration.variety.min()) <= 0 or not len(calibration.shingles):
        raise ValueError("it lacks what its texts are told by")
    _check_header(calibration)
    return calibration


def _check_header(calibration: Calibration) -> None:
    """Raises ValueError."""
    for one in (calibration.residual, calibration.member_residual):
        if (
            len(one.location) != 4
            or len(one.log_scale) != 4
            or not one.holds(calibration.tokens, calibration.difficulty)
        ):
            raise ValueError("its residual is broken")
    if calibration.score not in TABLE:
        raise ValueError(f"it rests on a score {called(calibration.score)}, which is not installed here")
    if not (calibration.gates.keys() <= set(SET_LEVEL) and set(calibration.gates.values()) <= set(get_args(Gate))):
        raise ValueError("its gates are not those of a calibration")
    if calibration.basis not in ("split", "post-hoc"):
        raise ValueError("its basis is neither split nor post-hoc")
    strings = (calibration.created, calibration.name, *calibration.notes, *calibration.findings.values())
    for string in strings:
        if not isinstance(string, str):
            raise TypeError("its notes are no strings")
        string.encode()
