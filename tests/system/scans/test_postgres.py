"""Workers on one PostgreSQL: killed, cut off from it while it restarts, and two that do the same at the same moment."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from probe.errors import InputError, StoreError, UnknownName
from probe.scans.desk import Desk
from probe.scans.ledger import Ledger
from probe.scans.nouns import Task
from probe.scans.options import ScanOptions
from probe.scans.processes import new_worker
from probe.scans.store import Store
from probe.scans.sweep import Swept, sweep
from tests.system.scans.conftest import Postgres
from tests.system.scans.helper import (
    Line,
    Watch,
    assert_each_row_once,
    assert_same_results,
    await_moment,
    begun,
    database_at,
    environment,
    kill,
    queued,
    results,
    until,
)

TIMES = 100  # that two do something at the same moment


@dataclass
class Crew:
    """Two workers on one database and store; whoever is killed is replaced."""

    folder: Path
    url: str
    stack: ExitStack
    working: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store, self.watch = self.folder / "store", Watch(self.url)
        self.working = [self.another(), self.another()]

    def another(self) -> subprocess.Popen[bytes]:
        self.logs.append(self.folder / f"worker{len(self.logs)}.log")
        own = environment(self.folder, MEMPROBE_DATABASE_URL=self.url, MEMPROBE_STORE=str(self.store))
        return self.stack.enter_context(begun(self.logs[-1], own, "worker"))

    def kill_one_that_works(self, dice: random.Random) -> bool:
        """Kills a worker that holds a task; returns False where there was none any more."""

        def working() -> list[int]:
            holders = self.watch.holders()
            return [which for which, process in enumerate(self.working) if process.pid in holders]

        assert until(lambda: bool(working()) or self.watch.over(), every=0.02), self.said()
        found = working()
        if not found:
            return False
        which = dice.choice(found)
        assert kill(self.working[which]), self.said()
        self.working[which] = self.another()
        return True

    def queue(self, source: Path) -> str:
        return queued(self.url, self.store, source)

    def finished(self, batch: str) -> tuple[list[Line], list[Line]]:
        """Waits until all is done; returns output and errors."""
        assert until(self.watch.over), (self.watch.look(), self.said())
        assert self.watch.look().status == "completed", self.said()
        return results(self.store / "scans" / batch)

    def said(self) -> str:
        return "\n".join(log.read_text()[-1000:] for log in self.logs)


@pytest.fixture(scope="module")
def crew(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with ExitStack() as stack:
        yield Crew(tmp_path_factory.mktemp("crew"), postgres.database(), stack)


def test_workers_that_are_killed_at_random_moments_leave_a_whole_result(
    crew: Crew, texts: Path, undisturbed: list[Line], kills: int
) -> None:
    dice, killed = random.Random(3), 0
    for _ in range(4 * kills):  # a scan may be over before its workers are killed
        batch, here = crew.queue(texts), 0
        while killed < kills and not crew.watch.over():
            await_moment(dice, crew.watch, len(undisturbed), crew.working[0])
            if crew.kill_one_that_works(dice):
                here, killed = here + 1, killed + 1
        output, errors = crew.finished(batch)
        assert crew.watch.look().again <= here
        assert_each_row_once(output, errors, len(undisturbed))
        assert_same_results(output, undisturbed)
        if killed == kills:
            return
    pytest.fail(f"only {killed} of {kills} workers were killed while there was work")


def test_workers_wait_for_a_database_that_is_away_and_go_on(
    crew: Crew, postgres: Postgres, texts: Path, undisturbed: list[Line], kills: int
) -> None:
    dice, outages = random.Random(4), 1 + kills // 5
    for _ in range(outages):
        batch, after = crew.queue(texts), dice.uniform(1, len(undisturbed) / 2)
        assert until(lambda: crew.watch.look().done >= after, every=0.02), crew.said()  # noqa: B023
        postgres.stop()
        time.sleep(dice.uniform(1, 4))
        postgres.start()
        output, errors = crew.finished(batch)
        assert_each_row_once(output, errors, len(undisturbed))
        assert_same_results(output, undisturbed)
        assert crew.watch.look().again <= len(crew.working)  # leases run out meanwhile
        assert [process.poll() for process in crew.working] == [None, None], crew.said()


def claimed(ledger: Ledger, worker: str, kind: str) -> Task:
    task = ledger.claim(worker, ["m"])
    assert task and task.kind == kind, task
    return task


def ready_to_score(ledger: Ledger, shards: int) -> str:
    name, worker = ledger.create({"place": "x"}, "m", {}, {}).id, new_worker()
    split = claimed(ledger, worker, "split")
    for number in range(shards):
        ledger.add_shard(split, number, 10)
    assert ledger.complete(split, worker, scan={"split": True, "rows": 10 * shards})
    return name


def at_once(*works: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_two_workers_that_complete_the_last_two_shards_at_the_same_moment_leave_a_finish(postgres: Postgres) -> None:
    with database_at(postgres.database()) as database:
        ledger, stuck = Ledger(database), 0
        one, other = new_worker(), new_worker()
        for _ in range(TIMES):
            name = ready_to_score(ledger, 2)
            first, second = claimed(ledger, one, "score"), claimed(ledger, other, "score")
            assert at_once(
                lambda: ledger.complete(first, one, good=10),  # noqa: B023
                lambda: ledger.complete(second, other, good=10),  # noqa: B023
            ) == [True, True]
            task = ledger.claim(one, ["m"])
            stuck += task is None
            assert task is None or task.kind == "finish"
            ledger.delete(name)
        assert not stuck, f"{stuck} of {TIMES} scans would never have ended"


def test_a_batch_that_is_cancelled_while_its_last_shard_is_completed_is_finished(postgres: Postgres) -> None:
    with database_at(postgres.database()) as database:
        ledger, worker = Ledger(database), new_worker()
        for _ in range(TIMES // 10):
            name = ready_to_score(ledger, 1)
            task = claimed(ledger, worker, "score")
            at_once(lambda: ledger.complete(task, worker, good=10), lambda: cancelled(ledger, name))  # noqa: B023
            last = claimed(ledger, worker, "finish")
            assert ledger.complete(last, worker, status="completed")
            ledger.delete(name)


def cancelled(ledger: Ledger, name: str) -> None:
    try:
        ledger.cancel(name)
    except InputError as error:  # it was a moment too late
        assert "cannot be cancelled" in str(error)


def test_no_shard_is_handed_out_twice_and_none_is_left(postgres: Postgres) -> None:
    with database_at(postgres.database()) as database:
        ledger = Ledger(database)
        ready_to_score(ledger, 60)

        def work() -> list[int]:
            worker, got = new_worker(), list[int]()
            while (task := ledger.claim(worker, ["m"])) and task.kind == "score":
                got.append(task.number)
                assert ledger.complete(task, worker)
            return got

        assert sorted(number for got in at_once(*[work] * 4) for number in got) == list(range(60))


def test_processes_that_open_an_empty_database_at_once_all_find_its_tables(postgres: Postgres) -> None:
    url = postgres.database()

    def count() -> int:
        with database_at(url) as database:
            return len(Ledger(database).scans())

    assert at_once(*[count] * 6) == [0] * 6


def test_odd_names_deletions_and_sweeps(postgres: Postgres, tmp_path: Path) -> None:
    """PostgreSQL takes no NUL, and its messages quote what it was sent."""
    with database_at(postgres.database()) as database:
        desk = Desk(database, Store(tmp_path), cache=tmp_path / "cache.sqlite")
        file = desk.uploads.add("a\0b zyzzyva.jsonl", "batch", iter([b'{"text": "x"}\n']))
        assert desk.file(file.id).name == "ab zyzzyva.jsonl" and desk.uploads.listed("batch\0") == [file]
        for ask in (desk.file, desk.ledger.scan, desk.delete, desk.remove):
            with pytest.raises(UnknownName):
                ask("file-\0")
        scan = desk.start(file, "demo", ScanOptions(), {"a": "zyzzyva\0", "\0": "\0"})
        assert desk.ledger.scan(scan.id).metadata == {"a": "zyzzyva\0", "\0": "\0"}
        assert sweep(desk, 1, 1) == Swept()
        time.sleep(1.1)
        assert sweep(desk, 1e-5, 1) == Swept([file.id], [scan.id])
        assert not list((tmp_path / "files").iterdir()) and sweep(desk, 1e-5, 1) == Swept()
        with pytest.raises(StoreError) as caught:  # whatever reaches it all the same
            database.run(lambda connection: connection.execute(text("SELECT CAST(:a AS jsonb)"), {"a": '{"zyzzyva'}))
        assert "zyzzyva" not in str(caught.value) and "invalid input syntax" in str(caught.value)
