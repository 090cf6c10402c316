"""A thousand clients at the same moment: each is served, or told to come again and when."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load.client import Came, Plan, run
from benchmarks.load.service import Running, service
from benchmarks.measure import Row, verdict

CLIENTS, TIMES = 1_000, 3


def rows(seconds: float, rounds: int) -> list[Row]:
    del seconds, rounds
    with TemporaryDirectory() as name, service(Path(name)) as running:
        return [_row(running, number) for number in range(TIMES)]


def _row(running: Running, number: int) -> Row:
    came = run(Plan(running.port, CLIENTS, CLIENTS, seed=number, together=True))
    served, refused = came.statuses.get("200", 0), came.statuses.get("429", 0)
    others = CLIENTS - served - refused + len(came.faults) + (not running.alive())
    found = {"served": float(served), "429 with Retry-After": float(refused), "others": float(others)}
    longest = max((wait for waits in came.waits.values() for wait in waits), default=0.0)
    what = f"{CLIENTS:,} clients at once, the last served after {longest:.1f} s: {_others(came)}"
    return Row(what, found, "answers", bar=verdict(others, most=0, unit=" others"))


def _others(came: Came) -> str:
    odd = [f"{count} x {status}" for status, count in came.statuses.items() if status not in ("200", "429")]
    return ", ".join([*odd, *sorted(set(came.faults))]) or "no fault"
