"""Peak memory of `memprobe scan`, by how many rows it has; texts recur, so that most statistics come from the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, verdict
from tests.system.scans.helper import environment, numbered

FEW, MANY, MOST = 10_000, 1_000_000, 1.2


def rows(rounds: int) -> list[Row]:
    """Peak resident memory in MB, the many rows' over the few's; and rows per second with a warm cache."""
    del rounds
    with TemporaryDirectory() as name:
        place = Path(name)
        _scan(place, FEW)  # fills the cache
        (few, _), (many, seconds) = _scan(place, FEW), _scan(place, MANY)
    ratio = many / few
    peak = f"peak memory of memprobe scan, embedded pair, {FEW:,} and {MANY:,} rows"
    speed = f"{MANY:,} rows of {FEW:,} cached texts, loading and results included"
    return [
        Row(peak, {"few": few, "many": many}, "MB", ratio, ratio, ratio, bar=verdict(ratio, most=MOST)),
        Row(speed, {"scan": MANY / seconds}, "rows/s"),
    ]


def _scan(place: Path, count: int) -> tuple[float, float]:
    """Returns peak MB and seconds. Raises RuntimeError where a row is not judged."""
    source, out = place / f"{count}.jsonl", place / f"out-{count}-{time.monotonic_ns()}"
    if not source.exists():
        _write(source, count)
    own, begin = environment(place, MEMPROBE_CACHE_BYTES=str(1 << 32)), time.monotonic()
    command = [sys.executable, "-m", "probe", "scan", str(source), "--out", str(out)]
    process = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    summary = json.loads((out / "summary.json").read_text())
    if process.returncode or sum(summary["verdicts"].values()) != count:
        raise RuntimeError(f"The scan of {count:,} rows ended with {process.returncode}.")
    return used.ru_maxrss / 1024, time.monotonic() - begin


def _write(source: Path, count: int) -> None:
    texts = [row["text"] for row in numbered(FEW)]
    with source.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"id": f"r{number}", "text": texts[number % FEW]}) + "\n")
