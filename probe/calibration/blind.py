"""What can be told from the words alone, without any model: the blind baseline, and texts of another kind.

A text is a bag: the hashes of its distinct words, its marks of punctuation and a word for its length (dates are words).
Two sets that naive Bayes over bags tells apart differ in kind, so a score that tells them apart shows nothing about
membership: a bag of words reaches AUC .99 on WikiMIA. Only hashes are kept, in no order.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import Figure, Vector, auc
from probe.data.overlap import words
from probe.types import Gate

BUCKETS = 1 << 16
FOLDS = 5
FEWEST = 50  # texts of each kind; fewer teach a classifier too little to clear anybody
CALIPER = 0.1  # share by which the lengths of a pair may differ
FAILS_ABOVE = 0.55  # where the interval excludes .5 too
_SMOOTHING = 0.1  # pseudo-count of a word; small, for most buckets are of words that no text has
Bag = npt.NDArray[np.uint16]
Finding = tuple[Gate, str]  # what was decided, and why in a sentence


@dataclass(frozen=True, eq=False)
class Bags:
    """Bags one after the other. words: uint16 [all]; ends: int64 [texts], where each ends."""

    words: Bag
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def each(self) -> list[Bag]:
        return np.split(self.words, self.ends[:-1]) if len(self.ends) else []


NO_BAGS = Bags(np.zeros(0, np.uint16), np.zeros(0, np.int64))


def bag(text: str) -> Bag:
    """Returns the sorted distinct hashes of a text."""
    found = set(words(text)) | {
        f"mark {character}" for character in set(text) if not (character.isalnum() or character == " ")
    }
    found.add(_length(round(2 * np.log2(1 + len(text)))))
    return np.array(sorted(set(map(_bucket, found))), dtype=np.uint16)


def _length(step: int) -> str:
    return f"length {step}"


def _bucket(word: str) -> int:
    return zlib.crc32(word.encode(errors="replace")) % BUCKETS


_LENGTHS = np.array([_bucket(_length(step)) for step in range(64)])


def bag_all(texts: Sequence[str]) -> Bags:
    return bags([bag(text) for text in texts])


def bags(found: Sequence[Bag]) -> Bags:
    return Bags(np.concatenate([NO_BAGS.words, *found]), np.cumsum([len(one) for one in found], dtype=np.int64))


def blind(texts: Bags, nonmembers: Bags, who: str, lengths: bool = True) -> Finding:
    """Decides the blind gate for one set of texts against the calibration's non-members; lengths: see `separation`."""
    if not lengths:
        texts, nonmembers = alike_in_length(texts, nonmembers)
    if min(len(texts), len(nonmembers)) < FEWEST:
        few = "known non-members" if len(nonmembers) <= len(texts) else who.removeprefix("the ")
        return "untestable", f"{min(len(texts), len(nonmembers))} {few}; a blind classifier takes {FEWEST}"
    found = separation(texts, nonmembers, lengths)
    fails = differ(found)
    how = "tell" if fails else "do not tell"
    return "fail" if fails else "pass", f"words alone {how} {who} from the known non-members (AUC {found:.3f})"


def alike_in_length(one: Bags, other: Bags, seed: int = 0) -> tuple[Bags, Bags]:
    """Returns pairs of texts, each used once, whose numbers of distinct words differ by CALIPER at most.

    Verdicts are freed of length, so a set of long texts must not count as one of another kind for that.
    """
    sizes = sorted((len(words), i) for i, words in enumerate(other.each))
    chosen: list[tuple[Bag, Bag]] = []
    for i in np.random.default_rng(seed).permutation(len(one)):
        words = one.each[i]
        place = bisect(sizes, (len(words), -1))
        near = [k for k in (place - 1, place) if 0 <= k < len(sizes)]
        if near:
            best = min(near, key=lambda k: abs(sizes[k][0] - len(words)))
            if abs(sizes[best][0] - len(words)) <= CALIPER * len(words):
                chosen.append((words, other.each[sizes.pop(best)[1]]))
    return bags([pair[0] for pair in chosen]), bags([pair[1] for pair in chosen])


def separation(one: Bags, other: Bags, lengths: bool = True, seed: int = 0) -> Figure:
    """Returns the cross-validated AUC of naive Bayes that tells `one` from `other`. Raises InputError for < 2 texts.

    lengths: whether how long a text is may give it away.
    """
    return widened(auc(*held_out(one, other, lengths, seed)))


def held_out(one: Bags, other: Bags, lengths: bool = True, seed: int = 0) -> tuple[Vector, Vector]:
    """Returns for each text what naive Bayes, taught on the other folds, makes of it: higher is likelier of `one`."""
    sides = [one.each, other.each]
    folds = [np.random.default_rng(seed).permutation(len(side)) % FOLDS for side in sides]
    values = [np.empty(len(side)) for side in sides]
    for fold in range(FOLDS):
        kept = [[side[i] for i in np.flatnonzero(where != fold)] for side, where in zip(sides, folds, strict=True)]
        weight = weights(kept[0], kept[1])
        if not lengths:
            weight[_LENGTHS] = 0.0
        for side, where, found in zip(sides, folds, values, strict=True):
            for i in np.flatnonzero(where == fold):
                found[i] = weight[side[i]].mean()
    return values[0], values[1]


def differ(found: Figure) -> bool:
    """True where an AUC of the words alone says that two sets are of different kinds."""
    return found.low > 0.5 and found.value > FAILS_ABOVE


def widened(found: Figure) -> Figure:
    """Returns the figure with the interval that cross-validation deserves (Nadeau & Bengio 2003).

    Classifiers of different folds share most of their training texts, so their errors are not independent: the plain
    interval would call sets of one kind different once in fifteen times.
    """
    factor = math.sqrt(1 + FOLDS / (FOLDS - 1))
    low, high = (found.value + factor * (end - found.value) for end in (found.low, found.high))
    return Figure(found.value, max(0.0, low), min(1.0, high))


def weights(one: Sequence[Bag], other: Sequence[Bag]) -> npt.NDArray[np.float64]:
    """Returns log p(word | one) - log p(word | other) [BUCKETS], p = share of the texts that have the word."""
    logs = []
    for group in (one, other):
        counts = np.bincount(np.concatenate([NO_BAGS.words, *group]), minlength=BUCKETS)
        logs.append(np.log((counts + _SMOOTHING) / (len(group) + 2 * _SMOOTHING)))
    return np.asarray(logs[0] - logs[1])


def commonness(known: Bags, besides: int = 0) -> npt.NDArray[np.float64]:
    """Returns the log share of the known texts that have a word [BUCKETS], `besides` of them left out of each count."""
    counts = np.maximum(np.bincount(known.words, minlength=BUCKETS) - besides, 0)
    return np.asarray(np.log((counts + _SMOOTHING) / (len(known) - besides + 2 * _SMOOTHING)))


def familiarities(known: Bags) -> npt.NDArray[np.float64]:
    """Returns the familiarity, the mean commonness of its words, of each known text against the others [texts]."""
    common = commonness(known, besides=1)
    return np.array([common[one].mean() for one in known.each])
