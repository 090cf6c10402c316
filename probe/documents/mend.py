"""Leaves of lines -> paragraphs of text: ligatures and hyphenated words made whole, and counted.

Only what printing did to the text is undone. What an author wrote, odd spelling included, stays: a model read that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from probe.documents.document import Leaf, Paragraph

LIGATURES, HYPHENS = "ligatures", "hyphenated words"
_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_ANY_LIGATURE = re.compile("[" + "".join(_LIGATURES) + "]")
_BROKEN = re.compile(r"(\w{2,40})[-\u2010\u00ad]$")
_LONGEST = 42  # characters of a broken word, the hyphen included, and the one before
_FIRST = re.compile(r"^([^\W\d_]{1,40})")
_SPACES = re.compile(r"\s+")


def mend(leaves: Sequence[Leaf]) -> tuple[str, list[Paragraph], Counter[str]]:
    """Returns the text, its paragraphs, and how often what was put right."""
    counts: Counter[str] = Counter()
    words = Counter(word.lower() for leaf in leaves for line in leaf.lines for word in _compounds(line.text))
    parts: list[str] = []
    paragraphs: list[Paragraph] = []
    length = 0
    for leaf, line, lines in _gathered(leaves):
        text = _joined([_whole(one, counts) for one in lines], words, counts)
        if not text:
            continue
        begin = length + 2 if parts else 0
        paragraphs.append(Paragraph(begin, begin + len(text), leaf, line))
        parts.append(text)
        length = begin + len(text)
    return "\n\n".join(parts), paragraphs, counts


def _gathered(leaves: Sequence[Leaf]) -> Iterator[tuple[int, int, list[str]]]:
    """Yields leaf, line and lines of each paragraph; one goes on over the end of a leaf where the next flows."""
    found: tuple[int, int, list[str]] | None = None
    for index, leaf in enumerate(leaves):
        if found and not leaf.flows:
            yield found
            found = None
        for line in leaf.lines:
            if found is None or line.begins:
                if found:
                    yield found
                found = (index, line.number, [])
            found[2].append(line.text)
    if found:
        yield found


def _whole(text: str, counts: Counter[str]) -> str:
    text, times = _ANY_LIGATURE.subn(lambda found: _LIGATURES[found[0]], text)
    if times:
        counts[LIGATURES] += times
    return _SPACES.sub(" ", text).strip()


def _compounds(text: str) -> list[str]:
    """Returns words within a line, with the hyphens that they have; those that a line's end cuts do not count."""
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.rstrip("-\u2010\u00ad"))


def _joined(lines: Sequence[str], words: Counter[str], counts: Counter[str]) -> str:
    """Joins lines by spaces, and the two parts of a word that a line's end cut."""
    parts: list[str] = []
    for line in filter(None, lines):
        last = parts[-1] if parts else ""
        broken, first = _BROKEN.search(last[-_LONGEST:]), _FIRST.match(line)
        if broken and first and first[1][0].islower():
            counts[HYPHENS] += 1
            whole, compound = f"{broken[1]}{first[1]}".lower(), f"{broken[1]}-{first[1]}".lower()
            if words[compound] <= words[whole]:  # else a compound that the document writes so elsewhere, too
                parts[-1] = last[:-1]
        elif parts:
            parts.append(" ")
        parts.append(line)
    return "".join(parts).replace("\u00ad", "")
