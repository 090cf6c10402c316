"""Rows of a Parquet file, some thousand at a time; what cannot be read is told, and all else stands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from probe.data.fetch import Interrupted
from probe.data.parquet_apart import BROKEN_OFF
from probe.data.rows import Raw, Unreadable
from probe.data.streams import Stream
from probe.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_ENDED = "the file cannot be read from here on: it is damaged or built to harm; rows behind this one are lost"


def parquet_rows(stream: Stream) -> tuple[Iterator[Raw | Unreadable], list[str]]:
    """Returns the rows, and the names of their columns. Raises InputError where the file is none."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with stream.open() as file:
            columns = list(ParquetFile(file).schema_arrow.names)
    except (ArrowException, OSError, ValueError, MemoryError) as error:
        raise InputError(f"{stream.said} is not a readable Parquet file: {_first_line(error)}") from error
    return _rows(stream), columns


def _rows(stream: Stream) -> Iterator[Raw | Unreadable]:
    """Yields the rows by their numbers. Raises Interrupted."""
    command = [sys.executable, "-P", "-m", "probe.data.parquet_apart", stream.place]
    after = 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout
        try:
            for batch, told in _received(process.stdout):
                after = int(told["row"]) + batch.num_rows
                yield from read(batch, told)
            process.wait()
        finally:
            process.kill()  # where whoever asks has had enough
    if process.returncode == BROKEN_OFF:
        raise Interrupted("the connection broke off")
    if process.returncode:
        yield Unreadable(after, _ENDED)


def _received(stream: IO[bytes]) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
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


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
