"""Reads the rows of a Parquet file in a process of its own, whose memory has an end: two kilobytes may hold the same
fifty megabytes for a million rows, and a damaged page may do to its reader whatever it likes.

python -m probe.data.parquet_apart PLACE: an Arrow stream on stdout. Every batch says at which row it begins; one
without rows says why some cannot be read, and the first one, which has none either, whether the file as a whole can be.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from probe.data.fetch import Interrupted
from probe.data.rows import LONG, MOST
from probe.data.streams import DAMAGE, FREE, RATIO, Stream, fault
from probe.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

MEMORY = 3 << 30  # bytes of the process
BROKEN_OFF = 75  # exit status where reading again may help
REFUSED = "refused"  # why the file cannot be opened at all, as an InputError says it
_AT_ONCE = 1024  # rows of a batch
_LONG_ONES = 100  # rows too long, one after the other, behind which the rest of a row group is left
Told = tuple["pa.RecordBatch", dict[str, str]]  # rows, and what is said of them


def pieces(file: ParquetFile, size: int) -> Iterator[Told]:
    """Yields batches of rows with {"row"}, and in the place of what cannot be read none, with {"row", "reason"}.

    size: of the file, bytes.
    """
    before, unpacked = 0, 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        for batch, told in _group(file, group, before, rows):
            unpacked += _weight(batch)
            yield batch, told
            if unpacked > max(FREE, RATIO * size):
                after = int(told["row"]) + batch.num_rows
                yield _none(file, after, f"the file unpacks to more than {RATIO} times its size; send it in parts")
                return
        before += rows


def _group(file: ParquetFile, group: int, before: int, rows: int) -> Iterator[Told]:
    """Yields a row group: some rows at once, or where they do not fit into memory one by one."""
    from pyarrow import ArrowException

    done, why = 0, ""
    for at_once in (_AT_ONCE, 1):
        passed, long = 0, 0
        try:
            for batch in file.iter_batches(at_once, row_groups=[group]):
                passed += batch.num_rows
                if passed <= done:  # told already
                    continue
                for piece, told in _bounded(file, batch, before + done + 1):
                    long = 0 if piece.num_rows else long + 1
                    yield piece, told
                done = passed
                if long > _LONG_ONES:
                    why = LONG
                    break
            else:
                return
            break
        except MemoryError:
            why = LONG
        except (ArrowException, OSError, ValueError) as error:
            why = fault(error)
            break
    yield _none(file, before + done + 1, f"rows {before + done + 1:,} to {before + rows:,} cannot be read: {why}")


def _bounded(file: ParquetFile, batch: pa.RecordBatch, first: int) -> Iterator[Told]:
    """Yields a batch whole, or where it is large its rows, those left out that are too long."""
    if _weight(batch) <= MOST:
        yield batch, {"row": str(first)}
        return
    for number in range(batch.num_rows):
        row = batch.slice(number, 1)
        yield (row, {"row": str(first + number)}) if _weight(row) <= MOST else _none(file, first + number, LONG)


def _weight(batch: pa.RecordBatch) -> int:
    return sum(map(_bytes, batch.columns))


def _bytes(column: pa.Array) -> int:
    """Returns about what the values take once each stands for itself: a dictionary holds a long one once for all."""
    from pyarrow import compute, types

    kind = column.type
    if not len(column):
        return 0
    if types.is_dictionary(kind):
        if not types.is_string(kind.value_type) and not types.is_binary(kind.value_type):
            return 8 * len(column) + _bytes(column.dictionary)
        return int(compute.sum(compute.binary_length(column.dictionary).take(column.indices)).as_py() or 0)
    parts = _parts(column)
    return sum(8 * len(part) + _bytes(part) for part in parts) if parts else int(column.nbytes)


def _parts(column: pa.Array) -> list[pa.Array]:
    """Returns what a nested column holds, none of a plain one."""
    from pyarrow import types

    if types.is_map(column.type):  # whose keys and items know nothing of a slice
        first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
        return [part.slice(first, last - first) for part in (column.keys, column.items)]
    if types.is_struct(column.type):
        return list(column.flatten())
    return [column.flatten()] if types.is_nested(column.type) else []


def _none(file: ParquetFile, row: int, reason: str) -> Told:
    return nothing(row, {"reason": reason}, file.schema_arrow)


def nothing(row: int, told: dict[str, str], schema: pa.Schema | None = None) -> Told:
    """Returns what is said where there are no rows."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema or pa.schema([])), {"row": str(row), **told}


def main(place: str) -> None:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    _bound()
    try:
        with Stream.of(place).open() as stream, _sought(stream) as file:
            size = file.seek(0, 2)
            file.seek(0)
            whole = ParquetFile(file)
            _say(chain([nothing(1, {}, whole.schema_arrow)], pieces(whole, size)))
    except Interrupted:
        sys.exit(BROKEN_OFF)
    except InputError as error:
        _say([nothing(1, {REFUSED: str(error)})])
    except (ArrowException, ValueError, MemoryError, *DAMAGE) as error:
        _say([nothing(1, {"reason": fault(error)})])


def _say(every: Iterable[Told]) -> None:
    from pyarrow import PythonFile
    from pyarrow.ipc import new_stream

    every = iter(every)
    first, told = next(every)
    with new_stream(PythonFile(sys.stdout.buffer, "w"), first.schema) as out:
        for batch, said in chain([(first, told)], every):
            out.write_batch(batch, custom_metadata=said)


def _sought(stream: Any) -> Any:
    """Returns a file that can be read to and fro: what is unpacked is kept on disk for that."""
    if stream.seekable():
        return stream
    kept = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, kept)
    return kept


def _bound() -> None:
    try:
        import resource
    except ImportError:  # no Unix
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1])
