"""A document's paragraphs -> passages of about a hundred words, the texts that verdicts are given on.

Short paragraphs join their neighbours, long ones are cut where a sentence ends, so that a passage is neither a title
nor a chapter. What becomes of the text does not depend on how its lines were broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from probe.documents.document import Document
from probe.documents.words import words

FEWEST, MOST = 60, 120  # words
_SENTENCE = re.compile(
    r"(?<=[.!?])[\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]*[^\Wa-z_])"
    r"|[\u3002\uff01\uff1f\uff61]+[\"'\u201d\u2019)\]\u300d\u300f\uff09\u300b\u3011]*\s*"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """start, end: characters of the document's text. place: where in the original it begins."""

    start: int
    end: int
    place: str


def passages(document: Document, fewest: int = FEWEST, most: int = MOST) -> list[Passage]:
    """Returns passages in order; together they hold every word of the document."""
    found: list[tuple[int, int]] = []
    group: list[tuple[int, int]] = []
    for piece in _pieces(document, most):
        if _words(document, [*group, piece]) > most and _words(document, group) >= max(1, fewest // 2):
            found.append((group[0][0], group[-1][1]))
            group = []
        group.append(piece)
        if _words(document, group) >= fewest:
            found.append((group[0][0], group[-1][1]))
            group = []
    if group and found and _words(document, group) < fewest // 2:  # a few words left over, as above
        found[-1] = (found[-1][0], group[-1][1])
    elif group:
        found.append((group[0][0], group[-1][1]))
    return [Passage(start, end, document.place(start)) for start, end in found]


def _pieces(document: Document, most: int) -> Iterator[tuple[int, int]]:
    """Yields paragraphs, those of too many words in parts of whole sentences; a sentence of too many by words."""
    for paragraph in document.paragraphs:
        if _count(document.text, paragraph.start, paragraph.end) <= most:
            yield paragraph.start, paragraph.end
            continue
        begin = paragraph.start
        for end in [
            *(m.end() for m in _SENTENCE.finditer(document.text, paragraph.start, paragraph.end)),
            paragraph.end,
        ]:
            if _count(document.text, begin, end) >= most // 2 or end == paragraph.end:
                yield from _cut(document.text, begin, end, most)
                begin = end


def _cut(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yields parts of about as many words, `most` at most."""
    every = words(text, start, end)
    count = -(-len(every) // most)
    bounds = [round(number * len(every) / count) for number in range(count + 1)] if count else []
    for begin, behind in pairwise(bounds):
        yield every[begin][0], every[behind - 1][1]


def _words(document: Document, pieces: list[tuple[int, int]]) -> int:
    return sum(_count(document.text, start, end) for start, end in pieces)


def _count(text: str, start: int, end: int) -> int:
    return len(words(text, start, end))
