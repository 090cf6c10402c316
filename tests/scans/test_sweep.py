"""What is old goes with all that belongs to it, what is in use stays, and other machines' caches learn of deletions."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from probe.cli import app
from probe.config import Settings
from probe.errors import InputError, ModelError, StoreError, UnknownName
from probe.models.cache import Cache
from probe.models.tags import tagged
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.desk import Desk
from probe.scans.nouns import Scan
from probe.scans.opening import open_desk
from probe.scans.options import ScanOptions
from probe.scans.sweep import DAY, Swept, sweep, sweeping
from probe.scans.tables import FILES, SCANS
from probe.scans.uploads import File
from probe.scans.worker import Worker

MARK = "zyzzyva"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(Settings(home=tmp_path))


def uploaded(desk: Desk, rows: int = 3) -> File:
    lines = (f'{{"text": "Row {n} of the {MARK} names option {n * 7}."}}\n'.encode() for n in range(rows))
    return desk.uploads.add(f"{MARK}.jsonl", "batch", lines)


def queued(desk: Desk, file: File) -> Scan:
    return desk.start(file, "demo", ScanOptions(), {})


def worker(desk: Desk, opened: Callable[..., Probe]) -> Worker:
    return Worker(desk.ledger, desk.store, ["demo"], opened, lambda _: Sources(), desk.cache)


def aged(desk: Desk, days: float, *found: File | Scan) -> None:
    """Makes as if all of it had happened so many days earlier."""
    then = time.time() - days * DAY
    for one in found:
        table = FILES if isinstance(one, File) else SCANS
        values: dict[str, Any] = {"created": then}
        if isinstance(one, Scan):
            values |= {"served": then, "times": dict.fromkeys(desk.of(one.owner).ledger.scan(one.id).times, then)}
        statement = update(table).where(table.c.id == one.id).values(**values)
        desk.database.run(lambda connection, statement=statement: connection.execute(statement))


def put(cache: Path, **rows: str | None) -> None:
    """Puts rows under their names, each with its tag."""
    opened = Cache(cache, 1 << 20)
    for name, tag in rows.items():
        if tag is None:
            opened.put([(name.encode(), 1, b"x")])
        else:
            with tagged(tag):
                opened.put([(name.encode(), 1, b"x")])
    opened.close()


def kept(cache: Path) -> set[str]:
    with closing(sqlite3.connect(cache)) as database:
        return {key.decode() for (key,) in database.execute("SELECT key FROM stats")}


def holds(folder: Path, mark: str = MARK) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and mark.encode() in path.read_bytes()]


def test_what_is_old_goes_and_what_is_not_stays(
    desk: Desk, demo: Probe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = uploaded(desk), uploaded(desk)
    done, late = queued(desk, old), queued(desk, new)
    worker(desk, lambda *_: demo).run(until_idle=True)
    assert {desk.ledger.scan(one.id).status for one in (done, late)} == {"completed"}
    other = desk.of("other").start(old, "nobody serves it", ScanOptions(), {})
    put(tmp_path / "cache.sqlite", a=done.id, b=late.id, c=None)
    aged(desk, 8, old, done, other)
    with caplog.at_level(logging.INFO):
        found = sweep(desk, 7, 0)
    assert sorted(found.scans) == sorted([done.id, other.id]) and found.files == [old.id]
    assert done.id in caplog.text and MARK not in caplog.text
    assert kept(tmp_path / "cache.sqlite") == {"b", "c"}
    for gone in (lambda: desk.file(old.id), lambda: desk.ledger.scan(done.id)):
        with pytest.raises(UnknownName):
            gone()
    assert desk.file(new.id) and desk.written(desk.ledger.scan(late.id))[0]
    assert [path.name for path in (tmp_path / "store" / "scans").iterdir()] == [late.id]
    assert sweep(desk, 7, 30) == Swept()


def test_without_a_limit_all_stays(desk: Desk) -> None:
    file = uploaded(desk)
    scan = queued(desk, file)
    aged(desk, 4000, file, scan)
    assert sweep(desk, 0, 0) == Swept() and desk.file(file.id)


def test_what_is_worked_on_is_not_old(desk: Desk) -> None:
    """A scan of long ago whose task was taken now, and the file that it reads."""
    file = uploaded(desk)
    scan = queued(desk, file)
    aged(desk, 90, file, scan)
    assert desk.ledger.claim("a:1:worker", ["demo"])
    assert sweep(desk, 7, 0) == Swept()
    aged(desk, 90, scan)
    assert sweep(desk, 7, 0) == Swept(files=[file.id], scans=[scan.id])


def test_statistics_that_nobody_uses_go(desk: Desk, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    put(cache, a=None, b="batch_1", c=None)
    with closing(sqlite3.connect(cache)) as database, database:
        database.execute("UPDATE stats SET used = used - ? WHERE key != ?", (31 * DAY, b"c"))
    assert sweep(desk, 0, 32).statistics == 0
    assert sweep(desk, 0, 30).statistics == 2 and kept(cache) == {"c"}


def test_another_machine_learns_what_was_deleted(desk: Desk, tmp_path: Path) -> None:
    """One with a home of its own, on the same database and store; its worker had scored for both scans."""
    gone, there = (queued(desk, uploaded(desk)) for _ in range(2))
    far = tmp_path / "far" / "cache.sqlite"
    put(far, a=gone.id, b=there.id, c="batch_of another ledger", d=None)
    desk.delete(gone.id)
    assert kept(far) == {"a", "b", "c", "d"}
    settings = Settings(home=tmp_path / "far", store=desk.store.address, database_url=f"sqlite:///{_ledger(tmp_path)}")
    assert sweep(open_desk(settings), 0, 0).statistics == 1
    assert kept(far) == {"b", "c", "d"}


def _ledger(home: Path) -> Path:
    return home / "scans.sqlite"


def test_what_somebody_writes_after_a_deletion_goes_with_the_next_sweep(desk: Desk, tmp_path: Path) -> None:
    """A worker that did not know of it, and was killed before it could clean up."""
    scan = queued(desk, uploaded(desk))
    desk.delete(scan.id)
    late = tmp_path / "store" / "scans" / scan.id / "shards"
    late.mkdir(parents=True)
    (late / "000000.parquet").write_text(MARK)
    put(tmp_path / "cache.sqlite", a=scan.id)
    sweep(desk, 0, 0)
    assert not late.parent.exists() and kept(tmp_path / "cache.sqlite") == set()


def test_texts_of_a_scan_that_fails_do_not_stay(desk: Desk, demo: Probe, tmp_path: Path) -> None:
    scan, opened = queued(desk, uploaded(desk, 200)), list[int]()

    def failing(*_: object) -> Probe:
        opened.append(1)
        if len(opened) > 2:  # its rows are read and the first shard is scored by then
            raise ModelError("The model is gone.")
        return demo

    worker(desk, failing).run(until_idle=True)
    assert desk.ledger.scan(scan.id).status == "failed"
    folder = tmp_path / "store" / "scans" / scan.id
    assert (folder / "scored").exists() and not (folder / "shards").exists()


def test_a_file_whose_content_could_not_be_stored_is_not_listed(tmp_path: Path) -> None:
    desk = open_desk(Settings(home=tmp_path))

    def pieces() -> Any:
        yield b"x"
        (folder,) = (tmp_path / "store" / "files").iterdir()
        (folder / "file.jsonl").mkdir()  # what the upload is to be moved to is in the way

    with pytest.raises(StoreError):
        desk.uploads.add(f"{MARK}.jsonl", "batch", pieces())
    assert desk.uploads.listed() == []


def test_a_name_that_no_database_takes(desk: Desk) -> None:
    file = desk.uploads.add("a\0b\ud800\n\u200bc" * 200 + ".jsonl", "batch", iter([b"x"]))
    assert desk.file(file.id).name.startswith("abcabc") and len(file.name) == 255
    for name in ("\0", "file-\0", file.id + "\0x"):
        with pytest.raises(UnknownName):
            desk.file(name)
    assert desk.uploads.listed("batch\0x") == []


def test_half_written_files_go_after_a_day(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "store" / "files" / "file-1"
    folder.mkdir(parents=True)
    for name, age in (("old", 25), ("new", 23)):
        (folder / f".{name}.part").write_text(MARK)
        os.utime(folder / f".{name}.part", (time.time() - age * 3600,) * 2)
    assert sweep(desk, 0, 0).parts == 1
    assert [path.name for path in folder.iterdir()] == [".new.part"]


def test_a_store_that_is_away_does_not_keep_the_statistics(desk: Desk, tmp_path: Path) -> None:
    scan = queued(desk, uploaded(desk))
    desk.delete(scan.id)
    put(tmp_path / "cache.sqlite", a=scan.id)
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("no folder")
    with pytest.raises(StoreError):
        sweep(desk, 7, 0)
    assert kept(tmp_path / "cache.sqlite") == set()
    (tmp_path / "store").unlink()
    (tmp_path / "away").rename(tmp_path / "store")
    sweep(desk, 7, 0)


def test_a_cache_that_cannot_be_cleared_is_said_and_the_rest_goes_later(desk: Desk, tmp_path: Path) -> None:
    scan = queued(desk, uploaded(desk))
    (tmp_path / "cache.sqlite").write_bytes(b"this is no database at all" * 1000)
    with pytest.raises(StoreError, match=r"is deleted, and what is left .* Mend or delete that file"):
        desk.delete(scan.id)
    with pytest.raises(UnknownName):
        desk.ledger.scan(scan.id)
    (tmp_path / "cache.sqlite").unlink()
    sweep(desk, 0, 0)


def test_it_begins_at_once_and_goes_on_after_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(home=tmp_path, retention_days=1)
    desk = open_desk(settings)
    file = uploaded(desk)
    aged(desk, 2, file)
    with sweeping(desk, settings, every=0.05):
        assert _until(lambda: not desk.uploads.listed())
        (tmp_path / "cache.sqlite").write_bytes(b"this is no database at all" * 1000)
        assert _until(lambda: "Not all was swept" in caplog.text)
        (tmp_path / "cache.sqlite").unlink()
        file = uploaded(desk)
        aged(desk, 2, file)
        assert _until(lambda: not desk.uploads.listed())
    assert not any(thread.name == "sweep" for thread in threading.enumerate())


def _until(met: Callable[[], bool]) -> bool:
    for _ in range(400):
        if met():
            return True
        time.sleep(0.05)
    return False


def test_the_command(desk: Desk, tmp_path: Path) -> None:
    file = uploaded(desk)
    aged(desk, 2, file)
    environment = {"MEMPROBE_HOME": str(tmp_path), "MEMPROBE_RETENTION_DAYS": "1"}
    done = CliRunner().invoke(app, ["scans", "sweep"], env=environment)
    assert done.exit_code == 0 and file.id in done.output and MARK not in done.output
    done = CliRunner().invoke(app, ["scans", "sweep"], env=environment)
    assert done.output == "files: none; scans: none; half-written files: 0; statistics: 0\n"


def test_a_deletion_leaves_a_note_of_its_id_alone(desk: Desk, tmp_path: Path) -> None:
    file = uploaded(desk)
    scan = queued(desk, file)
    with pytest.raises(InputError, match="still reads this file"):
        desk.remove(file.id)
    desk.delete(scan.id)
    desk.remove(file.id)
    assert holds(tmp_path) == []
    with closing(sqlite3.connect(_ledger(tmp_path))) as database:
        rows = database.execute("SELECT id, key, left_over FROM deleted ORDER BY id").fetchall()
    assert rows == [(scan.id, f"scans/{scan.id}", 0), (file.id, f"files/{file.id}", 0)]
