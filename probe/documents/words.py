"""Where a text can be cut: behind words, and within scripts that put no spaces between them behind every sign.

What is longer than a word can be, such as an encoded file, is cut too: no passage is without end.
"""

from __future__ import annotations

import regex

_CLOSE = r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
_LONGEST = 40  # characters of a word
_WORD = regex.compile(rf"{_CLOSE}[\p{{M}}\p{{P}}]*|(?:(?!{_CLOSE})\S){{1,{_LONGEST}}}")


def words(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Returns where each word begins and ends, in characters of the text."""
    return [found.span() for found in _WORD.finditer(text, start, len(text) if end is None else end)]
