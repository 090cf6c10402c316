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

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_LOG = HERE / "LOG.md"
Sides = Mapping[str, Callable[[], int]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `values` are medians per side in `unit`; ratio: last side over first, per pair of runs."""

    name: str
    values: dict[str, float]
    unit: str = "tokens/s"
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    of_limit: float | None = None  # the last side's share of the machine's matmul rate
    bar: str = ""  # what was asked for, and whether it holds


def compare(
    name: str, sides: Sides, rounds: int = 5, *, least: float | None = None, limit: float | None = None,
    least_share: float | None = None,
) -> Row:  # fmt: skip
    """Runs the sides in turn `rounds` times after one warm-up; each returns the tokens that it scored.

    least: the ratio that is asked for; limit: tokens/s at the machine's matmul rate, and the share of it that is asked.
    """
    for side in sides.values():
        side()
    rates: dict[str, list[float]] = {label: [] for label in sides}
    for _ in range(rounds):
        for label, side in sides.items():
            begin = time.perf_counter()
            tokens = side()
            rates[label].append(tokens / (time.perf_counter() - begin))
    every = list(rates.values())
    ratios = sorted(b / a for a, b in zip(every[0], every[-1], strict=True))
    medians = {label: statistics.median(found) for label, found in rates.items()}
    ratio = statistics.median(ratios)
    share = None if limit is None else list(medians.values())[-1] / limit
    bars = [verdict(ratio, least), "" if share is None else verdict(100 * share, least_share, unit="% of the limit")]
    return Row(name, medians, "tokens/s", ratio, ratios[0], ratios[-1], share, ", ".join(filter(None, bars)))


def verdict(value: float, least: float | None = None, most: float | None = None, unit: str = "x") -> str:
    """Returns the bar and whether it holds."""
    if least is None and most is None:
        return ""
    held = (least is None or value >= least) and (most is None or value <= most)
    asked = f"{least:g}{unit} or more" if least is not None else f"{most:g}{unit} or less"
    return f"{asked}: {'met' if held else 'MISSED'}"


def write(name: str, rows: list[Row], **facts: Any) -> None:
    """Prints the table, writes it as JSON and adds it to the log."""
    machine = {"processor": processor(), "python": platform.python_version(), **facts}
    day = datetime.now(UTC).date().isoformat()
    lines = [f"## {day}: {name}", "", ", ".join(f"{key} {value}" for key, value in machine.items()), ""]
    lines += [
        "| row | measured | ratio (spread) | of matmul limit | asked |",
        "|---|---|---|---|---|",
        *map(line, rows),
    ]
    print("\n".join(lines), flush=True)
    RESULTS.mkdir(exist_ok=True)
    found = {"date": day, "machine": machine, "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    with _LOG.open("a") as log:
        log.write("\n" + "\n".join(lines) + "\n")


def line(row: Row) -> str:
    values = ", ".join(f"{label} {value:,.4g}" for label, value in row.values.items())
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})"
    share = "" if row.of_limit is None else f"{row.of_limit:.0%}"
    return f"| {row.name} | {values} {row.unit} | {ratio} | {share} | {row.bar} |"


def processor() -> str:
    """Returns the CPU's name and whether it has AMX."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{len(names)} x {names[0] if names else platform.processor()}, AMX {'yes' if 'amx_bf16' in text else 'no'}"
