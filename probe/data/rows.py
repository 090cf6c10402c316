"""Rows out of files: JSONL or a JSON array (objects or bare strings), CSV and TSV with a header, a text as one row.

One bad row never fails its neighbours: it comes out as Unreadable, with its place and what is wrong. What the columns
mean is for others to say (read.py).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.errors import InputError

csv.field_size_limit(1 << 27)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that gives nothing. `row` counts from 1."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A row as it stands: an object, a bare string, or whatever else JSON may hold. `row` counts from 1."""

    row: int
    value: Any


@dataclass(frozen=True, slots=True)
class Table:
    """columns: of a file that names them once; None where every row names its own."""

    rows: Iterator[Raw | Unreadable]
    columns: list[str] | None = None


def rows(path: Path) -> Table:
    """Returns the rows of a file by its ending. Raises InputError where the file as a whole cannot be read."""
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return Table(_jsonl(path))
    if ending == ".json":
        return Table(_json(path))
    if ending in (".csv", ".tsv"):
        return _csv(path, "\t" if ending == ".tsv" else ",")
    if ending in (".txt", ".md", ""):
        return Table(_plain(path))
    raise InputError(f"{path.name}: this ending is not known; use .jsonl, .json, .csv, .tsv or .txt.")


def _jsonl(path: Path) -> Iterator[Raw | Unreadable]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _json_row(number, line)


def _json(path: Path) -> Iterator[Raw | Unreadable]:
    """The elements of an array, or the one value that the file holds; JSON lines under this name are read as such."""
    whole = _json_row(1, path.read_bytes())
    if isinstance(whole, Raw):
        values = whole.value if isinstance(whole.value, list) else [whole.value]
        return (Raw(number, value) for number, value in enumerate(values, 1))
    found = list(_jsonl(path))
    return iter(found if any(isinstance(row, Raw) for row in found) else [whole])


def _json_row(number: int, line: bytes) -> Raw | Unreadable:
    try:
        return Raw(number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8")))
    except UnicodeDecodeError as error:
        return Unreadable(number, f"invalid UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"invalid JSON: {error}")


def _csv(path: Path, delimiter: str) -> Table:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        columns = _columns(csv.DictReader(file, delimiter=delimiter), path)
    return Table(_csv_rows(path, delimiter), columns)


def _columns(reader: csv.DictReader[str], path: Path) -> list[str]:
    try:
        return [name.encode("utf-8", "replace").decode() for name in reader.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{path.name} has no readable header: {error}.") from error


def _csv_rows(path: Path, delimiter: str) -> Iterator[Raw | Unreadable]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader, number = csv.DictReader(file, delimiter=delimiter), 0
        while True:
            number += 1
            try:
                yield Raw(number, {name: _decoded(value) for name, value in next(reader).items()})
            except StopIteration:
                return
            except csv.Error as error:
                yield Unreadable(number, f"not CSV: {error}")


def _decoded(value: Any) -> Any:
    """An invalid byte came in as an unpaired surrogate: the field stands as bytes, for whoever needs it to refuse."""
    return value.encode(errors="surrogateescape") if isinstance(value, str) and not is_unicode(value) else value


def is_unicode(text: str) -> bool:
    """False for the unpaired surrogates that stand for invalid bytes, or that JSON's escapes can spell."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain(path: Path) -> Iterator[Raw | Unreadable]:
    try:
        yield Raw(1, {"text": path.read_bytes().decode("utf-8-sig"), "id": path.name})
    except UnicodeDecodeError as error:
        yield Unreadable(1, f"invalid UTF-8 at byte {error.start}; save the file as UTF-8")
