"""Rows of a Parquet file, some thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probe.data.streams import Stream
from probe.errors import InputError

_AT_ONCE = 1024


def parquet_rows(stream: Stream) -> tuple[Iterator[dict[str, Any]], list[str]]:
    """Returns the rows, and the names of their columns. Raises InputError where the file is none."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with stream.open() as file:
            columns = list(ParquetFile(file).schema_arrow.names)
    except (ArrowException, OSError) as error:
        raise InputError(f"{stream.name} is not a readable Parquet file: {error}") from error
    return _rows(stream), columns


def _rows(stream: Stream) -> Iterator[dict[str, Any]]:
    from pyarrow.parquet import ParquetFile

    with stream.open() as file:
        for batch in ParquetFile(file).iter_batches(_AT_ONCE):
            yield from batch.to_pylist()
