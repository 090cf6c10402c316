"""quiz: does the target pick the verbatim passage out of four, the others its paraphrases? (DE-COP, 2402.09910)

quiz = share of orders in which the verbatim passage is chosen; guessing, and any fixed liking for a letter, give 1/4

The orders of one passage are answers to one question, not independent trials: so there is no p-value per passage. Over
passages there is a mean with an interval. That it lies above 1/4 shows that passages are told from their paraphrases,
by memory or by style; passages that the target cannot have seen, paraphrased alike, tell which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random

from probe.errors import InputError
from probe.types import Unscored

LETTERS, CHANCE = "ABCD", 0.25
ALL = 24  # orders of four passages
FEWEST = 10  # passages for an interval: with fewer, Student's t does not hold for shares
Order = tuple[int, ...]  # the passage in each of the four places; 0 is the verbatim one
_QUESTION = (
    "One of these four passages is quoted word for word from its source; the others are paraphrases of it.",
    "Which one is the quotation? Answer with its letter only.",
)
_THOUGHT = re.compile(r"^.*</think(?:ing)?>", re.DOTALL)
_MORE = r"(?!\s*(?:,|/|&|\bor\b|\band\b)\s*[A-D]\b)"  # "B or C" names neither
_SINGLE = r"(?![\'\u2019])"  # "D'accord" is no D
_NEGATED = re.compile(r"(?:\bnot|n[\'\u2019]t)\W+(?:(?:option|passage|letter)\W+)?[A-D]\b", re.IGNORECASE)
_RULES = (  # the first that names anything decides; where it names two letters, nothing is decided
    re.compile(r"^\W*([A-Da-d])\W*$"),
    re.compile(
        rf"(?i:\banswer(?:\s+is)?)\W{{1,8}}(?:(?i:option|passage|letter)\W+)?([A-Db-d]|a(?!\s+\w))\b{_MORE}{_SINGLE}"
    ),
    re.compile(rf"^\W*([A-D])\b{_MORE}(?:\s*\n|\s*[^\w\s/&\'\u2019])"),
    re.compile(rf"\b([B-D]|A(?!\s+(?!or\b|and\b|is\b)[a-z]))\b{_SINGLE}"),  # "A good question" names no letter
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One passage: the share of its orders answered rightly. Answers that name no letter count as wrong."""

    accuracy: float
    asked: int
    unparsable: int


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean accuracy over passages and its two-sided interval, to be held against chance."""

    accuracy: float
    low: float
    high: float
    passages: int
    confidence: float
    chance: float = CHANCE


def orders(number: int = ALL, seed: str | int = 0) -> list[Order]:
    """Returns distinct orders in which the verbatim passage stands equally often in each place. Raises InputError."""
    if number not in range(4, ALL + 1, 4):
        raise InputError(f"The orders of a quiz are 4, 8, 12, 16, 20 or 24, not {number}.", "permutations")
    drawn = list(permutations(range(4)))
    Random(seed).shuffle(drawn)
    places = [[order for order in drawn if order.index(0) == place] for place in range(4)]
    return [order for group in zip(*places, strict=True) for order in group][:number]


def question(passages: Sequence[str], order: Order) -> str:
    """Returns the question. passages: the verbatim one, then three paraphrases; line breaks would mark options off."""
    options = [f"{letter}. {' '.join(passages[index].split())}" for letter, index in zip(LETTERS, order, strict=True)]
    return "\n".join((*_QUESTION, "", *options, "", "Answer:"))


def right(order: Order) -> str:
    """Returns the letter of the verbatim passage."""
    return LETTERS[order.index(0)]


def parse(answer: str) -> str | None:
    """Returns the letter that an answer names, or None where it names none, or more than one."""
    said = _NEGATED.sub(" ", _THOUGHT.sub("", answer)).strip()
    for rule in _RULES:
        if named := {letter.upper() for letter in rule.findall(said)}:
            return named.pop() if len(named) == 1 else None
    return None


def mark(asked: Sequence[Order], answers: Sequence[str]) -> Mark:
    """Returns the accuracy of the answers to a passage's orders."""
    letters = [parse(answer) for answer in answers]
    hits = sum(letter == right(order) for letter, order in zip(letters, asked, strict=True))
    return Mark(hits / len(asked), len(asked), letters.count(None))


def mean(accuracies: Sequence[float], confidence: float = 0.95) -> Mean | Unscored:
    """Returns the mean with Student's t interval over passages, cut to [0, 1]; passages must be independent."""
    import numpy as np
    from scipy.special import stdtrit

    n = len(accuracies)
    if n < FEWEST:
        return Unscored(f"an interval takes {FEWEST} passages; {n} were scored")
    values = np.asarray(accuracies, dtype=np.float64)
    spread = float(values.std(ddof=1))
    if not spread:
        return Unscored(f"all {n} passages scored {values[0]:.2f}, so that their spread gives no interval")
    middle, half = float(values.mean()), float(stdtrit(n - 1, (1 + confidence) / 2)) * spread / n**0.5
    return Mean(middle, max(0.0, middle - half), min(1.0, middle + half), n, confidence)
