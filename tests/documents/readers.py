"""The processes that read documents for another, and a document that keeps one busy for seconds."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

LONG = (b"<p>" + b"a b c &amp; " * 30) * 50_000


def readers(parent: int | None = None) -> list[int]:
    """Returns the processes that read for this one, or for another."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if above == (parent or os.getpid()) and b"probe.documents.apart" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
