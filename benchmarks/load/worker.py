"""A worker of scans that is killed while clients ask and scans are accepted: another takes its place, and no scan that
was accepted is lost.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load.client import Plan, start
from benchmarks.load.service import Running, service
from benchmarks.measure import Row, verdict
from tests.system.scans.api import Api
from tests.system.scans.helper import Watch, begun, environment, numbered, until, write_jsonl

SCANS, ROWS, CLIENTS, SECONDS = 4, 1_000, 16, 600.0
_LEASE = {"MEMPROBE_LEASE_SECONDS": "20"}


def rows(seconds: float, rounds: int) -> list[Row]:
    """seconds: nothing; it takes as long as the scans."""
    del seconds, rounds
    with TemporaryDirectory() as name, ExitStack() as stack:
        home = Path(name)
        running = stack.enter_context(service(home, MEMPROBE_SCAN_WORKERS="0", **_LEASE))
        crew = [_worker(home, stack, number) for number in range(2)]
        clients = stack.enter_context(start(Plan(running.port, CLIENTS, 500, seconds=SECONDS)))
        found = _scanned(home, running, crew, stack)
        clients.terminate()
        clients.communicate()
    return found


def _worker(home: Path, stack: ExitStack, number: int) -> subprocess.Popen[bytes]:
    return stack.enter_context(begun(home / f"worker{number}.log", environment(home, **_LEASE), "worker"))


def _scanned(home: Path, running: Running, crew: list[subprocess.Popen[bytes]], stack: ExitStack) -> list[Row]:
    api, watch = Api(running.port), Watch.of_file(home / "scans.sqlite")
    source = write_jsonl(home / "texts.jsonl", numbered(ROWS))
    batches = [api.batch(api.upload(source))["id"] for _ in range(SCANS)]
    until(lambda: any(one.pid in watch.holders() for one in crew), SECONDS)
    killed = next(one for one in crew if one.pid in watch.holders())
    killed.kill()
    began = time.monotonic()
    held = killed.pid
    crew.append(_worker(home, stack, len(crew)))
    until(lambda: held not in watch.holders(), SECONDS)
    taken = time.monotonic() - began
    ended = [api.finished(batch) for batch in batches]
    whole = [one for one in ended if one["status"] == "completed" and _each_once(api, one)]
    lost = float(SCANS - len(whole) + (not running.alive()))
    found = {"scans lost": lost, "its shard taken over after, s": taken}
    what = f"a worker killed under {CLIENTS} clients with {SCANS} scans of {ROWS:,} rows accepted"
    return [Row(what, found, "", bar=verdict(lost, most=0, unit=" lost"))]


def _each_once(api: Api, batch: dict[str, object]) -> bool:
    lines = [line for name in ("output_file_id", "error_file_id") for line in api.content(str(batch[name] or ""))]
    return sorted(str(line["custom_id"]) for line in lines) == sorted(str(row["id"]) for row in numbered(ROWS))
