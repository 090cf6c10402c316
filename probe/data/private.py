"""Files and folders that their owner alone may read, whatever the umask: what holds texts, scores, keys, calibrations.

A folder that is there keeps its mode, for it may be anybody's; a file under a name of ours is closed to others again.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
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

    What it lays there later gets the file's mode. A file that is there is not opened: as it is closed, the system drops
    all locks that this process has on it, those of SQLite's connections too, and two would write at once (SQLite's
    "How To Corrupt", 2.2). Raises OSError.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
    for one in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):  # another process may have ended
            found = one.stat()
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & _OTHERS:
                one.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
