"""Files of few bytes, or lines of a gigabyte: refused, or read on behind them, within bounds of memory and time."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

GOOD, ZEROS = b'{"text": "a good row"}\n', bytes(1 << 24)
GIGABYTE = 1 << 30
READ = """
import json, resource, sys
from probe.data.rows import rows, Raw
own = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) >> 10  # MB, of this program alone
before = own()
found = {"good": 0, "bad": 0, "last": None}
try:
    for row in rows(sys.argv[1]).rows:
        found["good" if isinstance(row, Raw) else "bad"] += 1
        if not isinstance(row, Raw):
            found["last"] = row.reason
except Exception as error:
    found["last"] = f"{type(error).__name__}: {error}"
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
print(json.dumps(found | {"own": own() - before, "child": child}))
"""


def hole(path: Path, before: bytes, behind: bytes) -> None:
    """Writes a file with a gigabyte of zeros that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(before)
        file.seek(GIGABYTE, 1)
        file.write(behind)


def packed_zst(path: Path, before: bytes, behind: bytes) -> None:
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as stream:
        stream.write(before)
        for _ in range(128):
            stream.write(ZEROS)
        stream.write(behind)


def packed_gz(path: Path, before: bytes, behind: bytes) -> None:
    path.write_bytes(b"".join([gzip.compress(before), gzip.compress(ZEROS) * 256, gzip.compress(behind)]))


def repeated(path: Path, value: str, count: int) -> None:
    """Writes so many rows of one value, which the file holds once."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([value]))
    pq.write_table(pa.table({"text": column}), path, compression="zstd")


def nulls(path: Path) -> None:
    """Writes a row of a hundred million values that take no bytes."""
    values = pa.ListArray.from_arrays(pa.array([0, 100_000_000], pa.int32()), pa.nulls(100_000_000))
    pq.write_table(pa.table({"text": values}), path, compression="zstd")


def wide(path: Path) -> None:
    """Writes texts of 16 MB that are all different, and compress to nothing."""
    texts = [f"{number:>{17 << 20}}" for number in range(6)]
    pq.write_table(pa.table({"text": texts}), path, compression="zstd", use_dictionary=False)


PROPORTION = "unpacks to more than 100 times its size"
MOST = {"objects.json": 800}  # MB
BOMBS: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "line.jsonl": (lambda path: hole(path, GOOD + b'{"text": "', b'"}\n' + GOOD), 2, "more than 16 MB"),
    "line.csv": (lambda path: hole(path, b"id,text\n1,good\n2,", b"\n3,good\n"), 2, "more than 16 MB"),
    "header.csv": (lambda path: hole(path, b"id,text", b"\n3,good\n"), 0, "no readable header: it has more than 16 MB"),
    "text.txt": (lambda path: hole(path, b"a", b"b"), 0, "more than 16 MB"),
    "array.json": (lambda path: hole(path, b'["', b'"]'), 0, "more than 64 MB"),
    "line.jsonl.gz": (lambda path: packed_gz(path, GOOD + b'{"text": "', b'"}\n' + GOOD), 1, PROPORTION),
    "line.jsonl.zst": (lambda path: packed_zst(path, GOOD + b'{"text": "', b'"}\n' + GOOD), 1, PROPORTION),
    "line.csv.gz": (lambda path: packed_gz(path, b"id,text\n1,good\n2,", b"\n3,good\n"), 1, PROPORTION),
    "line.csv.zst": (lambda path: packed_zst(path, b"id,text\n1,good\n2,", b"\n3,good\n"), 1, PROPORTION),
    "table.parquet.zst": (lambda path: packed_zst(path, b"PAR1", b"PAR1"), 0, PROPORTION),
    "wide.parquet": (wide, 0, "more than 16 MB"),
    "repeated.parquet": (lambda path: repeated(path, "x" * (8 << 20), 200_000), 33, "100 times its size"),
    "nulls.parquet": (nulls, 0, "more than 16 MB"),
    "values.json": (lambda path: path.write_bytes(b"[" + b"[]," * 20_000_000 + b"[]]"), 0, "more values"),
    "objects.json": (lambda path: path.write_bytes(b"[" + b'{"a":1},' * 1_999_000 + b"1]"), 1_999_001, ""),
    "values.jsonl": (
        lambda path: path.write_bytes(GOOD + b'{"a": [' + b"[]," * 5_000_000 + b"1]}\n" + GOOD), 2, "more values",
    ),
    "strays.csv": (lambda path: path.write_bytes(b"text\n" + b'"a\n" ' * 700_000), 0, "stray"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_read_within_bounds(tmp_path: Path, name: str) -> None:
    make, good, said = BOMBS[name]
    make(tmp_path / name)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=300
    )
    (tmp_path / name).unlink()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["good"] == good and said in (found["last"] or ""), found
    assert found["own"] < MOST.get(name, 150) and found["child"] < 3100, found  # MB; a process apart may take 3 GB
    assert time.monotonic() - began < 120


def test_what_compresses_well_is_no_bomb(tmp_path: Path) -> None:
    """Logs, and tables of few values: a hundred to one is honest."""
    rows = [{"text": f"The same line again and again, but for its number {n % 7}."} for n in range(200_000)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(lines))
    assert len(lines) > 100 * (tmp_path / "x.jsonl.gz").stat().st_size
    pq.write_table(pa.table({"text": [row["text"] for row in rows]}), tmp_path / "x.parquet")
    from probe.data.rows import Raw
    from probe.data.rows import rows as read

    for name in ("x.jsonl.gz", "x.parquet"):
        assert [row.value for row in read(tmp_path / name).rows if isinstance(row, Raw)] == rows


def test_a_packed_table_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", "two"]}), tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    from probe.data.rows import Raw, rows

    for ending, pack in ((".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)):
        (tmp_path / f"x.parquet{ending}").write_bytes(pack(whole))
        assert list(rows(tmp_path / f"x.parquet{ending}").rows) == [Raw(1, {"text": "one"}), Raw(2, {"text": "two"})]
