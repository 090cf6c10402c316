"""Rows of a file as documents with all their fields: what the control-set builder reads and hands on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.collections.controls import Candidate
from probe.data.read import Columns, Unreadable, text_of
from probe.data.rows import Raw, rows
from probe.errors import InputError

_LENGTH = {"year": 4, "month": 7, "day": 10}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}|\d{4}")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields. match: those that must agree; within: how much of the date must."""

    text: str = "text"
    id: str = "id"
    document: str = "source"
    match: tuple[str, ...] = ()
    date: str | None = None
    within: str = "year"

    def __post_init__(self) -> None:
        if self.within not in _LENGTH:
            raise InputError(f"Dates agree within a year, month or day, not {self.within}.", "within")


@dataclass(frozen=True, slots=True)
class Rows:
    """A document as its rows stand in the file."""

    name: str
    rows: tuple[dict[str, Any], ...]


def documents(path: Path, fields: Fields) -> tuple[list[Rows], list[str]]:
    """Returns the documents of a file, and a line for each row that cannot be used. Raises InputError."""
    table = rows(path)
    columns = Columns(fields.text, fields.id, fields.document)
    groups: dict[str, list[dict[str, Any]]] = {}
    broken = []
    for row in table.rows:
        found = row if isinstance(row, Unreadable) else text_of(row, columns)
        if isinstance(found, Unreadable):
            broken.append(f"{path}, row {found.row}: {found.reason}")
            continue
        assert isinstance(row, Raw)
        value = row.value if isinstance(row.value, dict) else {fields.text: found.text}  # a bare string
        if lacking := _lacking(value, fields):
            broken.append(f"{path}, row {row.row}: {lacking}")
            continue
        groups.setdefault(found.source or f"row {row.row}", []).append(value)
    if not groups and broken:
        raise InputError(f"{broken[0]}, and no other row of {path.name} can be used either.")
    return [Rows(name, tuple(kept)) for name, kept in groups.items()], broken


def candidate(document: Rows, fields: Fields) -> Candidate:
    """Returns the document as it is matched: its texts together, its bucket that of its first row."""
    first = document.rows[0]
    bucket = [str(first[name]) for name in fields.match]
    if fields.date:
        bucket.append(str(first[fields.date])[: _LENGTH[fields.within]])
    return Candidate(document.name, "\n".join(str(row[fields.text]) for row in document.rows), tuple(bucket))


def _lacking(value: dict[str, Any], fields: Fields) -> str | None:
    if broken := [name for name, field in value.items() if isinstance(field, bytes)]:
        return f'invalid UTF-8 under "{broken[0]}"'
    for name in fields.match:
        if not isinstance(value.get(name), str | int | float) or value[name] == "":
            return f'nothing under "{name}" to match by'
    if fields.date:
        date = _DATE.match(str(value.get(fields.date, "")))
        if not date or len(date[0]) < _LENGTH[fields.within]:
            return f'no {fields.within} under "{fields.date}"; dates begin YYYY-MM-DD'
    return None
