"""Side-by-side measurement: A B A B ..., medians and their ratio with its spread. These machines are noisy."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `rates`: tokens per second of each side, median; ratio: second over first, per pair of runs."""

    name: str
    rates: dict[str, float]
    ratio: float
    low: float
    high: float
    of_limit: float | None = None


def compare(name: str, sides: Mapping[str, Callable[[], int]], rounds: int = 5) -> Row:
    """Runs both sides in turn `rounds` times after one warm-up; each returns the tokens that it scored."""
    for side in sides.values():
        side()
    rates: dict[str, list[float]] = {label: [] for label in sides}
    for _ in range(rounds):
        for label, side in sides.items():
            begin = time.perf_counter()
            tokens = side()
            rates[label].append(tokens / (time.perf_counter() - begin))
    first, second = rates.values()
    ratios = sorted(b / a for a, b in zip(first, second, strict=True))
    medians = {label: statistics.median(values) for label, values in rates.items()}
    return Row(name, medians, statistics.median(ratios), ratios[0], ratios[-1])


def write(name: str, rows: list[Row], facts: dict[str, Any]) -> None:
    """Prints the table and writes it as JSON."""
    from rich.console import Console
    from rich.table import Table

    table = Table("row", "tokens/s", "ratio", "spread", "of limit")
    for row in rows:
        rates = ", ".join(f"{label} {rate:,.0f}" for label, rate in row.rates.items())
        share = "" if row.of_limit is None else f"{row.of_limit:.0%}"
        table.add_row(row.name, rates, f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}", share)
    Console(width=160).print(table)
    RESULTS.mkdir(exist_ok=True)
    machine = {"processor": processor(), "python": platform.python_version(), **facts}
    found = {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def processor() -> str:
    """Returns the CPU's name and whether it has AMX."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{len(names)} x {names[0] if names else platform.processor()}, AMX {'yes' if 'amx_bf16' in text else 'no'}"
