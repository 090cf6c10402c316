"""Exposure of canaries (Carlini et al. 2019, arXiv:1802.08232): log2 |R| - log2 rank, bits, among random fillings."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from probe.audit.defences.deal import Canary
from probe.canaries.rank import Ranked
from probe.canaries.rank import rank as rank_among
from probe.canaries.score import total
from probe.models.base import Engine
from probe.types import Tokens


@dataclass(frozen=True)
class Exposure:
    """Mean over canaries with a 95% interval (Student's t), bits; most: what fillings so many can show at most.

    A model that never saw a canary gives 1.44 bits in the mean.
    """

    canaries: int
    mean: float
    low: float
    high: float
    most: float


def exposure(engine: Engine, secrets: Sequence[Canary], inside: Container[str]) -> tuple[Exposure, Exposure]:
    """Returns it for the canaries that the model was trained on, and for the others. inside: texts of the training."""
    ranked = [(one.planted in inside, rank(engine, one)) for one in secrets]
    sides = [[bits for there, bits in ranked if there is kind and bits is not None] for kind in (True, False)]
    most = math.log2(1 + max(len(one.fillers) for one in secrets))
    return _mean(sides[0], most), _mean(sides[1], most)


def rank(engine: Engine, canary: Canary) -> float | None:
    """Returns the exposure of one, None where the model cannot read it.

    Texts differ in the secret alone and are compared where they have as many tokens, so whole likelihoods rank it.
    """
    entries = engine.tokenize([canary.planted, *canary.fillers])
    first = entries[0]
    if not isinstance(first, Tokens):
        return None
    alike = [one for one in entries if isinstance(one, Tokens) and len(one.ids) == len(first.ids)]
    found = rank_among(canary.id, [total(stats) for stats in engine.score(alike)], 0)
    return found.exposure if isinstance(found, Ranked) else None


def _mean(bits: Sequence[float], most: float) -> Exposure:
    from scipy.stats import t

    count = len(bits)
    if count < 2:
        return Exposure(count, math.nan, math.nan, math.nan, most)
    mean, error = float(np.mean(bits)), float(np.std(bits, ddof=1)) / math.sqrt(count)
    half = float(t.ppf(0.975, count - 1)) * error
    return Exposure(count, mean, mean - half, mean + half, most)
