"""Runs of 13 words as 64-bit hashes: the field's usual measure of contamination (GPT-3, 2005.14165, appendix C).

Words are those of `probe.data.overlap`: lower case, punctuation aside. h(w) is BLAKE2b of a word; a run's hash is
`sum_j m_j h(w_j) mod 2^64` with fixed m_j (multilinear hashing), so that all runs of an array cost 13
multiplications of arrays. Chance agreement of a text of 1,000 words with a corpus of 10^9 is below 1e-7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from probe.data.overlap import SHARED_WORDS, words

RUN = SHARED_WORDS
Hashes = npt.NDArray[np.uint64]
_PIECE = 1 << 20  # characters tokenised at once
_SPACE = re.compile(r"\s")
_KNOWN = 1 << 20  # words whose hashes are kept


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


_WEIGHTS = np.array([_hash(b"memprobe run %d" % place) for place in range(RUN)], dtype=np.uint64)
_NO_WORD = np.uint64(_hash(b" "))  # no word is a space: stands behind the last word of a document shorter than a run


class _Known(dict[str, int]):
    """Hashes of the words that were met; forgets all when it is full."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN:
            self.clear()
        self[word] = found = _hash(word.encode("utf-8", "surrogatepass"))
        return found


_known = _Known()


def hashed(text: str) -> Iterator[Hashes]:
    """Yields the hashes of a text's words, piece by piece, [words of the piece]."""
    for piece in _pieces(text):
        found = words(piece)
        yield np.fromiter(map(_known.__getitem__, found), dtype=np.uint64, count=len(found))


def padding(size: int) -> Hashes:
    """Returns what fills a text of so many words up to one run; one without words has none."""
    return np.full(RUN - size if 0 < size < RUN else 0, _NO_WORD)


def grams(hashes: Hashes) -> Hashes:
    """Returns the hash of every run of 13 words, [words - 12]."""
    size = max(0, len(hashes) - RUN + 1)
    found = np.zeros(size, dtype=np.uint64)
    for place, weight in enumerate(_WEIGHTS):
        found += hashes[place : place + size] * weight
    return found


def verbatim(text: str) -> bytes:
    """Returns what identifies a text as it stands, white space around it aside: 16 bytes."""
    return blake2b(text.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _pieces(text: str) -> Iterator[str]:
    """Cuts at white space, which no word holds."""
    begin = 0
    while begin < len(text):
        space = _SPACE.search(text, begin + _PIECE)
        end = space.end() if space else len(text)
        yield text[begin:end]
        begin = end
