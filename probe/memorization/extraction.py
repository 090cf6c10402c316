"""From log-probabilities of a suffix to what it takes to extract it.

p_z = prod_t p(suffix_t | prefix, suffix_<t), from one teacher-forced pass (Hayes et al. 2024, arXiv:2410.19482). A
suffix is (n, p)-discoverably extractable where 1 - (1 - p_z)^n >= p. It is greedily extractable where every token of it
is the likeliest. p_z is kept as its logarithm: that of fifty tokens leaves what a float can hold.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LEVELS = (0.001, 0.1, 0.5)  # of p_z, by which a book is told (arXiv:2505.12546)
CHANCES = (0.5, 0.99)
MANY = 1e9  # samples, beyond which nobody counts them one by one
NEARLY = 0.9  # share of a stretch's tokens from which it is continued near-verbatim


def samples(log_p: float, chance: float) -> float:
    """Returns the least n that extracts with this chance: ln(1 - chance) / ln(1 - p_z); inf where p_z is 0."""
    if log_p == -math.inf:
        return math.inf
    if log_p >= 0:
        return 1.0
    miss = math.log1p(-math.exp(log_p)) if log_p > -30 else -math.exp(log_p)  # ln(1 - p) = -p to all digits there
    return math.ceil(math.log1p(-chance) / miss) if miss else math.inf


def counted(number: float) -> str:
    """Returns a number of samples as it is read."""
    return "no number" if number == math.inf else f"{number:,.0f}" if number < MANY else f"{number:.1e}"


def extractable(log_p: float, n: int, chance: float) -> bool:
    """True where n samples extract with this chance: (n, p)-discoverable extraction."""
    return samples(log_p, chance) <= n


def longest_run(flags: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Returns begin and length of the longest run of true ones, the first of several; (0, 0) where there is none."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(begins):
        return 0, 0
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest] - begins[longest])


def near_verbatim(flags: npt.NDArray[np.bool_], width: int, share: float = NEARLY) -> npt.NDArray[np.bool_]:
    """Returns which lie in some stretch of `width`, or of all where these are fewer, that is true for this share."""
    width = min(width, len(flags))
    if not width:
        return flags
    sums = np.concatenate([[0], np.cumsum(flags)])
    begins = np.flatnonzero(sums[width:] - sums[:-width] >= share * width)
    edges = np.zeros(len(flags) + 1, np.int64)
    np.add.at(edges, begins, 1)
    np.add.at(edges, begins + width, -1)
    return np.cumsum(edges[:-1]) > 0


def edit_distance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Returns Levenshtein's distance of two sequences of ids over the longer's length; 0 for two empty ones."""
    first, second = np.asarray(one), np.asarray(other)
    if not max(len(first), len(second)):
        return 0.0
    row = np.arange(len(second) + 1)
    for number, item in enumerate(first, 1):
        # of each cell the least of replacing and deleting; then of inserting, which runs along the row
        least = np.minimum(row[1:] + 1, row[:-1] + (second != item))
        row = np.concatenate([[number], least])
        row = np.minimum.accumulate(row - np.arange(len(row))) + np.arange(len(row))
    return float(row[-1]) / max(len(first), len(second))


def common_run(one: npt.ArrayLike, other: npt.ArrayLike) -> int:
    """Returns the length of the longest run of ids that both hold."""
    first, second = np.asarray(one), np.asarray(other)
    best, row = 0, np.zeros(len(second) + 1, np.int64)
    for item in first:
        row[1:] = np.where(second == item, row[:-1] + 1, 0)
        best = max(best, int(row.max()))
    return best
