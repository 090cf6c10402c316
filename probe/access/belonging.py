"""Whose a new file is: made by an administrator, it must still be read by the service, which runs as another user."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def give(file: int, like: Path) -> None:
    """Gives an open file to the owner and group of `like`, as far as the system lets us."""
    kept = like.stat()
    for owner in (kept.st_uid, -1):  # who is no administrator may still give it to a group of theirs
        with suppress(PermissionError):
            os.fchown(file, owner, kept.st_gid)
            return
