"""Shards: every row in one of them, in order, the same ones each time; little is redone when one is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import InputError
from probe.scans.options import ScanOptions
from probe.scans.requests import Request
from probe.scans.source import Source, _Ids, requests, text_bytes
from probe.scans.split import LARGEST, MOST_BYTES, SMALLEST, Sampled, shards
from probe.types import Text
from probe.wanted import while_wanted


def rows(sizes: list[int]) -> list[Request]:
    return [Request(number, None, (Text("x" * size),)) for number, size in enumerate(sizes, 1)]


@given(st.lists(st.sampled_from([0, 1, 100, MOST_BYTES // 3, MOST_BYTES + 1]), max_size=300))
def test_every_row_is_in_one_shard_in_order(sizes: list[int]) -> None:
    every = rows(sizes)
    found = list(shards(iter(every)))
    assert [one for shard in found for one in shard] == every
    assert all(0 < len(shard) <= SMALLEST for shard in found)
    assert all(sum(len(one.texts[0].text) for one in shard[:-1]) < MOST_BYTES for shard in found)


def test_a_shard_grows_with_what_lies_before_it() -> None:
    sizes = [len(shard) for shard in shards(iter(rows([1] * 200_000)))]
    assert sizes[0] == SMALLEST and max(sizes) == LARGEST and sizes[:-1] == sorted(sizes[:-1])
    before = 0
    for size in sizes:
        assert size <= max(SMALLEST, before / 60)
        before += size


def test_an_id_that_was_met_is_an_error_of_the_later_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"id": name, "text": "words"}) + "\n" for name in ("a", "b", "a", "c")))
    found = list(requests(Source(str(path), "x"), ScanOptions(), "demo"))
    assert [bool(one.error) for one in found] == [False, False, True, False]
    assert found[2].id == "a" and found[2].row == 3


def test_what_is_paid_for_is_the_bytes_of_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("été", "words", "more")) + "no JSON\n")
    source, options = Source(str(path), "x"), ScanOptions()
    assert text_bytes(source, options, "demo", 100) == 5 + 5 + 4
    assert text_bytes(source, options, "demo", 7) == 10  # beyond it nothing more is read
    assert len(list(requests(Source(str(path), "x", most=14), options, "demo"))) == 4
    with pytest.raises(InputError, match="more text than it did"):
        list(requests(Source(str(path), "x", most=13), options, "demo"))


@pytest.mark.parametrize("line", ['{"text": "words"}\n', "\n"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_counting_ends_where_nobody_waits(tmp_path: Path, line: str, ending: str) -> None:
    path, asked = tmp_path / f"x.{ending}", 0
    path.write_text("text\n" * (ending == "csv") + line * 1000)

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked > 10:
            raise TimeoutError

    with while_wanted(ask), pytest.raises(TimeoutError):
        text_bytes(Source(str(path), "x"), ScanOptions(), "demo", 10**9)


def test_ids_are_remembered_past_the_first_thousands() -> None:
    ids, count = _Ids(), 150_000
    assert not any(ids.known(f"row {number}") for number in range(count))
    assert all(ids.known(f"row {number}") for number in range(0, count, 997))
    assert not ids.known("another")


def test_a_sample_is_of_all_texts_and_the_hash_of_whatever_order() -> None:
    every = rows(list(range(1, 5001)))
    one, other = Sampled(), Sampled()
    for row in every:
        one.add(row)
    for row in reversed(every):
        other.add(row)
    assert one.hashes.batch == other.hashes.batch and one.hashes.batch.size == 5000
    assert len(set(one.texts)) == 2000
    assert 2300 < sum(map(len, one.texts)) / 2000 < 2700


def test_a_missing_column_is_an_error_of_the_whole_input(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,body\n1,words\n")
    with pytest.raises(InputError, match=r'no column "text"; it has id, body'):
        list(requests(Source(str(path), "x.csv"), ScanOptions(), "demo"))
