"""Who works on what: leases, take-overs, fair order, cancelling, pausing; on SQLite (PostgreSQL in tests/system)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from probe.errors import InputError, UnknownName
from probe.scans.database import Database
from probe.scans.ledger import Ledger
from probe.scans.nouns import Scan, Task
from probe.scans.processes import new_worker


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Database(f"sqlite:///{tmp_path / 'l.sqlite'}"), lease=30)


def begun(ledger: Ledger, shards: int, model: str = "m") -> Scan:
    """A scan whose rows were read."""
    scan = ledger.create({"place": "x"}, model, {}, {"who": "me"})
    worker = new_worker()
    split = ledger.claim(worker, [model])
    assert split and split.kind == "split"
    for number in range(shards):
        ledger.add_shard(split, number, 10)
    assert ledger.complete(split, worker, scan={"split": True, "rows": 10 * shards})
    return ledger.scan(scan.id)


def claimed(ledger: Ledger, worker: str) -> Task:
    task = ledger.claim(worker, ["m"])
    assert task
    return task


def test_from_queue_to_completion(ledger: Ledger) -> None:
    scan = begun(ledger, 2)
    assert scan.status == "in_progress" and scan.metadata == {"who": "me"}
    worker = new_worker()
    for number in range(2):
        task = claimed(ledger, worker)
        assert (task.kind, task.number, task.attempts) == ("score", number, 1)
        assert ledger.complete(task, worker, good=9, bad=1, counts={"0.5": 9})
    done = ledger.progress(scan.id)
    assert (done.good, done.bad, done.shards, done.shards_done) == (18, 2, 2, 2)
    assert [ledger.counts(scan.id, number) for number in ledger.shards(scan.id)] == [{"0.5": 9}] * 2
    assert ledger.scan(scan.id).status == "finalizing"
    assert claimed(ledger, worker).kind == "finish" and ledger.claim(worker, ["m"]) is None


def test_no_shard_is_handed_out_before_all_rows_were_read(ledger: Ledger) -> None:
    ledger.create({}, "m", {}, {})
    worker = new_worker()
    split = claimed(ledger, worker)
    ledger.add_shard(split, 0, 10)
    ledger.add_shard(split, 0, 10)  # who reads again finds it there
    assert ledger.claim(new_worker(), ["m"]) is None
    ledger.complete(split, worker, scan={"split": True})
    assert claimed(ledger, worker).number == 0


def test_a_lease_that_ran_out_is_taken_over_and_its_first_holder_completes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(Database(f"sqlite:///{tmp_path / 'l.sqlite'}"), lease=0)
    begun(ledger, 1)
    first, second = new_worker(), new_worker()
    old = claimed(ledger, first)
    new = claimed(ledger, second)
    assert (new.number, new.attempts) == (old.number, 2)
    assert not ledger.renew(old, first) and not ledger.complete(old, first, good=10)
    ledger.release(old, first)
    assert ledger.renew(new, second) and ledger.complete(new, second, good=10)


def test_the_shard_of_a_process_that_is_gone_waits_at_once(ledger: Ledger, tmp_path: Path) -> None:
    scan = begun(ledger, 1)
    code = (
        "import sys\nfrom probe.scans.database import Database\nfrom probe.scans.ledger import Ledger\n"
        "from probe.scans.processes import new_worker\n"
        f"print(Ledger(Database('sqlite:///{tmp_path / 'l.sqlite'}')).claim(new_worker(), ['m']).scan.id)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == scan.id
    assert claimed(ledger, new_worker()).attempts == 2
    assert ledger.claim(new_worker(), ["m"]) is None  # this process lives: its lease counts
    assert f":{os.getpid()}:" in new_worker()


def test_scans_take_turns(ledger: Ledger) -> None:
    one, other = begun(ledger, 3), begun(ledger, 3)
    order = [claimed(ledger, new_worker()).scan.id for _ in range(6)]
    assert sorted(order[:2]) == sorted(order[2:4]) == sorted(order[4:]) == sorted([one.id, other.id])


def test_two_threads_never_get_the_same_shard(ledger: Ledger) -> None:
    begun(ledger, 40)
    got: list[int] = []

    def work() -> None:
        worker = new_worker()
        while (task := ledger.claim(worker, ["m"])) and task.kind == "score":
            got.append(task.number)
            ledger.complete(task, worker)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(got) == list(range(40))


def test_another_models_scans_are_left_alone(ledger: Ledger) -> None:
    begun(ledger, 1, "other")
    assert ledger.claim(new_worker(), ["m"]) is None


def test_cancelling_drops_what_waits_and_finishes_what_is_done(ledger: Ledger) -> None:
    scan, worker = begun(ledger, 3), new_worker()
    ledger.complete(claimed(ledger, worker), worker, good=10, counts={})
    running = claimed(ledger, worker)
    assert ledger.cancel(scan.id).status == "cancelling"
    assert not ledger.renew(running, worker) and not ledger.complete(running, worker, good=10)
    finish = claimed(ledger, worker)
    assert finish.kind == "finish" and ledger.renew(finish, worker)
    assert ledger.complete(finish, worker, status="cancelled")
    assert ledger.cancel(scan.id).status == "cancelled" and ledger.progress(scan.id).good == 10


def test_a_scan_that_is_over_cannot_be_cancelled_or_paused(ledger: Ledger) -> None:
    scan, worker = begun(ledger, 1), new_worker()
    task = claimed(ledger, worker)
    ledger.fail(task, new_worker(), "whoever lost the task does not end its scan")
    assert ledger.scan(scan.id).status == "in_progress" and ledger.is_open(["m"])
    ledger.fail(task, worker, "why")
    assert not ledger.is_open(["m"]) and ledger.shards(scan.id) == []
    assert ledger.scan(scan.id).error == "why" and ledger.claim(new_worker(), ["m"]) is None
    for act in (ledger.cancel, lambda name: ledger.pause(name, True)):
        with pytest.raises(InputError, match="The scan is failed"):
            act(scan.id)


def test_a_paused_scan_waits(ledger: Ledger) -> None:
    scan = begun(ledger, 1)
    assert ledger.pause(scan.id, True, "disk full").note == "disk full"
    assert ledger.claim(new_worker(), ["m"]) is None
    assert ledger.pause(scan.id, False).note is None
    assert claimed(ledger, new_worker()).number == 0


def test_nobody_sees_anothers_scans(ledger: Ledger, tmp_path: Path) -> None:
    scan = begun(ledger, 1)
    other = Ledger(Database(f"sqlite:///{tmp_path / 'l.sqlite'}"), owner="other")
    assert other.scans() == [] and [one.id for one in ledger.scans()] == [scan.id]
    for act in (other.scan, other.cancel, other.delete):
        with pytest.raises(UnknownName):
            act(scan.id)
    assert other.knows(scan.id)  # a worker serves them all
    ledger.delete(scan.id)
    assert not other.knows(scan.id)
    with pytest.raises(UnknownName):
        ledger.scan(scan.id)


def test_a_list_goes_on_after_an_id(ledger: Ledger) -> None:
    names = [ledger.create({}, "m", {}, {}).id for _ in range(5)][::-1]
    assert [one.id for one in ledger.scans(2)] == names[:2]
    assert [one.id for one in ledger.scans(2, names[1])] == names[2:4]


def test_who_only_reads_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    database = Database(tmp_path / "r?x=1" / "l.sqlite")
    ledger = Ledger(database)
    scan = begun(ledger, 1)
    locked = sqlite3.connect(tmp_path / "r?x=1" / "l.sqlite", isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(30) as pool:  # more than a pool of connections holds
        begin = time.monotonic()
        found = list(pool.map(lambda _: ledger.scan(scan.id).status, range(60)))
    assert found == ["in_progress"] * 60 and time.monotonic() - begin < 10
    locked.execute("ROLLBACK")
    locked.close()
    database.close()


def test_a_scan_that_is_being_cancelled_is_not_paused(ledger: Ledger) -> None:
    scan = begun(ledger, 2)
    claimed(ledger, new_worker())
    assert ledger.cancel(scan.id).status in ("cancelling", "finalizing")
    if ledger.scan(scan.id).status == "cancelling":
        with pytest.raises(InputError, match="cancelling"):
            ledger.pause(scan.id, True)
    with pytest.raises(UnknownName):
        ledger.scan("batch_\0")


def test_a_name_with_nul_is_no_other_name(ledger: Ledger) -> None:
    scan = begun(ledger, 1)
    with pytest.raises(UnknownName):
        ledger.scan(scan.id + "\0")
    with pytest.raises(UnknownName):
        ledger.cancel("\0" + scan.id)
