"""Bytes -> Document, by the file's ending. What opens files of strangers does so in a process of its own (apart.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from probe.documents.document import Document, Opened, digest
from probe.documents.epub import epub
from probe.documents.html import html
from probe.documents.limits import BYTES, CHARACTERS, check
from probe.documents.mend import mend
from probe.documents.pdf import pdf
from probe.documents.plain import markdown, plain
from probe.errors import InputError
from probe.untold import shown

Reader = Callable[[bytes], Opened]
READERS: dict[str, Reader] = {
    ".txt": plain, ".md": markdown, ".markdown": markdown, ".html": html, ".htm": html, ".xhtml": html, ".epub": epub,
    ".pdf": pdf,
}  # fmt: skip


def kind_of(name: str) -> str:
    """Returns the ending, that of a text where there is none. Raises InputError for one that cannot be read."""
    ending = PurePath(name).suffix.lower() or ".txt"
    if ending not in READERS:
        raise InputError(
            f"{shown(name, 'The file')}: this ending is not known; documents are {', '.join(READERS)}. Save it as one.",
            "file",
        )
    return ending


def read_bytes(content: bytes, name: str) -> Document:
    """Raises InputError for what is broken, locked, without text or too large."""
    kind = kind_of(name)
    check("bytes", len(content), BYTES)
    found = READERS[kind](content)
    text, paragraphs, lines, mended = mend(found.leaves)
    if not paragraphs:
        raise InputError("The document holds no text.", "file")
    check("characters", len(text), CHARACTERS)
    labels, units = [leaf.label for leaf in found.leaves], [leaf.unit for leaf in found.leaves]
    counts = {**found.mended, **mended}
    return Document(
        PurePath(name).name, kind[1:], text, labels, paragraphs, lines, digest(content), counts, found.warnings,
        units,
    )  # fmt: skip
