"""Texts that a command line names: typed out, in files, or on standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

import typer

from probe.data.private import make_folder
from probe.data.read import Columns, Unreadable, read
from probe.errors import InputError
from probe.types import Text

_SHOWN = 20  # rows that are named one by one
_PATH = re.compile(r"/|\.(jsonl?|ndjson|csv|tsv|txt|md|parquet|pdf|epub|x?html?)$", re.IGNORECASE)


def read_texts(inputs: list[str], columns: Columns) -> tuple[list[Text], list[str]]:
    """Returns the texts, and a line for each row that gives none."""
    texts: list[Text] = []
    broken: list[str] = []
    for entry in inputs:
        if not _is_file(entry):
            texts.append(Text(_standard_input() if entry == "-" else entry))
            continue
        for row in read(Path(entry), columns):
            if isinstance(row, Unreadable):
                broken.append(f"{entry}, row {row.row}: {row.reason}")
            else:
                texts.append(row)
    return texts, broken


def new_file(path: Path) -> Path:
    """Returns the path where a file can be made, before long work is lost for it. Raises InputError."""
    if writable_file(path).exists():
        raise InputError(f"{path} exists; name a new file.")
    return path


def writable_file(path: Path) -> Path:
    """Returns the path where a file can be made or replaced. Raises InputError."""
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}; make it first.")
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file.")
        if path.is_file():
            path.open("ab").close()
        elif not path.exists():  # a pipe is left alone: opened once, it is spent
            path.open("xb").close()
            path.unlink()
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); name another file.") from error
    return path


def writable_folder(path: Path, remedy: str = "name another folder", *, private: bool = False) -> Path:
    """Returns the path of a folder in which files can be made; one that is not there yet can be made, and is not.

    Nothing but a trial tells, on any file system. private: the folders above it that the trial makes are their owner's.
    Raises InputError.
    """
    try:
        if path.is_file():
            raise InputError(f"{path} is a file; {remedy}.")
        new = not path.exists()
        make_folder(path) if private else path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
        if new:
            path.rmdir()
    except OSError as error:
        raise InputError(f"The folder {path} cannot be written ({error.strerror}); {remedy}.") from error
    return path


def _is_file(entry: str) -> bool:
    """Raises InputError for what looks like a path and is no file."""
    if not entry:
        return False
    try:
        if Path(entry).is_file():
            return True
        lost = Path(entry).is_dir() or (not any(map(str.isspace, entry)) and _PATH.search(entry))
    except (OSError, ValueError):  # too long, or holding NUL, for a name
        return False
    if lost:
        raise InputError(f"{entry} is no file; for a text that looks like a path, send it on standard input (-).")
    return False


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8: invalid at byte {error.start}.") from error


def read_known(paths: Sequence[Path], columns: Columns) -> list[Text]:
    """Returns the texts of files; says on stderr which rows give none. Raises InputError for a missing file."""
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"No file {', '.join(missing)}.")
    texts, broken = read_texts([str(path) for path in paths], columns)
    for line in broken[:_SHOWN]:
        typer.echo(line, err=True)
    if len(broken) > _SHOWN:
        typer.echo(f"... and {len(broken) - _SHOWN:,} rows more that give no text.", err=True)
    if broken and not texts:
        raise InputError(
            f"No row of {', '.join(map(str, paths))} gives a text: the first says {broken[0].split(': ', 1)[1]}. Name "
            "the field that holds the texts (--text-column)."
        )
    return texts
