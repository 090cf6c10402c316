"""Passages in: the files that memprobe reads, where a JSONL row may bring `"paraphrases": [3 strings]` for the quiz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.data.read import Columns, Unreadable, read, text_of
from probe.data.rows import Raw, rows

PARAPHRASES = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, and three paraphrases of it or none."""

    text: str
    id: str | None = None
    paraphrases: tuple[str, ...] = ()


def read_passages(path: Path, columns: Columns = Columns()) -> Iterator[Passage | Unreadable]:
    """Returns the passages of a file. Raises InputError where it cannot be read as a whole."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return (_passage(row, columns) if isinstance(row, Raw) else row for row in rows(path).rows)
    return (row if isinstance(row, Unreadable) else Passage(row.text, row.id) for row in read(path, columns))


def _passage(raw: Raw, columns: Columns) -> Passage | Unreadable:
    row = text_of(raw, columns)
    if isinstance(row, Unreadable):
        return row
    found = raw.value.get("paraphrases") if isinstance(raw.value, dict) else None
    if found is None:
        return Passage(row.text, row.id)
    number = raw.row
    if not isinstance(found, list) or len(found) != PARAPHRASES or not all(isinstance(one, str) for one in found):
        return Unreadable(number, f'"paraphrases" must be a list of {PARAPHRASES} strings')
    options = {" ".join(one.split()) for one in (row.text, *found)}
    if "" in options or len(options) < 1 + PARAPHRASES:
        return Unreadable(number, "the text and its paraphrases must all differ, and none may be empty")
    return Passage(row.text, row.id, tuple(found))
