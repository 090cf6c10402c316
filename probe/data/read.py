"""Texts in: which columns of a file's rows (rows.py) are the text, its id and its source.

A row that gives no text comes out as Unreadable, and its neighbours stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.data.rows import Raw, Unreadable, is_unicode, rows
from probe.errors import InputError
from probe.types import Text
from probe.untold import listed, shown

__all__ = ["Columns", "Row", "Unreadable", "check_columns", "read", "text_of"]
Row = Text | Unreadable
_PLAIN = (".txt", ".md", "")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the fields: of the text, the caller's own id, and the document, site or date that it is from."""

    text: str = "text"
    id: str = "id"
    source: str | None = None


def read(path: Path, columns: Columns = Columns()) -> Iterator[Row]:
    """Returns the texts of a file by its ending. Raises InputError where the file as a whole cannot be read."""
    table = rows(path)
    check_columns(path.name, table.columns, columns)
    chosen = Columns() if path.suffix.lower() in _PLAIN else columns
    return (text_of(row, chosen) if isinstance(row, Raw) else row for row in table.rows)


def check_columns(name: str, there: list[str] | None, columns: Columns) -> None:
    """Raises InputError where a file that names its columns has none of this name for the text."""
    if there is not None and columns.text not in there:
        raise InputError(
            f'{shown(name, "The file")} has no column "{shown(columns.text, "of that name")}"; it has {listed(there)}. '
            "Name the one that holds the texts (--text-column, text_column).", "text_column",
        )  # fmt: skip


def text_of(row: Raw, columns: Columns) -> Row:
    """Returns the text of one row."""
    value = row.value
    if isinstance(value, str):
        return Text(value)
    text = value.get(columns.text) if isinstance(value, dict) else None
    if isinstance(text, bytes):
        return Unreadable(row.row, "invalid UTF-8")
    if not isinstance(text, str):
        return Unreadable(row.row, f'no string under "{shown(columns.text, "the column of texts")}"')
    name, source = (value.get(column) if column else None for column in (columns.id, columns.source))
    for column, field in ((columns.id, name), (columns.source, source)):
        if isinstance(field, bytes) or not is_unicode(str(field)):
            return Unreadable(row.row, f'the "{shown(column or "", "id")}" is not valid Unicode')
    return Text(text, *(None if field is None else str(field) for field in (name, source)))
