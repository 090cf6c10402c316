"""A scan without a server: ledger and store lie in the folder of the results, and the same call goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path

from probe.data.hub import SCHEME
from probe.data.streams import Stream
from probe.errors import InputError, StoreError
from probe.pipeline import Probe
from probe.provenance.record import Sources
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.leases import LEASE
from probe.scans.nouns import Done, Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import folder_key
from probe.scans.source import Source
from probe.scans.store import Store
from probe.scans.worker import Worker

LEDGER = "scan.sqlite"
_WRITTEN = ("output.jsonl", "errors.jsonl", "summary.json", "parts")
Show = Callable[[Scan, Done], None]


def scan(
    place: str, out: Path, model: str, opened: Callable[[], Probe], options: ScanOptions, sources: Sources,
    show: Show, lease: float = LEASE, every: float = 0.5,
) -> Scan:  # fmt: skip
    """Scans a file, URL or hf:NAME:SPLIT into the folder `out`, which then holds output, errors, summary and parts.

    opened: gives the model, once it is known that there is something to do. show: called every so many seconds. Raises
    InputError where the folder holds another scan or the input cannot be read, StoreError where it cannot be written.
    Two that work on one folder share the work.
    """
    _check(place, out)
    database = Database(out / LEDGER)
    desk = Desk(database, Store(out), lease=lease)
    begun = {"stamp": _stamp(place), "models": json.dumps(asdict(sources), sort_keys=True)}
    found = _resumed(desk, place, out, model, options, begun) or desk.begin(
        Source(place, Path(place).name), model, options, begun
    )
    if found.paused:
        desk.ledger.pause(found.id, False)
    if found.status not in ("completed", "failed"):
        found = _work(desk, found.id, model, opened(), sources, show, every)
    if found.status == "failed":
        desk.delete(found.id)
        raise InputError(f"{found.error}")
    if found.paused:
        raise StoreError(f"{found.note} Then run the same command again: what is done stands.")
    database.run(lambda _: _lay_out(out, found.id))  # one at a time, as others may come to the end with us
    return found


def _check(place: str, out: Path) -> None:
    """Raises InputError before anything is made."""
    if "://" not in place and not place.startswith(SCHEME):
        Stream.of(place)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the results.", "out")


def _stamp(place: str) -> str:
    """Returns where a file is, its size and when it was written to; a URL or data set as it is."""
    if "://" in place or place.startswith(SCHEME):
        return place
    path = Path(place).resolve()
    found = path.stat()
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _resumed(
    desk: Desk, place: str, out: Path, model: str, options: ScanOptions, begun: dict[str, str]
) -> Scan | None:  # fmt: skip
    there = desk.ledger.scans()
    if not there:
        return None
    (found,) = there
    if found.metadata.get("stamp") != begun["stamp"]:
        raise InputError(
            f"{out} holds a scan of another file than {place} is now: name another folder, or delete that one.", "out"
        )
    same = (found.model, ScanOptions.of_stored(found.options), found.metadata) == (model, options, begun)
    if not same:
        raise InputError(f"{out} holds a scan by other models or with other options: name another folder.", "out")
    return found


def _work(
    desk: Desk, name: str, model: str, probe: Probe, sources: Sources, show: Show, every: float
) -> Scan:  # fmt: skip
    worker = Worker(desk.ledger, desk.store, [model], lambda *_: probe, lambda _: sources)
    with ThreadPoolExecutor(1, "scan") as pool:
        running = pool.submit(worker.run, until_idle=True)
        try:
            while not wait([running], every).done:
                show(*desk.progress(name))
        finally:  # an interrupt ends it after the texts that are being measured
            worker.stop()
    running.result()
    return desk.ledger.scan(name)


def _lay_out(out: Path, name: str) -> None:
    """Moves the results to the top of the folder; what is there already was moved before. Raises StoreError."""
    try:
        for written in _WRITTEN:
            place = out / folder_key(name) / written
            if place.exists():
                place.rename(out / written)
        shutil.rmtree(out / "scans", ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{out / written} cannot be written: {error.strerror}. Mend that, then run the same command again."
        ) from error
