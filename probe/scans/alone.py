"""A scan without a server: ledger and store lie in the folder of the results, and the same call goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from probe.errors import InputError, StoreError
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.nouns import Done, Scan
from probe.scans.options import ScanOptions
from probe.scans.store import Store
from probe.scans.worker import Worker

LEDGER = "scan.sqlite"
_WRITTEN = ("output.jsonl", "errors.jsonl", "summary.json", "parts")
Show = Callable[[Scan, Done], None]


def scan(
    place: str, out: Path, model: str, opened: Callable[[], Probe], options: ScanOptions, sources: Sources,
    show: Show, every: float = 0.5,
) -> Scan:  # fmt: skip
    """Scans a file, URL or hf:NAME:SPLIT into the folder `out`, which then holds output, errors, summary and parts.

    opened: gives the model, once it is known that there is something to do. show: called every so many seconds. Raises
    InputError where the folder holds another scan or the input cannot be read, StoreError where it cannot be written.
    """
    desk = Desk(Database(f"sqlite:///{out / LEDGER}"), Store(out))
    found = _resumed(desk, place, out, model, options) or desk.begin(place, Path(place).name, model, options, {})
    if found.paused:
        desk.ledger.pause(found.id, False)
    if found.status not in ("completed", "failed"):
        found = _work(desk, found.id, model, opened(), sources, show, every)
    if found.status == "failed":
        desk.delete(found.id)
        raise InputError(f"{found.error}")
    if found.paused:
        raise StoreError(f"{found.note} Then run the same command again: what is done stands.")
    if found.status not in ("completed", "cancelled"):  # laying out would take the shards from under another process
        raise StoreError(
            f"Another process works on {out}, or died less than a minute ago: run the same command again later."
        )
    _lay_out(out, found.id)
    return found


def _resumed(desk: Desk, place: str, out: Path, model: str, options: ScanOptions) -> Scan | None:
    there = desk.ledger.scans()
    if not there:
        return None
    (found,) = there
    if (found.source["place"], found.model, ScanOptions.of_stored(found.options)) != (place, model, options):
        raise InputError(
            f"{out} holds a scan of {found.source['place']}, or one with other options: name another folder.", "out"
        )
    return found


def _work(
    desk: Desk, name: str, model: str, probe: Probe, sources: Sources, show: Show, every: float
) -> Scan:  # fmt: skip
    worker = Worker(desk.ledger, desk.store, [model], lambda *_: probe, lambda _: sources)
    thread = threading.Thread(target=lambda: worker.run(until_idle=True), name="scan")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(every)
            show(*desk.progress(name))
    finally:  # an interrupt ends it after the texts that are being measured
        worker.stop()
        thread.join()
    return desk.ledger.scan(name)


def _lay_out(out: Path, name: str) -> None:
    """Moves the results to the top of the folder; what is there already was moved before."""
    for written in _WRITTEN:
        place = out / "scans" / name / written
        if place.exists():
            target = out / written
            if target.is_dir():
                shutil.rmtree(target)
            place.rename(target)
    shutil.rmtree(out / "scans", ignore_errors=True)
