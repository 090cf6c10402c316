"""PDF by pypdfium2: lines of text page by page, and where a paragraph begins, by what the lines look like.

A paragraph begins behind a wider gap, at an indented line, and behind a line that ends early with a full stop.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from probe.documents.document import Leaf, Line, Opened
from probe.documents.heads import Printed, without_heads
from probe.documents.limits import CHARACTERS, PAGES, check
from probe.errors import InputError

_GAP, _INDENT = 1.3, 0.8  # of the usual distance of lines; of a line's height
_LEAST = 0.6  # of a line's height, for the next to be below it
_SHORT, _FULL = 0.85, 0.99  # of the widest line: where a line ends early; where it does among justified ones
_ENDS = tuple(".!?:\"'\u201d\u2019\u00bb)")
_TOLD = 3  # lines that were left out
_LINE = re.compile("[^\n\x02\ufffe]*[\n\x02\ufffe]|[^\n\x02\ufffe]+$")
_HYPHENS = str.maketrans("\x02\ufffe", "--")  # pdfium's marks, older and newer, for one at a line's end, in its place


def pdf(content: bytes) -> Opened:
    """Returns a leaf per page. Raises InputError for what is locked, broken, scanned or too long."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(content)
        check("pages", len(document), PAGES)
        pages = [_printed(document[number]) for number in range(len(document))]
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise InputError("The PDF is encrypted: bring it without its password.", "file") from error
        raise InputError(f"The PDF is damaged or no PDF ({error}): save or download it again.", "file") from error
    check("characters", sum(len(line.text) for page in pages for line in page), CHARACTERS)
    if not any(pages):
        raise InputError(
            "The PDF holds no text, pictures of pages at most: run text recognition (OCR) on it first.", "file"
        )
    empty = sum(not page for page in pages)
    warnings = [f"{empty} of {len(pages)} pages hold no text; they may be scans"] if empty else []
    pitch = _pitch(pages)
    kept, counts = without_heads(pages, pitch)
    return Opened(_leaves(kept, pitch), [*warnings, *_told(pages, kept)], counts)


def _printed(page: Any) -> list[Printed]:
    """Returns the lines of a page, in the order in which the file has them."""
    text = page.get_textpage()
    found: list[Printed] = []
    for raw in _LINE.finditer(text.get_text_range()):
        line = raw[0].rstrip("\r\n")
        places = [raw.start() + place for place, character in enumerate(line) if not character.isspace()]
        if places and places[-1] < text.count_chars():
            left, bottom, _, top = text.get_charbox(places[0], loose=True)
            right = text.get_charbox(places[-1], loose=True)[2]
            found.append(Printed(len(found) + 1, line.translate(_HYPHENS).strip(), left, right, bottom, top - bottom))
    text.close()
    page.close()
    return found


def _told(pages: Sequence[Sequence[Printed]], kept: Sequence[Sequence[Printed]]) -> list[str]:
    """Returns a note of what was left out as printed round the text."""
    gone = {
        line.text: None for page, rest in zip(pages, kept, strict=True) for line in page if line not in rest
    }  # fmt: skip
    some = "; ".join(f"“{text[:60]}”" for text in list(gone)[:_TOLD])
    return [f"left out as running heads and page numbers: {some}{' ...' if len(gone) > _TOLD else ''}"] if gone else []


def _pitch(pages: Sequence[Sequence[Printed]]) -> float:
    """Returns the distance of lines in a paragraph: the tenth smallest of a hundred, for paragraphs may be short."""
    pairs = [(one, other) for page in pages for one, other in pairwise(page)]
    gaps = sorted(gap for one, other in pairs if (gap := one.bottom - other.bottom) > _LEAST * other.height)
    return gaps[len(gaps) // 10] if gaps else 0.0


def _leaves(pages: Sequence[Sequence[Printed]], pitch: float) -> list[Leaf]:
    short = _short(pages)
    leaves: list[Leaf] = []
    last: Printed | None = None
    for number, page in enumerate(pages, 1):
        margin, widest = _margin(page), _widest(page)
        lines, before = [], None
        for line in page:
            early = margin + short * (widest - margin)
            begins = _begins(before or last, line, margin, early, pitch if before else 0.0)
            lines.append(Line(line.number, line.text, begins))
            before = line
        last = before or last
        leaves.append(Leaf(f"page {number}", lines, flows=True))
    return leaves


def _short(pages: Sequence[Sequence[Printed]]) -> float:
    """Returns at which share of the widest line one ends early: in justified text most lines are as wide."""
    full = [line.right >= _FULL * _widest(page) for page in pages for line in page]
    return _FULL if 2 * sum(full) > len(full) else _SHORT


def _widest(page: Sequence[Printed]) -> float:
    return max((line.right for line in page), default=0.0)


def _margin(page: Sequence[Printed]) -> float:
    """Returns where most lines begin."""
    lefts = [round(line.left, 1) for line in page]
    return min(statistics.multimode(lefts), default=0.0)


def _begins(before: Printed | None, line: Printed, margin: float, early: float, pitch: float) -> bool:
    """True where a paragraph begins with the line. early: a line that does not reach so far ends early. pitch: 0 where
    the line before is on another page.
    """
    if before is None:
        return True
    if line.left > margin + _INDENT * line.height and before.left <= margin + _INDENT * line.height:
        return True
    if pitch and (before.bottom - line.bottom > _GAP * pitch or before.bottom < line.bottom):
        return True
    return before.right < early and before.text.endswith(_ENDS)
