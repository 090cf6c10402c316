"""CSV as it is handed on: a spreadsheet shows every cell and runs none.

A text that begins like a formula (= + - @, a tab or the end of a line) has an apostrophe put before it, and so has one
that begins so behind apostrophes: taking one away gives every text back. Numbers stand as they are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a header and rows in the place of an earlier file; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)  # lines end as RFC 4180 has it, so that both signs of an end are quoted
        writer.writerows([map(_cell, row) for row in (columns, *rows)])


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
