"""A worker that is told to end, or has lost its lease, leaves its shard within a batch of texts, for another one."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from probe.pipeline import Probe
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.ledger import Ledger
from probe.scans.options import ScanOptions
from probe.scans.processes import new_worker
from probe.scans.source import Source
from probe.scans.store import Store
from probe.scans.worker import Worker
from tests.engines import Gated

ROWS = [{"id": f"r{i}", "text": f"Sentence {i} says that option {i} is read from line {i * i}."} for i in range(20)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    found = Desk(Database(tmp_path / "l.sqlite"), Store(tmp_path / "store"), lease=0.4)
    found.begin(Source(str(tmp_path / "rows.jsonl"), "rows.jsonl"), "m", ScanOptions(scores=("loss",)), {})
    return found


def begun(desk: Desk, engine: Gated) -> tuple[Worker, threading.Thread]:
    worker = Worker(desk.ledger, desk.store, ["m"], lambda *_: Probe(engine))
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    assert engine.entered.wait(30)
    return worker, thread


def test_one_that_is_told_to_end_hands_its_shard_back_at_once(demo: Probe, desk: Desk) -> None:
    engine = Gated(demo.target)
    worker, thread = begun(desk, engine)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive() and engine.ended.is_set() and not engine.gate.is_set()
    task = desk.ledger.claim(new_worker(), ["m"])
    assert task and (task.kind, task.attempts) == ("score", 1), "it counts as no attempt"


def test_one_that_was_cancelled_stops_measuring(demo: Probe, desk: Desk) -> None:
    engine = Gated(demo.target)
    worker, thread = begun(desk, engine)
    (scan,) = desk.ledger.scans()
    desk.ledger.cancel(scan.id)
    assert engine.ended.wait(30), "the lease is renewed four times in its time, and then it learns of it"
    worker.stop()
    thread.join(30)


def test_scans_are_counted_by_state_whosever_they_are(tmp_path: Path) -> None:
    database = Database(tmp_path / "l.sqlite")
    ledgers = [Ledger(database, owner) for owner in ("one", "two")]
    assert ledgers[0].states() == {}
    made = [ledger.create({"place": "x"}, "m", {}, {}) for ledger in ledgers for _ in range(2)]
    ledgers[0].cancel(made[0].id)
    ledgers[1].pause(made[2].id, True)
    assert ledgers[0].states() == ledgers[1].states() == {"cancelling": 1, "validating": 2, "paused": 1}
