"""Rows of a Parquet file, which a process of its own reads (parquet_apart.py); what cannot be read is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from probe.data.fetch import Interrupted
from probe.data.parquet_apart import BROKEN_OFF, REFUSED, Told, nothing
from probe.data.rows import Raw, Unreadable
from probe.data.streams import Stream
from probe.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_ENDED = "the file cannot be read from here on: it is damaged or built to harm; rows behind this one are lost"


def parquet_rows(stream: Stream) -> tuple[Iterator[Raw | Unreadable], list[str]]:
    """Returns the rows, and the names of their columns. Raises InputError where the file is none, Interrupted."""
    batches = _batches(stream)
    columns, told = next(batches)  # begun, it ends its process wherever it is left
    if REFUSED in told:
        raise InputError(told[REFUSED])
    if "reason" in told:
        raise InputError(f"{stream.said} is not a readable Parquet file: {told['reason']}")
    return _rows(batches), list(columns.schema.names)


def _rows(batches: Iterator[Told]) -> Iterator[Raw | Unreadable]:
    """Yields the rows by their numbers. Raises Interrupted."""
    for batch, told in batches:
        yield from read(batch, told)


def _batches(stream: Stream) -> Iterator[Told]:
    """Yields what the process says of the file, and at last why it ended, if that was not its own will."""
    command = [sys.executable, "-P", "-m", "probe.data.parquet_apart", stream.place]
    after = 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - words of our own
        assert process.stdout
        try:
            for batch, told in _received(process.stdout):
                after = int(told["row"]) + batch.num_rows
                yield batch, told
            process.wait()
        finally:
            process.kill()  # where whoever asks has had enough
    if process.returncode == BROKEN_OFF:
        raise Interrupted("the connection broke off")
    if process.returncode:
        yield nothing(after, {"reason": _ENDED})


def _received(stream: IO[bytes]) -> Iterator[Told]:
    """Yields what the process says up to its end, whatever that is."""
    from pyarrow import ArrowException
    from pyarrow.ipc import open_stream

    try:
        reader = open_stream(stream)
        while True:
            batch, told = reader.read_next_batch_with_custom_metadata()
            yield batch, {name.decode(): value.decode() for name, value in told.items()}
    except (StopIteration, ArrowException, OSError):
        stream.read()
        return


def read(batch: pa.RecordBatch, told: Mapping[str, str]) -> Iterator[Raw | Unreadable]:
    """Yields the rows of a batch that begins at told["row"], or why there are none."""
    first = int(told["row"])
    if "reason" in told:
        yield Unreadable(first, told["reason"])
        return
    for number, value in enumerate(_values(batch), first):
        yield Raw(number, value)


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    if any(map(_is_binary, batch.schema.types)):
        yield from _decoded(batch)
        return
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):  # invalid UTF-8, or a date that Python has none for
        rows = list(_decoded(batch))
    yield from rows


def _decoded(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yields rows whose strings are bytes where they are no UTF-8, for whoever needs them to refuse."""
    columns = {name: list(map(_value, column)) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    for row in range(batch.num_rows):
        yield {name: column[row] for name, column in columns.items()}


def _is_binary(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _value(cell: Any) -> Any:
    """Returns a value, text where bytes are UTF-8, bytes where text is none, None where Python has no such value."""
    try:
        found = cell.as_py()
        return found.decode() if isinstance(found, bytes) else found
    except UnicodeDecodeError:
        return cell.as_buffer().to_pybytes() if hasattr(cell, "as_buffer") else b""
    except (ValueError, OverflowError):
        return None
