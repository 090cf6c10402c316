"""From documentation to sentence-aligned passages of English prose.

Knows what prose is and how long a passage may be. The length is counted by the caller's tokenizer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from probe.demo.corpus import Document

SENTENCE = 10  # tokens; the shortest text that the embedded calibration covers
SHORTEST, LONGEST, ENOUGH = 24, 64, 28  # tokens; a passage is closed at the first sentence end past ENOUGH
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(\s+)(?=[A-Z\"'(*`])")
_NOT_PROSE = re.compile(r">>>|::=|\.\.\. |\|\s.*\|\s|\w\(\w+, \w+, \w+|={3}|-{4}|_{4}|Topics?:")
_COMMON_WORDS = frozenset(
    "the a an of to and in is it that for be are as by this with or on from not if can which will may has have "
    "at used when its any was all then only other an but such one should must does".split()
)


class Passage(NamedTuple):
    place: str
    text: str


def cut(documents: Iterable[Document], length: Callable[[str], int]) -> Iterator[Passage]:
    """Yields runs of whole prose sentences of one document, SHORTEST to LONGEST tokens long."""
    for document in documents:
        for run in prose_runs(document):
            for text in _pack(run, length):
                yield Passage(document.place, text)


def prose_runs(document: Document) -> Iterator[list[str]]:
    """Yields the maximal runs of neighbouring prose sentences."""
    run: list[str] = []
    for paragraph in document.paragraphs:
        for sentence in sentences(paragraph):
            if is_prose(sentence):
                run.append(sentence)
            elif run:
                yield run
                run = []
    if run:
        yield run


def sentences(paragraph: str) -> Iterator[str]:
    """Yields the sentences with their closing quotes and brackets; joined by blanks they are the paragraph again."""
    begin = 0
    for end in _SENTENCE_END.finditer(paragraph):
        yield paragraph[begin : end.start(1)]
        begin = end.end(1)
    yield paragraph[begin:]


def is_prose(sentence: str) -> bool:
    """True for English; false for grammar, signature lists, tables and examples."""
    words = sentence.split()
    if len(words) < 4 or _NOT_PROSE.search(sentence):
        return False
    letters = sum(character.isalpha() or character.isspace() for character in sentence)
    common = sum(word.lower() in _COMMON_WORDS for word in words)
    return letters >= 0.8 * len(sentence) and common >= 0.12 * len(words)


def _pack(run: list[str], length: Callable[[str], int]) -> Iterator[str]:
    current = ""
    for sentence in run:
        longer = f"{current} {sentence}".strip()
        if length(longer) > LONGEST:
            if SHORTEST <= length(current) <= LONGEST:
                yield current
            longer = sentence
        current = longer
        if ENOUGH <= length(current) <= LONGEST:
            yield current
            current = ""
    if SHORTEST <= length(current) <= LONGEST:
        yield current


def shorten(text: str, length: Callable[[str], int], dice: random.Random) -> str:
    """Returns the first words of a passage, between SENTENCE and SHORTEST tokens: what a person would type."""
    goal = dice.randint(SENTENCE + 2, SHORTEST - 1)
    words = text.split()
    for count in range(1, len(words)):
        if length(" ".join(words[: count + 1])) > goal and length(" ".join(words[:count])) >= SENTENCE:
            return " ".join(words[:count])
    return text
