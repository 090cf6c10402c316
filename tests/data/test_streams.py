"""Compressed files and Parquet give the rows of plain ones; what was cut off says so, and the rows before it stand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from probe.data.read import read
from probe.data.rows import Raw, Unreadable, rows
from probe.errors import InputError
from probe.types import Text

TEXTS = [Text(f"text {number * 7919}", str(number)) for number in range(30_000)]
LINES = "".join(json.dumps({"id": one.id, "text": one.text}) + "\n" for one in TEXTS).encode()
TABLE = "".join(["id,text\n", *(f"{one.id},{one.text}\n" for one in TEXTS)]).encode()
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("ending", PACK)
def test_compressed_rows_are_those_of_the_plain_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.JSONL{ending}"
    path.write_bytes(PACK[ending](LINES[:3000]) + PACK[ending](LINES[3000:]))  # two members, as after cat
    assert list(read(path)) == TEXTS
    table = tmp_path / f"x.csv{ending}"
    table.write_bytes(PACK[ending](b"id,text\n1,caf\xc3\xa9\n2,\xff\n"))
    first, second = read(table)
    assert first == Text("café", "1") and isinstance(second, Unreadable)


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_rows_before_the_end_of_a_truncated_file_stand(tmp_path: Path, name: str, ending: str) -> None:
    lines = LINES if name == "x.jsonl" else TABLE
    path = tmp_path / f"{name}{ending}"
    packed = PACK[ending](lines)
    path.write_bytes(packed[: len(packed) // 2])
    *good, last = read(path)
    assert isinstance(last, Unreadable) and "cannot be read from here on" in last.reason
    assert good == TEXTS[: len(good)] and len(good) > 500


def test_of_a_small_file_too(tmp_path: Path) -> None:
    """One that would be unpacked in one piece."""
    packed = gzip.compress(LINES[:20_000])
    (tmp_path / "x.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    *good, last = read(tmp_path / "x.jsonl.gz")
    assert isinstance(last, Unreadable) and good == TEXTS[: len(good)] and len(good) > 100


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": [text.text for text in TEXTS], "id": [text.id for text in TEXTS]}), path)
    assert list(read(path)) == TEXTS
    assert next(iter(rows(path).rows)) == Raw(1, {"text": TEXTS[0].text, "id": "0"})
    pq.write_table(pa.table({"body": ["x"]}), path)
    with pytest.raises(InputError, match=r'no column "text"; it has body'):
        read(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read(path)


def test_a_url_is_read_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))
    assert [row.value["id"] for row in rows(f"file://{path}").rows if isinstance(row, Raw)] == [t.id for t in TEXTS]
    with pytest.raises(InputError, match="cannot be opened"):
        list(rows(f"file://{tmp_path}/none.jsonl").rows)


def test_a_column_that_python_has_no_values_for_does_not_take_the_texts_along(tmp_path: Path) -> None:
    dates = pa.array([2**30, 1], pa.date32())
    pq.write_table(pa.table({"text": ["a b c", "d e f"], "when": dates}), tmp_path / "x.parquet")
    assert list(read(tmp_path / "x.parquet")) == [Text("a b c"), Text("d e f")]
    blobs = pa.array([b"caf\xc3\xa9", b"\xff"], pa.binary())
    pq.write_table(pa.table({"text": blobs}), tmp_path / "y.parquet")
    first, second = read(tmp_path / "y.parquet")
    assert first == Text("café") and isinstance(second, Unreadable) and "invalid UTF-8" in second.reason
