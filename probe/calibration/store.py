"""Calibrations by their names: in a folder, one file each, and the embedded ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from probe.calibration.calibration import Calibration
from probe.calibration.file import load, save_as, taken
from probe.data.private import make_folder
from probe.errors import CalibrationError, InputError, UnknownName
from probe.untold import called

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEMO, RECORDS = "demo", "demo-records"
EMBEDDED = (DEMO, RECORDS)


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes NAME.npz, readable by its owner only, and returns its path."""
    path = _path(calibration.name, folder)
    make_folder(folder)
    return save_as(calibration, path)


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
    found = replace(taken(content), name=name)
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
