"""Files and folders that their owner alone may read, whatever the umask: what holds texts, scores, keys, calibrations.

A folder that is there keeps its mode, for it may be anybody's; a file under a name of ours is closed to others again.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
_OTHERS = 0o077


def make_folder(path: Path) -> Path:
    """Makes a folder, and those above it that are not there, and returns it. Raises OSError."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(FOLDER, exist_ok=True)
    path.mkdir(FOLDER, exist_ok=True)
    return path


def opener(name: str, flags: int) -> int:
    """For open(): what it makes, or writes to, is its owner's alone."""
    handle = os.open(name, flags, FILE)
    found = os.fstat(handle)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & _OTHERS:
        os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~_OTHERS)
    return handle


def claim(path: Path) -> None:
    """Makes an empty database file where there is none, or closes one to others, and what SQLite laid beside it.

    What it lays there later gets the file's mode. Raises OSError.
    """
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-shm")]
    for one in (path, *(one for one in beside if one.exists())):
        open(one, "ab", opener=opener).close()
