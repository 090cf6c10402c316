"""Pages without what printing set above and below their text: running heads, which come again, and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

HEADS, NUMBERS = "running heads", "page numbers"
_EDGE = 2  # lines at the top and at the bottom of a page where they stand
_OFTEN, _SHARE = 3, 0.2  # pages, and share of them, on which a head comes again; of fewer pages on every one
_NUMBER = re.compile(
    r"[\W_]{0,9}(?:page |p\. ?)?(?:\d{1,5}|[ivxlc]{1,8})(?: (?:of|/) \d{1,5})?[\W_]{0,9}", re.IGNORECASE
)


class Printed(Protocol):
    @property
    def text(self) -> str: ...


Some = TypeVar("Some", bound=Printed)


def without_heads(pages: Sequence[Sequence[Some]]) -> tuple[list[list[Some]], Counter[str]]:
    """Returns the lines of each page that are its text, and how many were left out, by what they are."""
    counts: Counter[str] = Counter()
    if len(pages) < 2:  # nothing comes again on one
        return [list(page) for page in pages], counts
    seen = Counter(key for page in pages for key in {_letters(line.text) for line in _edges(page)} if key)
    least = min(len(pages), max(_OFTEN, _SHARE * len(pages)))
    often = {key for key, times in seen.items() if times >= least}
    return [_without(page, often, counts) for page in pages], counts


def _edges(page: Sequence[Some]) -> list[Some]:
    return [*page[:_EDGE], *page[max(_EDGE, len(page) - _EDGE) :]]


def _without(page: Sequence[Some], heads: set[str], counts: Counter[str]) -> list[Some]:
    """Takes lines off both ends as long as they are heads or numbers."""
    kept = list(page)
    for end in (0, -1):
        for _ in range(_EDGE):
            kind = _kind(kept[end].text, heads) if kept else None
            if kind is None:
                break
            counts[kind] += 1
            del kept[end]
    return kept


def _kind(text: str, heads: set[str]) -> str | None:
    if _NUMBER.fullmatch(text):
        return NUMBERS
    return HEADS if _letters(text) in heads else None


def _letters(text: str) -> str:
    """Returns what a head has in common from page to page."""
    return "".join(character for character in text.lower() if character.isalpha())
