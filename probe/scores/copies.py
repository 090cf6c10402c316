"""Other texts made of a text, which models read beside it: in lower case, with words swapped, twice over, neighbours.

A text always has the same copies, whatever stands beside it: what is drawn at random is seeded by the text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

Make = Callable[[str], Sequence[str]]
SWAPPED, SWAPS = 0.3, 5  # words and copies, as PAC has them (2405.11930)


@dataclass(frozen=True, slots=True)
class Copies:
    """A way to make copies, or none of a text that allows none. passes: texts of its length that they come to.

    make is None where a model of the caller's has a hand in it (probe/neighbours.py).
    """

    name: str
    make: Make | None
    passes: int


def twice(text: str) -> list[str]:
    """A text that stands behind itself: the second time, the model has just read it."""
    return [f"{text} {text}"]


def lower(text: str) -> list[str]:
    return [text.lower()]


def swap(text: str) -> list[str]:
    """Exchanges two random words, once for every three words or so; white space stays in its place."""
    rng = random.Random(sha256(text.encode(errors="replace")).digest())
    parts = re.split(r"(\s+)", text)  # words at even places
    places = [place for place in range(0, len(parts), 2) if parts[place]]
    if len({parts[place] for place in places}) < 2:
        return []
    return ["".join(_swapped(parts, places, rng)) for _ in range(SWAPS)]


def _swapped(parts: Sequence[str], places: Sequence[int], rng: random.Random) -> list[str]:
    swapped = list(parts)
    for _ in range(max(1, int(SWAPPED * len(places)))):
        one, other = rng.sample(places, 2)
        swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


LOWERCASE, SWAPPED_WORDS = Copies("lowercase", lower, 1), Copies("swaps", swap, SWAPS)
REPEATED = Copies("repeated", twice, 2)
NEIGHBOURS = Copies("neighbours", None, 25)  # 25 as in MIMIR; the paper's 100 are 4 times the price
