"""Neighbours of a text: the same text with one word exchanged for one that another model finds as good (2305.18462).

Mattern et al. 2023 exchange one word at a time too, by the best proposals of a masked model; they look at every word
and keep 100 neighbours. Here COUNT words are drawn, seeded by the text alone, and each takes its best proposal; a text
of fewer words takes the second best of each as well, and so on. A word is a run of letters between white space, perhaps
with punctuation behind it: names of files and fragments of code stay whole. White space stays untouched and the new
word takes the old one's capitals, so that a neighbour differs from its text by that one word and nothing else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from probe.scores.copies import NEIGHBOURS

COUNT = NEIGHBOURS.passes
_WORD = re.compile(r"(?<!\S)[^\W\d_]{1,24}(?=[^\w\s]*(?:\s|$))")
Span = tuple[int, int]  # of a word, characters


class Proposer(Protocol):
    """A model that says which words could stand in the place of another."""

    @property
    def hash(self) -> str:
        """sha256:... of what decides its proposals."""

    def propose(self, texts: Sequence[str], spans: Sequence[Sequence[Span]], depth: int) -> list[list[list[str]]]:
        """Returns, per text and span, at most `depth` words, the likeliest first, none of them the word itself."""


def neighbours(proposer: Proposer, texts: Sequence[str]) -> list[list[str]]:
    """Returns up to COUNT neighbours of each text, always the same ones; none of a text without words."""
    chosen = [places(text) for text in texts]
    if not any(chosen):
        return [[] for _ in texts]
    proposed = proposer.propose(texts, chosen, max(map(_depth, chosen)))
    return [_made(*entry) for entry in zip(texts, chosen, proposed, strict=True)]


def places(text: str) -> list[Span]:
    """Returns the words that are exchanged, in an order that the text decides."""
    words = [match.span() for match in _WORD.finditer(text)]
    seed = sha256(text.encode(errors="replace")).digest()
    return random.Random(seed).sample(words, min(COUNT, len(words)))


def _depth(spans: Sequence[Span]) -> int:
    """Returns the proposals that each word needs to make COUNT neighbours."""
    return -(-COUNT // len(spans)) if spans else 0


def _made(text: str, spans: Sequence[Span], proposed: Sequence[Sequence[str]]) -> list[str]:
    pairs = list(zip(spans, proposed, strict=True))
    ranks = range(_depth(spans))
    return [put(text, span, words[rank]) for rank in ranks for span, words in pairs if rank < len(words)][:COUNT]


def put(text: str, span: Span, word: str) -> str:
    """Returns the text with this word in the place of the one at span, written as that one is."""
    begin, end = span
    return text[:begin] + like(text[begin:end], word) + text[end:]


def like(old: str, new: str) -> str:
    """Returns the new word in the old one's capitals: ALL, First or none."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:].lower() if old[:1].isupper() else new.lower()
