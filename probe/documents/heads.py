"""Pages without what printing set above and below their text: running heads, which come again, and page numbers.

A head stands at the same height on many pages, apart from the text by a gap or by its size, and is the same but for the
page's number: a line whose other figures differ is text. No page is emptied.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADS, NUMBERS = "running heads", "page numbers"
_EDGE = 2  # lines at the top and at the bottom of a page where they stand
_OFTEN, _SHARE = 3, 0.2  # pages, and share of them, on which a head comes again; of fewer pages on every one
_GAP, _SIZE = 1.5, 0.1  # of the usual distance of lines; of the usual height, by which a head differs
_GRID = 5.0  # points, within which two lines stand at the same height
_FIGURE = re.compile(r"\d{1,5}")
_ROMAN = re.compile(r"[\W_]{0,9}[ivxlc]{1,8}[\W_]{0,9}", re.IGNORECASE)
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Printed:
    """A line where it stands on its page, in points; y grows upwards. number: among the page's lines, from 1."""

    number: int
    text: str
    left: float
    right: float
    bottom: float
    height: float


def without_heads(pages: Sequence[Sequence[Printed]], pitch: float) -> tuple[list[list[Printed]], Counter[str]]:
    """Returns the lines of each page that are its text, and how often what was left out. pitch: of lines, points."""
    if len(pages) < 2:  # nothing comes again on one
        return [list(page) for page in pages], Counter()
    seen = Counter(
        key for n, page in enumerate(pages) for key in {key for line in _edges(page) for key in _keys(line, n)}
    )
    least = min(len(pages), max(_OFTEN, _SHARE * len(pages)))
    often = {key for key, times in seen.items() if times >= least}
    counts: Counter[str] = Counter()
    return [_without(page, n, often, pitch, counts) for n, page in enumerate(pages)], counts


def _edges(page: Sequence[Printed]) -> list[Printed]:
    return [*page[:_EDGE], *page[max(_EDGE, len(page) - _EDGE) :]]


def _keys(line: Printed, page: int) -> Iterator[Key]:
    """Yields what the line has in common with heads of other pages: its words, one figure counted from the page's."""
    height = round(line.bottom / _GRID)
    yield line.text, height
    if _ROMAN.fullmatch(line.text):
        yield "roman", height
    for figure in _FIGURE.finditer(line.text):
        yield f"{line.text[: figure.start()]}page + {int(figure[0]) - page}{line.text[figure.end() :]}", height


def _without(page: Sequence[Printed], n: int, often: set[Key], pitch: float, counts: Counter[str]) -> list[Printed]:
    """Takes the lines off both ends that are heads and stand apart."""
    heads = [any(key in often for key in _keys(line, n)) for line in page]
    top = next((k for k in (2, 1) if k < len(page) and all(heads[:k]) and _apart(page, k - 1, k, pitch)), 0)
    last = len(page)
    foot = next(
        (k for k in (2, 1) if k < last - top and all(heads[-k:]) and _apart(page, last - k, last - k - 1, pitch)), 0
    )
    for line in [*page[:top], *page[last - foot :]]:
        counts[HEADS if any(map(str.isalpha, line.text)) and not _ROMAN.fullmatch(line.text) else NUMBERS] += 1
    return list(page[top : last - foot])


def _apart(page: Sequence[Printed], outer: int, inner: int, pitch: float) -> bool:
    usual = statistics.median(line.height for line in page)
    gap = abs(page[outer].bottom - page[inner].bottom)
    return gap > _GAP * pitch or abs(page[outer].height - usual) > _SIZE * usual
