"""Texts in: JSONL ({"id", "text"} or a bare string per line), CSV and TSV with a header, or a plain text file.

One bad row never fails its neighbours: it comes out as Unreadable, with its place and what is wrong.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.errors import InputError
from probe.types import Text

csv.field_size_limit(1 << 27)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that gives no text. `row` counts from 1."""

    row: int
    reason: str


Row = Text | Unreadable


def read(path: Path, text_column: str = "text", id_column: str = "id") -> Iterator[Row]:
    """Yields the texts of a file by its ending. Raises InputError where the file as a whole cannot be read."""
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return _jsonl(path, text_column, id_column)
    if ending in (".csv", ".tsv"):
        return _csv(path, text_column, id_column, "\t" if ending == ".tsv" else ",")
    if ending in (".txt", ".md", ""):
        return _plain(path)
    raise InputError(f"{path.name}: this ending is not known; use .jsonl, .csv, .tsv or .txt.")


def _jsonl(path: Path, text_column: str, id_column: str) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _json_row(number, line, text_column, id_column)


def _json_row(number: int, line: bytes, text_column: str, id_column: str) -> Row:
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return Unreadable(number, f"invalid UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"invalid JSON: {error}")
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, dict) or not isinstance(value.get(text_column), str):
        return Unreadable(number, f'no string under "{text_column}"')
    name = value.get(id_column)
    if not _is_unicode(str(name)):
        return Unreadable(number, f'the "{id_column}" is not valid Unicode')
    return Text(value[text_column], None if name is None else str(name))


def _csv(path: Path, text_column: str, id_column: str, delimiter: str) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        columns = _columns(rows, path)
        if text_column not in columns:
            raise InputError(
                f'{path.name} has no column "{text_column}"; it has {", ".join(columns) or "none"}. Name the one that '
                "holds the texts with --text-column."
            )
        yield from _csv_rows(rows, text_column, id_column)


def _columns(rows: csv.DictReader[str], path: Path) -> list[str]:
    try:
        return [name.encode("utf-8", "replace").decode() for name in rows.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{path.name} has no readable header: {error}.") from error


def _csv_rows(rows: csv.DictReader[str], text_column: str, id_column: str) -> Iterator[Row]:
    number = 0
    while True:
        number += 1
        try:
            yield _csv_row(number, next(rows), text_column, id_column)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(number, f"not CSV: {error}")


def _csv_row(number: int, row: dict[str, str | None], text_column: str, id_column: str) -> Row:
    text = row.get(text_column)
    if text is None:
        return Unreadable(number, f'no value under "{text_column}"')
    name = row.get(id_column)
    if not (_is_unicode(text) and _is_unicode(name or "")):
        return Unreadable(number, "invalid UTF-8")
    return Text(text, name)


def _is_unicode(text: str) -> bool:
    """False for the unpaired surrogates that stand for invalid bytes, or that JSON's escapes can spell."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain(path: Path) -> Iterator[Row]:
    try:
        yield Text(path.read_bytes().decode("utf-8-sig"), path.name)
    except UnicodeDecodeError as error:
        yield Unreadable(1, f"invalid UTF-8 at byte {error.start}; save the file as UTF-8")
