"""Sets that differ from the calibration in kind, or that are of its own texts: there is to be no verdict on any."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from itertools import dropwhile
from pathlib import Path

from benchmarks.accuracy.texts import Length, packed, paragraphs, plain
from benchmarks.material import DATA
from probe import Known, calibrate
from probe.pipeline import Probe
from probe.types import Call, Result

QUERIES, KNOWN = 300, 1000
NOVELS = ("moby_dick", "sherlock_holmes", "tale_of_two_cities")
LICENCE_ENDS = "THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS"  # then the book begins
EDITIONS = ("alice_in_wonderland", "frankenstein", "pride_and_prejudice")
Sets = dict[str, tuple[list[str], list[str], list[str], str]]


def lines(probe: Probe, length: Length) -> list[str]:
    """Returns a row per pair of sets: what was answered on the queries, calibrated on the others."""
    found = ["| queries against non-members | gate | failed | member or not_member |", "|---|---|---|---|"]
    for name, (queries, known, sources, gate) in sets(length).items():
        judged = Probe.of(probe.setup, calibrate(probe, Known(known, sources=sources), name))(queries)
        found.append(f"| {name} | {gate} | {_failed(judged, gate)} of {len(judged)} | {_called(judged)} |")
    return found


def sets(length: Length) -> Sets:
    """Returns queries, known non-members, what they were cut from as one text, for windows go on over paragraphs, and
    the gate that has to fail, by name.
    """
    stories, books, old = DATA / "tinystories", DATA / "gutenberg", DATA / "gutenberg_old_editions"
    train = json.loads((stories / "train_members_1000.json").read_text())
    novels = [part for name in NOVELS for part in paragraphs(books / f"{name}.txt")]
    shakespeare = _parts(DATA / "tinyshakespeare" / "input.txt")
    wikitext = [part for part in paragraphs(DATA / "wikitext-2" / "test.txt") if len(part) > 200]
    given = {
        "TinyStories train, validation": (map(plain, train), _parts(stories / "validation_export.txt"), "blind"),
        "Shakespeare, novels": (shakespeare, novels, "blind"),
        "wikitext, novels": (wikitext, novels, "blind"),
        "older editions, newer ones of the same books": (_books(old), _of(books, EDITIONS), "overlap"),
    }
    return {
        name: (_sample(queries, length, QUERIES), _sample(known, length, KNOWN), [" ".join(known)], gate)
        for name, (queries, known, gate) in given.items()
    }


def _of(folder: Path, names: Iterable[str] = ("*",)) -> list[str]:
    return [part for name in names for path in sorted(folder.glob(f"{name}.txt")) for part in paragraphs(path)]


def _books(folder: Path) -> list[str]:
    """Old editions without the licence before them, which newer ones do not hold, and the line behind them."""
    found: list[str] = []
    for path in sorted(folder.glob("*.txt")):
        book = list(dropwhile(lambda part: LICENCE_ENDS not in part, paragraphs(path)))[1:]
        found += [part for part in book if "Project Gutenberg" not in part]
    return found


def _parts(path: Path) -> list[str]:
    return list(paragraphs(path))


def _sample(parts: Iterable[str], length: Length, count: int) -> list[str]:
    found = list(packed(parts, length))
    return random.Random(0).sample(found, min(count, len(found)))


def _failed(results: list[Result], gate: str) -> int:
    return sum(bool(one.verdict and one.verdict.gates.get(gate) == "fail") for one in results)


def _called(results: list[Result]) -> int:
    calls = Counter(one.verdict.call for one in results if one.verdict)
    return calls[Call.MEMBER] + calls[Call.NOT_MEMBER]
