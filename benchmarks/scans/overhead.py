"""A scan against the library and against the bare engine, on the same texts with the same loaded model."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import material
from benchmarks.measure import Row, compare
from probe.models.local import LocalEngine
from probe.pipeline import Probe
from probe.scans.database import Database
from probe.scans.desk import Desk
from probe.scans.options import ScanOptions
from probe.scans.store import Store
from probe.scans.worker import Worker
from probe.types import Tokens

SHAPE, TEXTS, WORDS, LEAST = "pythia-70m", 512, 96, 0.95  # 96 words of English are about 128 tokens
ONE_PASS = ("loss", "zlib", "mink", "minkpp")


def rows(rounds: int) -> list[Row]:
    """A scan of a JSONL file to its last file, without loading, against one call with all texts."""
    with TemporaryDirectory() as name:
        place = Path(name)
        engine = LocalEngine.open(str(material.save(SHAPE, place / "model")))
        probe, passages = Probe(engine), material.passages(TEXTS, WORDS)
        source = place / "texts.jsonl"
        source.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(passages)))
        tokens = [entry for entry in engine.tokenize(passages) if isinstance(entry, Tokens)]
        count, options = sum(len(entry.ids) for entry in tokens), ScanOptions(ONE_PASS, whole=False)
        sides = {
            "library": lambda: len(probe(passages, scores=ONE_PASS)) and count,
            "engine": lambda: len(engine.score(tokens)) and count,
            "scan": lambda: _scanned(source, place, probe, options) and count,
        }
        what = f"{SHAPE} float32, {TEXTS} texts of {count / TEXTS:.0f} tokens, {len(ONE_PASS)} scores"
        pairs = [("library", "scan"), ("engine", "scan")]
        return [
            compare(f"scan against the {pair[0]}, {what}", {label: sides[label] for label in pair}, rounds, least=LEAST)
            for pair in pairs
        ]


def _scanned(source: Path, place: Path, probe: Probe, options: ScanOptions) -> int:
    """Returns the rows that a scan of a new ledger and store has judged. Raises RuntimeError for one too few."""
    with TemporaryDirectory(dir=place) as name:
        database = Database(f"sqlite:///{name}/scans.sqlite")
        desk = Desk(database, Store(name))
        scan = desk.begin(str(source), source.name, "bench", options, {})
        Worker(desk.ledger, desk.store, ["bench"], lambda *_: probe).run(until_idle=True)
        found, done = desk.progress(scan.id)
        database.close()
    if (found.status, done.good) != ("completed", TEXTS):
        raise RuntimeError(f"The scan is {found.status}: {done.good} of {TEXTS} texts.")
    return done.good
