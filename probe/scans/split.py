"""Requests -> shards. Where a shard ends depends on the rows alone, so that who begins again comes to the same ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from probe.calibration.batch import find_blind
from probe.calibration.gates import BATCH
from probe.data.hashed import text_hash
from probe.errors import InputError
from probe.pipeline import Probe
from probe.provenance.record import Hashes
from probe.scans.ledger import Ledger
from probe.scans.nouns import Task
from probe.scans.options import ScanOptions
from probe.scans.parts import shard_key, write_shard
from probe.scans.poison import Alive, Stopped
from probe.scans.requests import Request
from probe.scans.source import Source, requests
from probe.scans.store import Store

SMALLEST, LARGEST = 64, 1024  # rows of a shard, which grows with what lies before it: little is redone, early or late
GROWTH = 64
MOST_BYTES = 8_000_000
SAMPLE = 2000  # texts that the blind gate looks at
SAMPLED = 1 << 15  # characters of each: all of them are in memory, and a row may have 16 MB


def split(store: Store, ledger: Ledger, task: Task, probe: Probe, alive: Alive) -> dict[str, Any]:
    """Writes the shards; returns what is known of the scan once all rows were read. Raises InputError, Stopped."""
    scan, options = task.scan, ScanOptions.of_stored(task.scan.options)
    sampled, count = Sampled(), 0
    for number, shard in enumerate(shards(requests(Source.of(scan.source), options, scan.model))):
        alive()
        write_shard(store, shard_key(scan.id, number), shard)
        if not ledger.add_shard(task, number, len(shard)):
            raise Stopped
        count += len(shard)
        for one in shard:
            sampled.add(one)
    if not count:
        raise InputError("The input holds no rows.", "input_file_id")
    calibration, batch = probe.calibration, sampled.hashes.batch
    blind = list(find_blind(sampled.texts, calibration)) if calibration and batch.size >= BATCH else None
    known = len(calibration.nonmembers) if calibration else 0
    held = {"nonmembers": known, "fingerprint": asdict(probe.fingerprint)}
    return {"split": True, "rows": count, "batch": {**asdict(batch), **held}, "blind": blind}


def shards(every: Iterator[Request]) -> Iterator[list[Request]]:
    """Yields the rows of one shard after the other."""
    shard, size, before = list[Request](), 0, 0
    for one in every:
        shard.append(one)
        size += sum(len(text.text) for text in one.texts)
        if len(shard) >= max(SMALLEST, min(LARGEST, before // GROWTH)) or size >= MOST_BYTES:
            yield shard
            before += len(shard)
            shard, size = [], 0
    if shard:
        yield shard


class Sampled:
    """What is kept of all texts while they pass: a sample without choice, and what stands for the whole."""

    def __init__(self) -> None:
        self.hashes, self.texts, self._dice = Hashes(), list[str](), random.Random(0)

    def add(self, one: Request) -> None:
        for text in one.texts:
            self.hashes.add(text_hash(text.text))
            if len(self.texts) < SAMPLE:
                self.texts.append(text.text[:SAMPLED])
            elif (place := self._dice.randrange(self.hashes.size)) < SAMPLE:
                self.texts[place] = text.text[:SAMPLED]
