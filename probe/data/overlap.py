"""Near-copies: word shingles, and the clusters of texts that share them.

A near-copy on the other side of a split makes a non-member look like a member, so splits are made over clusters.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
SHARED_WORDS, SHORT_SHARE = 13, 0.8
SHINGLE = 5  # words; the documentation's stock phrases rarely agree in more
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_COMMON = 200  # a shingle in more texts than this is a stock phrase, not a copy


def words(text: str) -> list[str]:
    """Returns the words in lower case; in scripts without spaces each character is one."""
    return _WORD.findall(text.lower())


def spans(text: str) -> list[tuple[int, int]]:
    """Returns where each word begins and ends in the text as it stands."""
    return [match.span() for match in _WORD.finditer(text)]


def shingles(text: str, size: int = SHINGLE) -> list[int]:
    """Returns a 64-bit hash for each run of `size` words, in order; a shorter text is one shingle."""
    found: list[int] = _shingles(words(text), size).tolist()
    return found


def _shingles(found: Sequence[str], size: int = SHINGLE) -> npt.NDArray[np.uint64]:
    runs = zip(*(found[begin:] for begin in range(size)), strict=False) if len(found) >= size else [found]
    digests = [blake2b(" ".join(run).encode(), digest_size=8).digest() for run in runs]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def index(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """Returns the sorted 32-bit shingles of all texts: enough, because overlap is decided on runs of them."""
    return np.unique(np.concatenate([np.zeros(0, np.uint32), *(_halves(words(text)) for text in texts)]))


def _halves(found: Sequence[str]) -> npt.NDArray[np.uint32]:
    """Returns the lower half of each shingle of these words."""
    return _shingles(found).astype(np.uint32)


def longest_shared_run(found: Sequence[str], known: npt.NDArray[np.uint32]) -> int:
    """Returns the length of the longest run of these words whose shingles are all in `known`; 0 for none."""
    if not len(known):
        return 0
    hashes = _halves(found)
    place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return longest(len(found), (known[place] == hashes).tolist())


def longest(size: int, hits: Sequence[bool]) -> int:
    """Returns the words of the longest run of hits among the shingles of a text of `size` words."""
    most = run = 0
    for hit in hits:
        run = run + 1 if hit else 0
        most = max(most, run)
    return min(most + SHINGLE - 1, size) if most else 0


def overlap(text: str, known: npt.NDArray[np.uint32]) -> int:
    """Returns the words of a run that a text shares with known ones, where the run is long enough to be a copy, else 0.

    Long enough are 13 words, the field's usual measure of contamination, and in a short text four fifths of it.
    """
    found = words(text)
    shared = longest_shared_run(found, known)
    return shared if shared >= enough(len(found)) else 0


def enough(size: int) -> int:
    """Returns how long a shared run must be to make a copy of a text of `size` words."""
    return max(1, min(size, max(SHINGLE, min(SHARED_WORDS, math.ceil(SHORT_SHARE * size)))))  # shorter ones: all of it


class Seen:
    """Texts that were met so far, for groups that grow text by text."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._shingles: set[int] = set()
        for text in texts:
            self.add(text)

    def shares(self, text: str) -> bool:
        """True where a text shares a run of words with those that were added, by the rule of `overlap`."""
        found = words(text)
        return longest(len(found), self._hits(found)) >= enough(len(found))

    def copies(self, text: str) -> bool:
        """True where four fifths of a text's runs of words were met before: stock phrases alone make no copy."""
        hits = self._hits(words(text))
        return sum(hits) >= SHORT_SHARE * len(hits)

    def _hits(self, found: Sequence[str]) -> list[bool]:
        return [shingle in self._shingles for shingle in _shingles(found).tolist()]

    def add(self, text: str) -> None:
        self._shingles.update(shingles(text))


def without_copies(items: Iterable[T], text_of: Callable[[T], str]) -> list[T]:
    """Returns the items whose texts are no near-copies (`Seen.copies`) of earlier ones'."""
    seen, kept = Seen(), list[T]()
    for item in items:
        if not seen.copies(text_of(item)):
            kept.append(item)
        seen.add(text_of(item))
    return kept


def clusters(texts: Sequence[str], shares: Mapping[int, float]) -> list[int]:
    """Returns a cluster label per text.

    shares: shingle size -> share; texts are linked when the smaller has that share of its shingles in common.
    """
    first: dict[str, int] = {}
    parent = [first.setdefault(" ".join(words(text)), index) for index, text in enumerate(texts)]  # copies, if many
    for size, share in shares.items():
        hashed = [frozenset(shingles(text, size)) for text in texts]
        for (left, right), common in _shared(hashed).items():
            if common >= share * min(len(hashed[left]), len(hashed[right])):
                parent[_root(parent, left)] = _root(parent, right)
    return [_root(parent, index) for index in range(len(texts))]


def _shared(hashed: Sequence[frozenset[int]]) -> Counter[tuple[int, int]]:
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for index, found in enumerate(hashed):
        for shingle in found:
            holders[shingle].append(index)
    pairs: Counter[tuple[int, int]] = Counter()
    for indices in holders.values():
        if len(indices) <= _COMMON:
            pairs.update(combinations(indices, 2))
    return pairs


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
