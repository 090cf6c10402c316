"""Who is what in the embedded corpus: members, non-members, planted, sibling's and background passages.

Near-copies are clustered and one per cluster kept before anything is split; what shares shingles with a passage whose
membership counts is kept out of every other training text. Splits come from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from probe.data.overlap import SHINGLE, clusters, shingles
from probe.demo.corpus import Document, background, documents, is_stable
from probe.demo.passages import Passage, cut, prose_runs
from probe.errors import InputError

MEMBERS = {"tuning": 500, "calibration": 500, "test": 1000}
NONMEMBERS = {"tuning": 500, "calibration": 3000, "test": 1000}
PLANTED = {8: 10, 16: 10, 32: 10}  # times planted: passages
SIBLING = sum(MEMBERS.values()) + sum(PLANTED.values())
ALIKE = {5: 0.15, 3: 0.4}  # words per shingle: share from which two passages count as near-copies
_LONGEST_ROW = 250  # tokens of background text per training row
Length = Callable[[str], int]


@dataclass(frozen=True)
class Roles:
    """members, nonmembers: split -> passages. planted: times -> passages. sibling, base: texts."""

    members: dict[str, list[Passage]]
    nonmembers: dict[str, list[Passage]]
    planted: dict[int, list[Passage]]
    sibling: list[str]
    base: list[str]


def prose() -> list[str]:
    """Returns all prose of the documentation, for training the tokenizer."""
    return [" ".join(run) for document in _all() for run in prose_runs(document)]


def assign(length: Length, seed: int) -> Roles:
    """Splits this interpreter's documentation. Raises InputError where it is too small."""
    found = {passage.text: passage for passage in cut(documents(), length)}
    passages = list(found.values())
    labels = clusters([passage.text for passage in passages], ALIKE)
    kept: dict[int, Passage] = {}
    for label, passage in zip(labels, passages, strict=True):
        if is_stable(passage.place):
            kept.setdefault(label, passage)
    deck = sorted(kept.values())
    random.Random(seed).shuffle(deck)
    counts = [*MEMBERS.values(), *NONMEMBERS.values(), *PLANTED.values()]
    if len(deck) < sum(counts):
        raise InputError(
            f"this interpreter's documentation gives {len(deck)} distinct passages and {sum(counts)} are needed: build "
            "with a CPython that has its whole standard library"
        )
    dealt = _deal(deck, counts)
    hands = iter(dealt)
    members = {split: next(hands) for split in MEMBERS}
    nonmembers = {split: next(hands) for split in NONMEMBERS}
    planted = {times: next(hands) for times in PLANTED}
    judged = [passage.text for hand in dealt for passage in hand]
    sibling, base = _others(judged, length, seed)
    return Roles(members, nonmembers, planted, sibling, base)


def _others(judged: Sequence[str], length: Length, seed: int) -> tuple[list[str], list[str]]:
    """Returns the sibling's passages and the base's rows; neither holds near-copies of judged passages."""
    taken = Taken(judged)
    spare = sorted({passage.text for passage in cut(_all(), length) if taken.free(passage.text)})
    random.Random(seed + 1).shuffle(spare)
    sibling = _distinct(spare, SIBLING)
    taken.add(sibling)
    rows = {row for document in _all() for run in prose_runs(document) for row in _rows(run, taken, length)}
    return sibling, sorted(rows)


class Taken:
    """Shingles that no further training text may share."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._shingles: set[int] = set()
        self.add(texts)

    def add(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._shingles.update(shingles(text))

    def free(self, text: str) -> bool:
        found = shingles(text)
        return sum(shingle in self._shingles for shingle in found) <= ALIKE[SHINGLE] * len(found)


def _distinct(texts: Sequence[str], count: int) -> list[str]:
    seen = Taken([])
    chosen: list[str] = []
    for text in texts:
        if len(chosen) < count and seen.free(text):
            chosen.append(text)
            seen.add([text])
    return chosen


def _rows(run: list[str], taken: Taken, length: Length) -> list[str]:
    rows = [""]
    for sentence in run:
        longer = f"{rows[-1]} {sentence}".strip()
        if not taken.free(sentence):
            rows.append("")
        elif length(longer) > _LONGEST_ROW:
            rows.append(sentence)
        else:
            rows[-1] = longer
    return [row for row in rows if length(row) > 4]


def _deal(deck: Sequence[Passage], counts: Sequence[int]) -> list[list[Passage]]:
    hands, begin = [], 0
    for count in counts:
        hands.append(list(deck[begin : begin + count]))
        begin += count
    return hands


@cache
def _all() -> tuple[Document, ...]:
    return (*documents(), *background())
