"""Rows of a Parquet file, some thousand at a time; what cannot be read is told, and all else stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from probe.data.rows import Raw, Unreadable
from probe.data.streams import Stream
from probe.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_AT_ONCE = 1024


def parquet_rows(stream: Stream) -> tuple[Iterator[Raw | Unreadable], list[str]]:
    """Returns the rows, and the names of their columns. Raises InputError where the file is none."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with stream.open() as file:
            columns = list(ParquetFile(file).schema_arrow.names)
    except (ArrowException, OSError) as error:
        raise InputError(f"{stream.said} is not a readable Parquet file: {_first_line(error)}") from error
    return _rows(stream), columns


def _rows(stream: Stream) -> Iterator[Raw | Unreadable]:
    """Yields the rows by their numbers; of a row group that is damaged, one Unreadable for what could not be read."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    with stream.open() as file:
        whole, before = ParquetFile(file), 0
        for group in range(whole.num_row_groups):
            number, size = before, whole.metadata.row_group(group).num_rows
            before += size
            try:
                for value in _values(whole, group):
                    number += 1
                    yield Raw(number, value)
            except (ArrowException, OSError) as error:
                yield Unreadable(number + 1, f"rows {number + 1:,} to {before:,} cannot be read: {_first_line(error)}")


def _values(file: ParquetFile, group: int) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(_AT_ONCE, row_groups=[group]):
        if any(map(_is_binary, batch.schema.types)):
            yield from _decoded(batch)
            continue
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


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
