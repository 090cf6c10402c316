"""Processes that are started and killed, the ledger as an onlooker sees it, and what must hold of every result."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pyarrow.parquet as pq
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.options import ScanOptions
from probe.scans.source import Source
from probe.scans.store import Store

Line = dict[str, Any]
PATIENCE = 240.0  # seconds until what does not end has failed
QUIET = {"OMP_NUM_THREADS": "1", "MEMPROBE_LEASE_SECONDS": "2", "MEMPROBE_CACHE_BYTES": "0", "COLUMNS": "200"}
OVER = ("completed", "failed", "cancelled")


def numbered(count: int) -> list[Line]:
    """Rows with an id and a text each, no two alike."""
    return [
        {"id": f"r{i}", "text": f"Sentence {i} says that option {i * 7 % 101} is read from line {i * i} of the file."}
        for i in range(1, count + 1)
    ]


def write_jsonl(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# processes


def scan(
    source: Path, out: Path, home: Path, *options: str, seconds: float = PATIENCE, **more: str
) -> subprocess.CompletedProcess[str]:
    """Runs `memprobe scan` to its end."""
    return subprocess.run(
        [*_MEMPROBE, "scan", str(source), "--out", str(out), *options], capture_output=True, text=True, check=False,
        env=environment(home, **more), timeout=seconds,
    )  # fmt: skip


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, **QUIET, "MEMPROBE_HOME": str(home), **more}


@contextmanager
def begun(
    log: Path, environment: dict[str, str], *arguments: str, through: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """Runs a memprobe command in a session of its own; what it says goes to the log. Killed when the block ends.

    through: a command that runs it.
    """
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*through, *_MEMPROBE, *arguments], env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def served(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `memprobe serve` on a port that stays the same."""
    log = home / "serve.log"
    with begun(log, environment(home), "serve", "--port", str(port)) as process:
        yield process


def until(met: Callable[[], bool], seconds: float = PATIENCE, every: float = 0.05) -> bool:
    """Waits; returns whether it came to be in time."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def ready(port: int) -> bool:
    try:
        urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
        return True
    except (URLError, OSError):
        return False


_MEMPROBE = (sys.executable, "-m", "probe")


# batches without a service


@contextmanager
def database_at(url: str) -> Iterator[Database]:
    database = Database(url, patience=30)
    try:
        yield database
    finally:
        database.close()


def queued(url: str, store: Path, source: Path) -> str:
    """Hands in a file for whichever worker comes, alone in the ledger; returns the batch's id."""
    with database_at(url) as database:
        desk = Desk(database, Store(store))
        for old in desk.ledger.scans():
            desk.delete(old.id)
        return desk.begin(Source(str(source), source.name), "demo", ScanOptions(whole=False), {}).id


def results(folder: Path) -> tuple[list[Line], list[Line]]:
    """Returns output and errors."""
    return lines(folder / "output.jsonl"), lines(folder / "errors.jsonl")


# the ledger, seen from outside


@dataclass(frozen=True)
class Look:
    """What the ledger says. again: how many more times shards were begun than there are shards begun."""

    status: str | None = None
    paused: bool = False
    note: str | None = None
    rows: int = 0
    done: int = 0
    again: int = 0


class Watch:
    """Looks at the only scan of a database without asking the code under test."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)
        self._last = Look()

    @classmethod
    def of_file(cls, path: Path) -> Watch:
        return cls(f"sqlite:///{path}")

    def look(self) -> Look:
        """While there is no ledger yet, or its database is away, what was seen last."""
        if self._engine.url.drivername == "sqlite" and not Path(str(self._engine.url.database)).exists():
            return self._last
        try:
            with self._engine.connect() as connection:
                scans = connection.execute(text("SELECT status, paused, note, rows FROM scans")).all()
                tasks = "SELECT coalesce(sum(good + bad), 0), coalesce(sum(attempts), 0), count(*) FROM tasks"
                done, attempts, shards = connection.execute(
                    text(f"{tasks} WHERE kind = 'score' AND attempts > 0")
                ).one()
        except SQLAlchemyError:
            return self._last
        if scans:
            ((status, paused, note, rows),) = scans
            self._last = Look(status, bool(paused), note, int(rows), int(done), int(attempts) - int(shards))
        return self._last

    def over(self) -> bool:
        return self.look().status in OVER

    def holders(self) -> set[int]:
        """Returns the processes that hold a task, by the ledger."""
        with self._engine.connect() as connection:
            workers = connection.execute(text("SELECT worker FROM tasks WHERE status = 'leased'")).scalars()
            return {int(str(worker).rsplit(":", 2)[1]) for worker in workers}


def await_moment(dice: random.Random, watch: Watch, rows: int, process: subprocess.Popen[bytes]) -> None:
    """Waits for a moment in a scan's life: while it starts, at some row of what is left, or when it writes the results;
    counted in rows rather than in seconds, as machines differ. It ends when the process or the scan does."""

    def ended() -> bool:
        return process.poll() is not None or watch.over()

    share = dice.uniform(-0.15, 1.1)
    if share < 0:
        until(ended, dice.uniform(0, 6))
        return
    before = watch.look().done
    after = before + share * (rows - before)
    finishing = ("finalizing", *OVER)

    def there() -> bool:
        look = watch.look()
        return look.status in finishing if share >= 1 else look.done >= max(after, 1)

    until(lambda: there() or ended(), every=0.02)
    until(ended, dice.uniform(0, 0.4), every=0.02)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Sends SIGKILL; returns whether it was that which ended the process."""
    process.kill()
    return process.wait() == -signal.SIGKILL


# what must hold


def assert_each_row_once(output: Sequence[Line], errors: Sequence[Line], rows: int) -> None:
    """Every row stands in one of the two, once, and each is in the order of the input."""
    good, bad = [line["row"] for line in output], [line["row"] for line in errors]
    assert good == sorted(good) and bad == sorted(bad)
    assert sorted(good + bad) == list(range(1, rows + 1))


def assert_same_results(found: Sequence[Line], expected: Sequence[Line]) -> None:
    """What is said of each text does not depend on who was killed meanwhile."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in ("id", "verdict", "p_value", "q_value", "scores"):
            assert one[name] == other[name], (one["id"], name)


def assert_parts_hold_each_row_once(parts: Sequence[Path], rows: int) -> None:
    found = [row for part in parts for row in pq.read_table(part, columns=["row"]).column("row").to_pylist()]
    assert found == list(range(1, rows + 1))


MOST = 3  # kills of one scan; then it may end


def groups(kills: int) -> list[int]:
    """How often each of some scans is killed, so many times in all."""
    return [min(MOST, kills - begin) for begin in range(0, kills, MOST)]
