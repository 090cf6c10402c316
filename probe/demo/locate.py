"""Finds the embedded corpus's passages again in the running interpreter's own documentation.

Shipped per passage: role, split, place, length, a CRC of its first characters and a hash of the whole, not its text.
Documents are whitespace-normalised and searched at every word, so a docstring that moved is found all the same.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from zlib import crc32

from probe.demo.corpus import documents
from probe.demo.passages import Passage

_ANCHOR = 24  # characters
_FIELDS = ("role", "split", "times", "place", "length", "anchor", "hash")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a passage was and how to recognise it.

    role: member, nonmember or planted. split: tuning, calibration or test.
    """

    role: str
    split: str
    times: int
    place: str
    length: int
    anchor: int
    hash: str


def mark(passage: Passage, role: str, split: str, times: int) -> Mark:
    return Mark(role, split, times, passage.place, len(passage.text), _crc(passage.text), _hash(passage.text))


def write(marks: Iterable[Mark], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_FIELDS)
        writer.writerows([getattr(row, name) for name in _FIELDS] for row in marks)


def marks() -> list[Mark]:
    """Returns the marks that the package ships."""
    with (files("probe.demo") / "assets" / "passages.csv").open(encoding="utf-8") as file:
        return [
            Mark(
                row["role"],
                row["split"],
                int(row["times"]),
                row["place"],
                int(row["length"]),
                int(row["anchor"]),
                row["hash"],
            )
            for row in csv.DictReader(file)
        ]


def find(wanted: Iterable[Mark]) -> dict[Mark, str]:
    """Returns the texts of those marks that this interpreter's documentation holds; the others are absent."""
    anchors: defaultdict[int, list[Mark]] = defaultdict(list)
    for entry in wanted:
        anchors[entry.anchor].append(entry)
    found: dict[Mark, str] = {}
    for document in documents():
        text = " ".join(document.paragraphs)
        for begin in _word_starts(text):
            for entry in anchors.get(_crc(text[begin : begin + _ANCHOR]), ()):
                passage = text[begin : begin + entry.length]
                if entry not in found and _hash(passage) == entry.hash:
                    found[entry] = passage
    return found


def _word_starts(text: str) -> Iterable[int]:
    place = -1
    while True:
        yield place + 1
        place = text.find(" ", place + 1)
        if place < 0:
            return


def _crc(text: str) -> int:
    return crc32(text[:_ANCHOR].encode())


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
