"""Rows out of files: JSONL or a JSON array (objects or bare strings), CSV and TSV with a header, Parquet, a text as one
row; by path or URL, plain or compressed (streams.py).

One bad row never fails its neighbours: it comes out as Unreadable, with its place and what is wrong. What the columns
mean is for others to say (read.py).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import GzipFile
from pathlib import Path
from typing import Any

from probe.data.streams import DAMAGE, Stream, fault
from probe.errors import InputError
from probe.wanted import still_wanted

MOST = 16 << 20  # bytes of a row: what is longer is told and left out, and never held whole
_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md", "")
_MOST_WHOLE = 1 << 26  # bytes of a JSON array
_MOST_VALUES = 4_000_000  # of a row or an array: half a gigabyte, where its bytes are few
_SURROGATE = re.compile("[\ud800-\udfff]")
LONG = f"it has more than {MOST >> 20} MB; send passages of it"


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
    check_ending(stream.ending, stream.said)
    if stream.ending in (".jsonl", ".ndjson"):
        return Table(_jsonl(stream))
    if stream.ending == ".json":
        return Table(_json(stream))
    if stream.ending in (".csv", ".tsv"):
        from probe.data.separated import separated_rows

        found, columns = separated_rows(stream, "\t" if stream.ending == ".tsv" else ",")
        return Table(found, columns)
    if stream.ending == ".parquet":
        from probe.data.parquet import parquet_rows

        found, columns = parquet_rows(stream)
        return Table(found, columns)
    return Table(_plain(stream))


def check_ending(ending: str, said: str) -> None:
    """Raises InputError for a file of no kind that is read. said: its name, as it may be told."""
    if ending not in _ENDINGS:
        raise InputError(
            f"{said}: this ending is not known; use .jsonl, .json, .csv, .tsv, .parquet or .txt, or these with .gz or "
            ".zst. Documents (pdf, epub, html) are for memprobe document.", "file",
        )  # fmt: skip


def _jsonl(stream: Stream) -> Iterator[Raw | Unreadable]:
    number = 0
    with stream.open() as file:
        try:
            while line := file.readline(MOST + 1):
                still_wanted()  # lines that are no rows, millions of them, come to nobody who could ask
                number += 1
                if len(line) > MOST:
                    _skip(file, line)
                    yield Unreadable(number, LONG)
                elif line.strip():
                    yield _json_row(number, line)
        except DAMAGE as error:
            yield damaged(number + 1, error)


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
        return iter([damaged(1, error)])
    if len(content) > _MOST_WHOLE:
        raise InputError(f"{stream.said} has more than {_MOST_WHOLE >> 20} MB, and an array is read whole: use .jsonl.")
    whole = _json_row(1, content)
    if isinstance(whole, Raw):
        values = whole.value if isinstance(whole.value, list) else [whole.value]
        return (Raw(number, value) for number, value in enumerate(values, 1))
    found = list(_jsonl(stream))
    return iter(found if any(isinstance(row, Raw) for row in found) else [whole])


def damaged(number: int, error: Exception) -> Unreadable:
    """Returns what stands for all rows from this one on, where a file breaks off."""
    return Unreadable(number, f"the file cannot be read from here on: {fault(error)}; rows behind this one are lost")


def _json_row(number: int, line: bytes) -> Raw | Unreadable:
    if sum(line.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
        return Unreadable(number, f"it has more values than {_MOST_VALUES:,}; one text is a row")
    try:
        return Raw(number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8")))
    except UnicodeDecodeError as error:
        return Unreadable(number, f"invalid UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"invalid JSON: {error}")


def is_unicode(text: str) -> bool:
    """False for the unpaired surrogates that stand for invalid bytes, or that JSON's escapes can spell."""
    return _SURROGATE.search(text) is None


def _plain(stream: Stream) -> Iterator[Raw | Unreadable]:
    try:
        with stream.open() as file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            yield Unreadable(1, LONG)
        else:
            yield Raw(1, {"text": content.decode("utf-8-sig"), "id": stream.name})
    except UnicodeDecodeError as error:
        yield Unreadable(1, f"invalid UTF-8 at byte {error.start}; save the file as UTF-8")
    except DAMAGE as error:
        yield damaged(1, error)
