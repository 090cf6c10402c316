"""CSV and TSV: a row lost to a stray quotation mark is its own alone, and neither memory nor time grow with it."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from probe.data.rows import LONG, MOST, Raw, Unreadable, damaged, is_unicode
from probe.data.streams import DAMAGE, Stream, fault
from probe.errors import InputError
from probe.wanted import still_wanted

_MOST_COLUMNS = 10_000  # each of which every row has
_AGAIN = 1 << 25  # characters that are read again, beside four times what the file has
csv.field_size_limit(MOST)


def separated_rows(stream: Stream, delimiter: str) -> tuple[Iterator[Raw | Unreadable], list[str]]:
    """Returns the rows, and the names of their columns. Raises InputError where there is no header that can be read."""
    try:
        with stream.text() as file:
            columns = _columns(_Lines(file), delimiter, stream.name)
    except DAMAGE as error:
        raise InputError(f"{stream.name} cannot be read: {fault(error)}.") from error
    return _rows(stream, delimiter), columns


def _columns(lines: _Lines, delimiter: str, name: str) -> list[str]:
    try:
        found = next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
    except (csv.Error, _TooLong) as error:
        raise InputError(f"{name} has no readable header: {error}.") from error
    if len(found) > _MOST_COLUMNS:
        raise InputError(f"{name} has {len(found):,} columns; bring at most {_MOST_COLUMNS:,}.")
    return [column.encode("utf-8", "replace").decode() for column in found]


def _rows(stream: Stream, delimiter: str) -> Iterator[Raw | Unreadable]:
    """Of a quotation mark that is not closed, or followed by more, its own row alone is lost."""
    with stream.text() as file:
        lines = _Lines(file)
        columns, number = next((row for row in csv.reader(lines, delimiter=delimiter) if row), []), 0
        while True:
            lines.begin()
            number += 1
            try:
                values = next(csv.reader(lines, delimiter=delimiter, strict=True))
                if values:
                    named = zip_longest(columns, values[: len(columns)])
                    yield Raw(number, {name: _decoded(value) for name, value in named})
                else:
                    number -= 1
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                yield Unreadable(number, f"not CSV ({error}); is a quotation mark stray?")
                if not lines.again():
                    yield Unreadable(number + 1, "quotation marks are not closed; rows behind this one are lost")
                    return
            except DAMAGE as error:
                yield damaged(number, error)
                return


class _TooLong(Exception):
    """A row that is not held whole."""


class _Lines:
    """Lines that can be read again from behind the first one of a row, of which no more than MOST characters are held.

    Rows that never end, each read up to the end of the file, would take the square of its length: there is an end to
    what is read again.
    """

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file, self._ahead, self._row = file, deque[str](), list[str]()
        self._size = self._read = self._repeated = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._fresh()
        if not line:
            raise StopIteration
        self._row.append(line)
        self._size += len(line)
        if self._size > MOST:
            raise _TooLong(LONG)
        return line

    def begin(self) -> None:
        self._row, self._size = [], 0

    def again(self) -> bool:
        """Returns False where too much was read again already."""
        self._ahead.extendleft(reversed(self._row[1:]))
        self._repeated += sum(map(len, self._row[1:]))
        return self._repeated <= 4 * self._read + _AGAIN

    def _fresh(self) -> str:
        still_wanted()  # as for JSON lines
        line = self._file.readline(MOST + 1)
        self._read += len(line)
        if len(line) > MOST and line[-1] not in "\r\n":
            rest = line
            while rest and rest[-1] not in "\r\n":
                rest = self._file.readline(1 << 20)
            line += "\n"
        return line


def _decoded(value: Any) -> Any:
    """An invalid byte came in as an unpaired surrogate: the field stands as bytes, for whoever needs it to refuse."""
    return value.encode(errors="surrogateescape") if isinstance(value, str) and not is_unicode(value) else value
