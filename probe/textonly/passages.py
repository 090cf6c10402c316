"""Passages in: the files that memprobe reads, where a JSONL row may bring `"paraphrases": [3 strings]` for the quiz."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.data.read import Unreadable, read
from probe.types import Text

PARAPHRASES = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, and three paraphrases of it or none."""

    text: str
    id: str | None = None
    paraphrases: tuple[str, ...] = ()


def read_passages(path: Path, text_column: str = "text", id_column: str = "id") -> Iterator[Passage | Unreadable]:
    """Yields the passages of a file. Raises InputError where it cannot be read as a whole."""
    rows = read(path, text_column, id_column)
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        return (row if isinstance(row, Unreadable) else Passage(row.text, row.id) for row in rows)
    return _with_paraphrases(path, rows)


def _with_paraphrases(path: Path, rows: Iterator[Text | Unreadable]) -> Iterator[Passage | Unreadable]:
    with path.open("rb") as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        for (number, line), row in zip(lines, rows, strict=True):  # one row per line that is not blank
            yield row if isinstance(row, Unreadable) else _passage(number, row, json.loads(line.decode("utf-8-sig")))


def _passage(number: int, row: Text, value: Any) -> Passage | Unreadable:
    found = value.get("paraphrases") if isinstance(value, dict) else None
    if found is None:
        return Passage(row.text, row.id)
    if not isinstance(found, list) or len(found) != PARAPHRASES or not all(isinstance(one, str) for one in found):
        return Unreadable(number, f'"paraphrases" must be a list of {PARAPHRASES} strings')
    options = {" ".join(one.split()) for one in (row.text, *found)}
    if "" in options or len(options) < 1 + PARAPHRASES:
        return Unreadable(number, "the text and its paraphrases must all differ, and none may be empty")
    return Passage(row.text, row.id, tuple(found))
