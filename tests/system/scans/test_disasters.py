"""Inputs and stores as they should not be: good rows are scored, bad ones are named, and nobody waits in vain."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.system.scans.api import Api
from tests.system.scans.helper import (
    OVER,
    Line,
    Watch,
    assert_each_row_once,
    begun,
    environment,
    numbered,
    queued,
    results,
    scan,
    until,
    write_jsonl,
)

HASTE = 60  # seconds after which an answer comes too late


def scanned(api: Api, source: Path) -> tuple[list[Line], dict[int, str]]:
    """Returns output, and errors by row."""
    batch = api.scanned(source)
    assert batch["status"] == "completed", batch
    output, errors = api.content(batch["output_file_id"]), api.content(batch["error_file_id"])
    counted = batch["request_counts"]
    assert (counted["completed"], counted["failed"]) == (len(output), len(errors))
    assert_each_row_once(output, errors, counted["total"])
    return output, {line["row"]: line["error"]["message"] for line in errors}


def test_of_a_truncated_file_all_rows_before_the_cut_are_scored(api: Api, tmp_path: Path) -> None:
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in numbered(400)).encode())
    source = tmp_path / "cut.jsonl.gz"
    source.write_bytes(whole[: len(whole) * 2 // 3])
    output, errors = scanned(api, source)
    assert 200 < len(output) < 400 and list(errors) == [len(output) + 1]
    (said,) = errors.values()
    assert "the file cannot be read from here on" in said and "rows behind this one are lost" in said


def test_a_file_without_the_column_of_texts_is_refused_with_the_columns_that_there_are(tmp_path: Path) -> None:
    source = tmp_path / "wrong.parquet"
    pq.write_table(pa.table({"content": ["a first text", "a second text"], "number": [1, 2]}), source)
    done = scan(source, tmp_path / "out", tmp_path, seconds=HASTE)
    said = " ".join(done.stderr.split())
    assert done.returncode == 2 and "Traceback" not in said
    assert 'wrong.parquet has no column "text"; it has content, number. Name the one that holds the texts' in said


def test_one_row_in_a_hundred_is_hostile_and_every_other_is_scored(api: Api, tmp_path: Path) -> None:
    rows = [json.dumps(row).encode() for row in numbered(1000)]
    hostile = {
        100: (b'{"id": "empty", "text": ""}', "the text is empty"),
        200: (json.dumps({"id": "long", "text": "word " * 1_000_000}).encode(), "tokens"),
        300: (b'{"id": "bytes", "text": "a \xff\xfe b"}', "invalid UTF-8 at byte"),
        400: (b'{"id": "nested", "text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid JSON"),
        500: (b'{"id": "object", "text": {"text": {"text": "x"}}}', 'no string under "text"'),
        600: (b'{"id": "r599", "text": "This one has the id of the row before it."}', "an earlier row"),
        700: (b'{"id": "half", "text": "half a pair \\ud800 of surrogates"}', "unpaired surrogate"),
        800: (b'{"id": "cut", "text": "no end', "invalid JSON"),
        900: (b'{"id": "none"}', 'no string under "text"'),
        1000: (b"\0\0\0\0", "invalid JSON"),
    }
    for number, (line, _) in hostile.items():
        rows[number - 1] = line
    source = tmp_path / "hostile.jsonl"
    source.write_bytes(b"\n".join(rows))
    output, errors = scanned(api, source)
    assert list(errors) == list(hostile)
    for row, said in errors.items():
        assert hostile[row][1] in said, said[:200]
    for line in output:
        (result,) = line["response"]["body"]["results"]
        assert result["verdict"] and line["custom_id"] == f"r{line['row']}"


def test_a_row_of_parquet_that_is_no_utf_8_does_not_take_its_neighbours_along(api: Api, tmp_path: Path) -> None:
    given = [b"The first text is a good one.", b"The second holds \xff and \xfe.", b"The third is good again."]
    source = tmp_path / "bytes.parquet"
    pq.write_table(pa.table({"text": pa.array(given, pa.binary()).view(pa.string()), "id": ["a", "b", "c"]}), source)
    output, errors = scanned(api, source)
    assert [line["custom_id"] for line in output] == ["a", "c"] and "UTF-8" in errors[2]


def test_blank_ids_are_no_ids(api: Api, tmp_path: Path) -> None:
    source = tmp_path / "blank.csv"
    source.write_text("id,text\n,The first text of the file.\n,The second text of the file.\n")
    assert len(scanned(api, source)[0]) == 2


def test_results_that_cannot_be_written_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "few.jsonl", numbered(3))
    (tmp_path / "file").touch()
    done = scan(source, tmp_path / "file" / "out", tmp_path, seconds=HASTE)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert str(tmp_path / "file") in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of so many KB; it can be made larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(place)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)


@pytest.mark.parametrize("small_disk", [200, 700], indirect=True, ids=["at the ledger", "at a file"])
def test_a_full_disk_ends_a_scan_with_the_remedy_and_with_room_it_goes_on(small_disk: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "texts.jsonl", numbered(320))
    out = small_disk / "out"
    done = scan(source, out, tmp_path, seconds=HASTE)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "No space left" in done.stderr or "full" in done.stderr, done.stderr
    enlarge(small_disk)
    done = scan(source, out, tmp_path, seconds=HASTE)
    assert done.returncode == 0, done.stderr
    assert_each_row_once(*results(out), 320)


@pytest.mark.parametrize("small_disk", [150], indirect=True)
def test_a_worker_whose_store_is_full_pauses_the_batch_and_resumed_with_room_it_completes(
    small_disk: Path, tmp_path: Path
) -> None:
    """Only the store lies on the full disk, the ledger does not."""
    source = write_jsonl(tmp_path / "texts.jsonl", numbered(320))
    ledger, store, log = tmp_path / "scans.sqlite", small_disk / "store", tmp_path / "log"
    watch, own = Watch.of_file(ledger), environment(tmp_path, MEMPROBE_STORE=str(small_disk / "store"))
    batch = queued(f"sqlite:///{ledger}", store, source)

    def work(*command: str) -> None:
        with begun(log, own, *command) as process:
            assert until(lambda: process.poll() is not None, HASTE), log.read_text()
            assert process.returncode == 0, log.read_text()

    work("worker", "--once")
    look = watch.look()
    assert look.paused and "No space left" in str(look.note), (look, log.read_text())
    enlarge(small_disk)
    work("scans", "resume", batch)
    work("worker", "--once")
    assert watch.look().status == "completed" and watch.look().note is None, log.read_text()
    assert_each_row_once(*results(store / "scans" / batch), 320)


def test_a_shard_that_is_lost_does_not_keep_a_worker_busy_for_ever(tmp_path: Path) -> None:
    """Somebody deletes a file of the store behind the ledger's back: the batch ends, and says what is wrong."""
    source = write_jsonl(tmp_path / "texts.jsonl", numbered(1200))
    ledger, store, log = tmp_path / "scans.sqlite", tmp_path / "store", tmp_path / "log"
    watch, batch = Watch.of_file(ledger), queued(f"sqlite:///{ledger}", store, source)
    with begun(log, environment(tmp_path, MEMPROBE_STORE=str(store)), "worker", "--once") as process:
        shards = store / "scans" / batch / "shards"
        assert until(lambda: watch.look().done > 0 or process.poll() is not None)
        max(shards.iterdir()).unlink()
        assert until(lambda: process.poll() is not None, HASTE), (watch.look(), log.read_text()[-2000:])
        assert process.returncode == 0
    look = watch.look()
    assert look.status in OVER or look.paused, look
