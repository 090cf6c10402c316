"""What the clients ask: requests of 1 to 64 texts of 10 to 800 words, half of them a short text alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from probe.demo.locate import find, marks

SMALL, MOST_WORDS = 0.5, 8_000  # share of requests of one short text; words of a request
_COUNTS, _WORDS = (1, 2, 4, 8, 16, 32, 64), (10, 800)
SIZES = {"one text of up to 40 words": (1, 40), "up to 500 words": (64, 500), "up to 8,000 words": (64, MOST_WORDS)}


@dataclass(frozen=True)
class Asked:
    """size: the first of SIZES that holds it."""

    texts: Sequence[str]
    size: str

    def body(self, model: str) -> bytes:
        return json.dumps({"model": model, "input": list(self.texts)}).encode()


def requests(count: int, seed: int = 0) -> list[Asked]:
    """Returns so many requests; the same ones for a seed."""
    dice = random.Random(seed)
    return [_request(dice) for _ in range(count)]


def _request(dice: random.Random) -> Asked:
    if dice.random() < SMALL:
        lengths = [dice.randint(10, 40)]
    else:
        low, high = _WORDS
        mean = low * (high / low) ** dice.random()
        most = max(1, int(MOST_WORDS / mean))
        count = dice.choice([one for one in _COUNTS if one <= most])
        lengths = [min(high, max(low, int(mean * dice.uniform(0.5, 1.5)))) for _ in range(count)]
        lengths = [length for place, length in enumerate(lengths) if sum(lengths[: place + 1]) <= MOST_WORDS]
    texts = [_text(dice, length) for length in lengths]
    size = next(name for name, (many, words) in SIZES.items() if len(texts) <= many and sum(lengths) <= words)
    return Asked(texts, size)


def _text(dice: random.Random, length: int) -> str:
    words = _words()
    begin = dice.randrange(len(words) - length)
    return " ".join(words[begin : begin + length])


@cache
def _words() -> list[str]:
    return " ".join(find(marks()).values()).split()
