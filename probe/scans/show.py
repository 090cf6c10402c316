"""A scan's progress and summary on a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from probe.scans.nouns import Done, Scan
from probe.show import verdict

console = Console()


class Bar:
    """Rows done, rows/s and the time that remains, on stderr."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("Reading the rows", total=None, rate="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, scan: Scan, done: Done) -> None:
        label = (
            "Writing the results" if scan.status == "finalizing" else "Scoring" if scan.split else "Reading the rows"
        )
        rows, speed = done.good + done.bad, rate(scan, done)
        self._bar.update(
            self._task, description=label, completed=rows, total=scan.rows or None,
            rate=f"{speed:,.0f} rows/s" if speed else "",
        )  # fmt: skip


def rate(scan: Scan, done: Done) -> float | None:
    """Returns rows per second since the first shard was begun; None while that cannot be told."""
    begun = scan.times.get("in_progress")
    if begun is None or done.last is None or not done.shards_done:
        return None
    return (done.good + done.bad) / max(1e-3, done.last - begun)


def remaining(scan: Scan, done: Done) -> float | None:
    """Returns the seconds until the last row, at the rate so far."""
    speed = rate(scan, done)
    return None if not speed or not scan.split else (scan.rows - done.good - done.bad) / speed


def summary(found: dict[str, Any], out: Path) -> None:
    """Prints what a scan came to."""
    for call, number in sorted(found["verdicts"].items(), key=lambda pair: -pair[1]):
        console.print(verdict(call).append(f"  {number:,}", style="default"))
    for error, number in found["errors"].items():
        console.print(f"[bold red]error[/]  {number:,}  {error}", highlight=False)
    decision = found["decision"]
    console.print(decision["said"], style="yellow" if decision["withheld"] else "", highlight=False)
    console.print(f"{out}: output.jsonl, errors.jsonl, summary.json, parts/", highlight=False)


def ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
