"""Files that mean harm cost their own rows: neither memory nor time without end, and no neighbour."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from probe.data.rows import MOST, Raw, Unreadable, rows
from probe.data.streams import FREE
from probe.errors import InputError

LONGER = MOST + (1 << 20)


def read(path: Path, content: bytes) -> list[Raw | Unreadable]:
    path.write_bytes(content)
    return list(rows(path).rows)


def told(found: list[Raw | Unreadable]) -> list[str]:
    return [row.reason if isinstance(row, Unreadable) else str(row.value["text"])[:20] for row in found]


# CSV


def test_rows_that_never_end_do_not_take_the_square_of_the_file(tmp_path: Path) -> None:
    """Every line ends in an open quotation mark that the next one closes, so that each row reaches to the end."""
    found = read(tmp_path / "a.csv", b"text\n" + b'a","\n' * 30_000)
    assert 10 < len(found) < 3000 and "rows behind this one are lost" in told(found)[-1]


def test_some_stray_marks_cost_their_rows_only(tmp_path: Path) -> None:
    lines = [b'"stray' if number % 10 == 5 else b"fine %d" % number for number in range(1000)]
    found = told(read(tmp_path / "a.csv", b"\n".join([b"text", *lines])))
    assert len(found) == 1000 and sum(one.startswith("fine") for one in found) == 900


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_line_that_is_too_long_is_told_and_the_next_stands(tmp_path: Path, ending: bytes) -> None:
    content = ending.join([b"text,id", b"one,1", b"x" * LONGER, b"two,2", b"x," * (LONGER // 2), b"three,3", b""])
    found = told(read(tmp_path / "a.csv", content))
    assert [found[0], found[2], found[4]] == ["one", "two", "three"] and len(found) == 5
    assert all("more than 16 MB" in found[place] for place in (1, 3))


def test_a_field_over_many_lines_has_the_same_limit(tmp_path: Path) -> None:
    content = b'text\n"' + (b"line of a field " * 64 + b"\n") * (LONGER // 1024) + b'"\nlast\n'
    found = told(read(tmp_path / "a.csv", content))
    assert "more than 16 MB" in found[0] and found[1].startswith("line of") and found[-1] == "last"


@pytest.mark.parametrize(
    ("header", "said"), [(b"a," * LONGER, "no readable header"), (b"a," * 20_000, "20,001 columns")]
)
def test_a_header_has_limits(tmp_path: Path, header: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path / "a.csv", header + b"\nx\n")


def test_an_array_is_held_whole_and_so_is_not_large(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 64 MB"):
        read(tmp_path / "a.json", b"[" + b"{}," * (1 << 25))


# what is packed


@pytest.mark.parametrize(
    ("name", "pack"), [("a.jsonl.gz", lambda content: gzip.compress(content, 1)), ("a.csv.zst", zstandard.compress)]
)
def test_what_unpacks_without_end_is_not_unpacked_to_its_end(tmp_path: Path, name: str, pack: object) -> None:
    assert callable(pack)
    good = b'text\nfine\n"' if "csv" in name else b'{"text": "fine"}\n'
    packed = pack(good + b" " * (FREE + (1 << 20)))
    assert len(packed) < 2 << 20
    found = told(read(tmp_path / name, packed))
    assert found[0] == "fine" and any("100 times its size" in one for one in found)


def test_what_is_packed_well_is_read(tmp_path: Path) -> None:
    lines = json.dumps({"text": "the same words " * 100}).encode() + b"\n"
    assert len(read(tmp_path / "a.jsonl.gz", gzip.compress(lines * 5000))) == 5000


# Parquet


def parquet(*groups: pa.Table) -> bytes:
    file = io.BytesIO()
    with pq.ParquetWriter(file, groups[0].schema, compression="zstd", store_schema=False) as writer:
        for group in groups:
            writer.write_table(group)
    return file.getvalue()


def same(text: str, times: int) -> pa.Table:
    """A table in which one text stands many times, and which is written once."""
    return pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array([text]))})


def test_a_text_that_stands_a_thousand_times_does_not_fill_the_memory(tmp_path: Path) -> None:
    content = parquet(same("first", 3), same("x" * LONGER, 1000), same("last", 2))
    assert len(content) < 10_000
    found = told(read(tmp_path / "a.parquet", content))
    assert found[:3] == ["first"] * 3 and found[-2:] == ["last"] * 2
    assert all("more than 16 MB" in one for one in found[3:-2]) and len(found) < 200


def test_rows_of_which_none_is_too_long_have_a_limit_together(tmp_path: Path) -> None:
    found = told(read(tmp_path / "a.parquet", parquet(same("x" * 15_000_000, 100_000))))
    assert 10 < len(found) < 50 and "100 times its size" in found[-1]


def test_a_long_row_of_parquet_is_told_and_its_neighbours_stand(tmp_path: Path) -> None:
    table = pa.table({"text": ["one", "x" * LONGER, "two"]})
    found = told(read(tmp_path / "a.parquet", parquet(table)))
    assert found[0] == "one" and "more than 16 MB" in found[1] and found[2] == "two"


def test_a_reader_that_is_ended_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(
        parquet(*[pa.table({"text": [f"{number} {place}" * 5000 for place in range(500)]}) for number in range(9)])
    )
    every = iter(rows(path).rows)
    first = next(every)
    (reader,) = (child for child in psutil.Process().children() if "probe.data.parquet_apart" in child.cmdline())
    os.kill(reader.pid, signal.SIGKILL)
    rest = list(every)
    assert isinstance(first, Raw) and isinstance(rest[-1], Unreadable) and "built to harm" in rest[-1].reason


def test_a_reader_ends_with_whoever_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet(*[pa.table({"text": ["text" * 5000] * 500})] * 9))
    every = iter(rows(path).rows)
    next(every)
    del every
    assert not [child for child in psutil.Process().children() if "probe.data.parquet_apart" in child.cmdline()]
