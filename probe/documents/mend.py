"""Leaves of lines -> paragraphs of text: ligatures and hyphenated words made whole, and counted.

Only what printing did to the text is undone. What an author wrote, odd spelling included, stays: a model read that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from probe.documents.document import Leaf, Line, Paragraph, Place

LIGATURES, HYPHENS = "ligatures", "hyphenated words"
_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_ANY_LIGATURE = re.compile("[" + "".join(_LIGATURES) + "]")
_BROKEN = re.compile(r"(\w{2,40})[-\u2010]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HYPHENS = ("-", "\u2010", "\u00ad")
_LONGEST = 42  # characters of a broken word, the hyphen included, and the one before
_FIRST = re.compile(r"^([^\W\d_]{1,40})")
_SHARED = (
    "and",
    "or",
    "nor",
    "to",
    "und",
    "oder",
    "et",
    "ou",
    "y",
    "o",
)  # "pre- and postwar": the hyphen stands for a word
_SOFT = "\u00ad"  # a hyphen for line ends alone
_SPACES = re.compile(r"\s+")


def mend(leaves: Sequence[Leaf]) -> tuple[str, list[Paragraph], list[Place], Counter[str]]:
    """Returns the text, its paragraphs, where each line of the file begins in it, and how often what was put right."""
    counts: Counter[str] = Counter()
    words = Counter(_words(line.text for leaf in leaves for line in leaf.lines))
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


def _words(lines: Iterable[str]) -> Iterator[str]:
    """Yields words in lower case with the hyphens that they have, but for what a line's end may have cut."""
    after = 0
    for line in lines:
        text = line.rstrip()
        found = _WORD.findall(text.lower())
        cut = text.endswith(_HYPHENS)
        yield from found[after : len(found) - cut]
        after = int(cut)


def _is_cut(one: str, other: str, words: Counter[str]) -> bool:
    """True where a hyphen between two parts is a line end's; of a compound it is the author's. Told by how the document
    writes the word elsewhere, else by whether both parts are words of it.
    """
    whole, compound = words[one + other], words[f"{one}-{other}"]
    return whole >= compound if whole or compound else not (words[one] and words[other])


def _joined(lines: Sequence[str], words: Counter[str], counts: Counter[str]) -> tuple[str, list[int]]:
    """Joins lines by spaces, and the two parts of a word that a line's end cut; returns where each begins, too."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for line in lines:
        last = parts[-1] if parts else ""
        broken, first = _BROKEN.search(last[-_LONGEST:]), _FIRST.match(line)
        if broken and first and first[1][0].islower() and first[1] not in _SHARED:
            counts[HYPHENS] += 1
            if _is_cut(broken[1].lower(), first[1].lower(), words):
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
