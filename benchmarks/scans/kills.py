"""What a scan repeats that was killed once at a random moment and begun again."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, verdict
from tests.system.scans.helper import Watch, await_moment, begun, environment, kill, numbered, scan, write_jsonl

ROWS, MOST = 10_000, 2.0
SCANS = 20


def rows(rounds: int) -> list[Row]:
    """The median and the largest share of rows that were scored twice, over so many scans of one kill each."""
    del rounds
    dice, shares = random.Random(5), list[float]()
    with TemporaryDirectory() as name:
        place = Path(name)
        source = write_jsonl(place / "texts.jsonl", numbered(ROWS))
        for number in range(SCANS):
            shares.append(_repeated(source, place / f"out{number}", place, dice))
    found = {"median": sorted(shares)[SCANS // 2], "most": max(shares)}
    what = f"rows scored again after SIGKILL at a random moment, {ROWS:,} rows, {SCANS} scans"
    return [Row(what, found, "%", bar=verdict(found["most"], most=MOST, unit=" %"))]


def _repeated(source: Path, out: Path, home: Path, dice: random.Random) -> float:
    """Returns the percentage of rows. Raises RuntimeError where the second call does not complete it."""
    watch, own = Watch.of_file(out / "scan.sqlite"), environment(home, MEMPROBE_CACHE_BYTES=str(1 << 32))
    while True:
        with begun(home / "log", own, "scan", str(source), "--out", str(out)) as process:
            await_moment(dice, watch, ROWS, process)
            if kill(process) or watch.over():
                break
    done = scan(source, out, home, MEMPROBE_CACHE_BYTES=str(1 << 32))
    if done.returncode:
        raise RuntimeError(f"The scan did not go on: {done.stderr[-500:]}")
    with closing(sqlite3.connect(out / "scan.sqlite")) as ledger:
        (again,) = ledger.execute("SELECT sum(rows * (attempts - 1)) FROM tasks WHERE kind = 'score'").fetchone()
    return 100 * float(again) / ROWS
