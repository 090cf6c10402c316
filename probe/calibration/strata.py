"""Kinds of non-members that score higher than the rest, and how a text of such a kind is known by its words.

One threshold for all holds on average: a source whose own non-members exceed it more often than it promises (the split
gate finds them) would be accused too often. Its texts are therefore held against their own non-members too, and have
to exceed both thresholds (Mondrian conformal prediction, Vovk 2005, with the pooled one kept as a floor).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.audit.metrics import false_positive_band
from probe.calibration.blind import FOLDS, Bag, weights
from probe.calibration.conformal import CONFIDENCE, threshold_rank
from probe.scores.fitted import Vector

LEVEL, FEWEST = 0.05, 20  # false-positive rate at which sources are compared; texts of a source
SURE = 0.99  # that no source is called different by chance, all of them together
RECOGNISED = 0.95  # share of a source's own texts that must be known as such
Labels = Sequence[str]  # source of each text, "" where none is named


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """scores: calibrated, of the known non-members of this kind, ascending. A text is of it where its words' mean
    weight [BUCKETS] reaches `least`.
    """

    name: str
    scores: Vector
    weight: Vector
    least: float

    def holds(self, words: Bag) -> bool:
        return float(self.weight[words].mean()) >= self.least


@dataclass(frozen=True, slots=True)
class Excess:
    """A source whose `hits` of `texts` exceed the others' threshold, where at most `most` should."""

    name: str
    hits: int
    texts: int
    most: int

    def __str__(self) -> str:
        return f"{self.name}: {self.hits} of {self.texts} exceed the others' threshold, at most {self.most} should"


def large(labels: Labels) -> list[str]:
    """Returns the sources of enough texts to be compared."""
    names, counts = np.unique([label for label in labels if label], return_counts=True)
    return [str(name) for name, count in zip(names, counts, strict=True) if count >= FEWEST]


def excesses(labels: Labels, scores: Vector) -> list[Excess]:
    """Returns the sources that exceed the threshold of all other texts too often; labels and scores are [texts]."""
    names, sources = large(labels), np.asarray(labels)
    found = []
    for name in names:
        own, others = scores[sources == name], np.sort(scores[sources != name])
        k = threshold_rank(len(others), LEVEL, CONFIDENCE)
        if k:
            most = false_positive_band(len(own), k, len(others), 1 - 2 * (1 - SURE) / len(names))[1]
            found.append(Excess(name, int((own > others[-k]).sum()), len(own), most))
    return [one for one in found if one.hits > one.most]


def stratum(name: str, labels: Labels, bags: Sequence[Bag], scores: Vector) -> Stratum:
    """Returns the stratum of one source; bags and scores are of all known non-members [texts]."""
    own = [words for words, label in zip(bags, labels, strict=True) if label == name]
    others = [words for words, label in zip(bags, labels, strict=True) if label != name]
    unseen: list[float] = []
    for fold in range(FOLDS):
        weight = weights([words for i, words in enumerate(own) if i % FOLDS != fold], others)
        unseen += [float(weight[words].mean()) for words in own[fold::FOLDS]]
    least = float(np.quantile(unseen, 1 - RECOGNISED))
    return Stratum(name, np.sort(scores[np.asarray(labels) == name]), weights(own, others), least)
