"""A lower bound on epsilon from a single training whose texts were each taken by a fair coin of its own.

An (epsilon, delta)-private training lets nobody guess many of the coins (Steinke et al. 2023, arXiv:2305.08846).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import Vector

CONFIDENCE = 0.95
Flags = npt.NDArray[np.bool_]
_GUESSES = 6  # numbers of guesses that are tried: all texts, half of them, a quarter ...
_MOST = 64.0  # nats; no count of texts shows more


def one_run(scores: Vector, member: Flags, delta: float, confidence: float = CONFIDENCE) -> float:
    """Returns the bound; 0 where nothing is shown. scores, member: [texts].

    The highest scores are guessed to be in, as many of the lowest out; several numbers of guesses are tried, at an
    error that is shared among them.
    """
    order = np.argsort(scores)
    numbers = {len(scores) >> halving for halving in range(_GUESSES)} - {0, 1}
    error = (1 - confidence) / max(1, len(numbers))
    found = [0.0]
    for number in numbers:
        half = number // 2
        right = int(member[order[-half:]].sum() + (~member[order[:half]]).sum())
        found.append(one_run_bound(len(scores), 2 * half, right, delta, error))
    return max(found)


def one_run_bound(texts: int, guesses: int, right: int, delta: float, error: float = 1 - CONFIDENCE) -> float:
    """Returns the largest epsilon that so many right guesses refute at this error."""
    low, high = 0.0, _MOST
    if one_run_p(texts, guesses, right, 0.0, delta) >= error:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if one_run_p(texts, guesses, right, middle, delta) < error else (low, middle)
    return low


def one_run_p(texts: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Returns the chance of as many right guesses, at most, under an (epsilon, delta)-private training."""
    from scipy.stats import binom

    law = binom(guesses, 1 / (1 + math.exp(-epsilon)))
    beta = float(law.sf(right - 1))
    steps = np.arange(1, right + 1)
    alpha = float(np.max((law.sf(right - steps - 1) - beta) / steps, initial=0.0))
    return min(1.0, beta + 2 * texts * delta * alpha)
