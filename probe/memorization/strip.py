"""What a scan says of each passage: the strip over a book, from its first word to its last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from probe.documents.passages import Passage
from probe.memorization.scan import Reading, Scan
from probe.memorization.windows import Vector


def gains(scan: Scan, passages: Sequence[Passage]) -> Vector:
    """Returns how much likelier a token of each passage is under the target than under the reference, nats in the mean
    [passages]; NaN without a reference or without a token.
    """
    if scan.reference is None:
        return np.full(len(passages), np.nan)
    sums = np.concatenate([[0.0], np.cumsum(scan.target.logprob - scan.reference.logprob, dtype=np.float64)])
    first, last = _tokens(scan, passages)
    counts = last - first
    return np.where(counts > 0, (sums[last] - sums[first]) / np.maximum(counts, 1), np.nan)


def peaks(scan: Scan, reading: Reading, passages: Sequence[Passage]) -> Vector:
    """Returns the highest log p_z of the suffixes that begin in each passage [passages]; -inf where none was near."""
    first, last = _tokens(scan, passages)
    begins = scan.begins + scan.shape.prefix - scan.lost
    found = np.full(len(passages), -np.inf)
    places = np.searchsorted(first, begins, side="right") - 1
    good = (places >= 0) & (begins < last[np.maximum(places, 0)])
    np.maximum.at(found, places[good], reading.log_p[good])
    return found


def _tokens(scan: Scan, passages: Sequence[Passage]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the first scored token of each passage and the one behind its last [passages]."""
    start = scan.tokens.start
    first = np.searchsorted(start, [one.start for one in passages], side="left")
    return first, np.searchsorted(start, [one.end for one in passages], side="left")
