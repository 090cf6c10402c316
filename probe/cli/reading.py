"""Files that a command line names -> texts, each file by itself: documents by their reader, rows by theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from probe.errors import InputError
from probe.types import Text

if TYPE_CHECKING:
    from probe.documents.document import Document

_READ = re.compile(r"\.(jsonl?|ndjson|csv|tsv|parquet|txt|md|markdown|pdf|epub|x?html?)$", re.IGNORECASE)
_SHOWN = 20  # files that are named one by one


def each_file(paths: Sequence[Path]) -> list[Path]:
    """Returns the files that are named, and those within folders that can be read. Raises InputError for none."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise InputError(f"No file {', '.join(missing)}.")
    return list(dict.fromkeys(one for path in paths for one in (_within(path) if path.is_dir() else [path])))


def _within(folder: Path) -> list[Path]:
    found = sorted(one for one in folder.rglob("*") if one.is_file() and _READ.search(one.name))
    if not found:
        raise InputError(
            f"The folder {folder} holds no file that can be read: txt, md, html, epub, pdf, jsonl, csv ..."
        )
    return found


def is_document(path: Path) -> bool:
    """True for a file that is one document, however its lines are broken; others hold rows."""
    from probe.documents.read import READERS

    return path.suffix.lower() in (*READERS, "")


def read_document(path: Path) -> Document:
    """Returns a document; says on stderr what its reader notes. Raises InputError for what cannot be read."""
    from probe.documents.apart import read_file

    found = read_file(path)
    for warning in found.warnings:
        typer.echo(f"Note: {path.name}: {warning}.", err=True)
    return found


def read_each(paths: Sequence[Path], read: Callable[[Path], list[Text]]) -> dict[Path, list[Text]]:
    """Returns the texts of the files that give some; says on stderr which give none, and why.

    Raises InputError where none does.
    """
    found: dict[Path, list[Text]] = {}
    lost: dict[Path, str] = {}
    for path in paths:
        try:
            if texts := read(path):
                found[path] = texts
            else:
                lost[path] = "It holds no text."
        except InputError as error:
            lost[path] = str(error)
    if paths and not found:
        path, why = next(iter(lost.items()))
        raise InputError(why if str(path) in why else f"{path}: {why}")
    for line in _told(lost):
        typer.echo(line, err=True)
    return found


def _told(lost: dict[Path, str]) -> Iterator[str]:
    yield from (f"Left out {path}: {why}" for path, why in list(lost.items())[:_SHOWN])
    if len(lost) > _SHOWN:
        yield f"... and {len(lost) - _SHOWN:,} files more that give no text."
