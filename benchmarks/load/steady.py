"""64 clients for five minutes: no error, no growth of memory, how long they wait, and how much of the offline rate is
left.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.load.client import Came, Plan, heard, run, start
from benchmarks.load.requests import SIZES, requests
from benchmarks.load.service import Memory, Running, service
from benchmarks.measure import Row, verdict
from probe import open_probe
from probe.config import Settings

CLIENTS, COUNT, SEED = 64, 4_000, 1
WARM, AT_FIRST, AT_LAST, GROWTH = 0.2, (0.2, 0.4), (0.8, 1.0), 1.05  # shares of the time
SAME, LEAST = 128, 0.9  # requests of a round, fewer where all is short; of the offline rate


def rows(seconds: float, rounds: int) -> list[Row]:
    with TemporaryDirectory() as name, service(Path(name)) as running:
        with Memory(running.process.pid) as memory:
            plan = Plan(running.port, CLIENTS, COUNT, seed=SEED, seconds=seconds)
            with start(plan) as clients:
                told, _ = clients.communicate(timeout=seconds + 300)
            came = heard(clients, told)
        found = [*_waits(came), _errors(came, running), _memory(memory)]
        return [*found, _rate(running, rounds, min(SAME, int(seconds)))]


def _waits(came: Came) -> list[Row]:
    """Returns a row per size."""
    found = []
    for size in SIZES:
        waits = np.array(came.waits.get(size, [0.0]))
        p50, p95, p99 = (float(np.percentile(waits, percent)) for percent in (50, 95, 99))
        what = f"/v1/probe, {CLIENTS} clients, {came.seconds:.0f} s: wait for {size} ({len(waits):,} requests)"
        found.append(Row(what, {"p50": p50, "p95": p95, "p99": p99}, "s"))
    return found


def _errors(came: Came, running: Running) -> Row:
    served, share = came.statuses.get("200", 0), 100 * came.processor / came.seconds
    errors = sum(came.statuses.values()) - served + len(came.faults) + (not running.alive())
    found = {"served": served, "a second": served / came.seconds, "clients' share of one processor, %": share}
    return Row(f"errors of {CLIENTS} clients: {errors}", found, "", bar=verdict(errors, most=0, unit=""))


def _memory(memory: Memory) -> Row:
    first, last = (statistics.median(memory.between(*part)) for part in (AT_FIRST, AT_LAST))
    found = {"after warm-up": first, "at the end": last, "most": max(memory.between(WARM, 1))}
    ratio = last / first
    return Row("resident memory of the service", found, "MB", ratio, ratio, ratio, bar=verdict(ratio, most=GROWTH))


def _rate(running: Running, rounds: int, count: int) -> Row:
    """The same texts once each, in turns: by the clients, and by one call in this process with the same threads."""
    every = [text for asked in requests(count, SEED + 1) for text in asked.texts]
    offline = open_probe(settings=Settings(cache_bytes=0))
    tokens = sum(len(row.target.logprob) for row in offline(every) if row.target)  # warm, too
    rates: dict[str, list[float]] = {"library": [], "service": []}
    for _ in range(rounds):
        begin = time.perf_counter()
        offline(every)
        rates["library"].append(tokens / (time.perf_counter() - begin))
        rates["service"].append(tokens / _served(running, count))
    ratios = sorted(b / a for a, b in zip(*rates.values(), strict=True))
    ratio = statistics.median(ratios)
    what = f"/v1/probe, {CLIENTS} clients, {len(every):,} texts of {tokens:,} tokens, embedded pair, nothing cached"
    medians = {label: statistics.median(found) for label, found in rates.items()}
    return Row(what, medians, ratio=ratio, low=ratios[0], high=ratios[-1], bar=verdict(ratio, least=LEAST))


def _served(running: Running, count: int) -> float:
    """Returns seconds. Raises RuntimeError where a text is not judged."""
    came = run(Plan(running.port, CLIENTS, count, seed=SEED + 1))
    if came.statuses != {"200": count} or came.faults:
        raise RuntimeError(f"The service could not score them: {came.statuses}, {came.faults[:3]}")
    return came.seconds
