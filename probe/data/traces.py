"""What is kept of a text so that its near-copies are known again without it: hashes of its runs of words, in order.

Two texts are alike where either shares a run with the other that `overlap` calls a copy: looked at from one side only,
a short text with a few words round it would pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.data.overlap import SHINGLE, enough, longest, shingles, words

Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """size: words of the text. runs: uint32 [runs], its shingles' lower halves in order."""

    size: int
    runs: Hashes


def trace(text: str) -> Trace:
    return Trace(len(words(text)), np.array([run & 0xFFFFFFFF for run in shingles(text)], dtype=np.uint32))


def alike(one: Trace, other: Trace) -> bool:
    """True where one is a near-copy of the other, or of a part of it."""
    return _within(one, np.sort(other.runs)) or _within(other, np.sort(one.runs))


def any_alike(some: Sequence[Trace], others: Sequence[Trace]) -> bool:
    """True where one of some is alike to others, each side taken together as `overlap` takes what is known."""
    if not some or not others:
        return False
    known = _together(others)
    near = [one for one in some if _hits(one.runs, known).any()]
    if not near:
        return False
    back = _together(near)
    return any(_within(one, known) for one in near) or any(_within(other, back) for other in others)


def distinct(traces: Sequence[Trace]) -> list[int]:
    """Returns the indices of those that are not alike to an earlier one that is kept."""
    holders: defaultdict[int, set[int]] = defaultdict(set)
    kept = []
    for index, one in enumerate(traces):
        runs = set(one.runs.tolist())
        candidates = set[int]().union(*(holders[run] for run in runs if run in holders))
        if any(alike(one, traces[earlier]) for earlier in candidates):
            continue
        kept.append(index)
        for run in runs:
            holders[run].add(index)
    return kept


def _within(one: Trace, known: Hashes) -> bool:
    """True where a text shares a run with what is known that makes it a copy. known: sorted."""
    hits, least = _hits(one.runs, known), enough(one.size)
    if hits.sum() + SHINGLE - 1 < least:  # stock phrases, which are many, end here
        return False
    return longest(one.size, hits.tolist()) >= least


def _hits(runs: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, runs), len(known) - 1)] == runs
    return found


def _together(traces: Sequence[Trace]) -> Hashes:
    return np.unique(np.concatenate([one.runs for one in traces]))
