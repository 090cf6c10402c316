"""What a document may take: whoever opens files of strangers wants an end to each."""

from __future__ import annotations

from probe.errors import InputError

BYTES = 128 << 20  # of a file
UNPACKED = 64 << 20  # bytes of all texts of an EPUB
FILES = 10_000  # in an EPUB
PAGES = 5_000  # of a PDF
CHARACTERS = 50_000_000  # of the text that comes out
SECONDS = 120
MEMORY = 2 << 30  # bytes of the process that reads


def check(what: str, found: int, most: int) -> None:
    """Raises InputError where there is more than may be."""
    if found > most:
        raise InputError(f"The document has {found:,} {what} and at most {most:,} are read: split it.", "file")
