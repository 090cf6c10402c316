"""Rows out of files: JSONL or a JSON array (objects or bare strings), CSV and TSV with a header, Parquet, a text as one
row; by path or URL, plain or compressed (streams.py).

One bad row never fails its neighbours: it comes out as Unreadable, with its place and what is wrong. What the columns
mean is for others to say (read.py).
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from gzip import GzipFile
from itertools import zip_longest
from pathlib import Path
from typing import Any

from probe.data.streams import DAMAGE, Stream
from probe.errors import InputError

MOST = 16 << 20  # bytes of a row: what is longer is told and left out, and never held whole
_MOST_WHOLE = 1 << 28  # bytes of a JSON array
_LONG = f"it has more than {MOST >> 20} MB; send passages of it"
csv.field_size_limit(MOST)


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


def rows(source: Path | str, called: str | None = None) -> Table:
    """Returns the rows of a file by its ending. called: as its owner calls it.

    Raises InputError where the file as a whole cannot be read.
    """
    stream = Stream.of(source, called)
    if stream.ending in (".jsonl", ".ndjson"):
        return Table(_jsonl(stream))
    if stream.ending == ".json":
        return Table(_json(stream))
    if stream.ending in (".csv", ".tsv"):
        return _csv(stream, "\t" if stream.ending == ".tsv" else ",")
    if stream.ending == ".parquet":
        from probe.data.parquet import parquet_rows

        found, columns = parquet_rows(stream)
        return Table(found, columns)
    if stream.ending in (".txt", ".md", ""):
        return Table(_plain(stream))
    raise InputError(
        f"{stream.said}: this ending is not known; use .jsonl, .json, .csv, .tsv, .parquet or .txt, or these with .gz "
        "or .zst. Documents (pdf, epub, html) are for memprobe document."
    )


def _jsonl(stream: Stream) -> Iterator[Raw | Unreadable]:
    number = 0
    with stream.open() as file:
        try:
            while line := file.readline(MOST + 1):
                number += 1
                if len(line) > MOST:
                    _skip(file, line)
                    yield Unreadable(number, _LONG)
                elif line.strip():
                    yield _json_row(number, line)
        except DAMAGE as error:
            yield _damaged(number + 1, error)


def _skip(file: io.BufferedReader[Any] | GzipFile, line: bytes) -> None:
    """Reads on to the end of a line that is too long."""
    while line and not line.endswith(b"\n"):
        line = file.readline(1 << 20)


def _json(stream: Stream) -> Iterator[Raw | Unreadable]:
    """The elements of an array, or the one value that the file holds; JSON lines under this name are read as such."""
    try:
        with stream.open() as file:
            content = file.read(_MOST_WHOLE + 1)
    except DAMAGE as error:
        return iter([_damaged(1, error)])
    if len(content) > _MOST_WHOLE:
        raise InputError(f"{stream.said} has more than {_MOST_WHOLE >> 20} MB, and an array is read whole: use .jsonl.")
    whole = _json_row(1, content)
    if isinstance(whole, Raw):
        values = whole.value if isinstance(whole.value, list) else [whole.value]
        return (Raw(number, value) for number, value in enumerate(values, 1))
    found = list(_jsonl(stream))
    return iter(found if any(isinstance(row, Raw) for row in found) else [whole])


def _damaged(number: int, error: Exception) -> Unreadable:
    return Unreadable(number, f"the file cannot be read from here on: {error}; rows behind this one are lost")


def _json_row(number: int, line: bytes) -> Raw | Unreadable:
    try:
        return Raw(number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8")))
    except UnicodeDecodeError as error:
        return Unreadable(number, f"invalid UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"invalid JSON: {error}")


def _csv(stream: Stream, delimiter: str) -> Table:
    try:
        with stream.text() as file:
            columns = _columns(csv.DictReader(file, delimiter=delimiter), stream.said)
    except DAMAGE as error:
        raise InputError(f"{stream.said} cannot be read: {error}.") from error
    return Table(_csv_rows(stream, delimiter), columns)


def _columns(reader: csv.DictReader[str], name: str) -> list[str]:
    try:
        return [column.encode("utf-8", "replace").decode() for column in reader.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{name} has no readable header: {error}.") from error


def _csv_rows(stream: Stream, delimiter: str) -> Iterator[Raw | Unreadable]:
    """Of a quotation mark that is not closed, or followed by more, its own row alone is lost."""
    with stream.text() as file:
        lines = _Lines(file)
        columns, number = next(csv.reader(lines, delimiter=delimiter), []), 0
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
            except csv.Error as error:
                yield Unreadable(number, f"not CSV: {error}; is a quotation mark stray?")
                lines.again()
            except DAMAGE as error:
                yield _damaged(number, error)
                return


class _Lines:
    """Lines that can be read again from behind the first one of a row."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file, self._ahead, self._row = iter(file), deque[str](), list[str]()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._file)
        self._row.append(line)
        return line

    def begin(self) -> None:
        self._row = []

    def again(self) -> None:
        self._ahead.extendleft(reversed(self._row[1:]))


def _decoded(value: Any) -> Any:
    """An invalid byte came in as an unpaired surrogate: the field stands as bytes, for whoever needs it to refuse."""
    return value.encode(errors="surrogateescape") if isinstance(value, str) and not is_unicode(value) else value


def is_unicode(text: str) -> bool:
    """False for the unpaired surrogates that stand for invalid bytes, or that JSON's escapes can spell."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain(stream: Stream) -> Iterator[Raw | Unreadable]:
    try:
        with stream.open() as file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            yield Unreadable(1, _LONG)
        else:
            yield Raw(1, {"text": content.decode("utf-8-sig"), "id": stream.name})
    except UnicodeDecodeError as error:
        yield Unreadable(1, f"invalid UTF-8 at byte {error.start}; save the file as UTF-8")
    except DAMAGE as error:
        yield _damaged(1, error)
