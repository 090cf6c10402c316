"""A calibration as a file: one .npz, arrays beside a JSON header. Nothing in it is ever unpickled."""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np

from probe.calibration.blind import NO_BAGS
from probe.calibration.calibration import Calibration, Sentinel
from probe.calibration.checked import ARRAYS, checked
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.packing import Arrays, pack, unpack
from probe.calibration.residual import Residual
from probe.data.arrays import write
from probe.data.npz import check
from probe.errors import CalibrationError, InputError
from probe.scores.fitted import UNFITTED

LARGEST = 1 << 28  # bytes of an unpacked calibration
# whatever numpy, zipfile and json raise on a truncated, corrupt or hostile file
_BROKEN = (
    OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error, SyntaxError, tokenize.TokenError,
)  # fmt: skip


def save_as(calibration: Calibration, path: Path) -> Path:
    """Writes it, readable by its owner only, and returns the path."""
    header, arrays = _parts(calibration)
    return write(path, header, **arrays)


def load(path: Path) -> Calibration:
    """Reads a calibration file. Raises CalibrationError for anything else."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except _BROKEN as error:
        raise CalibrationError(f"{path.name} is not a calibration of this version: {error}") from error


def taken(content: bytes) -> Calibration:
    """Reads the content of such a file. Raises InputError for anything else."""
    try:
        return _read(io.BytesIO(content))
    except _BROKEN as error:
        why = str(error) if type(error) is ValueError else type(error).__name__  # others may quote what it holds
        raise InputError(f"The file is no calibration of this version: {why}.", "content") from error


@lru_cache(maxsize=8)
def content_hash(calibration: Calibration) -> str:
    """Returns sha256:... of all that it holds but its name: the same before and after it is stored, under any zlib."""
    header, arrays = _parts(calibration)
    del header["name"]
    found = sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        plain = np.ascontiguousarray(array, dtype=np.asarray(array).dtype.newbyteorder("<"))
        found.update(f"\n{name} {plain.dtype.str} {plain.shape}\n".encode())
        found.update(plain.tobytes())
    return "sha256:" + found.hexdigest()


def _read(file: IO[bytes]) -> Calibration:
    """Raises any of _BROKEN."""
    check(file, LARGEST)
    with np.load(file, allow_pickle=False) as stored:
        header = json.loads(str(stored["header"]))
        arrays = {name: stored[name] for name in stored.files}
    header["fitted"], bags, strata = unpack(header["fitted"], arrays)
    header["fingerprint"] = Fingerprint(**header["fingerprint"])
    for name in ("residual", "member_residual"):
        header[name] = Residual(**{key: tuple(value) for key, value in header[name].items()})
    header["sentinels"] = tuple(Sentinel(**row) for row in header["sentinels"])
    header["notes"] = tuple(header["notes"])
    return checked(Calibration(**header, bags=bags, strata=strata, **{name: arrays[name] for name in ARRAYS}))


def _parts(calibration: Calibration) -> tuple[dict[str, Any], Arrays]:
    """Returns a header of plain values, and arrays by name."""
    fitted, arrays = pack(calibration.fitted, calibration.bags, calibration.strata)
    plain = replace(calibration, fitted=UNFITTED, bags=NO_BAGS, strata=())
    header = asdict(plain) | {"fitted": fitted}
    if not header["fingerprint"]["revisions"]:  # as before there was such a field: the content is the same
        del header["fingerprint"]["revisions"]
    for row in header["sentinels"]:
        if row["difficulty"] is None:
            del row["difficulty"]
    del header["bags"], header["strata"]
    return header, arrays | {name: header.pop(name) for name in ARRAYS}
