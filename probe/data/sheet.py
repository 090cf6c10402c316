"""CSV as it is handed on: a spreadsheet shows every cell and runs none.

A text that begins like a formula (= + - @, a tab or the end of a line) has an apostrophe put before it, and so has one
that begins so behind apostrophes: taking one away gives every text back. Numbers stand as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a header and rows in the place of an earlier file; None is an empty cell."""
    path.write_bytes(as_csv(columns, rows))


def as_csv(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """Returns the same, UTF-8."""
    file = io.StringIO()
    writer = csv.writer(file)  # lines end as RFC 4180 has it, so that both signs of an end are quoted
    writer.writerows([map(_cell, row) for row in (columns, *rows)])
    return file.getvalue().encode(errors="replace")


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
