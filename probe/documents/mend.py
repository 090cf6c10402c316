"""Leaves of lines -> paragraphs of text: ligatures and hyphenated words made whole, and counted.

Only what printing did to the text is undone. What an author wrote, odd spelling included, stays: a model read that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from probe.documents.document import Leaf, Line, Paragraph, Place

LIGATURES, HYPHENS = "ligatures", "hyphenated words"
_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_ANY_LIGATURE = re.compile("[" + "".join(_LIGATURES) + "]")
_BROKEN = re.compile(r"(\w{2,40})[-\u2010]$")
_LONGEST = 42  # characters of a broken word, the hyphen included, and the one before
_FIRST = re.compile(r"^([^\W\d_]{1,40})")
_SOFT = "\u00ad"  # a hyphen for line ends alone
_SPACES = re.compile(r"\s+")


def mend(leaves: Sequence[Leaf]) -> tuple[str, list[Paragraph], list[Place], Counter[str]]:
    """Returns the text, its paragraphs, where each line of the file begins in it, and how often what was put right."""
    counts: Counter[str] = Counter()
    words = Counter(word.lower() for leaf in leaves for line in leaf.lines for word in _compounds(line.text))
    parts: list[str] = []
    paragraphs: list[Paragraph] = []
    places: list[Place] = []
    length = 0
    for lines in _gathered(leaves):
        begin = length + 2 if parts else 0
        text, starts = _joined([_whole(line.text, counts) for _, line in lines], words, counts)
        if not text:
            continue
        paragraphs.append(Paragraph(begin, begin + len(text)))
        places += [Place(begin + start, leaf, line.number) for start, (leaf, line) in zip(starts, lines, strict=True)]
        parts.append(text)
        length = begin + len(text)
    return "\n\n".join(parts), paragraphs, places, counts


def _gathered(leaves: Sequence[Leaf]) -> Iterator[list[tuple[int, Line]]]:
    """Yields the lines of each paragraph with their leaf; one goes on over the end of a leaf where the next flows."""
    found: list[tuple[int, Line]] = []
    for index, leaf in enumerate(leaves):
        for number, line in enumerate(leaf.lines):
            if found and (line.begins or (number == 0 and not leaf.flows)):
                yield found
                found = []
            found.append((index, line))
    if found:
        yield found


def _whole(text: str, counts: Counter[str]) -> str:
    text, times = _ANY_LIGATURE.subn(lambda found: _LIGATURES[found[0]], text)
    if times:
        counts[LIGATURES] += times
    text = _SPACES.sub(" ", text).strip()
    return text[:-1].replace(_SOFT, "") + text[-1:].replace(_SOFT, "-")  # at a line's end it was printed as a hyphen


def _compounds(text: str) -> list[str]:
    """Returns words within a line, with the hyphens that they have; those that a line's end cuts do not count."""
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.rstrip("-\u2010\u00ad"))


def _joined(lines: Sequence[str], words: Counter[str], counts: Counter[str]) -> tuple[str, list[int]]:
    """Joins lines by spaces, and the two parts of a word that a line's end cut; returns where each begins, too."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for line in lines:
        last = parts[-1] if parts else ""
        broken, first = _BROKEN.search(last[-_LONGEST:]), _FIRST.match(line)
        if broken and first and first[1][0].islower():
            counts[HYPHENS] += 1
            whole, compound = f"{broken[1]}{first[1]}".lower(), f"{broken[1]}-{first[1]}".lower()
            if words[compound] <= words[whole]:  # else a compound that the document writes so elsewhere, too
                parts[-1] = last[:-1]
                length -= 1
        elif parts and line:
            parts.append(" ")
            length += 1
        starts.append(length)
        if line:
            parts.append(line)
            length += len(line)
    return "".join(parts), starts
