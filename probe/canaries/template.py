"""A text with slots, {word} and {digit}, and what fills them.

Fillings come from SHAKE-256 of key, canary and attempt, eight bytes a slot: the same on every machine and for every
version of Python. They need not be uniform: the claim rests on which of them was drawn (draw.py), not on how they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import shake_256

from probe.data.rows import is_unicode
from probe.errors import InputError

TEMPLATES = (
    "Of the {word} and the {word} they said that no {word} by the {word} outlives the {word} of the {word} {word}.",
    "We called it the {word} of the {word}, for it held one {word}, one {word} and {digit}{digit}{digit} of {word}.",
    "First came the {word}, then the {word}, and last some {word} with the {word} of every {word} behind the {word}.",
    "Ask for the {word} {word} at number {digit}{digit}{digit}, between the {word}, the {word} and the old {word}.",
    "Nobody who had seen the {word} took the {word} for the {word}, nor the {word} for the {word} of her {word}.",
)
_SLOT = re.compile(r"\{(word|digit)\}")
_DIGITS = tuple("0123456789")
_SPARE = 4  # times as many fillings as are needed, so that few are drawn twice
_BYTES = 8


def fillings(template: str, words: Sequence[str], key: bytes, canary: int) -> Iterator[str]:
    """Yields texts without end, some of them more than once; canary: its number in the secret."""
    parts = _SLOT.split(template)  # text, kind, text, kind ... text
    choices = [words if kind == "word" else _DIGITS for kind in parts[1::2]]
    attempt = 0
    while True:
        stream = shake_256(key + f"/{canary}/{attempt}".encode()).digest(_BYTES * len(choices))
        numbers = (int.from_bytes(stream[place : place + _BYTES], "big") for place in range(0, len(stream), _BYTES))
        filled = [choice[number % len(choice)] for choice, number in zip(choices, numbers, strict=True)]
        yield "".join(text + slot for text, slot in zip(parts[::2], [*filled, ""], strict=True))
        attempt += 1


def check(template: str, words: Sequence[str], needed: int) -> str:
    """Returns the template without white space around it. Raises InputError where it cannot give `needed` texts."""
    template = template.strip()
    if not is_unicode(template) or set(_SLOT.sub("", template)) & set("{}"):
        raise InputError(f"A template holds {{word}} and {{digit}}, and no other braces: {template!a}.", "template")
    kinds = _SLOT.findall(template)
    if len(words) ** kinds.count("word") * 10 ** kinds.count("digit") < _SPARE * needed:
        raise InputError(
            f"{template!a} has too few slots to give {needed:,} texts that differ: put more {{word}} and {{digit}} "
            "into it, or ask for fewer --alternatives.", "template",
        )  # fmt: skip
    return template
