"""The demo: a real service in a process of its own, real texts over HTTP, verdicts beside the truth."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from probe.calibration.store import DEMO, EMBEDDED, RECORDS
from probe.demo.locate import Mark, find, marks
from probe.demo.records import planted
from probe.errors import ModelError
from probe.ports import check_port
from probe.show import excerpt, number, verdict

SHOWN = 6  # rows of each kind in the table
PER_REQUEST = 100
SENT = 300  # passages of each kind sent for the counts
PATIENCE = 120  # seconds until the service must be ready
SEED = 0
_OTHER_COLUMNS = 66  # characters of the table that are not text
console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and the truth about it; text None where this interpreter does not carry it."""

    truth: str
    place: str
    text: str | None
    calibration: str = DEMO


def samples() -> list[Sample]:
    """Returns test passages of both kinds, planted ones and records."""
    wanted = [entry for entry in marks() if entry.split == "test"]
    found = find(wanted)

    def of(role: str, count: int, label: str) -> list[Sample]:
        chosen = [entry for entry in wanted if entry.role == role]
        present: list[Mark] = [entry for entry in chosen if entry in found][:count]
        absent = [entry for entry in chosen if entry not in found][:1]  # one row says that some are missing
        return [Sample(label.format(entry.times), entry.place, found.get(entry)) for entry in [*present, *absent]]

    return [
        *of("member", SENT, "member"),
        *of("nonmember", SENT, "not a member"),
        *of("planted", 2, "planted {} times"),
        *(_record(times) for times in (32, 4, 1, 0)),
    ]


def _record(times: int) -> Sample:
    """Returns a fictional person's record, which is judged among other people's records."""
    text = next(record.text for record in planted(SEED) if record.times == times)
    return Sample(_often(times), "fictional record", text, RECORDS)


def _often(times: int) -> str:
    return {0: "never planted", 1: "planted once"}.get(times, f"planted {times} times")


def run(port: int, once: bool) -> None:
    """Starts the service, shows the table, and leaves the service running until Ctrl-C unless `once`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is ended too
    with console.status("Finding the passages in this interpreter's documentation ..."):
        chosen = samples()
    with _service(port) as base:
        answers = _ask(base, chosen)
        _show(chosen, answers)
        if once:
            return
        console.print(f"The service runs at {base} (its pages: {base}/docs). Try:")
        print(f"  curl -s {base}/v1/probe -H 'content-type: application/json' \\")
        print('    -d \'{"model":"demo","input":["A sentence of your own, ten tokens long or longer."]}\'')
        console.print("Ctrl-C ends it.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Ended.")


@contextmanager
def _service(port: int) -> Iterator[str]:
    """Runs `memprobe serve` until the block ends; yields its address."""
    check_port("127.0.0.1", port, "make demo PORT=8001")
    base = f"http://127.0.0.1:{port}"
    options = ["--port", str(port), "--log-level", "warning", "--reporting", "texts"]  # whatever is set for others
    process = subprocess.Popen([sys.executable, "-m", "probe", "serve", *options])
    try:
        with console.status("Starting the service ..."):
            _await(process, base)
        yield base
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], base: str) -> None:
    for _ in range(PATIENCE * 5):
        if process.poll() is not None:
            raise ModelError("The service ended while it started; its message stands above.")
        try:
            urlopen(f"{base}/readyz", timeout=1).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    raise ModelError(f"The service was not ready within {PATIENCE} seconds.")


def _ask(base: str, chosen: Sequence[Sample]) -> list[dict[str, Any] | None]:
    """Returns one answer per sample, None for an absent one."""
    answers: list[dict[str, Any] | None] = [None] * len(chosen)
    with console.status("Asking for verdicts ...") as status:
        for calibration in EMBEDDED:
            places = [i for i, sample in enumerate(chosen) if sample.text and sample.calibration == calibration]
            for begin in range(0, len(places), PER_REQUEST):
                part = places[begin : begin + PER_REQUEST]
                results = _post(base, [chosen[i].text for i in part], calibration)
                for i, result in zip(part, results, strict=True):
                    answers[i] = result
                status.update(f"Asking for verdicts ... {begin + len(part)} of {len(places)}")
    return answers


def _post(base: str, texts: Sequence[str | None], calibration: str) -> list[dict[str, Any]]:
    body = json.dumps({"model": DEMO, "input": texts, "calibration": calibration}).encode()
    request = Request(f"{base}/v1/probe", body, {"content-type": "application/json"})
    with urlopen(request, timeout=120) as response:
        results: list[dict[str, Any]] = json.load(response)["results"]
        return results


def _show(chosen: Sequence[Sample], answers: Sequence[dict[str, Any] | None]) -> None:
    grid = Table()
    for name in ("truth", "verdict", "p-value", "ratio", "text"):  # ratio: of the perplexities, target over reference
        grid.add_column(name, no_wrap=True)
    width = max(12, console.width - _OTHER_COLUMNS)
    shown: dict[str, int] = {}
    for sample, answer in zip(chosen, answers, strict=True):
        shown[sample.truth] = shown.get(sample.truth, 0) + 1
        if sample.text is None:
            grid.add_row(sample.truth, "absent", "", "", Line(excerpt(sample.place, width), style="dim"))
        elif answer and shown[sample.truth] <= SHOWN:
            grid.add_row(
                sample.truth, verdict(answer["verdict"]), number(answer["p_value"]),
                f"{answer['perplexity_ratio']:.2f}", Line(excerpt(sample.text, width)),
            )  # fmt: skip
    console.print(grid)
    for truth in ("member", "not a member"):
        calls = [a["verdict"] for s, a in zip(chosen, answers, strict=True) if a and s.truth == truth]
        counts = ", ".join(f"{calls.count(call)} {call}" for call in dict.fromkeys(sorted(calls)))
        console.print(f"All {len(calls)} texts whose truth is '{truth}': {counts}.")
    console.print("`member` claims a false-positive rate of 1%: about that share of the non-members may be called so.")
