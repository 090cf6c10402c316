"""Characters that a reader does not see and a model does: what copying from pages and PDFs leaves in a text."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[^\W\d_]+")
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")  # scripts whose letters look alike


def oddities(text: str) -> tuple[str, ...]:
    """Returns a warning for characters that cannot be seen, and one for words that mix scripts."""
    if text.isascii():
        return ()
    said = []
    if found := sorted(set(_INVISIBLE.findall(text))):
        names = ", ".join(f"U+{ord(character):04X}" for character in found[:5])
        said.append(
            f"the text holds characters that cannot be seen ({names}); a model that read it without them finds this "
            "wording less likely: take them out if they are of copying"
        )
    if word := next((word for word in _WORD.findall(text) if _mixed(word)), None):
        said.append(f"the text mixes scripts within a word of {len(word)} letters; letters that look alike are others")
    return tuple(said)


def _mixed(word: str) -> bool:
    if word.isascii():
        return False
    scripts = {unicodedata.name(character, "").partition(" ")[0] for character in word}
    return len(scripts & set(_ALIKE)) > 1
