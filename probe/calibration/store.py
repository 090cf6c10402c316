"""Calibrations on disk: one .npz each, arrays beside a JSON header. Nothing in it is ever unpickled."""

from __future__ import annotations

import io
import json
import re
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np

from probe.calibration.blind import NO_BAGS
from probe.calibration.calibration import Calibration, Sentinel
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.gates import SET_LEVEL
from probe.calibration.packing import Arrays, pack, unpack
from probe.calibration.residual import Residual
from probe.data.arrays import write
from probe.data.npz import check
from probe.data.private import make_folder
from probe.errors import CalibrationError, InputError, UnknownName
from probe.scores import TABLE
from probe.scores.fitted import UNFITTED
from probe.types import Gate
from probe.untold import called

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARRAYS = ("nonmembers", "members", "found", "tokens", "difficulty", "variety", "shingles")
DEMO, RECORDS = "demo", "demo-records"
EMBEDDED = (DEMO, RECORDS)
LARGEST = 1 << 28  # bytes of an unpacked calibration
# whatever numpy, zipfile and json raise on a truncated, corrupt or hostile file
_BROKEN = (
    OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error, SyntaxError, tokenize.TokenError,
)  # fmt: skip


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes NAME.npz, readable by its owner only, and returns its path."""
    path = _path(calibration.name, folder)
    make_folder(folder)
    header, arrays = _parts(calibration)
    return write(path, header, **arrays)


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


def load(path: Path) -> Calibration:
    """Reads a calibration file. Raises CalibrationError for anything else."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except _BROKEN as error:
        raise CalibrationError(f"{path.name} is not a calibration of this version: {error}") from error


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
    return _checked(Calibration(**header, bags=bags, strata=strata, **{name: arrays[name] for name in _ARRAYS}))


def find(name: str, folder: Path) -> Calibration:
    """Returns the calibration of this name. Raises UnknownName."""
    path = _path(name, folder)
    if path.is_file():
        return load(path)
    if name in EMBEDDED:
        return embedded(name)
    raise UnknownName(f"No calibration named {name}. There are: {', '.join(names(folder))}.", "calibration")


def delete(name: str, folder: Path) -> None:
    """Deletes a stored calibration. Raises UnknownName; InputError for an embedded one."""
    path = _path(name, folder)
    if path.is_file():
        path.unlink()
    elif name in EMBEDDED:
        raise InputError(f"{name} is part of memprobe and cannot be deleted.", "calibration")
    else:
        find(name, folder)


def dump(name: str, folder: Path) -> bytes:
    """Returns the file of a calibration. Raises UnknownName."""
    find(name, folder)
    path = _path(name, folder)
    return (path if path.is_file() else _embedded(name)).read_bytes()


def adopt(content: bytes, name: str, folder: Path) -> Calibration:
    """Stores the file of a calibration under a name of one's own. Raises InputError for anything else."""
    _path(name, folder)
    try:
        found = replace(_read(io.BytesIO(content)), name=name)
    except _BROKEN as error:
        why = str(error) if type(error) is ValueError else type(error).__name__  # others may quote what it holds
        raise InputError(f"The file is no calibration of this version: {why}.", "content") from error
    save(found, folder)
    return found


def embedded(name: str) -> Calibration:
    """Returns a calibration of the embedded pair."""
    return load(_embedded(name))


def _embedded(name: str) -> Path:
    return Path(str(files("probe.demo") / "assets" / f"{name}.npz"))


def names(folder: Path) -> list[str]:
    """Returns the names at hand, the embedded ones first."""
    own = {path.stem for path in folder.glob("*.npz") if _NAME.fullmatch(path.stem)}
    return [*EMBEDDED, *sorted(own - set(EMBEDDED))]


def stored(folder: Path) -> Iterator[Calibration | CalibrationError]:
    """Yields every calibration at hand, or the error of a file that is none."""
    for name in names(folder):
        try:
            yield find(name, folder)
        except CalibrationError as error:
            yield error


def _parts(calibration: Calibration) -> tuple[dict[str, Any], Arrays]:
    """Returns a header of plain values, and arrays by name."""
    fitted, arrays = pack(calibration.fitted, calibration.bags, calibration.strata)
    plain = replace(calibration, fitted=UNFITTED, bags=NO_BAGS, strata=())
    header = asdict(plain) | {"fitted": fitted}
    if not header["fingerprint"]["revisions"]:  # as before there was such a field: the content is the same
        del header["fingerprint"]["revisions"]
    del header["bags"], header["strata"]
    return header, arrays | {name: header.pop(name) for name in _ARRAYS}


def _checked(calibration: Calibration) -> Calibration:
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
    arrays = {name: getattr(calibration, name) for name in _ARRAYS}
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


def check_name(name: str) -> None:
    """Raises InputError for what cannot name a calibration."""
    if not _NAME.fullmatch(name):
        said = called(name, "This")
        raise InputError(f"{said} cannot name a calibration: use letters, digits, dots and dashes.", "calibration")


def check_free(name: str, folder: Path, *, replace_own: bool = False) -> None:
    """Raises InputError for what cannot name a calibration, or names one already."""
    check_name(name)
    if name in EMBEDDED or (name in names(folder) and not replace_own):
        raise InputError(f"There is a calibration {name} already; choose another name, or --force to replace your own.")


def _path(name: str, folder: Path) -> Path:
    check_name(name)
    return folder / f"{name}.npz"
